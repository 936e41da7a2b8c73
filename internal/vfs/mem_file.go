package vfs

import (
	"io"
	"os"
	"slices"
	"syscall"
)

// memFile is an open file of a MemFS. It holds on to its node, so it survives
// the removal of the name.
type memFile struct {
	fs       *MemFS
	node     *node
	name     string
	writable bool
	closed   bool // guarded by fs.mu
}

func (n *node) change(ch change) {
	n.now.apply(ch)
	n.pending = append(n.pending, ch)
}

// syncedLimit bounds the changes that stable lacks.
const syncedLimit = 64

// sync makes what is pending stable.
func (n *node) sync() {
	n.synced = append(n.synced, n.pending...)
	if len(n.synced) > syncedLimit {
		n.settled()
	}
}

// settled returns what the disk holds for certain. Most files are removed
// before anybody asks.
func (n *node) settled() *content {
	for _, ch := range n.synced {
		n.stable.apply(ch)
	}
	n.synced = nil
	return &n.stable
}

// usable is called with fs.mu held.
func (f *memFile) usable(op string, write bool) error {
	if f.closed {
		return pathError(op, f.name, os.ErrClosed)
	}
	if write && !f.writable {
		return pathError(op, f.name, syscall.EBADF)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.begin(OpRead, f.name); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("read", false); err != nil {
		return 0, err
	}
	c := &f.node.now
	if off >= c.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), c.size-off))
	have := 0
	if off < int64(len(c.data)) {
		have = copy(p[:n], c.data[off:])
	}
	clear(p[have:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.fs.begin(OpWrite, f.name)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if uerr := f.usable("write", true); uerr != nil {
		return 0, uerr
	}
	if len(p) == 0 {
		return 0, err
	}
	if full := f.fs.take(off + int64(len(p)) - f.node.now.size); err == nil && full != nil {
		err = pathError("write", f.name, full)
	}
	if err != nil {
		// A write that fails may have been carried out in part.
		half := len(p) / 2
		if half > 0 {
			f.node.change(change{off: off, data: slices.Clone(p[:half])})
		}
		return half, err
	}
	f.node.change(change{off: off, data: slices.Clone(p)})
	return len(p), nil
}

func (f *memFile) Sync() error {
	err := f.fs.begin(OpSync, f.name)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if uerr := f.usable("sync", false); uerr != nil {
		return uerr
	}
	if err == nil {
		f.node.sync()
	}
	f.node.pending = nil // failed or not: see V1
	return err
}

func (f *memFile) Truncate(size int64) error {
	if err := f.fs.begin(OpTruncate, f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("truncate", true); err != nil {
		return err
	}
	if f.fs.bounded {
		f.fs.room += max(0, f.node.now.size-size)
	}
	f.node.change(change{size: size})
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	if err := f.fs.begin(OpPreallocate, f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("preallocate", true); err != nil {
		return err
	}
	if err := f.fs.take(size - f.node.now.size); err != nil {
		return pathError("preallocate", f.name, err)
	}
	if size > f.node.now.size {
		f.node.change(change{size: size})
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("stat", false); err != nil {
		return 0, err
	}
	return f.node.now.size, nil
}

func (f *memFile) Info() (Info, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("stat", false); err != nil {
		return Info{}, err
	}
	return f.node.info(), nil
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
