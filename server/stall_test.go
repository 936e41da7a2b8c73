package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// stalls are operations that do not return, one for each purpose that nobody
// else watches.
var stalls = []struct {
	name    string
	nth     int
	kind    vfs.OpKind
	pattern string
	begin   func(r *stallRig) // has the server do what stalls
	says    string
}{
	{"the log read for a learner", 1, vfs.OpRead, "log.*",
		(*stallRig).readLog, "a read of /data/quorumd-1/log."},
	{"a segment opened for a learner", 1, vfs.OpOpen, "log.*",
		(*stallRig).readLog, "the opening of /data/quorumd-1/log."},
	{"a snapshot opened for a learner", 1, vfs.OpOpen, "snapshot.*",
		func(r *stallRig) { r.s.snapReads.put(zab.SnapRead{ID: 1, Open: true}) },
		"the opening of /data/quorumd-1/snapshot."},
	{"a piece of a snapshot for a learner", 3, vfs.OpRead, "snapshot.*",
		func(r *stallRig) {
			r.s.snapReads.put(zab.SnapRead{ID: 1, Open: true}, zab.SnapRead{ID: 1, Len: 1 << 20})
		},
		"a read of /data/quorumd-1/snapshot."},
	{"a snapshot begun", 1, vfs.OpCreate, "snapshot.*.tmp", (*stallRig).snapshot, "the creation of"},
	{"a snapshot written", 3, vfs.OpWrite, "snapshot.*.tmp", (*stallRig).snapshot, "a write of"},
	{"a snapshot synced", 1, vfs.OpSync, "snapshot.*.tmp", (*stallRig).snapshot, "a sync of"},
	{"a snapshot read back", 3, vfs.OpRead, "snapshot.*.tmp", (*stallRig).snapshot, "a read of"},
	{"a snapshot named", 1, vfs.OpRename, "snapshot.*", (*stallRig).snapshot, "the renaming to"},
	{"a snapshot verified before a purge", 3, vfs.OpRead, "snapshot.???*[0-9a-f]", (*stallRig).snapshot, "a read of"},
	{"an old snapshot removed", 1, vfs.OpRemove, "snapshot.*", (*stallRig).snapshot, "the removal of"},
}

// TestHBASE27231Stalls: whatever the disk is asked for, by whomever, the process ends
// when it does not return, and says what it was; not earlier, and the loop and
// the other goroutines have gone on meanwhile (Y6, HBASE-27231).
func TestHBASE27231Stalls(t *testing.T) {
	for _, c := range stalls {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStallRig(t)
				r.open()
				r.fill(20)
				r.snapshot()
				r.written(1)
				r.fill(20)
				r.close()
				r.open() // and no segment is open for reading
				release := r.disk.stuck(c.nth, c.kind, c.pattern)
				began := time.Now()
				c.begin(r)
				<-time.After(29 * time.Second)
				if got := r.barked(); len(got) != 0 {
					t.Errorf("ended after %v: %q", r.at.Sub(began), got)
				}
				if st := r.s.Status(); st.State != zab.Leading || !st.Serving {
					t.Errorf("the server is %s and serves %t: something else waited for the disk", st.State, st.Serving)
				}
				<-time.After(4 * time.Second)
				r.wantBark(c.says)
				release()
				r.close()
			})
		})
	}
}

// TestHBASE27231Start: a server that is being started has a watchdog too: what it
// finds is read before it has a port, a peer or a client that could miss it.
func TestHBASE27231Start(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		nth           int
		kind          vfs.OpKind
	}{
		{"the directory listed", "quorumd-1", 1, vfs.OpList},
		{"a snapshot opened", "snapshot.*", 1, vfs.OpOpen},
		{"a snapshot loaded", "snapshot.*", 3, vfs.OpRead},
		{"the log scanned", "log.*", 2, vfs.OpRead},
		{"the log's end synced", "log.*", 1, vfs.OpSync},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStallRig(t)
				r.open()
				r.fill(20)
				r.snapshot()
				r.written(1)
				r.fill(5)
				r.close()
				release := r.disk.stuck(c.nth, c.kind, c.pattern)
				opened := make(chan struct{})
				go func() {
					defer close(opened)
					r.open()
				}()
				<-time.After(33 * time.Second)
				r.wantBark("")
				release()
				<-opened
				r.close()
			})
		})
	}
}

// TestHBASE27231Close: an end in good order waits for the readers, and the watchdog
// is there until the last of them has come back.
func TestHBASE27231Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t)
		r.open()
		r.fill(5)
		release := r.disk.stuck(1, vfs.OpRead, "log.*")
		r.readLog()
		<-time.After(time.Second)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			r.close()
		}()
		<-time.After(33 * time.Second)
		r.wantBark("a read of")
		release()
		<-closed
	})
}

// TestHBASE27231SlowDisk: a snapshot is written, verified, sent, received, loaded
// and found again by a disk that takes most of the limit for each operation. All
// of it takes many times the limit, and none of it is a stall.
func TestHBASE27231SlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t)
		steps := map[string]func(){
			"written": func() {
				r.snapshot()
				r.written(2)
			},
			"sent": func() {
				info, _ := r.s.store.NewestSnapshot()
				for off := int64(0); off < info.Size; off += 1 << 20 {
					if res := r.s.store.SnapRead(zab.SnapRead{ID: 1, Open: off == 0, Off: off, Len: 1 << 20}); res.Failed {
						t.Fatal("a snapshot cannot be sent")
					}
				}
				r.s.store.SnapRead(zab.SnapRead{ID: 1, Close: true})
			},
			"received and loaded": r.receive,
			"found": func() {
				r.close()
				r.open()
			},
		}
		r.open()
		r.fill(20)
		r.snapshot()
		r.written(1)
		r.fill(20)
		for _, name := range []string{"written", "sent", "received and loaded", "found"} {
			r.disk.slowly(25 * time.Second)
			began := time.Now()
			steps[name]()
			r.disk.set(nil)
			if took := time.Since(began); took < 4*r.cfg.DiskStall {
				t.Errorf("%s in %v: that tells nothing", name, took)
			}
			if got := r.barked(); len(got) != 0 {
				t.Fatalf("%s: ended: %q", name, got)
			}
		}
		r.close()
	})
}

// TestHBASE27231Install: a received snapshot is read once more, to verify it and
// to build the tree, while the loop waits for nothing but the disk's answer.
func TestHBASE27231Install(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t)
		r.open()
		r.fill(20)
		r.snapshot()
		r.written(1)
		release := r.disk.stuck(1, vfs.OpOpen, "snapshot.install")
		received := make(chan struct{})
		go func() {
			defer close(received)
			r.receive()
		}()
		<-time.After(33 * time.Second)
		r.wantBark("the opening of /learner/quorumd-1/snapshot.")
		release()
		<-received
		r.close()
	})
}
