package txnlog

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// snapState is what is known of a snapshot file.
type snapState uint8

const (
	snapUnread snapState = iota // only its header was read
	snapGood                    // read to the end and found intact by this process
	snapBad                     // damaged, or cannot be read
)

// snapshot is a file under a final name.
type snapshot struct {
	zxid  zab.Zxid     // of the name
	at    zab.Position // of the header, unless bad
	path  string
	size  int64
	state snapState
}

// SnapshotWriter writes one snapshot while the log goes on. It belongs to one
// goroutine, which ends with Commit or Abort.
type SnapshotWriter struct {
	s    *Store
	at   zab.Position
	gen  uint64
	tmp  string
	f    vfs.File
	fw   frameWriter
	err  error // the first, also of Frame; kept for Commit
	over bool
}

// CreateSnapshot begins the snapshot of the state at position at, which the
// log must have reached. Errors wrap ErrBusy while another one is being written,
// and ErrSuperseded when a snapshot was received that is newer: the caller has
// yet to load it.
func (s *Store) CreateSnapshot(at zab.Position) (*SnapshotWriter, error) {
	s.mu.Lock()
	err, gen := s.failed, s.gen
	switch {
	case err != nil:
	case s.writing:
		err = fmt.Errorf("txnlog: snapshot at %s: %w", at, ErrBusy)
	case at.Zxid > s.end.Zxid:
		err = fmt.Errorf("txnlog: snapshot at %s: the log ends at %s", at, s.end)
	case at.Zxid < s.base.Zxid:
		err = fmt.Errorf("txnlog: snapshot at %s, the log begins at %s: %w", at, s.base, ErrSuperseded)
	default:
		s.writing = true
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	w := &SnapshotWriter{s: s, at: at, gen: gen, tmp: s.dataPath(snapName(at.Zxid) + tmpSuffix)}
	w.fw.pack, w.fw.pace = &s.packer, s.opt.Pace
	if w.f, err = s.fs.Create(w.tmp); err == nil {
		err = w.fw.begin(w.f, at)
	}
	if outOfDescriptors(err) {
		s.count(&s.stats.SnapshotsRefused)
	}
	if err != nil {
		w.Abort()
		return nil, fmt.Errorf("txnlog: create snapshot: %w", err)
	}
	return w, nil
}

// Frame appends a frame. kind is one of package wire's; those from 192 on are
// this package's own. An error ends the snapshot, not the store.
func (w *SnapshotWriter) Frame(kind uint8, body []byte) error {
	if w.err != nil {
		return w.err
	}
	if kind >= firstOwnKind {
		w.err = fmt.Errorf("txnlog: snapshot frame of kind %d; kinds from %d on are the file's own", kind, firstOwnKind)
	} else if err := w.fw.frame(kind, body); err != nil {
		w.err = fmt.Errorf("txnlog: write %s: %w", w.tmp, err)
	}
	return w.err
}

// Written returns how many bytes the file has.
func (w *SnapshotWriter) Written() int64 { return w.fw.off + int64(len(w.fw.buf)) }

// Commit ends the snapshot: when it returns nil the snapshot is durable, was
// read back and found intact, and is the newest. The log goes on in a new
// segment with the next record, so that Purge can remove what is before it.
// With an error the partial file is gone and the older snapshots are as they
// were. The error wraps ErrSuperseded when the log was truncated or replaced
// meanwhile.
func (w *SnapshotWriter) Commit() error {
	if w.over {
		return fmt.Errorf("txnlog: snapshot at %s: %w", w.at, ErrClosed)
	}
	err := w.err
	if err == nil {
		if err = w.fw.finish(); err != nil {
			err = fmt.Errorf("txnlog: write %s: %w", w.tmp, err)
		}
	}
	if cerr := w.f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("txnlog: close %s: %w", w.tmp, cerr)
	}
	w.f = nil
	var info SnapshotInfo
	if err == nil {
		if info, err = w.s.verifySlowly(w.tmp); err != nil {
			err = fmt.Errorf("txnlog: read back: %w", err)
		}
	}
	if err == nil {
		err = w.s.publish(w, info)
	}
	if err != nil {
		w.Abort()
		return err
	}
	w.end()
	return nil
}

// Abort throws the snapshot away. It does nothing after Commit.
func (w *SnapshotWriter) Abort() {
	if w.over {
		return
	}
	closeQuietly(w.f)
	// If the file stays, the next start removes it.
	_ = w.s.fs.Remove(w.tmp)
	w.end()
}

func (w *SnapshotWriter) end() {
	w.over = true
	w.s.mu.Lock()
	w.s.writing = false
	w.s.mu.Unlock()
}

// publish gives a verified snapshot its name.
func (s *Store) publish(w *SnapshotWriter, info SnapshotInfo) error {
	s.jobs.Lock()
	defer s.jobs.Unlock()
	s.mu.Lock()
	err, gen := s.failed, s.gen
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if gen != w.gen {
		return fmt.Errorf("txnlog: snapshot at %s: %w", w.at, ErrSuperseded)
	}
	path := s.dataPath(snapName(w.at.Zxid))
	if err := s.fs.Rename(w.tmp, path); err != nil {
		return s.fail(fmt.Errorf("name snapshot: %w", err))
	}
	if err := s.syncDir(s.dataDir); err != nil {
		return s.fail(err)
	}
	s.addSnapshot(&snapshot{zxid: w.at.Zxid, at: w.at, path: path, size: info.Size, state: snapGood})
	s.rollAsked.Store(true)
	return nil
}

// addSnapshot enters a snapshot in place of one of the same zxid.
func (s *Store) addSnapshot(sn *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearchFunc(s.snaps, sn.zxid, func(a *snapshot, z zab.Zxid) int {
		return int(min(max(a.zxid-z, -1), 1))
	})
	if found {
		s.snaps[i] = sn
	} else {
		s.snaps = slices.Insert(s.snaps, i, sn)
	}
}

// removeSnapshot removes a snapshot file, durably.
func (s *Store) removeSnapshot(sn *snapshot) error {
	s.mu.Lock()
	if i := slices.Index(s.snaps, sn); i >= 0 {
		s.snaps = slices.Delete(s.snaps, i, i+1)
	}
	s.mu.Unlock()
	if err := s.fs.Remove(sn.path); err != nil {
		return fmt.Errorf("remove snapshot: %w", err)
	}
	if err := s.syncDir(s.dataDir); err != nil {
		return err
	}
	return nil
}

// NewestSnapshot describes the newest snapshot that is not known to be
// damaged. ok is false when there is none.
func (s *Store) NewestSnapshot() (info SnapshotInfo, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sn := s.newest(); sn != nil {
		return SnapshotInfo{At: sn.at, Size: sn.size}, true
	}
	return SnapshotInfo{}, false
}

func (s *Store) newest() *snapshot {
	for _, sn := range slices.Backward(s.snaps) {
		if sn.state != snapBad && sn.at.Zxid >= s.base.Zxid {
			return sn
		}
	}
	return nil
}

// OpenSnapshot opens the snapshot of exactly this position. The error wraps
// ErrNoSnapshot when there is none.
func (s *Store) OpenSnapshot(at zab.Position) (*SnapshotReader, error) {
	s.mu.Lock()
	path := ""
	for _, sn := range s.snaps {
		if sn.state != snapBad && sn.at == at {
			path = sn.path
		}
	}
	s.mu.Unlock()
	if path == "" {
		return nil, fmt.Errorf("txnlog: snapshot at %s: %w", at, ErrNoSnapshot)
	}
	r, err := openSnapFile(s.fs, path)
	if err != nil {
		return nil, fmt.Errorf("txnlog: %w", err)
	}
	if r.at != at {
		_ = r.Close()
		return nil, fmt.Errorf("txnlog: %w: %s is of %s, not of %s", ErrCorrupt, path, r.at, at)
	}
	return r, nil
}
