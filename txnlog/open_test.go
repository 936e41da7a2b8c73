package txnlog

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// TestDirectories: what is refused at start, with a sentence that says what to
// do.
func TestDirectories(t *testing.T) {
	used := func(t *testing.T, opt Options) *vfs.MemFS {
		fsys := newFS(t)
		s, _ := mustOpenWith(t, fsys, opt)
		mustDo(t, s, appendOp(newChain().run(3, 10)...),
			zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 1}})
		noErr(t, s.Close())
		return fsys
	}
	split := testOptions
	split.LogDir = "/log"
	for _, test := range []struct {
		name string
		fsys func(t *testing.T) *vfs.MemFS
		opt  Options
		is   error
		want string
	}{
		{"another server's", func(t *testing.T) *vfs.MemFS {
			opt := testOptions
			opt.Server = 2
			return used(t, opt)
		}, testOptions, ErrForeign, "/data/quorumd-1 belongs to server 2, this is server 1"},
		{"ZooKeeper's", func(t *testing.T) *vfs.MemFS {
			fsys := newFS(t)
			noErr(t, fsys.MkdirAll("/data/version-2"))
			makeFile(t, fsys, "/data/version-2/log.100000001", nil)
			return fsys
		}, testOptions, ErrForeign, "import that data first"},
		{"ZooKeeper's, empty", func(t *testing.T) *vfs.MemFS {
			fsys := newFS(t)
			noErr(t, fsys.MkdirAll("/data/version-2"))
			return fsys
		}, testOptions, nil, ""},
		{"ZooKeeper's beside ours", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			noErr(t, fsys.MkdirAll("/data/version-2"))
			makeFile(t, fsys, "/data/version-2/log.100000001", nil)
			return fsys
		}, testOptions, nil, ""},
		{"another version's", func(t *testing.T) *vfs.MemFS {
			fsys := newFS(t)
			noErr(t, fsys.MkdirAll("/data/quorumd-2"))
			return fsys
		}, testOptions, ErrForeign, "run that version"},
		{"unknown file", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			makeFile(t, fsys, inDir("core.1234"), nil)
			return fsys
		}, testOptions, ErrForeign, `holds "core.1234"`},
		{"short name", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			makeFile(t, fsys, inDir("log.12"), nil)
			return fsys
		}, testOptions, ErrForeign, `holds "log.12"`},
		{"identity gone", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			noErr(t, fsys.Remove(inDir(identityName)))
			return fsys
		}, testOptions, ErrCorrupt, "identity is missing"},
		{"identity and log gone", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			noErr(t, fsys.Remove(inDir(identityName)))
			noErr(t, fsys.Remove(inDir(segmentName(1))))
			return fsys
		}, testOptions, ErrCorrupt, "identity is missing"},
		{"identity damaged", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			edit(t, fsys, inDir(identityName), flip(25))
			return fsys
		}, testOptions, ErrCorrupt, "identity cannot be read"},
		{"epochs gone", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, testOptions)
			noErr(t, fsys.Remove(inDir(epochsName)))
			return fsys
		}, testOptions, ErrCorrupt, "could break its promises"},
		{"a segment of another server", func(t *testing.T) *vfs.MemFS {
			opt := testOptions
			opt.Server = 2
			from := used(t, opt)
			b, err := vfs.ReadFile(from, inDir(segmentName(1)), 1<<20)
			noErr(t, err)
			fsys := newFS(t)
			s, _ := mustOpen(t, fsys)
			noErr(t, s.Close())
			makeFile(t, fsys, inDir(segmentName(1)), b)
			return fsys
		}, testOptions, ErrForeign, "belongs to server 2"},
		{"dataLogDir was changed", func(t *testing.T) *vfs.MemFS { return used(t, testOptions) },
			split, ErrForeign, "correct dataLogDir"},
		{"dataLogDir was merged", func(t *testing.T) *vfs.MemFS { return used(t, split) },
			testOptions, ErrForeign, "set dataLogDir again"},
		{"dataLogDir was merged, log and all", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, split)
			b, err := vfs.ReadFile(fsys, filepath.Join("/log", subDir, segmentName(1)), 1<<20)
			noErr(t, err)
			makeFile(t, fsys, inDir(segmentName(1)), b)
			return fsys
		}, testOptions, nil, ""},
		{"the log's disk is not mounted", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, split)
			for _, name := range []string{identityName, segmentName(1), lockName} {
				noErr(t, fsys.Remove(filepath.Join("/log", subDir, name)))
			}
			return fsys
		}, split, ErrCorrupt, "holds no log"},
		{"the data's disk is not mounted", func(t *testing.T) *vfs.MemFS {
			fsys := used(t, split)
			for _, name := range []string{identityName, epochsName, lockName} {
				noErr(t, fsys.Remove(filepath.Join("/data", subDir, name)))
			}
			return fsys
		}, split, ErrCorrupt, "identity is missing"},
		{"dataDir and dataLogDir exchanged", func(t *testing.T) *vfs.MemFS { return used(t, split) },
			Options{DataDir: "/log", LogDir: "/data", Server: 1}, ErrForeign, "correct dataLogDir"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := test.fsys(t)
			s, _, err := Open(fsys, test.opt)
			if test.is == nil {
				noErr(t, err)
				noErr(t, s.Close())
				return
			}
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "txnlog: ") {
				t.Fatalf("opened: %v", err)
			}
			t.Log(err)
			// A refused open leaves no lock behind.
			if _, _, err := Open(fsys, test.opt); errors.Is(err, vfs.ErrLocked) {
				t.Error("the lock was kept")
			}
		})
	}
}

func TestTwoServersOneDirectory(t *testing.T) {
	for _, fsys := range []vfs.FS{newFS(t), vfs.OS} {
		opt := testOptions
		if fsys == vfs.OS {
			opt.DataDir = t.TempDir()
		}
		s, _ := mustOpenWith(t, fsys, opt)
		if _, _, err := Open(fsys, opt); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "in use by another server") {
			t.Errorf("second server: %v", err)
		}
		noErr(t, s.Close())
		s, _ = mustOpenWith(t, fsys, opt)
		noErr(t, s.Close())
	}
}

func TestOptions(t *testing.T) {
	for _, opt := range []Options{{}, {DataDir: "/d", SegmentSize: 100}} {
		if _, _, err := Open(vfs.NewMem(), opt); err == nil {
			t.Errorf("%+v was accepted", opt)
		}
	}
}

func TestSegmentCache(t *testing.T) {
	fsys := newFS(t)
	opt := testOptions
	opt.OpenSegments = 3
	s, _ := mustOpenWith(t, fsys, opt)
	c := newChain()
	mustDo(t, s, appendOp(c.run(100, 300)...))
	for range 3 {
		if got := readAll(t, s, 0); len(got) != 100 {
			t.Fatalf("%d records", len(got))
		}
	}
	st := s.Stats()
	if r := st.Readers; st.Segments < 8 || r.Highest != 3 || r.Evictions == 0 || r.Misses == 0 || r.Hits == 0 {
		t.Errorf("%+v", st)
	}
}
