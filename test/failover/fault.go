package failover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// Fault is what is done to the ensemble in each round.
type Fault int

// The faults. After each, what was killed is started again and all must serve.
const (
	KillLeader Fault = iota
	KillLeaderAndWipe
	KillFollower
	KillAll
	// KillWithTail kills all, the leader with writes in its log that nobody else
	// has; it comes back after the others have gone on without it.
	KillWithTail
)

// faults tells about each fault: its name, the lines of zoo.cfg that it needs
// for an ensemble, and how the killed server may be brought up to date (F8).
var faults = [...]struct {
	name     string
	settings []string
	by       []string
}{
	// The leader may have logged what it had no time to send.
	KillLeader: {"leader", nil, []string{"DIFF", "TRUNC"}},
	// Snapshots so often that the log does not go back to the beginning.
	KillLeaderAndWipe: {"wipe", []string{
		"snapCount=200", "preAllocSize=1024", "autopurge.purgeInterval=1", "autopurge.snapRetainCount=3",
	}, []string{"SNAP"}},
	KillFollower: {"follower", nil, []string{"DIFF"}},
	KillAll:      {"all", nil, nil},
	KillWithTail: {"tail", []string{"preAllocSize=1024"}, []string{"TRUNC"}},
}

// FaultNamed returns the fault of that name: leader, wipe, follower, all or tail.
func FaultNamed(name string) (Fault, error) {
	var names []string
	for f, about := range faults {
		if about.name == name {
			return Fault(f), nil
		}
		names = append(names, about.name)
	}
	return 0, fmt.Errorf("failover: no fault %q; it is one of %s", name, strings.Join(names, ", "))
}

// Settings are lines of zoo.cfg that an ensemble needs for the fault.
func (f Fault) Settings() []string { return faults[f].settings }

const (
	logLimit = 10 * time.Second // for a server's log to say what it did
	// forgotten is how many snapshots a server has written when its log does not
	// go back to the beginning any more: two beyond those that are kept.
	forgotten = 5
)

// restartEach restarts the servers one after the other, as for an upgrade.
// Afterwards none of them holds the beginning of the history in memory.
func (r *run) restartEach() error {
	for _, s := range r.ensemble.Servers {
		if err := r.steady(); err != nil {
			return err
		}
		if err := s.Terminate(); err != nil {
			return err
		}
		if err := s.Start(); err != nil {
			return err
		}
		if err := r.ensemble.WaitServing(); err != nil {
			return err
		}
	}
	return nil
}

// forget waits until none of the servers that run can bring an empty one up to
// date from its log.
func (r *run) forget() error {
	if !r.quorumd() {
		return nil
	}
	return harness.Poll(steadyLimit, "the log's beginning being purged", func() (bool, error) {
		for _, s := range r.ensemble.Servers {
			if !s.Running() {
				continue
			}
			n, err := s.Figure("quorumd_snapshots_written")
			if err != nil || n < forgotten {
				return false, r.ensemble.Crashed()
			}
		}
		return true, nil
	})
}

// rejoined looks into the log of a server that has come back for how it was
// brought up to date.
func (r *run) rejoined(s *harness.Server) error {
	allowed := faults[r.Fault].by
	if allowed == nil || !r.quorumd() {
		return nil
	}
	by := ""
	err := harness.Poll(logLimit, fmt.Sprintf("server %d telling how it synchronised", s.ID), func() (bool, error) {
		events, err := s.Events()
		for _, ev := range events {
			if ev.Message == "synchronising" {
				by = ev.By
				break
			}
		}
		return by != "", err
	})
	if err != nil {
		return err
	}
	r.report.By[by]++
	if !slices.Contains(allowed, by) {
		r.report.Wrong = append(r.report.Wrong, fmt.Sprintf("F8: server %d rejoined by %s, want %s",
			s.ID, by, strings.Join(allowed, " or ")))
	}
	return nil
}

// quorumd tells whether the servers say what only quorumd's say.
func (r *run) quorumd() bool { return r.ensemble.Software.Name() == "quorumd" }
