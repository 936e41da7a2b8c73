package vfs_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
)

// TestRoom: growth stops where the room ends, and goes on in what others give
// up; reserved bytes can be written without any.
func TestRoom(t *testing.T) {
	fsys := vfs.NewMem()
	a, b := create(t, fsys, "/a"), create(t, fsys, "/b")
	must(t, a.Preallocate(100))
	fsys.Room(10)
	write(t, a, 90, "0123456789")
	write(t, b, 0, "01234567")
	if _, err := b.WriteAt([]byte("89012"), 8); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a write beyond the room: %v", err)
	}
	if err := b.Preallocate(1000); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a reservation beyond the room: %v", err)
	}
	must(t, fsys.Remove("/a"))
	must(t, b.Preallocate(100))
	fsys.Room(0)
	fsys.Room(-1)
	must(t, b.Preallocate(10000))
}

// TestKill: what the process that ended had not synced is still there, and
// still only in the machine's memory; what a failed sync lost is seen until
// the power fails.
func TestKill(t *testing.T) {
	fsys := vfs.NewMem()
	f := create(t, fsys, "/a")
	must(t, fsys.SyncDir("/"))
	write(t, f, 0, "one")
	fsys.Inject(vfs.Fault{Op: vfs.OpSync, Nth: 1, Err: syscall.EIO})
	if f.Sync() == nil {
		t.Fatal("the sync did not fail")
	}
	fsys.Kill()
	if got := contents(t, fsys, "/a"); got != "one" {
		t.Fatalf("after the end of the process: %q", got)
	}
	must(t, f.Sync())
	if got := contents(t, fsys.CrashClone(nil, vfs.KeepNothing), "/a"); got != "" {
		t.Fatalf("a later sync wrote what the first had lost: %q", got)
	}
	write(t, f, 0, "one")
	must(t, f.Sync())
	if got := contents(t, fsys.CrashClone(nil, vfs.KeepNothing), "/a"); got != "one" {
		t.Fatalf("written again and synced: %q", got)
	}
}

// TestRot: a flipped bit is seen at once and after a crash.
func TestRot(t *testing.T) {
	fsys := vfs.NewMem()
	f := create(t, fsys, "/a")
	must(t, fsys.SyncDir("/"))
	write(t, f, 0, "abc")
	must(t, f.Sync())
	must(t, fsys.Rot("/a", 1, 1))
	for _, disk := range []*vfs.MemFS{fsys, fsys.CrashClone(nil, vfs.KeepNothing)} {
		if got := contents(t, disk, "/a"); got != "acc" {
			t.Fatalf("%q", got)
		}
	}
	if fsys.Rot("/b", 0, 1) == nil {
		t.Error("rot in a file that is not there")
	}
}

// TestBlank: what was durable reads as zeros, and so it does after a crash.
func TestBlank(t *testing.T) {
	fsys := vfs.NewMem()
	f, err := fsys.Create("/a")
	must(t, err)
	_, err = f.WriteAt([]byte("abcdef"), 0)
	must(t, err)
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	must(t, fsys.Blank("/a", 2, 4))
	for name, disk := range map[string]*vfs.MemFS{"now": fsys, "after a crash": fsys.CrashClone(nil, vfs.KeepNothing)} {
		b, err := vfs.ReadFile(disk, "/a", 100)
		if must(t, err); string(b) != "ab\x00\x00ef" {
			t.Errorf("%s: %q", name, b)
		}
	}
	if fsys.Blank("/b", 0, 1) == nil {
		t.Error("a file that is not there was blanked")
	}
}
