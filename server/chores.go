package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// Bounds of a leader's search for containers and TTL nodes that are due.
const (
	reapBatch = 500 // paths proposed at a time
	reapLooks = 64  // parts of the tree looked at in one round
)

// lookInterval is how often the server looks after its directories.
const lookInterval = time.Second

// chores does by the clock what nobody asks for.
func (s *Server) chores() {
	purge := newChoreTicker(s.cfg.PurgeInterval)
	reap := newChoreTicker(s.cfg.ReapInterval)
	look := time.NewTicker(lookInterval)
	defer purge.Stop()
	defer reap.Stop()
	defer look.Stop()
	for {
		select {
		case <-purge.C:
			signal(s.snapshots.sweep)
		case <-reap.C:
			s.reap()
		case <-look.C:
			s.keepName()
			s.keepDisk()
			s.disk.seekSpace()
			s.tendReaders()
		case <-s.quit:
			return
		}
	}
}

// keepName writes down whose history this server holds, once it knows.
func (s *Server) keepName() {
	if name := s.status.Load().Ensemble; name != 0 {
		if err := s.store.SetEnsemble(name); err != nil && !errors.Is(err, txnlog.ErrNoDescriptor) && !errors.Is(err, txnlog.ErrNoSpace) {
			s.fail(fmt.Errorf("server: identity: %w", err))
		}
	}
}

// keepDisk ends the server when its files were taken away: what it goes on to
// acknowledge would be lost at the next start.
func (s *Server) keepDisk() {
	if err := s.store.Present(); err != nil {
		s.fail(fmt.Errorf("server: disk: %w", err))
	}
}

// newChoreTicker makes a ticker that never ticks when the interval is 0.
func newChoreTicker(d time.Duration) *time.Ticker {
	if d > 0 {
		return time.NewTicker(d)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// reap tells a leader which containers and TTL nodes are due. Whether they
// still are is looked at again when the deletion is applied.
func (s *Server) reap() {
	status := s.status.Load()
	if status.State != zab.Leading || !status.Serving {
		return
	}
	wall := time.Now().UnixMilli()
	budget := max(1, int(float64(s.cfg.ReapPerMinute)*s.cfg.ReapInterval.Minutes()))
	seen := map[string]bool{}
	for range reapLooks {
		s.stateMu.RLock()
		paths := s.state.Reapable(wall, min(budget, reapBatch))
		s.stateMu.RUnlock()
		for _, path := range paths {
			if seen[path] {
				return // the looks have come round
			}
			seen[path] = true
		}
		if len(paths) > 0 {
			s.inbox.fromPeer(zab.Event{Kind: zab.EvReap, Paths: paths})
		}
		if budget -= len(paths); budget <= 0 {
			return
		}
	}
}
