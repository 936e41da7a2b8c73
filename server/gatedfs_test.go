package server

import (
	"path"
	"strings"
	"sync"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
)

// gatedFS is a file system whose operations pass a gate: kind and last element
// of the path, reads included. A gate that is nil is open.
type gatedFS struct {
	vfs.FS
	mu   sync.Mutex
	gate func(kind vfs.OpKind, name string)
}

func (g *gatedFS) set(gate func(vfs.OpKind, string)) {
	g.mu.Lock()
	g.gate = gate
	g.mu.Unlock()
}

func (g *gatedFS) pass(kind vfs.OpKind, name string) {
	g.mu.Lock()
	gate := g.gate
	g.mu.Unlock()
	if gate != nil {
		gate(kind, path.Base(name))
	}
}

type gatedFile struct {
	vfs.File
	g    *gatedFS
	name string
}

func (g *gatedFS) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &gatedFile{f, g, name}, nil
}

func (g *gatedFS) Create(name string) (vfs.File, error) {
	g.pass(vfs.OpCreate, name)
	f, err := g.FS.Create(name)
	return g.file(name, f, err)
}

func (g *gatedFS) Open(name string) (vfs.File, error) {
	g.pass(vfs.OpOpen, name)
	f, err := g.FS.Open(name)
	return g.file(name, f, err)
}

func (g *gatedFS) OpenReadWrite(name string) (vfs.File, error) {
	g.pass(vfs.OpOpen, name)
	f, err := g.FS.OpenReadWrite(name)
	return g.file(name, f, err)
}

func (g *gatedFS) Rename(from, to string) error {
	g.pass(vfs.OpRename, to)
	return g.FS.Rename(from, to)
}

func (g *gatedFS) Remove(name string) error {
	g.pass(vfs.OpRemove, name)
	return g.FS.Remove(name)
}

func (g *gatedFS) List(dir string) ([]string, error) {
	g.pass(vfs.OpList, dir)
	return g.FS.List(dir)
}

func (f *gatedFile) ReadAt(p []byte, off int64) (int, error) {
	f.g.pass(vfs.OpRead, f.name)
	return f.File.ReadAt(p, off)
}

func (f *gatedFile) WriteAt(p []byte, off int64) (int, error) {
	f.g.pass(vfs.OpWrite, f.name)
	return f.File.WriteAt(p, off)
}

func (f *gatedFile) Sync() error {
	f.g.pass(vfs.OpSync, f.name)
	return f.File.Sync()
}

// stuck has the nth operation of a kind on files of a name not return until
// release is called.
func (g *gatedFS) stuck(nth int, kind vfs.OpKind, pattern string) (release func()) {
	over := make(chan struct{})
	var mu sync.Mutex
	g.set(func(k vfs.OpKind, name string) {
		if ok, err := path.Match(pattern, name); err != nil || !ok || k != kind {
			return
		}
		mu.Lock()
		nth--
		hit := nth == 0
		mu.Unlock()
		if hit {
			<-over
		}
	})
	return sync.OnceFunc(func() {
		g.set(nil)
		close(over)
	})
}

// slowly has every operation on a snapshot take so long.
func (g *gatedFS) slowly(d time.Duration) {
	g.set(func(_ vfs.OpKind, name string) {
		if strings.HasPrefix(name, "snapshot.") {
			<-time.After(d)
		}
	})
}
