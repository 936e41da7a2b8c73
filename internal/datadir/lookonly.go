package datadir

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/quorumd/quorumd/internal/vfs"
)

// errLookOnly is the answer to every change (F1).
var errLookOnly = errors.New("this tool does not change files")

// lookOnly is a file system without changes and locks. It counts what is read.
type lookOnly struct {
	vfs.FS
	read *atomic.Int64 // bytes
}

func (l lookOnly) Open(name string) (vfs.File, error) {
	f, err := l.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &lookOnlyFile{File: f, read: l.read}, nil
}

func refuse(op, name string) error { return fmt.Errorf("%s %s: %w", op, name, errLookOnly) }

func (lookOnly) Create(name string) (vfs.File, error) { return nil, refuse("create", name) }
func (lookOnly) OpenReadWrite(name string) (vfs.File, error) {
	return nil, refuse("open to write", name)
}
func (lookOnly) Rename(from, _ string) error         { return refuse("rename", from) }
func (lookOnly) Remove(name string) error            { return refuse("remove", name) }
func (lookOnly) MkdirAll(dir string) error           { return refuse("make", dir) }
func (lookOnly) SyncDir(dir string) error            { return refuse("sync", dir) }
func (lookOnly) OpenDir(dir string) (vfs.Dir, error) { return nil, refuse("open", dir) }
func (lookOnly) Lock(name string) (io.Closer, error) { return nil, refuse("lock", name) }

type lookOnlyFile struct {
	vfs.File
	read *atomic.Int64
}

func (f *lookOnlyFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.read.Add(int64(n))
	return n, err
}

func (*lookOnlyFile) WriteAt([]byte, int64) (int, error) { return 0, errLookOnly }
func (*lookOnlyFile) Sync() error                        { return errLookOnly }
func (*lookOnlyFile) Truncate(int64) error               { return errLookOnly }
func (*lookOnlyFile) Preallocate(int64) error            { return errLookOnly }
