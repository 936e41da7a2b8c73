package txnlog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// TestPresent: what happens to the files by the store's own doing is in order.
func TestPresent(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	noErr(t, s.Present())
	c := newChain()
	var first zab.Position
	for i := range 40 { // several segments
		mustDo(t, s, appendOp(c.run(5, 500)...))
		noErr(t, s.Present())
		if i == 0 {
			first = c.at
		}
	}
	if s.Stats().Segments < 3 {
		t.Fatal("too few segments")
	}
	mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: first})
	noErr(t, s.Present())
	mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 1}})
	noErr(t, s.Present())
	noErr(t, s.Close())
	if err := s.Present(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	s, _ = mustOpen(t, fsys)
	noErr(t, s.Present())
}

// TestVanished: a file that is gone, replaced or cut ends the store.
func TestVanished(t *testing.T) {
	rewrite := func(t *testing.T, fsys vfs.FS, path string) {
		noErr(t, vfs.WriteFile(fsys, filepath.Dir(path), path, make([]byte, 1<<20)))
	}
	empty := func(t *testing.T, fsys vfs.FS, path string) {
		f, err := fsys.Create(path)
		noErr(t, err)
		noErr(t, f.Close())
	}
	remove := func(t *testing.T, fsys vfs.FS, path string) { noErr(t, fsys.Remove(path)) }
	removeAll := func(t *testing.T, _ vfs.FS, path string) { noErr(t, os.RemoveAll(filepath.Dir(filepath.Dir(path)))) }
	for name, row := range map[string]struct {
		harm func(t *testing.T, fsys vfs.FS, path string)
		disk bool // the system's own file system
	}{
		"removed": {remove, false}, "replaced": {rewrite, false}, "cut": {empty, false},
		"removed on disk": {remove, true}, "replaced on disk": {rewrite, true}, "cut on disk": {empty, true},
		"rm -rf": {removeAll, true},
	} {
		for _, file := range []string{epochsName, segmentName(1)} {
			t.Run(name+" "+file, func(t *testing.T) {
				var fsys vfs.FS = newFS(t)
				opt := testOptions
				if row.disk {
					fsys, opt.DataDir = vfs.OS, filepath.Join(t.TempDir(), "data")
				}
				s, _ := mustOpenWith(t, fsys, opt)
				c := newChain()
				mustDo(t, s, appendOp(c.run(5, 100)...))
				noErr(t, s.Present())
				row.harm(t, fsys, s.dataPath(file))
				err := s.Present()
				if !errors.Is(err, ErrVanished) {
					t.Fatalf("got %v", err)
				}
				if _, later := s.Do([]zab.DiskOp{appendOp(c.run(1, 100)...)}); later != err {
					t.Errorf("a later append returned %v", later)
				}
			})
		}
	}
}
