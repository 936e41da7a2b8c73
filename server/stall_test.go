package server

import (
	"context"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
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

// stallRig is a server alone, without a port, in a bubble of synctest: time
// passes only while everybody waits. Its disk is behind a gate.
type stallRig struct {
	t    *testing.T
	cfg  Config
	disk *gatedFS
	s    *Server
	seq  uint64

	mu      sync.Mutex
	aborted []string
	at      time.Time // of the first
}

func newStallRig(t *testing.T) *stallRig {
	r := &stallRig{t: t, disk: &gatedFS{FS: vfs.NewMem()}}
	r.cfg = testConfig("/data", logOf(t))
	r.cfg.Client.Listen = ""
	r.cfg.FS, r.cfg.DiskStall, r.cfg.StopLimit = r.disk, 30*time.Second, time.Hour
	r.cfg.SnapCount, r.cfg.KeepSnapshots, r.cfg.PurgeInterval = 1<<30, 1, 1000*time.Hour
	r.cfg.Abort = func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.aborted = append(r.aborted, err.Error()); len(r.aborted) == 1 {
			r.at = time.Now()
		}
	}
	return r
}

func (r *stallRig) open() {
	r.t.Helper()
	s, err := Open(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s = s
	for !s.Status().Serving {
		<-time.After(zab.TickInterval)
	}
}

func (r *stallRig) close() {
	r.t.Helper()
	if err := r.s.Close(context.Background()); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// fill writes n znodes of 100 KiB.
func (r *stallRig) fill(n int) {
	r.t.Helper()
	at, _ := r.s.Digest()
	want := at.Zxid + zab.Zxid(n)
	if r.seq == 0 {
		r.ask(jute.OpCreateSession, jute.AppendInt32(nil, math.MaxInt32)) // never expires
		want++
	}
	for range n {
		r.ask(jute.OpCreate, (&jute.CreateRequest{
			Path: fmt.Sprintf("/%d", r.seq), Data: make([]byte, 100<<10),
			ACL: []jute.ACL{{Perms: 31, ID: jute.ID{Scheme: "world", ID: "anyone"}}},
		}).Append(nil))
	}
	for ; at.Zxid < want; at, _ = r.s.Digest() {
		<-time.After(zab.TickInterval)
	}
}

// ask has the server's one client ask for a write.
func (r *stallRig) ask(op jute.Op, body []byte) {
	r.seq++
	r.s.inbox.fromClient(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
		Session: 7, Seq: r.seq, Op: int32(op), Body: body,
	}})
}

// readLog has the server read its log from the beginning, for a learner.
func (r *stallRig) readLog() {
	r.s.logReads.put(zab.LogRead{ID: 1 << 40, After: r.s.store.Base().Zxid, MaxBytes: 1 << 20})
}

// snapshot has the server write one, and purge what is before it.
func (r *stallRig) snapshot() {
	r.s.snapshots.due()
}

// written waits until so many snapshots have been written.
func (r *stallRig) written(n int64) {
	for r.s.figures.snapshots.Load() < n || r.s.snapshots.busy.Load() {
		<-time.After(time.Second)
	}
}

// barked returns what the process was ended for so far.
func (r *stallRig) barked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aborted
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

// wantBark checks that the process was ended once, and for what.
func (r *stallRig) wantBark(says string) {
	r.t.Helper()
	got := r.barked()
	if len(got) != 1 || !strings.Contains(got[0], "the disk has not come back from "+says) || !strings.HasSuffix(got[0], "for more than 30s") {
		r.t.Errorf("the process was ended %d times: %q; want it for %s", len(got), got, says)
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
		{"a snapshot verified", "snapshot.*", 3, vfs.OpRead},
		{"a snapshot loaded", "snapshot.*", 2, vfs.OpOpen},
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

// slowly has every operation on a snapshot take so long.
func (g *gatedFS) slowly(d time.Duration) {
	g.set(func(_ vfs.OpKind, name string) {
		if strings.HasPrefix(name, "snapshot.") {
			<-time.After(d)
		}
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

// TestHBASE27231Install: a received snapshot that was verified is read once more,
// to build the tree, while the loop waits for nothing but the disk's answer.
func TestHBASE27231Install(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStallRig(t)
		r.open()
		r.fill(20)
		r.snapshot()
		r.written(1)
		// The second opening of what was installed: the first was to verify it.
		release := r.disk.stuck(1, vfs.OpOpen, "snapshot.0*")
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

// receive has a disk runner of a learner, on the same disk, install the newest
// snapshot of the server and load it.
func (r *stallRig) receive() {
	r.t.Helper()
	info, ok := r.s.store.NewestSnapshot()
	if !ok {
		r.t.Fatal("there is no snapshot")
	}
	f, err := r.disk.FS.Open(fmt.Sprintf("/data/quorumd-1/snapshot.%016x", uint64(info.At.Zxid)))
	if err != nil {
		r.t.Fatal(err)
	}
	file := make([]byte, info.Size)
	if _, err := f.ReadAt(file, 0); err != nil && err != io.EOF {
		r.t.Fatal(err)
	}
	store, _, err := txnlog.Open(watchedFS{r.disk, r.s.watchdog}, txnlog.Options{DataDir: "/learner", Server: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	s := &Server{store: store, inbox: newInbox(), log: r.s.log, failed: make(chan struct{})}
	s.disk = newDiskRunner(s)
	s.disk.start()
	ops := []zab.DiskOp{{Op: 1, Kind: zab.DiskSnapBegin, At: info.At, Size: info.Size}}
	const piece = 256 << 10
	for off := int64(0); off < info.Size; off += piece {
		ops = append(ops, zab.DiskOp{
			Op: uint64(len(ops) + 1), Kind: zab.DiskSnapChunk, Off: off, Data: file[off:min(off+piece, info.Size)],
		})
	}
	ops = append(ops, zab.DiskOp{Op: uint64(len(ops) + 1), Kind: zab.DiskSnapEnd})
	s.disk.submit(ops)
	s.disk.stop()
	if err := s.Err(); err != nil {
		r.t.Fatal(err)
	}
	if state := s.disk.takeLoaded(uint64(len(ops))); state.Applied() != info.At {
		r.t.Errorf("loaded as of %s, not of %s", state.Applied(), info.At)
	}
	if err := store.Close(); err != nil {
		r.t.Error(err)
	}
}
