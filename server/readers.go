package server

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// readLogs reads the log for the replica. A log that cannot be read ends the
// server: its own records or a learner's, what is missing was promised.
func (s *Server) readLogs() {
	var batch []zab.LogRead
	for s.await(s.logReads.wake) {
		batch = s.logReads.take(batch)
		for _, q := range batch {
			ranked.NoLocks("a read of the log")
			res, err := s.readLog(q)
			if err != nil {
				s.fail(fmt.Errorf("server: read log after %s: %w", q.After, err))
				return
			}
			s.inbox.fromPeer(zab.Event{Kind: zab.EvLogRead, LogRead: &res})
		}
	}
}

// readSnapshots reads snapshots for learners. One that cannot be read costs
// the learner its connection, nothing else. While there is no snapshot, those
// who want one wait for the snapshotter to write it; the others go on.
//
// For as long as it is being written the replica is told so, for it to wait. That
// includes the snapshotter's waits for the state's lock, which is held for work in
// memory only; the disk's watchdog (watchedfs.go) ends a server whose disk stands
// still meanwhile.
func (s *Server) readSnapshots() {
	ticker := time.NewTicker(max(s.cfg.Tick/2, time.Millisecond))
	defer ticker.Stop()
	var batch, waiting []zab.SnapRead
	for {
		select {
		case <-s.quit:
			return
		case <-s.snapReads.wake:
			batch = s.snapReads.take(batch)
			waiting = s.readBatch(batch, waiting)
		case <-ticker.C:
			s.tellWriting(waiting)
		case <-s.snapshots.tried:
			for _, q := range waiting {
				s.readSnapshot(q)
			}
			waiting = waiting[:0]
		}
	}
}

// tellWriting tells the replica which learners wait for a snapshot that is being
// written.
func (s *Server) tellWriting(waiting []zab.SnapRead) {
	if !s.snapshots.busy.Load() {
		return
	}
	for _, q := range waiting {
		s.inbox.fromPeer(zab.Event{Kind: zab.EvSnapWriting, Link: zab.LinkID(q.ID)})
	}
}

// readBatch performs what was asked of snapshots, and returns who waits for
// one to be written.
func (s *Server) readBatch(batch, waiting []zab.SnapRead) []zab.SnapRead {
	for _, q := range batch {
		if s.ending() {
			return nil
		}
		if q.Open || q.Close {
			waiting = slices.DeleteFunc(waiting, func(w zab.SnapRead) bool { return w.ID == q.ID })
		}
		if _, ok := s.store.NewestSnapshot(); q.Open && !ok {
			waiting = append(waiting, q)
			s.snapshots.demand()
			continue
		}
		s.readSnapshot(q)
	}
	return waiting
}

func (s *Server) readSnapshot(q zab.SnapRead) {
	ranked.NoLocks("a read of a snapshot")
	res := s.store.SnapRead(q)
	if q.Close {
		return
	}
	kind := zab.EvSnapRead
	if q.Open {
		kind = zab.EvSnapOpened
	}
	if res.Failed {
		s.log.Warn().Uint64("link", q.ID).Int64("offset", q.Off).Msg("snapshot cannot be read for a learner")
	}
	s.inbox.fromPeer(zab.Event{Kind: kind, SnapRead: &res})
}

// await waits for wake and reports false when the server ends.
func (s *Server) await(wake <-chan struct{}) bool {
	select {
	case <-s.quit:
		return false
	default:
	}
	select {
	case <-wake:
		return true
	case <-s.quit:
		return false
	}
}

// ending reports whether the server is on its way out.
func (s *Server) ending() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// routine reports whether an error of a snapshot is one that may happen
// without anything being wrong.
func routine(err error) bool {
	return errors.Is(err, txnlog.ErrSuperseded) || errors.Is(err, txnlog.ErrClosed) || errors.Is(err, errEnding)
}
