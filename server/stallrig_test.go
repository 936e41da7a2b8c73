package server

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

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
			Path: fmt.Sprintf("/%d", r.seq), Data: noise(100 << 10),
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

// wantBark checks that the process was ended once, and for what.
func (r *stallRig) wantBark(says string) {
	r.t.Helper()
	got := r.barked()
	if len(got) != 1 || !strings.Contains(got[0], "the disk has not come back from "+says) || !strings.HasSuffix(got[0], "for more than 30s") {
		r.t.Errorf("the process was ended %d times: %q; want it for %s", len(got), got, says)
	}
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
	s := &Server{inbox: newInbox(), log: r.s.log, failed: make(chan struct{})}
	s.loader.progress = &s.progress
	store, _, err := txnlog.Open(watchedFS{r.disk, r.s.watchdog}, txnlog.Options{DataDir: "/learner", Server: 1, Load: s.loader.load})
	if err != nil {
		r.t.Fatal(err)
	}
	s.store = store
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

// noise returns bytes that do not compress, the same ones always: a snapshot of
// them has the size that its znodes have.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
