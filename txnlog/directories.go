package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/quorumd/quorumd/internal/vfs"
)

// directories are the store's own, held open: a server that has run out of
// descriptors can sync them still. log is data when the two are one.
type directories struct {
	data, log *directory
}

// directory is one of them.
type directory struct {
	path string
	d    vfs.Dir
	id   uint64 // vfs.Info.ID
}

func openDirectory(fsys vfs.FS, path string) (*directory, error) {
	d, err := fsys.OpenDir(path)
	if err != nil {
		return nil, err
	}
	info, err := d.Info()
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return &directory{path: path, d: d, id: info.ID}, nil
}

// holdDirs opens the directories and makes durable whatever names an earlier
// process gave and did not live to sync (vfs.V2): the start relies on them, and
// the order in which it removes files must be that on the disk too.
func (s *Store) holdDirs() error {
	var err error
	if s.dirs.data, err = openDirectory(s.fs, s.dataDir); err != nil {
		return err
	}
	if s.dirs.log = s.dirs.data; s.split() {
		if s.dirs.log, err = openDirectory(s.fs, s.logDir); err != nil {
			return err
		}
		if err := s.syncDir(s.logDir); err != nil {
			return err
		}
	}
	return s.syncDir(s.dataDir)
}

// close closes them. A sync that comes later fails.
func (ds *directories) close() {
	if ds.log != nil && ds.log != ds.data {
		_ = ds.log.d.Close()
	}
	if ds.data != nil {
		_ = ds.data.d.Close()
	}
}

// syncDir makes the names in a directory of ours durable. One that was put in
// its place meanwhile has the names, and is not the one that was synced.
func (s *Store) syncDir(path string) error {
	dir := s.dirs.data
	if path == s.logDir {
		dir = s.dirs.log
	}
	if err := dir.d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	info, err := s.fs.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: directory %s is gone; %s", ErrVanished, path, vanishedRemedy)
	case err != nil:
		return fmt.Errorf("look after directory %s: %w", path, err)
	case !info.Dir || info.ID != dir.id:
		return fmt.Errorf("%w: directory %s is another one; %s", ErrVanished, path, vanishedRemedy)
	}
	return nil
}

// makeDir makes our directory under root, and what is missing above it, level
// by level: a name is durable before anything is made below it. So of what a
// start before may have left, at whatever point it ended, only the name of the
// lowest directory is in doubt, and is made durable now.
func makeDir(fsys vfs.FS, root string) error {
	lowest := filepath.Join(root, subDir)
	var missing []string // from below
	for {
		info, err := fsys.Stat(lowest)
		if err == nil && !info.Dir {
			return fmt.Errorf("%w: %s is not a directory; move it away, or name another directory", ErrForeign, lowest)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("txnlog: %w", err)
		}
		missing = append(missing, lowest)
		lowest = filepath.Dir(lowest)
	}
	if err := syncParent(fsys, filepath.Dir(lowest)); err != nil {
		return err
	}
	if len(missing) > 0 {
		// Can it be synced at all? syncParent relies on this.
		if err := fsys.SyncDir(lowest); err != nil {
			return fmt.Errorf("txnlog: sync directory %s: %w", lowest, err)
		}
	}
	for _, dir := range slices.Backward(missing) {
		if err := fsys.MkdirAll(dir); err != nil {
			return fmt.Errorf("txnlog: make directory: %w", err)
		}
		if err := fsys.SyncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("txnlog: sync directory %s: %w", filepath.Dir(dir), err)
		}
	}
	return nil
}

// syncParent makes the names in dir durable, where that is this server's
// business: in a directory that it may not read, or that cannot be synced, it
// has made nothing, for makeDir tries first.
func syncParent(fsys vfs.FS, dir string) error {
	err := fsys.SyncDir(dir)
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return fmt.Errorf("txnlog: sync directory %s: %w", dir, err)
}
