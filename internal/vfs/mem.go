package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// MemFS is a file system in memory that knows what of it is durable. It is
// deterministic: the same calls give the same state, and CrashClone depends on
// nothing but that state and the random source it is given.
type MemFS struct {
	mu    sync.Mutex
	root  *node
	locks map[string]bool
	made  uint64 // files and directories so far

	ops    uint64
	hook   func(Op)
	faults []*Fault

	bounded bool
	room    int64 // for files to grow by, if bounded
}

// node is a file or a directory.
type node struct {
	dir bool
	id  uint64

	// A file: what programs see, what the disk holds for certain, and the
	// changes between the two. size may exceed len(data); the rest is zeros,
	// so that preallocation costs no memory. What was synced is put into stable
	// when somebody looks there: see settled.
	now, stable content
	pending     []change
	synced      []change

	// A directory, the same way.
	names, stableNames map[string]*node
	pendingNames       []nameChange
}

type content struct {
	data   []byte
	size   int64
	shared bool // data belongs to a clone as well: it is copied before it is written to
}

// change is a write (data) or, where data is nil, a new size.
type change struct {
	off  int64
	data []byte
	size int64
}

// nameChange gives add the node, and takes del's away. Either may be empty.
type nameChange struct {
	add  string
	node *node
	del  string
}

// NewMem makes an empty file system.
func NewMem() *MemFS {
	return &MemFS{root: newDir(), locks: make(map[string]bool)}
}

func newDir() *node {
	return &node{dir: true, names: make(map[string]*node), stableNames: make(map[string]*node)}
}

func (n *node) info() Info { return Info{Size: n.now.size, Dir: n.dir, ID: n.id} }

func (c *content) apply(ch change) {
	if ch.data == nil {
		c.resize(ch.size)
		return
	}
	end := ch.off + int64(len(ch.data))
	c.own()
	if have := int64(len(c.data)); end > have {
		c.data = slices.Grow(c.data, int(end-have))[:end]
		if ch.off > have {
			clear(c.data[have:ch.off])
		}
	}
	copy(c.data[ch.off:], ch.data)
	c.size = max(c.size, end)
}

func (c *content) resize(size int64) {
	c.size = size
	if int64(len(c.data)) > size {
		c.data = c.data[:size]
	}
}

// clone returns a copy of what is there. Most clones are only read, and so the
// bytes are copied by whoever first writes to either.
func (c *content) clone() content {
	c.shared = true
	return *c
}

// own has c be the only one that its bytes belong to.
func (c *content) own() {
	if c.shared {
		c.data, c.shared = slices.Clone(c.data), false
	}
}

func (n *node) applyName(ch nameChange, to map[string]*node) {
	if ch.del != "" {
		delete(to, ch.del)
	}
	if ch.add != "" {
		to[ch.add] = ch.node
	}
}

func (n *node) changeName(ch nameChange) {
	n.applyName(ch, n.names)
	n.pendingNames = append(n.pendingNames, ch)
}

// lookup finds a node. Names are taken from the root, with or without a
// leading slash.
func (m *MemFS) lookup(name string) *node {
	n := m.root
	for _, part := range parts(name) {
		if n == nil || !n.dir {
			return nil
		}
		n = n.names[part]
	}
	return n
}

func parts(name string) []string {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// parent finds the directory that holds name.
func (m *MemFS) parent(op, name string) (*node, string, error) {
	dir, base := path.Split(path.Clean("/" + name))
	d := m.lookup(dir)
	if d == nil || !d.dir || base == "" {
		return nil, "", pathError(op, name, fs.ErrNotExist)
	}
	return d, base, nil
}

func pathError(op, name string, err error) error {
	return &os.PathError{Op: op, Path: name, Err: err}
}

// Create implements FS.
func (m *MemFS) Create(name string) (File, error) {
	if err := m.begin(OpCreate, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent("create", name)
	if err != nil {
		return nil, err
	}
	n := d.names[base]
	switch {
	case n == nil:
		m.made++
		n = &node{id: m.made}
		d.changeName(nameChange{add: base, node: n})
	case n.dir:
		return nil, pathError("create", name, syscall.EISDIR)
	default:
		m.give(n)
		n.change(change{})
	}
	return &memFile{fs: m, node: n, name: name, writable: true}, nil
}

// Open implements FS.
func (m *MemFS) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite implements FS.
func (m *MemFS) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *MemFS) open(name string, writable bool) (File, error) {
	if err := m.begin(OpOpen, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	if n.dir {
		return nil, pathError("open", name, syscall.EISDIR)
	}
	return &memFile{fs: m, node: n, name: name, writable: writable}, nil
}

// Rename implements FS.
func (m *MemFS) Rename(from, to string) error {
	if err := m.begin(OpRename, to); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	d2, base2, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	if d != d2 {
		return fmt.Errorf("rename %s to %s: %w", from, to, errOtherDir)
	}
	n := d.names[base]
	if n == nil {
		return pathError("rename", from, fs.ErrNotExist)
	}
	if base2 != base {
		m.give(d.names[base2])
	}
	d.changeName(nameChange{add: base2, node: n, del: base})
	return nil
}

// Remove implements FS.
func (m *MemFS) Remove(name string) error {
	if err := m.begin(OpRemove, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	n := d.names[base]
	if n == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	if n.dir && len(n.names) > 0 {
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	m.give(n)
	d.changeName(nameChange{del: base})
	return nil
}

// List implements FS.
func (m *MemFS) List(dir string) ([]string, error) {
	if err := m.begin(OpList, dir); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(dir)
	if n == nil {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	if !n.dir {
		return nil, pathError("list", dir, syscall.ENOTDIR)
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// MkdirAll implements FS.
func (m *MemFS) MkdirAll(dir string) error {
	if err := m.begin(OpMkdir, dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, part := range parts(dir) {
		next := n.names[part]
		if next == nil {
			next = newDir()
			m.made++
			next.id = m.made
			n.changeName(nameChange{add: part, node: next})
		}
		if !next.dir {
			return pathError("mkdir", dir, syscall.ENOTDIR)
		}
		n = next
	}
	return nil
}

// Stat implements FS.
func (m *MemFS) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookup(name)
	if n == nil {
		return Info{}, pathError("stat", name, fs.ErrNotExist)
	}
	return n.info(), nil
}

// Lock implements FS.
func (m *MemFS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent("lock", name)
	if err != nil {
		return nil, err
	}
	key := path.Clean("/" + name)
	if m.locks[key] {
		return nil, pathError("lock", name, ErrLocked)
	}
	if d.names[base] == nil {
		d.changeName(nameChange{add: base, node: &node{}})
	}
	m.locks[key] = true
	return &memLock{m, key}, nil
}

type memLock struct {
	fs  *MemFS
	key string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if !l.fs.locks[l.key] {
		return os.ErrClosed
	}
	delete(l.fs.locks, l.key)
	return nil
}
