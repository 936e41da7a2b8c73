package vfs

import (
	"io/fs"
	"os"
	"syscall"
)

// memDir is an open directory of a MemFS.
type memDir struct {
	fs     *MemFS
	node   *node
	name   string
	closed bool // guarded by fs.mu
}

// SyncDir implements FS.
func (m *MemFS) SyncDir(dir string) error { return syncDir(m, dir) }

// OpenDir implements FS. To a Fault it is an OpOpen.
func (m *MemFS) OpenDir(dir string) (Dir, error) {
	if err := m.begin(OpOpen, dir); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(dir)
	if n == nil {
		return nil, pathError("open", dir, fs.ErrNotExist)
	}
	if !n.dir {
		return nil, pathError("open", dir, syscall.ENOTDIR)
	}
	return &memDir{fs: m, node: n, name: dir}, nil
}

// Sync makes what is pending stable. When it fails all of it is pending still
// (invariant V2).
func (d *memDir) Sync() error {
	err := d.fs.begin(OpSyncDir, d.name)
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	if d.closed {
		return pathError("sync", d.name, os.ErrClosed)
	}
	if err != nil {
		return err
	}
	for _, ch := range d.node.pendingNames {
		d.node.applyName(ch, d.node.stableNames)
	}
	d.node.pendingNames = nil
	return nil
}

func (d *memDir) Info() (Info, error) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	if d.closed {
		return Info{}, pathError("stat", d.name, os.ErrClosed)
	}
	return d.node.info(), nil
}

func (d *memDir) Close() error {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	if d.closed {
		return pathError("close", d.name, os.ErrClosed)
	}
	d.closed = true
	return nil
}
