package server

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
)

// gaze is a disk whose every method looks at what the watchdog sees while it
// runs. Nobody else uses the disk.
type gaze struct {
	dog  *watchdog
	seen []look
}

// look is what the watchdog saw within a method; nothing if what is empty.
type look struct{ method, what, name string }

func (g *gaze) look(method string) {
	l := look{method: method}
	for i := range g.dog.under {
		if a := g.dog.under[i].Load(); a != nil {
			l.what, l.name = a.what, a.name
		}
	}
	g.seen = append(g.seen, l)
}

type gazingFS struct{ *gaze }

func (g gazingFS) Create(string) (vfs.File, error) { g.look("Create"); return gazingFile(g), nil }
func (g gazingFS) Open(string) (vfs.File, error)   { g.look("Open"); return gazingFile(g), nil }
func (g gazingFS) OpenReadWrite(string) (vfs.File, error) {
	g.look("OpenReadWrite")
	return gazingFile(g), nil
}
func (g gazingFS) Rename(string, string) error     { g.look("Rename"); return nil }
func (g gazingFS) Remove(string) error             { g.look("Remove"); return nil }
func (g gazingFS) List(string) ([]string, error)   { g.look("List"); return nil, nil }
func (g gazingFS) MkdirAll(string) error           { g.look("MkdirAll"); return nil }
func (g gazingFS) Stat(string) (vfs.Info, error)   { g.look("Stat"); return vfs.Info{}, nil }
func (g gazingFS) SyncDir(string) error            { g.look("SyncDir"); return nil }
func (g gazingFS) OpenDir(string) (vfs.Dir, error) { g.look("OpenDir"); return gazingDir(g), nil }
func (g gazingFS) Lock(string) (io.Closer, error)  { g.look("Lock"); return gazingDir(g), nil }

type gazingFile struct{ *gaze }

func (g gazingFile) ReadAt([]byte, int64) (int, error)  { g.look("ReadAt"); return 0, nil }
func (g gazingFile) WriteAt([]byte, int64) (int, error) { g.look("WriteAt"); return 0, nil }
func (g gazingFile) Close() error                       { g.look("Close"); return nil }
func (g gazingFile) Sync() error                        { g.look("Sync"); return nil }
func (g gazingFile) Truncate(int64) error               { g.look("Truncate"); return nil }
func (g gazingFile) Preallocate(int64) error            { g.look("Preallocate"); return nil }
func (g gazingFile) Size() (int64, error)               { g.look("Size"); return 0, nil }
func (g gazingFile) Info() (vfs.Info, error)            { g.look("Info"); return vfs.Info{}, nil }

// gazingDir is a directory, and a lock.
type gazingDir struct{ *gaze }

func (g gazingDir) Close() error            { g.look("Close"); return nil }
func (g gazingDir) Sync() error             { g.look("Sync"); return nil }
func (g gazingDir) Info() (vfs.Info, error) { g.look("Info"); return vfs.Info{}, nil }

// TestHBASE27231Methods: every method of the disk, of its files, directories and
// locks is watched while it runs, under the name of what it is about, and no
// longer. The methods are those of the interfaces: one that is added to them has
// to be watched too.
func TestHBASE27231Methods(t *testing.T) {
	g := &gaze{dog: newWatchdog(time.Hour, nil)}
	called := g.callAll(t, "FS", reflect.TypeFor[vfs.FS](), reflect.ValueOf(watchedFS{gazingFS{g}, g.dog}))
	for _, i := range []reflect.Type{
		reflect.TypeFor[vfs.FS](), reflect.TypeFor[vfs.File](), reflect.TypeFor[vfs.Dir](), reflect.TypeFor[io.Closer](),
	} {
		if called[i] == 0 {
			t.Errorf("no %v was reached", i)
		}
	}
}

// callAll calls each method of an interface on a value, and those of what it
// returns if that is an interface of the kind too. It counts the values by their
// interface.
func (g *gaze) callAll(t *testing.T, where string, as reflect.Type, v reflect.Value) map[reflect.Type]int {
	t.Helper()
	const file = "the file"
	called := map[reflect.Type]int{as: 1}
	for i := range as.NumMethod() {
		m := as.Method(i)
		at := where + "." + m.Name
		var args []reflect.Value
		for p := range m.Type.NumIn() {
			arg := reflect.New(m.Type.In(p)).Elem()
			if arg.Kind() == reflect.String {
				arg.SetString(file)
			}
			args = append(args, arg)
		}
		g.seen = nil
		results := v.MethodByName(m.Name).Call(args)
		if len(g.seen) != 1 || g.seen[0].method != m.Name {
			t.Errorf("%s calls %v of the disk", at, g.seen)
		} else if l := g.seen[0]; !strings.HasPrefix(l.what, notBack) || l.name != file {
			t.Errorf("%s is not watched, or not as what it is: %+v", at, l)
		}
		if g.look("after"); g.seen[len(g.seen)-1].what != "" {
			t.Errorf("%s is watched when it has returned", at)
		}
		for r, result := range results {
			if is := m.Type.Out(r); is.Kind() == reflect.Interface && is != reflect.TypeFor[error]() {
				for k, n := range g.callAll(t, at, is, result.Elem()) {
					called[k] += n
				}
			}
		}
	}
	return called
}
