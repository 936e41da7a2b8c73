package server

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// snapNodes is how many znodes are encoded under one hold of the state's read
// lock; the applier waits for it at most that long.
const snapNodes = 256

// errEnding says that a snapshot was given up because the server ends.
var errEnding = errors.New("the server is ending")

// snapshotter writes snapshots while the server goes on, one at a time, and
// purges. Both read whole snapshots, which takes its time, and nobody waits for
// it but a snapshot that is due and a learner for which there is none.
type snapshotter struct {
	s     *Server
	ask   chan struct{} // one slot: a snapshot is due
	sweep chan struct{} // one slot: a purge is due
	tried chan struct{} // one slot: a snapshot was written, or could not be
	busy  atomic.Bool   // a snapshot is being written, or waits for the state's lock

	until time.Time     // none is written before: there was no space for the last
	pause time.Duration // that was waited for then
}

// Bounds of the pause after a snapshot for which there was no space: each fills
// the disk to its last byte for a while.
const (
	snapPauseMin = time.Second
	snapPauseMax = time.Minute
)

func newSnapshotter(s *Server) *snapshotter {
	return &snapshotter{
		s: s, ask: make(chan struct{}, 1), sweep: make(chan struct{}, 1), tried: make(chan struct{}, 1),
	}
}

// due asks for a snapshot. It is refused while one is being written.
func (sn *snapshotter) due() bool {
	if sn.busy.Load() {
		return false
	}
	signal(sn.ask)
	return true
}

// takeSnapshot asks for a snapshot, for the word csnp, and returns what it will
// hold at least. It does not wait: a purge may be reading for minutes.
func (s *Server) takeSnapshot() (zab.Zxid, bool) {
	s.stateMu.RLock()
	at := s.state.Applied().Zxid
	s.stateMu.RUnlock()
	return at, s.snapshots.due()
}

// demand sees that tried will be signalled: for the snapshot that is being
// written, or for one more. A signal from before is taken back.
func (sn *snapshotter) demand() {
	select {
	case <-sn.tried:
	default:
	}
	sn.s.pacer.hurry()
	sn.due()
}

func (sn *snapshotter) run() {
	for {
		select {
		case <-sn.s.quit:
			return
		case <-sn.ask:
			if time.Now().Before(sn.until) {
				signal(sn.tried) // whoever waits asks again
				continue
			}
			sn.attempt()
		case <-sn.sweep:
			sn.s.purge()
		}
	}
}

// attempt writes a snapshot and, if that went well, purges what it replaces.
func (sn *snapshotter) attempt() {
	sn.busy.Store(true)
	err := sn.write()
	sn.s.progress.writing(0, 0, 0)
	sn.s.pacer.relax() // before busy: who demands one later finds it hurried
	sn.busy.Store(false)
	signal(sn.tried)
	sn.pause = pauseAfter(err, sn.pause)
	sn.until = time.Now().Add(sn.pause)
	if err != nil {
		sn.report(err)
		return
	}
	sn.s.purge()
}

// pauseAfter returns how long to wait after a snapshot that ended with err, when
// that was last so long.
func pauseAfter(err error, last time.Duration) time.Duration {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return 0
	}
	return min(max(2*last, snapPauseMin), snapPauseMax)
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
		sn.s.progress.writing(image.Written(), image.Nodes(), w.Written())
	}
	return nil
}

// purge removes old snapshots and the log before them, if that is wanted. It
// reads those that it keeps; the snapshotter's goroutine has the time.
func (s *Server) purge() {
	if s.cfg.PurgeInterval <= 0 {
		return
	}
	if err := s.store.Purge(s.cfg.KeepSnapshots); err != nil {
		if routine(err) {
			return
		}
		s.log.Error().Err(err).Msg("purge failed")
		s.disk.verify()
	}
}
