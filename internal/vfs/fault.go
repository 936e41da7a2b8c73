package vfs

import (
	"fmt"
	"path"
)

// OpKind names an operation of a MemFS.
type OpKind uint8

// Operations. Those up to OpSyncDir change the disk: they are counted and the
// hook sees them. The others can only be made to fail.
const (
	OpAnyChange OpKind = iota // in a Fault: any of those that follow
	OpCreate
	OpWrite
	OpTruncate
	OpPreallocate
	OpSync
	OpRename
	OpRemove
	OpMkdir
	OpSyncDir

	OpOpen
	OpRead
	OpList
)

var opNames = [...]string{"change", "create", "write", "truncate", "preallocate", "sync", "rename",
	"remove", "mkdir", "syncdir", "open", "read", "list"}

func (k OpKind) String() string { return opNames[k] }

func (k OpKind) changes() bool { return k <= OpSyncDir }

// Op is one change of the disk, about to be made.
type Op struct {
	N    uint64 // counts from 1
	Kind OpKind
	Path string // of Rename the new name
}

func (o Op) String() string { return fmt.Sprintf("%d %s %s", o.N, o.Kind, path.Base(o.Path)) }

// Fault makes operations fail.
//
//	Fault{Op: OpSync, Path: "log.*", Nth: 3, Err: syscall.EIO}
//
// fails the third sync of a file whose last path element matches log.*.
type Fault struct {
	Op   OpKind
	Path string // pattern of package path for the last element; "" is any
	Nth  int    // which of the operations that match, from 1; 0 is every one
	On   bool   // with Nth: that one and all after it
	Err  error

	seen int
}

func (f *Fault) hits(kind OpKind, name string) bool {
	if f.Op != kind && !(f.Op == OpAnyChange && kind.changes()) {
		return false
	}
	if f.Path != "" {
		if ok, err := path.Match(f.Path, path.Base(name)); err != nil || !ok {
			return false
		}
	}
	f.seen++
	return f.Nth == 0 || f.seen == f.Nth || f.On && f.seen > f.Nth
}

// Inject adds a fault. A write that is made to fail is carried out by half; a
// sync that is made to fail loses what was pending and takes it for written
// (invariant V1); other operations are not carried out, a sync of a directory
// among them (V2).
func (m *MemFS) Inject(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, &f)
}

// Heal removes all faults.
func (m *MemFS) Heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = nil
}

// Hook has f called before each change of the disk, nil ends that. f may look
// at m and clone it.
func (m *MemFS) Hook(f func(Op)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = f
}

// Ops returns the number of changes so far, those that were made to fail
// included.
func (m *MemFS) Ops() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// begin counts the operation, tells the hook, and decides whether it fails.
// It is called without the lock.
func (m *MemFS) begin(kind OpKind, name string) error {
	m.mu.Lock()
	var hook func(Op)
	op := Op{Kind: kind, Path: name}
	if kind.changes() {
		m.ops++
		op.N = m.ops
		hook = m.hook
	}
	var err error
	for _, f := range m.faults {
		if f.hits(kind, name) && err == nil {
			err = pathError(kind.String(), name, f.Err)
		}
	}
	m.mu.Unlock()
	if hook != nil {
		hook(op)
	}
	return err
}
