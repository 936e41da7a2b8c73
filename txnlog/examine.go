package txnlog

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// outside makes a Store that was not opened: it knows where things are, and
// holds nothing.
func outside(fsys vfs.FS, opt Options) (*Store, error) {
	s := &Store{fs: fsys, opt: opt, enc: wire.NewEncoder()}
	if err := s.opt.fill(); err != nil {
		return nil, err
	}
	s.dataDir = filepath.Join(s.opt.DataDir, subDir)
	s.logDir = filepath.Join(s.opt.LogDir, subDir)
	return s, nil
}

// Examine tells what Open would find, or why it would refuse: it is Open
// without the lock and without a change. While a server appends, what it says of
// the log's end may be of a write under way.
func Examine(fsys vfs.FS, opt Options) (Recovered, error) {
	s, err := outside(fsys, opt)
	if err != nil {
		return Recovered{}, err
	}
	found, err := s.rehearse()
	if err != nil && !strings.HasPrefix(err.Error(), "txnlog: ") {
		err = fmt.Errorf("txnlog: %w", err)
	}
	return found, err
}

func (s *Store) rehearse() (Recovered, error) {
	for _, root := range []string{s.opt.DataDir, s.opt.LogDir} {
		if err := checkForeign(s.fs, root); err != nil {
			return Recovered{}, err
		}
	}
	a, err := s.judge()
	if err != nil || a.fresh {
		return Recovered{}, err
	}
	s.ensemble = a.id.Ensemble
	if s.promise, err = readPromise(s.fs, s.dataPath(epochsName), wire.NewDecoder()); err != nil {
		return Recovered{}, err
	}
	if s.promise.rec.Installing {
		data, err := list(s.fs, s.dataDir)
		if err != nil {
			return Recovered{}, err
		}
		info, err := s.checkInstall(data)
		return Recovered{Last: info.At, Base: info.At, Epochs: s.promise.rec.Epochs, Ensemble: s.ensemble, Snapshot: &info}, err
	}
	r, err := s.examine()
	if err != nil {
		return Recovered{}, err
	}
	return r.found, nil
}

// Owner is whose data a directory holds.
type Owner struct {
	Server   zab.ServerID // 0 is a server without a number
	Ensemble uint64       // 0 while unknown
	Split    bool         // the log is in a directory of its own
}

// ReadOwner reads whose data the configured directory root holds. Errors wrap
// ErrForeign for another program's or another version's, ErrCorrupt, or
// fs.ErrNotExist.
func ReadOwner(fsys vfs.FS, root string) (Owner, error) {
	s, err := outside(fsys, Options{DataDir: root})
	if err == nil {
		err = checkForeign(fsys, root)
	}
	if err != nil {
		return Owner{}, err
	}
	id, err := s.readIdentity(s.dataDir)
	if err != nil {
		return Owner{}, fmt.Errorf("txnlog: %w", err)
	}
	return Owner{Server: id.Server, Ensemble: id.Ensemble, Split: id.Split}, nil
}

// Hold keeps servers out of directories, until it is closed or turned into an
// open Store.
type Hold struct{ s *Store }

// Acquire takes the lock of the directories as Open does, and nothing else.
// The error wraps vfs.ErrLocked while a server runs on them.
func Acquire(fsys vfs.FS, opt Options) (*Hold, error) {
	s, err := outside(fsys, opt)
	if err != nil {
		return nil, err
	}
	if err := s.lock(); err != nil {
		s.giveUp()
		return nil, err
	}
	return &Hold{s: s}, nil
}

// Open opens the store of directories that are held. The lock is the store's
// from then on, and given back if that fails.
func (h *Hold) Open() (*Store, Recovered, error) {
	locks := h.s.locks
	h.s.locks = nil
	return openWith(h.s.fs, h.s.opt, locks)
}

// Close lets servers in again.
func (h *Hold) Close() error {
	var err error
	for _, l := range h.s.locks {
		err = errors.Join(err, l.Close())
	}
	h.s.locks = nil
	return err
}
