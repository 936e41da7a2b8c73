package vfs

import (
	"io/fs"
	"syscall"
)

// Room leaves files room bytes to grow by; what exceeds it fails with ENOSPC.
// Bytes that files give up can be used again. A negative number ends the limit.
func (m *MemFS) Room(room int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bounded, m.room = room >= 0, max(room, 0)
}

// take takes n bytes of room, or fails. m.mu is held.
func (m *MemFS) take(n int64) error {
	if n <= 0 || !m.bounded {
		return nil
	}
	if n > m.room {
		return syscall.ENOSPC
	}
	m.room -= n
	return nil
}

// give takes note that a file of that size ends. m.mu is held.
func (m *MemFS) give(n *node) {
	if m.bounded && n != nil && !n.dir {
		m.room += n.now.size
	}
}

// Kill ends the process that had the files open: locks, faults, the hook and
// the limit go. The machine goes on, so what was pending is pending still, and
// what a failed Sync has lost is still what programs see (invariant V1): only
// a loss of power shows that it is gone.
func (m *MemFS) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locks, m.faults, m.hook = make(map[string]bool), nil, nil
	m.bounded = false
}

// Rot flips bits of the byte at off, in what programs see and on the disk.
func (m *MemFS) Rot(name string, off int64, bits byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil || n.dir {
		return pathError("rot", name, fs.ErrNotExist)
	}
	for _, c := range []*content{&n.now, n.settled()} {
		if off < int64(len(c.data)) {
			c.own()
			c.data[off] ^= bits
		}
	}
	return nil
}

// Blank makes zeros of what a file holds from one offset to another, at rest: a
// write that was reported done and never reached the medium.
func (m *MemFS) Blank(name string, from, to int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil || n.dir {
		return pathError("blank", name, fs.ErrNotExist)
	}
	for _, c := range []*content{&n.now, n.settled()} {
		c.own()
		size := int64(len(c.data))
		clear(c.data[min(from, size):min(to, size)])
	}
	return nil
}
