package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// Errors of what changes a directory.
var (
	// ErrRunning: a server runs on the directory.
	ErrRunning = errors.New("a server runs on this directory; stop it first")
	// ErrCut: the log cannot be cut there.
	ErrCut = errors.New("the log cannot be cut there")
)

// Held is a directory that no server can start on until it is closed (F3).
type Held struct {
	p    *Place
	hold *txnlog.Hold
	now  time.Time
}

// Hold takes the server's LOCK. now names the backup.
func (p *Place) Hold(now time.Time) (*Held, error) {
	h, err := txnlog.Acquire(p.fs, p.Options())
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", p.DataDir, ErrRunning)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w; run this as the user that the server runs as", err)
	}
	if err != nil {
		return nil, err
	}
	return &Held{p: p, hold: h, now: now}, nil
}

// Close lets servers in again.
func (h *Held) Close() error { return h.hold.Close() }

func (h *Held) backupName() string { return "cut-" + h.now.UTC().Format("20060102T150405Z") }

// Cut is a truncation that was not made yet: what it would lose.
type Cut struct {
	At        zab.Position
	Records   int // lost
	First     zab.Zxid
	Last      zab.Zxid
	Since     string   // time of the first record lost
	Until     string   // and of the last
	Sessions  int      // whose records are lost
	Snapshots []string // files that go, because they hold what is cut
	files     []string // that are removed or cut
}

// PlanCut finds out what a cut behind the record to would lose.
func (h *Held) PlanCut(to zab.Zxid) (*Cut, error) {
	p := h.p
	found, err := txnlog.Examine(p.look, p.Options())
	if err != nil {
		return nil, fmt.Errorf("%w: a damaged directory is for quorumd log recover: %w", ErrCut, err)
	}
	if to > found.Last.Zxid || to < found.Base.Zxid {
		return nil, fmt.Errorf("%w: the log reaches from %s to %s", ErrCut, found.Base.Zxid, found.Last.Zxid)
	}
	cut := &Cut{At: found.Base}
	sessions := map[zab.SessionID]bool{}
	touched := map[string]bool{}
	err = txnlog.WalkLog(p.look, p.Options(), txnlog.Walk{Record: func(rec zab.Record, path string, _ int64) error {
		if rec.Zxid <= to {
			cut.At = rec.Position()
			return nil
		}
		if cut.Records == 0 {
			cut.First, cut.Since = rec.Zxid, wall(rec.Txn.Time)
		}
		cut.Records++
		cut.Last, cut.Until = rec.Zxid, wall(rec.Txn.Time)
		if rec.Txn.Session != 0 {
			sessions[rec.Txn.Session] = true
		}
		if !touched[path] {
			touched[path] = true
			cut.files = append(cut.files, path)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	cut.Sessions = len(sessions)
	if cut.At.Zxid != to {
		return nil, fmt.Errorf("%w: there is no record %s; the one before it is %s", ErrCut, to, cut.At.Zxid)
	}
	return cut, p.snapshotsOf(cut, found.Base)
}

// snapshotsOf finds the snapshots that a cut removes, and sees that one is left
// to begin with.
func (p *Place) snapshotsOf(cut *Cut, base zab.Position) error {
	files, err := p.Snapshots()
	if err != nil {
		return err
	}
	left := base == zab.Position{}
	for _, f := range files {
		if f.Zxid > cut.At.Zxid {
			cut.Snapshots = append(cut.Snapshots, f.Path)
			cut.files = append(cut.files, f.Path)
			continue
		}
		if !left && f.Zxid >= base.Zxid {
			_, err := p.State(f.Path)
			left = err == nil
		}
	}
	if !left {
		return fmt.Errorf("%w: no intact snapshot would be left at or before %s, from which to build the tree", ErrCut, cut.At.Zxid)
	}
	return nil
}

// Truncate carries a cut out, and returns the directories that hold copies of
// what was cut. The lock is given back.
func (h *Held) Truncate(cut *Cut) ([]string, error) {
	dirs, err := h.hold.Backup(h.backupName(), cut.files)
	if err != nil {
		return dirs, err
	}
	store, _, err := h.hold.Open()
	if err != nil {
		return dirs, err
	}
	done, err := store.Do([]zab.DiskOp{{Kind: zab.DiskTruncate, At: cut.At}})
	if err == nil && (len(done) != 1 || !done[0].OK) {
		err = fmt.Errorf("%w: the log does not hold %s, or no intact snapshot leads to it", ErrCut, cut.At)
	}
	return dirs, errors.Join(err, store.Close())
}

// PlanRecovery finds the longest history that the directory proves.
func (h *Held) PlanRecovery() (*txnlog.Salvage, error) {
	return txnlog.PlanSalvage(h.p.look, h.p.Options(), h.p.load)
}

// Recover brings the directory to the plan's history, and returns the
// directories that hold copies of what was removed or cut. The lock is given
// back.
func (h *Held) Recover(plan *txnlog.Salvage) ([]string, error) {
	dirs, err := h.hold.Backup(h.backupName(), plan.Touched())
	if err != nil {
		return dirs, err
	}
	if err := h.hold.Salvage(plan); err != nil {
		return dirs, err
	}
	store, found, err := h.hold.Open()
	if err != nil {
		return dirs, err
	}
	if found.Last != plan.End {
		err = fmt.Errorf("the log ends at %s, %s was proved; the copies are in %s", found.Last, plan.End, strings.Join(dirs, " and "))
	}
	return dirs, errors.Join(err, store.Close())
}
