package vfs_test

import (
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
)

// TestCloneIsIndependent has a clone and its original share no change: neither
// what is written to, cut from or rots in one of them may be seen in another.
func TestCloneIsIndependent(t *testing.T) {
	const name = "/d/f"
	changes := map[string]func(t *testing.T, fsys *vfs.MemFS){
		"write": func(t *testing.T, fsys *vfs.MemFS) {
			f := reopen(t, fsys, name)
			write(t, f, 5, "CHANGED")
			must(t, f.Sync())
		},
		"cut and write": func(t *testing.T, fsys *vfs.MemFS) {
			f := reopen(t, fsys, name)
			must(t, f.Truncate(3))
			write(t, f, 3, "CHANGED")
			must(t, f.Sync())
		},
		"blank": func(t *testing.T, fsys *vfs.MemFS) { must(t, fsys.Blank(name, 1, 4)) },
		"rot":   func(t *testing.T, fsys *vfs.MemFS) { must(t, fsys.Rot(name, 1, 1)) },
	}
	for what, change := range changes {
		for _, keep := range []vfs.Keep{vfs.KeepAll, vfs.KeepNothing} {
			t.Run(what+"/"+keep.String(), func(t *testing.T) {
				cloneIndependent(t, keep, change)
			})
		}
	}
}

func cloneIndependent(t *testing.T, keep vfs.Keep, change func(*testing.T, *vfs.MemFS)) {
	const name, text = "/d/f", "what both begin with"
	for changed := range 3 {
		all := make([]*vfs.MemFS, 3)
		all[0] = vfs.NewMem()
		must(t, all[0].MkdirAll("/d"))
		must(t, all[0].SyncDir("/"))
		f := create(t, all[0], name)
		write(t, f, 0, text)
		must(t, f.Sync())
		must(t, all[0].SyncDir("/d"))
		all[1] = all[0].CrashClone(nil, keep)
		all[2] = all[1].CrashClone(nil, keep)
		change(t, all[changed])
		for i, fsys := range all {
			// What a crash leaves is looked at too: it comes of other bytes.
			for _, seen := range []*vfs.MemFS{fsys, fsys.CrashClone(nil, vfs.KeepNothing)} {
				if got := contents(t, seen, name); (got == text) == (i == changed) {
					t.Errorf("file system %d was changed; %d holds %q", changed, i, got)
				}
			}
		}
	}
}

func reopen(t *testing.T, fsys vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := fsys.OpenReadWrite(name)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}
