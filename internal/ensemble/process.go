package ensemble

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// child is one running server process.
type child struct {
	process *os.Process
	exited  chan error // receives the exit once
}

// startChild runs command, with its output appended to logFile. When the process
// has ended, exited receives how.
func startChild(command []string, dir, logFile string) (*child, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("ensemble: %w", err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = childAttributes()
	c := &child{exited: make(chan error, 1)}
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal when the thread that made
		// the child ends, so this thread is kept for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err == nil {
			c.exited <- cmd.Wait()
		}
		_ = log.Close()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("ensemble: start %s: %w", command[0], err)
	}
	return c, nil
}

// lastLineMax bounds how much of a log's end is read for its last line.
const lastLineMax = 16 << 10

// lastLine returns the last line of a file that is not blank, "" when there is
// none.
func lastLine(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // read only
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(size-lastLineMax, 0), io.SeekStart)
	}
	data, err := io.ReadAll(io.LimitReader(f, lastLineMax))
	if err != nil {
		return ""
	}
	data = bytes.TrimSpace(data)
	return string(data[bytes.LastIndexByte(data, '\n')+1:])
}

// readPid returns the process id in a file, 0 when there is none.
func readPid(name string) int {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

func writePid(name string, pid int) error { return writeFile(name, fmt.Appendf(nil, "%d\n", pid)) }

// alive reports whether a process exists and, where that can be seen, was
// started with marker among its arguments: process ids are used again.
func alive(pid int, marker string) bool {
	if pid == 0 {
		return false
	}
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return true // no such file system: the id alone must do
	}
	// A process that ended but was not waited for has no arguments any more.
	return len(args) > 0 && bytes.Contains(args, []byte(marker))
}

// errLocked means that another process, or another part of this one, holds
// the lock.
var errLocked = errors.New("locked")

// lockFile makes the file if need be and locks it for as long as it is open.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return f, nil
}
