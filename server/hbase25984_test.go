package server

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// diskRig is a disk runner over a store in memory, without a server around it.
type diskRig struct {
	t      testing.TB
	s      *Server
	fs     *vfs.MemFS
	enc    *wire.Encoder
	last   zab.Position
	op     uint64
	events []zab.Event
}

func newDiskRig(t testing.TB) *diskRig {
	r := &diskRig{t: t, fs: vfs.NewMem(), enc: wire.NewEncoder()}
	store, _, err := txnlog.Open(r.fs, txnlog.Options{LogDir: "/log", DataDir: "/data", SegmentSize: txnlog.MinSegmentSize})
	if err != nil {
		t.Fatal(err)
	}
	r.s = &Server{store: store, inbox: newInbox(), failed: make(chan struct{})}
	r.s.disk = newDiskRunner(r.s)
	r.s.disk.start()
	return r
}

// submit asks for the append of one record of so many bytes.
func (r *diskRig) submit(size int) (op uint64, z zab.Zxid) {
	r.op++
	rec, err := r.enc.EncodeRecord(r.last.CRC, zab.NewZxid(1, uint32(r.op)), &zab.Txn{Body: make([]byte, size)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.last = rec.Position()
	r.s.disk.submit([]zab.DiskOp{{Op: r.op, Kind: zab.DiskAppend, Records: []zab.Record{rec}}})
	return r.op, rec.Zxid
}

// completed returns the completions so far.
func (r *diskRig) completed() []zab.Event {
	peers, _ := r.s.inbox.take(nil, nil)
	r.events = append(r.events, peers...)
	return r.events
}

func (r *diskRig) await(what string, cond func(done []zab.Event) bool) {
	r.t.Helper()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !cond(r.completed()) {
		select {
		case <-r.s.inbox.wake:
		case <-poll.C:
		case <-deadline.C:
			r.t.Fatalf("waited too long for %s; %d operations asked for, %d completions", what, r.op, len(r.events))
		}
	}
}

// settle waits until the runner has done what comes after the completions so
// far: it takes up nothing before it has prepared the next segment.
func (r *diskRig) settle() {
	r.t.Helper()
	signal(r.s.disk.check)
	r.await("the runner", func([]zab.Event) bool { return len(r.s.disk.check) == 0 })
}

// stop ends the runner, which has to come back from what it does.
func (r *diskRig) stop() {
	r.t.Helper()
	ended := make(chan struct{})
	go func() {
		r.s.disk.stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		r.t.Fatalf("the runner does not end; %d operations asked for, %d completions", r.op, len(r.completed()))
	}
}

func (r *diskRig) segments() int {
	names, err := r.fs.List("/log/quorumd-1")
	if err != nil {
		r.t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		if strings.HasPrefix(name, "log.") && name != "log.next" {
			n++
		}
	}
	return n
}

// stops lets the disk stand still before chosen operations.
type stops struct {
	mu      sync.Mutex
	at      func(vfs.Op) bool
	reached chan struct{}
	goOn    chan struct{}
}

func newStops(fs *vfs.MemFS) *stops {
	s := &stops{reached: make(chan struct{}), goOn: make(chan struct{})}
	fs.Hook(func(op vfs.Op) {
		s.mu.Lock()
		stop := s.at != nil && s.at(op)
		if stop {
			s.at = nil
		}
		s.mu.Unlock()
		if stop {
			s.reached <- struct{}{}
			<-s.goOn
		}
	})
	return s
}

// next has the disk stop once, at the first operation that cond holds for.
func (s *stops) next(cond func(vfs.Op) bool) {
	s.mu.Lock()
	s.at = cond
	s.mu.Unlock()
}

func kind(k vfs.OpKind) func(vfs.Op) bool { return func(op vfs.Op) bool { return op.Kind == k } }

// TestHBASE25984: an append is synced and reported; before the writer of the
// log gets to the next roll, the same client appends again. There, in HBase, the
// second append reset the completion of the first, which the roll still waited
// for. Here the roll counts positions: it ends, and both appends complete once,
// each with its own zxid.
func TestHBASE25984(t *testing.T) {
	r := newDiskRig(t)
	r.submit(txnlog.MinSegmentSize) // a segment, full; not of the story
	r.await("the first segment", func(done []zab.Event) bool { return len(done) == 1 })
	r.settle()
	stop := newStops(r.fs)
	r.events = nil

	stop.next(kind(vfs.OpSync))
	op1, z1 := r.submit(txnlog.MinSegmentSize) // (1) begins a segment, and fills it
	<-stop.reached                             // (2) handed to the sync
	stop.next(kind(vfs.OpSyncDir))
	stop.goOn <- struct{}{} // (3) synced and reported
	r.await("the first append", func(done []zab.Event) bool { return len(done) == 1 })
	<-stop.reached
	op2, z2 := r.submit(2000) // (4) again, before the writer comes to the next roll
	stop.goOn <- struct{}{}
	r.await("the second append, behind the roll", func(done []zab.Event) bool { return len(done) >= 2 }) // (5)
	if n := r.segments(); n != 3 {
		t.Errorf("%d segments: there was no roll", n)
	}
	r.stop()
	done := r.completed()
	if len(done) != 2 {
		t.Fatalf("%d completions of two appends", len(done))
	}
	for i, want := range []zab.DiskDone{{Op: op1, Synced: z1}, {Op: op2, Synced: z2}} {
		if got := done[i].Disk; got.Op != want.Op || got.Synced != want.Synced {
			t.Errorf("completion %d is of operation %d, synced %s; want %d, %s", i+1, got.Op, got.Synced, want.Op, want.Synced)
		}
	}
	if err := r.s.store.Close(); err != nil {
		t.Error(err)
	}
}

// TestHBASE25984Random submits, rolls, fails and closes in random order. Every
// append is completed at most once, in order, with a zxid that is on the disk;
// after a close each one has been; after an error none is that was not synced.
func TestHBASE25984Random(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 25984))
		r := newDiskRig(t)
		fails := rng.IntN(2) == 0
		if fails {
			kinds := []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpCreate, vfs.OpRename, vfs.OpTruncate, vfs.OpSyncDir, vfs.OpPreallocate}
			r.fs.Inject(vfs.Fault{Op: kinds[rng.IntN(len(kinds))], Path: "", Nth: 1 + rng.IntN(20), On: true, Err: syscall.EIO})
		}
		zxids := map[uint64]zab.Zxid{}
		for range 1 + rng.IntN(60) {
			op, z := r.submit(rng.IntN(txnlog.MinSegmentSize / 3))
			zxids[op] = z
			if rng.IntN(4) == 0 {
				r.completed()
			}
		}
		r.stop()
		told := uint64(0)
		for _, ev := range r.completed() {
			d := ev.Disk
			if d.Op <= told || d.Synced != zxids[d.Op] {
				t.Fatalf("seed %d: operation %d completed after %d with %s, not %s", seed, d.Op, told, d.Synced, zxids[d.Op])
			}
			told = d.Op
		}
		failed := r.s.Err() != nil
		if !failed && told != r.op {
			t.Fatalf("seed %d: %d of %d operations completed", seed, told, r.op)
		}
		if failed && (!fails || !errors.Is(r.s.Err(), syscall.EIO)) {
			t.Fatalf("seed %d: %v", seed, r.s.Err())
		}
		if told > 0 && durable(t, r.fs) < zxids[told] {
			t.Fatalf("seed %d: %s was reported, the disk holds %s", seed, zxids[told], durable(t, r.fs))
		}
		_ = r.s.store.Close() // of a store that failed: its error
	}
}

// durable returns the end of the log that a loss of power would leave.
func durable(t testing.TB, fs *vfs.MemFS) zab.Zxid {
	t.Helper()
	after := fs.CrashClone(rand.New(rand.NewPCG(1, 1)), vfs.KeepNothing)
	store, found, err := txnlog.Open(after, txnlog.Options{LogDir: "/log", DataDir: "/data", SegmentSize: txnlog.MinSegmentSize})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return found.Last.Zxid
}
