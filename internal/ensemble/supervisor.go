package ensemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// How often things are looked at, and how long is waited.
const (
	pollInterval = 100 * time.Millisecond
	pollTimeout  = 500 * time.Millisecond
	stopTimeout  = 15 * time.Second // for a clean stop, before servers are killed
	killTimeout  = 5 * time.Second
	eventsMax    = 64
)

// Options say which ensemble to run and how.
type Options struct {
	Layout *Layout
	// Command returns the command line of a server with the given zoo.cfg.
	Command func(configFile string) []string
	Out     io.Writer // what happens, one line each
	// Orphaned, when not nil, is asked now and then whether whoever started the
	// supervisor is gone, and with it the wish to go on.
	Orphaned func() bool
}

// Roles that srvr does not name.
const (
	RoleDown     = "down"
	RoleStarting = "starting"
	RoleLooking  = "looking"
)

// event is something that happened to one server.
type event struct {
	id   zab.ServerID
	role string // a role that was seen; "" for an exit
	exit error
	of   *child // whose exit it is
}

type supervisor struct {
	Options
	events  chan event
	running map[zab.ServerID]*child
	roles   map[zab.ServerID]string
	lock    *os.File // held while this supervisor runs
	started time.Time
	served  bool // a server has served since the start
	wg      sync.WaitGroup
}

// Run starts every server, reports what becomes of them, and stops them all
// when ctx ends. It returns nil after a clean stop.
func Run(ctx context.Context, o Options) error {
	s := &supervisor{
		Options: o, events: make(chan event, eventsMax), started: time.Now(),
		running: map[zab.ServerID]*child{}, roles: map[zab.ServerID]string{},
	}
	defer s.release()
	if err := s.claim(); err != nil {
		return err
	}
	pollCtx, stopPolling := context.WithCancel(context.Background())
	defer s.wg.Wait()
	defer stopPolling()
	s.announce()
	for _, m := range s.Layout.Members {
		if err := s.start(m.ID); err != nil {
			return errors.Join(err, s.stopAll("a server could not be started"))
		}
	}
	for _, m := range s.Layout.Members {
		s.wg.Go(func() { s.poll(pollCtx, m) })
	}
	return s.watch(ctx)
}

// watch handles events until ctx ends or nothing is left to watch.
func (s *supervisor) watch(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.stopAll(context.Cause(ctx).Error()) // names the signal
		case ev := <-s.events:
			s.handle(ev)
		case <-ticker.C:
			s.takeRequests()
			if s.Orphaned != nil && s.Orphaned() {
				return s.stopAll("the process that started this one is gone")
			}
		}
		if len(s.running) == 0 && !s.served {
			return errors.New("ensemble: every server ended before it served; the log lines above say why")
		}
	}
}

// claim makes this process the only supervisor of the directory.
func (s *supervisor) claim() error {
	lock, err := lockFile(s.Layout.lockFile())
	if errors.Is(err, errLocked) {
		return fmt.Errorf("ensemble: another process runs the ensemble in %s already", s.Layout.Dir)
	}
	if err != nil {
		return fmt.Errorf("ensemble: %w", err)
	}
	s.lock = lock
	for _, m := range s.Layout.Members {
		if pid := readPid(s.Layout.pidFile(m.ID)); alive(pid, s.Layout.ConfigFile(m.ID)) {
			return fmt.Errorf("ensemble: server %d runs already as process %d; stop it first", m.ID, pid)
		}
		for _, port := range []int{m.Client, m.Quorum, m.Election} {
			if !portFree(port) {
				return fmt.Errorf("ensemble: port %d of server %d is in use by another process; stop that, or use another --dir", port, m.ID)
			}
		}
		_ = os.Remove(s.Layout.startFile(m.ID)) // a request to a supervisor of the past
	}
	return nil
}

func (s *supervisor) release() {
	if s.lock != nil {
		_ = s.lock.Close() // and with it the lock
	}
}

func (s *supervisor) say(format string, args ...any) {
	fmt.Fprintf(s.Out, "%s %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

func (s *supervisor) announce() {
	fmt.Fprintf(s.Out, "ensemble of %d servers in %s\n", len(s.Layout.Members), s.Layout.Dir)
	for _, m := range s.Layout.Members {
		fmt.Fprintf(s.Out, "  server %d  %s  log %s\n", m.ID, m.Addr(), s.Layout.LogFile(m.ID))
	}
	fmt.Fprintf(s.Out, "connect string: %s\n", s.Layout.ConnectString())
}

// start starts one server that is not running.
func (s *supervisor) start(id zab.ServerID) error {
	c, err := startChild(s.Command(s.Layout.ConfigFile(id)), s.Layout.ServerDir(id), s.Layout.LogFile(id))
	if err != nil {
		return err
	}
	s.running[id], s.roles[id] = c, RoleStarting
	if err := writePid(s.Layout.pidFile(id), c.process.Pid); err != nil {
		return err
	}
	// Not waited for by the group: a process that not even a kill ends must not
	// hold the supervisor. The channel has room for every exit.
	go func() { s.events <- event{id: id, exit: <-c.exited, of: c} }()
	return nil
}

// poll reports the role of one server whenever it changes.
func (s *supervisor) poll(ctx context.Context, m Member) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	last := ""
	for {
		if role := askRole(ctx, m.Addr()); role != last {
			last = role
			select {
			case s.events <- event{id: m.ID, role: role}:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *supervisor) handle(ev event) {
	if ev.role == "" {
		s.handleExit(ev)
		return
	}
	old := s.roles[ev.id]
	if s.running[ev.id] == nil || ev.role == RoleDown || ev.role == old {
		return // an exit tells more than an unanswered question
	}
	s.roles[ev.id] = ev.role
	s.say("server %d: %s -> %s", ev.id, old, ev.role)
	if !s.served && serving(ev.role) {
		s.served = true
		s.say("serving %s after the start; connect to %s", time.Since(s.started).Round(time.Millisecond), s.Layout.ConnectString())
	}
}

func (s *supervisor) handleExit(ev event) {
	if s.running[ev.id] != ev.of {
		return
	}
	delete(s.running, ev.id)
	s.roles[ev.id] = RoleDown
	_ = os.Remove(s.Layout.pidFile(ev.id))
	how := "exit status 0"
	if ev.exit != nil {
		how = ev.exit.Error()
	}
	s.say("server %d: down (%s); its last log line: %s", ev.id, how, lastLine(s.Layout.LogFile(ev.id)))
	s.say("server %d: start it again with: quorumd ensemble start-server %d --dir %s", ev.id, ev.id, s.Layout.Dir)
}

// takeRequests starts the servers that other commands ask for.
func (s *supervisor) takeRequests() {
	for _, m := range s.Layout.Members {
		if err := os.Remove(s.Layout.startFile(m.ID)); err != nil {
			continue // no request
		}
		if s.running[m.ID] != nil {
			continue
		}
		s.say("server %d: starting on request", m.ID)
		if err := s.start(m.ID); err != nil {
			s.say("server %d: cannot be started: %v", m.ID, err)
		}
	}
}

// stopAll asks every server to stop, waits, and kills those that do not.
func (s *supervisor) stopAll(why string) error {
	s.say("stopping %d servers: %s", len(s.running), why)
	s.signal(syscall.SIGTERM)
	if s.drain(stopTimeout); len(s.running) == 0 {
		s.say("all servers stopped")
		return nil
	}
	var late []string
	for _, m := range s.Layout.Members {
		if s.running[m.ID] != nil {
			late = append(late, fmt.Sprint(m.ID))
		}
	}
	s.signal(syscall.SIGKILL)
	s.drain(killTimeout)
	return fmt.Errorf("ensemble: server %s did not stop within %s and was killed", strings.Join(late, ", "), stopTimeout)
}

func (s *supervisor) signal(sig syscall.Signal) {
	for _, c := range s.running {
		_ = c.process.Signal(sig) // it may have ended meanwhile, which drain sees
	}
}

// drain waits until no server runs, at most for limit.
func (s *supervisor) drain(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for len(s.running) > 0 {
		select {
		case ev := <-s.events:
			if ev.role == "" && s.running[ev.id] == ev.of {
				delete(s.running, ev.id)
				_ = os.Remove(s.Layout.pidFile(ev.id))
				if ev.exit != nil {
					s.say("server %d: ended with %v; its last log line: %s", ev.id, ev.exit, lastLine(s.Layout.LogFile(ev.id)))
				}
			}
		case <-timer.C:
			return
		}
	}
}
