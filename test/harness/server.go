package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// stopGrace is how long a server may take to end after SIGTERM.
const stopGrace = 10 * time.Second

// Server is one member of an ensemble: a process, or the files of one that is down.
type Server struct {
	ID       int
	Dir      string // zoo.cfg, server.log, and data with myid
	Client   string // host:port
	Quorum   string // host:port; empty in an ensemble of one
	Election string // host:port; empty in an ensemble of one

	software Software
	do       func(job func()) // starts processes, nil for the usual thread
	process  *process         // the newest one, nil before the first start
	logFrom  int64            // where that one's lines begin in the log
}

// process is one run of the server's program.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	killed atomic.Bool // its end was asked for
}

// Config is the path of the server's zoo.cfg.
func (s *Server) Config() string { return filepath.Join(s.Dir, "zoo.cfg") }

// DataDir is the folder of the server's data, which also holds myid.
func (s *Server) DataDir() string { return filepath.Join(s.Dir, "data") }

// LogFile is the path of what the server's processes wrote to their outputs.
func (s *Server) LogFile() string { return filepath.Join(s.Dir, "server.log") }

// Start runs the server's program, which must not be running.
func (s *Server) Start() error {
	if s.Running() {
		return fmt.Errorf("harness: server %d runs already", s.ID)
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("harness: server %d: %w", s.ID, err)
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	if s.logFrom, err = log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("harness: server %d: %w", s.ID, err)
	}
	p := &process{cmd: s.software.Command(s.Config()), ended: make(chan struct{})}
	p.cmd.Dir = s.Dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := spawn(p.cmd, s.do); err != nil {
		return fmt.Errorf("harness: server %d: %w", s.ID, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is read from ProcessState
		close(p.ended)
	}()
	s.process = p
	return nil
}

// Running tells whether the server has a live process.
func (s *Server) Running() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.ended:
		return false
	default:
		return true
	}
}

// Crashed returns an error if the server's process ended without being told to.
func (s *Server) Crashed() error {
	if s.process == nil || s.Running() || s.process.killed.Load() {
		return nil
	}
	return fmt.Errorf("harness: server %d ended by itself: %v; its last lines:\n%s",
		s.ID, s.process.cmd.ProcessState, s.LogTail(15))
}

// PID is the process id of the running server, 0 when it is down.
func (s *Server) PID() int {
	if !s.Running() {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Signal sends a signal to the server's process.
func (s *Server) Signal(sig syscall.Signal) error {
	if err := s.Crashed(); err != nil {
		return err
	}
	if !s.Running() {
		return fmt.Errorf("harness: server %d is not running", s.ID)
	}
	if sig == syscall.SIGKILL || sig == syscall.SIGTERM {
		s.process.killed.Store(true)
	}
	if err := s.process.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("harness: server %d: %w", s.ID, err)
	}
	return nil
}

// Suspend makes the server's process stand still, and returns once it does.
func (s *Server) Suspend() error {
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return Poll(stopGrace, fmt.Sprintf("server %d standing still", s.ID), func() (bool, error) {
		state := processState(s.PID())
		return state == "T" || state == "", s.Crashed()
	})
}

// Kill ends the server's process with SIGKILL and waits until it is gone.
func (s *Server) Kill() error {
	if err := s.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-s.process.ended
	return nil
}

// Ended waits until the process that was signalled is gone.
func (s *Server) Ended(ctx context.Context) error {
	select {
	case <-s.process.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("harness: server %d: %w", s.ID, ctx.Err())
	}
}

// Terminate ends the server's process with SIGTERM and waits for it. A process
// that is still there after ten seconds is killed, and that is an error.
func (s *Server) Terminate() error {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.process.ended:
		return nil
	case <-time.After(stopGrace):
		_ = s.process.cmd.Process.Kill()
		<-s.process.ended
		return fmt.Errorf("harness: server %d did not end within %v of SIGTERM", s.ID, stopGrace)
	}
}

// Wipe empties the data folder of a server that is down, but for its myid.
func (s *Server) Wipe() error {
	if s.Running() {
		return fmt.Errorf("harness: server %d is running", s.ID)
	}
	entries, err := os.ReadDir(s.DataDir())
	if err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "myid" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.DataDir(), e.Name())); err != nil {
			return fmt.Errorf("harness: %w", err)
		}
	}
	return nil
}

// Mode asks the server what it is: leader, follower, observer, standalone or
// read-only; empty while it does not serve.
func (s *Server) Mode() string {
	text, err := s.Word("srvr")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if mode, ok := strings.CutPrefix(line, "Mode: "); ok {
			return strings.TrimSpace(mode)
		}
	}
	return ""
}

// Word returns the server's answer to a four-letter word.
func (s *Server) Word(word string) (string, error) {
	c, err := net.DialTimeout("tcp", s.Client, 2*time.Second)
	if err != nil {
		return "", fmt.Errorf("harness: %s: %w", word, err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", fmt.Errorf("harness: %s: %w", word, err)
	}
	if _, err := c.Write([]byte(word)); err != nil {
		return "", fmt.Errorf("harness: %s: %w", word, err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return "", fmt.Errorf("harness: %s: %w", word, err)
	}
	return string(text), nil
}

// WaitServing waits until the server answers srvr with a mode.
func (s *Server) WaitServing(limit time.Duration) error {
	return Poll(limit, fmt.Sprintf("server %d serving", s.ID), func() (bool, error) {
		return s.Mode() != "", s.Crashed()
	})
}

// LogTail returns the last lines of the server's log.
func (s *Server) LogTail(lines int) string {
	text, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}
	all := strings.SplitAfter(string(text), "\n")
	return strings.Join(all[max(0, len(all)-lines-1):], "")
}
