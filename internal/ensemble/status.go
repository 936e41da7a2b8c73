package ensemble

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/internal/fourletter"
	"github.com/quorumd/quorumd/zab"
)

// Status is what can be seen of one server from outside.
type Status struct {
	Member
	Pid         int    // 0 when it does not run
	Role        string // of srvr, or down, starting, looking
	Zxid        string // "" unless it serves
	Connections string
	Nodes       string
}

// serving reports whether a server in this role answers clients.
func serving(role string) bool {
	return slices.Contains([]string{"leader", "follower", "observer", "standalone"}, role)
}

// roleOf reads the role out of the answer to srvr.
func roleOf(answer string, err error) string {
	switch {
	case err != nil:
		return RoleDown
	case strings.Contains(answer, "not currently serving"):
		return RoleLooking
	}
	if mode := fourletter.Field(answer, "Mode"); mode != "" {
		return mode
	}
	return RoleStarting
}

func askRole(ctx context.Context, addr string) string {
	return roleOf(fourletter.Ask(ctx, addr, "srvr", pollTimeout))
}

// Statuses asks every server of the ensemble how it is.
func (l *Layout) Statuses(ctx context.Context) []Status {
	all := make([]Status, len(l.Members))
	for i, m := range l.Members {
		all[i] = l.status(ctx, m)
	}
	return all
}

func (l *Layout) status(ctx context.Context, m Member) Status {
	st := Status{Member: m}
	if pid := readPid(l.pidFile(m.ID)); alive(pid, l.ConfigFile(m.ID)) {
		st.Pid = pid
	}
	answer, err := fourletter.Ask(ctx, m.Addr(), "srvr", pollTimeout)
	st.Role = roleOf(answer, err)
	if st.Role == RoleDown && st.Pid != 0 {
		st.Role = RoleStarting
	}
	st.Zxid = fourletter.Field(answer, "Zxid")
	st.Connections = fourletter.Field(answer, "Connections")
	st.Nodes = fourletter.Field(answer, "Node count")
	return st
}

// KillLeader kills the process of the server that leads, as kill -9 does, and
// returns what it was.
func (l *Layout) KillLeader(ctx context.Context) (Status, error) {
	for _, st := range l.Statuses(ctx) {
		if st.Role != "leader" {
			continue
		}
		if st.Pid == 0 {
			return st, fmt.Errorf("ensemble: server %d leads, and its process was not started from %s", st.ID, l.Dir)
		}
		if err := syscall.Kill(st.Pid, syscall.SIGKILL); err != nil {
			return st, fmt.Errorf("ensemble: kill process %d of server %d: %w", st.Pid, st.ID, err)
		}
		return st, nil
	}
	return Status{}, fmt.Errorf("ensemble: no server in %s leads; see: quorumd ensemble status --dir %s", l.Dir, l.Dir)
}

// StartServer asks the running supervisor to start one server and waits until
// it answers.
func (l *Layout) StartServer(ctx context.Context, id zab.ServerID) (Status, error) {
	m, err := l.Member(id)
	if err != nil {
		return Status{}, err
	}
	if lock, err := lockFile(l.lockFile()); !errors.Is(err, errLocked) {
		if err == nil {
			_ = lock.Close()
		}
		return Status{}, fmt.Errorf("ensemble: no supervisor runs in %s; start all servers with: quorumd ensemble --dir %s", l.Dir, l.Dir)
	}
	if st := l.status(ctx, m); st.Pid != 0 {
		return st, fmt.Errorf("ensemble: server %d runs already as process %d", id, st.Pid)
	}
	if err := writeFile(l.startFile(id), nil); err != nil {
		return Status{}, err
	}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if st := l.status(ctx, m); st.Pid != 0 && serving(st.Role) {
			return st, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return l.status(context.WithoutCancel(ctx), m),
				fmt.Errorf("ensemble: server %d does not serve yet (%w); see %s", id, ctx.Err(), l.LogFile(id))
		}
	}
}
