package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
)

// snapNodes is how many znodes are encoded under one hold of the state's read
// lock; the loop waits for it at most that long.
const snapNodes = 256

// errEnding says that a snapshot was given up because the server ends.
var errEnding = errors.New("the server is ending")

// snapshotter writes snapshots while the server goes on, one at a time.
type snapshotter struct {
	s    *Server
	ask  chan struct{} // one slot
	turn chan struct{} // holds a token while a snapshot is being written
}

func newSnapshotter(s *Server) *snapshotter {
	return &snapshotter{s: s, ask: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// due asks for a snapshot. It is refused while one is being written.
func (sn *snapshotter) due() bool {
	if len(sn.turn) > 0 {
		return false
	}
	signal(sn.ask)
	return true
}

func (sn *snapshotter) run() {
	for sn.s.await(sn.ask) {
		if !sn.enter() {
			return
		}
		err := sn.write()
		<-sn.turn
		if err == nil {
			sn.s.purge()
			continue
		}
		sn.report(err)
	}
}

// enter takes the turn, or reports false when the server ends.
func (sn *snapshotter) enter() bool {
	select {
	case sn.turn <- struct{}{}:
		return true
	case <-sn.s.quit:
		return false
	}
}

// ensure sees that there is a snapshot on the disk, writing one if need be.
func (sn *snapshotter) ensure() error {
	if _, ok := sn.s.store.NewestSnapshot(); ok {
		return nil
	}
	if !sn.enter() {
		return errEnding
	}
	defer func() { <-sn.turn }()
	if _, ok := sn.s.store.NewestSnapshot(); ok {
		return nil // meanwhile
	}
	err := sn.write()
	if err != nil {
		sn.s.disk.verify()
	}
	return err
}

// report says what became of a snapshot. The older ones and the log are as
// they were, so the server goes on, unless the store itself has failed.
func (sn *snapshotter) report(err error) {
	if routine(err) {
		sn.s.log.Info().Err(err).Msg("snapshot given up")
		return
	}
	sn.s.figures.snapErrors.Add(1)
	sn.s.log.Error().Err(err).Msg("snapshot failed")
	sn.s.disk.verify()
}

// write writes a snapshot of the state as it is now.
func (sn *snapshotter) write() error {
	s := sn.s
	began := time.Now()
	s.stateMu.Lock()
	image := s.state.Snapshot()
	s.stateMu.Unlock()
	defer func() {
		s.stateMu.Lock()
		image.Release()
		s.stateMu.Unlock()
	}()
	w, err := s.store.CreateSnapshot(image.At())
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if err := sn.copy(image, w); err != nil {
		w.Abort()
		return err
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	s.figures.snapshots.Add(1)
	s.log.Info().Stringer("at", image.At()).Dur("took", time.Since(began)).Msg("snapshot written")
	return nil
}

// copy writes the image frame by frame. The lock is held for encoding, never
// for writing.
func (sn *snapshotter) copy(image *replica.Image, w *txnlog.SnapshotWriter) error {
	var frame []byte
	for done := false; !done; {
		if sn.s.ending() {
			return errEnding
		}
		var kind uint8
		sn.s.stateMu.RLock()
		frame, kind, done = image.Next(frame[:0], snapNodes)
		sn.s.stateMu.RUnlock()
		ranked.NoLocks("a write of a snapshot")
		if err := w.Frame(kind, frame); err != nil {
			return fmt.Errorf("server: %w", err)
		}
	}
	return nil
}

// purge removes old snapshots and the log before them, if that is wanted.
func (s *Server) purge() {
	if s.cfg.PurgeInterval <= 0 {
		return
	}
	if err := s.store.Purge(s.cfg.KeepSnapshots); err != nil {
		s.log.Error().Err(err).Msg("purge failed")
		s.disk.verify()
	}
}
