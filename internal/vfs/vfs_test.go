package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/quorumd/quorumd/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// both runs a test against the operating system and against memory.
func both(t *testing.T, f func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { f(t, vfs.OS, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		fsys := vfs.NewMem()
		must(t, fsys.MkdirAll("/d"))
		f(t, fsys, "/d")
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, f vfs.File, off int64, s string) {
	t.Helper()
	n, err := f.WriteAt([]byte(s), off)
	if err != nil || n != len(s) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(s), err)
	}
}

func contents(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	must(t, err)
	return string(b)
}

func create(t *testing.T, fsys vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFile(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "a")
		f := create(t, fsys, name)
		write(t, f, 0, "hello")
		write(t, f, 10, "world")
		if got := contents(t, fsys, name); got != "hello\x00\x00\x00\x00\x00world" {
			t.Errorf("a hole does not read as zeros: %q", got)
		}
		must(t, f.Truncate(7))
		must(t, f.Preallocate(12))
		must(t, f.Preallocate(3)) // never shrinks
		must(t, f.Sync())
		if got := contents(t, fsys, name); got != "hello\x00\x00\x00\x00\x00\x00\x00" {
			t.Errorf("old bytes came back after truncate and preallocate: %q", got)
		}
		if n, err := f.ReadAt(make([]byte, 8), 8); n != 4 || err != io.EOF {
			t.Errorf("read across the end: %d bytes, %v", n, err)
		}
		must(t, f.Close())
		if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, os.ErrClosed) {
			t.Errorf("write to a closed file: %v", err)
		}
	})
}

func TestNames(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		at := func(name string) string { return filepath.Join(dir, name) }
		must(t, fsys.MkdirAll(at("sub/deep")))
		must(t, fsys.MkdirAll(at("sub/deep")))
		f := create(t, fsys, at("b"))
		write(t, f, 0, "b")
		create(t, fsys, at("a"))
		must(t, fsys.Rename(at("b"), at("a")))
		must(t, fsys.SyncDir(dir))
		names, err := fsys.List(dir)
		must(t, err)
		if !slices.Equal(names, []string{"a", "sub"}) {
			t.Errorf("names: %q", names)
		}
		if got := contents(t, fsys, at("a")); got != "b" {
			t.Errorf("the renamed file did not replace the old one: %q", got)
		}
		must(t, fsys.Remove(at("a")))
		write(t, f, 1, "c")
		b := make([]byte, 2)
		if _, err := f.ReadAt(b, 0); err != nil || string(b) != "bc" {
			t.Errorf("an open file did not survive its removal: %q, %v", b, err)
		}
		if _, err := fsys.Open(at("a")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open of a removed file: %v", err)
		}
		if err := fsys.Rename(at("b"), at("sub/b")); err == nil {
			t.Error("rename into another directory was accepted")
		}
		info, err := fsys.Stat(at("sub"))
		must(t, err)
		if !info.Dir {
			t.Error("a directory is not said to be one")
		}
	})
}

func TestLock(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		l, err := fsys.Lock(name)
		must(t, err)
		if _, err := fsys.Lock(name); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("second lock: %v", err)
		}
		must(t, l.Close())
		l, err = fsys.Lock(name)
		must(t, err)
		must(t, l.Close())
	})
}

func TestWriteFileAndLimit(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "f")
		must(t, vfs.WriteFile(fsys, dir, name, []byte("one")))
		must(t, vfs.WriteFile(fsys, dir, name, []byte("second")))
		if got := contents(t, fsys, name); got != "second" {
			t.Errorf("got %q", got)
		}
		var tooLarge *vfs.TooLargeError
		if _, err := vfs.ReadFile(fsys, name, 5); !errors.As(err, &tooLarge) || tooLarge.Size != 6 {
			t.Errorf("limit not kept: %v", err)
		}
	})
}

// TestWriteFileCrash crashes a replacement at every operation.
func TestWriteFileCrash(t *testing.T) {
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("/d"))
	must(t, fsys.SyncDir("/"))
	must(t, vfs.WriteFile(fsys, "/d", "/d/f", []byte("old")))
	rng := rand.New(rand.NewPCG(1, 2))
	fsys.Hook(func(op vfs.Op) {
		for _, keep := range vfs.Keeps {
			got := contents(t, fsys.CrashClone(rng, keep), "/d/f")
			if got != "old" && got != "new" {
				t.Errorf("crash before %s, keeping %s: %q", op, keep, got)
			}
		}
	})
	must(t, vfs.WriteFile(fsys, "/d", "/d/f", []byte("new")))
	fsys.Hook(nil)
	if got := contents(t, fsys.CrashClone(rng, vfs.KeepNothing), "/d/f"); got != "new" {
		t.Errorf("reported written, but the crash left %q", got)
	}
}

func TestCrashNeedsSyncDir(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exists := func(m *vfs.MemFS, name string) bool {
		_, err := m.CrashClone(rng, vfs.KeepNothing).Stat(name)
		return err == nil
	}
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	must(t, m.SyncDir("/"))
	f := create(t, m, "/d/a")
	write(t, f, 0, "x")
	must(t, f.Sync())
	if exists(m, "/d/a") {
		t.Error("a file is durable without a sync of its directory")
	}
	must(t, m.SyncDir("/d"))
	must(t, m.Rename("/d/a", "/d/b"))
	if !exists(m, "/d/a") || exists(m, "/d/b") {
		t.Error("a rename is durable without a sync of the directory")
	}
	must(t, m.SyncDir("/d"))
	must(t, m.Remove("/d/b"))
	if !exists(m, "/d/b") {
		t.Error("a removal is durable without a sync of the directory")
	}
	if got := contents(t, m.CrashClone(rng, vfs.KeepNothing), "/d/b"); got != "x" {
		t.Errorf("contents after rename and crash: %q", got)
	}
}

// TestCrashKeepsSomeOfTheRest checks that each mode leaves what it says over
// many draws, and that equal seeds leave equal disks.
func TestCrashKeepsSomeOfTheRest(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "/a")
	write(t, f, 0, strings.Repeat("-", 2048))
	must(t, f.Sync())
	must(t, m.SyncDir("/"))
	write(t, f, 100, strings.Repeat("1", 1000))
	write(t, f, 1500, strings.Repeat("2", 1000))
	seen := make(map[vfs.Keep]map[string]bool)
	for seed := range uint64(200) {
		for _, keep := range vfs.Keeps {
			got := contents(t, m.CrashClone(rand.New(rand.NewPCG(seed, 0)), keep), "/a")
			again := contents(t, m.CrashClone(rand.New(rand.NewPCG(seed, 0)), keep), "/a")
			if got != again {
				t.Fatalf("keep %s: the same seed gave two disks", keep)
			}
			if seen[keep] == nil {
				seen[keep] = make(map[string]bool)
			}
			seen[keep][got] = true
			if keep == vfs.KeepPrefix && strings.Contains(got, "2") && strings.Count(got, "1") != 1000 {
				t.Fatal("prefix kept the second write without all of the first")
			}
			if keep == vfs.KeepSubset && strings.Contains(got[512:1024], "1") && strings.Contains(got[512:1024], "-") {
				t.Fatal("subset split a sector")
			}
		}
	}
	if len(seen[vfs.KeepNothing]) != 1 || len(seen[vfs.KeepAll]) != 1 {
		t.Error("nothing or all drew lots")
	}
	if n := len(seen[vfs.KeepPrefix]); n < 50 {
		t.Errorf("prefix left only %d different disks", n)
	}
	if n := len(seen[vfs.KeepSubset]); n < 30 {
		t.Errorf("subset left only %d different disks", n)
	}
}

func TestFaults(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	m.Inject(vfs.Fault{Op: vfs.OpWrite, Path: "log.*", Nth: 2, Err: syscall.ENOSPC})
	f := create(t, m, "/d/log.1")
	g := create(t, m, "/d/other")
	write(t, f, 0, "ok")
	write(t, g, 0, "ok")
	n, err := f.WriteAt([]byte("half"), 2)
	if n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("second write: %d, %v", n, err)
	}
	if got := contents(t, m, "/d/log.1"); got != "okha" {
		t.Errorf("a short write left %q", got)
	}
	write(t, f, 2, "back")
	m.Inject(vfs.Fault{Op: vfs.OpAnyChange, Path: "d", Err: syscall.EIO})
	if err := m.SyncDir("/d"); !errors.Is(err, syscall.EIO) {
		t.Errorf("syncdir: %v", err)
	}
	m.Inject(vfs.Fault{Op: vfs.OpOpen, Nth: 2, On: true, Err: syscall.EMFILE})
	for i := range 3 {
		h, err := m.Open("/d/other")
		if want := i >= 1; want != errors.Is(err, syscall.EMFILE) {
			t.Errorf("open %d: %v", i, err)
		}
		if err == nil {
			must(t, h.Close())
		}
	}
	m.Heal()
	must(t, m.SyncDir("/d"))
}

// TestFailedSyncLosesPages is V1: the retry succeeds and means nothing.
func TestFailedSyncLosesPages(t *testing.T) {
	m := vfs.NewMem()
	f := create(t, m, "/a")
	must(t, m.SyncDir("/"))
	write(t, f, 0, "lost")
	m.Inject(vfs.Fault{Op: vfs.OpSync, Nth: 1, Err: syscall.EIO})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	must(t, f.Sync())
	if got := contents(t, m, "/a"); got != "lost" {
		t.Errorf("the page cache lost the bytes: %q", got)
	}
	for _, keep := range []vfs.Keep{vfs.KeepNothing, vfs.KeepPrefix, vfs.KeepSubset} {
		if got := contents(t, m.CrashClone(rand.New(rand.NewPCG(1, 1)), keep), "/a"); got != "" {
			t.Errorf("keeping %s: a retried sync made %q durable", keep, got)
		}
	}
}

func TestHookSeesEveryChange(t *testing.T) {
	m := vfs.NewMem()
	var got []string
	m.Hook(func(op vfs.Op) { got = append(got, op.String()) })
	must(t, m.MkdirAll("/d"))
	f := create(t, m, "/d/a")
	write(t, f, 0, "x")
	must(t, f.Preallocate(10))
	must(t, f.Truncate(3))
	must(t, f.Sync())
	must(t, m.Rename("/d/a", "/d/b"))
	must(t, m.SyncDir("/d"))
	must(t, m.Remove("/d/b"))
	contents2, err := m.List("/d")
	must(t, err)
	if len(contents2) != 0 {
		t.Errorf("left: %q", contents2)
	}
	want := "1 mkdir d, 2 create a, 3 write a, 4 preallocate a, 5 truncate a, 6 sync a, 7 rename b, 8 syncdir d, 9 remove b"
	if s := strings.Join(got, ", "); s != want || m.Ops() != 9 {
		t.Errorf("hook saw %s", s)
	}
}
