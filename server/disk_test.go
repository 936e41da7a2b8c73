package server

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// tokenFS is a file system on which each sync of a file takes a token, once it
// is armed.
type tokenFS struct {
	vfs.FS
	tokens chan struct{}
	armed  atomic.Bool
	syncs  atomic.Int64
}

type tokenFile struct {
	vfs.File
	fs *tokenFS
}

func (f *tokenFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &tokenFile{file, f}, nil
}

func (f *tokenFS) Create(name string) (vfs.File, error) { return f.wrap(f.FS.Create(name)) }

func (f *tokenFile) Sync() error {
	if f.fs.armed.Load() {
		<-f.fs.tokens
	}
	defer f.fs.syncs.Add(1)
	return f.File.Sync()
}

// diskBench is a disk runner alone, whose syncs wait for tokens.
type diskBench struct {
	t    *testing.T
	s    *Server
	fs   *tokenFS
	log  *history.Log
	enc  *wire.Encoder
	done []zab.DiskDone
}

func newDiskBench(t *testing.T) *diskBench {
	b := &diskBench{t: t, fs: &tokenFS{FS: vfs.NewMem(), tokens: make(chan struct{}, 1000)}, enc: wire.NewEncoder()}
	b.s = &Server{inbox: newInbox(), log: logOf(t)}
	store, found, err := txnlog.Open(b.fs, txnlog.Options{DataDir: "/data", Server: 1, SegmentSize: 128 << 20})
	if err != nil {
		t.Fatal(err)
	}
	b.s.store, b.log = store, history.New(found.Last)
	b.s.disk = newDiskRunner(b.s)
	b.s.disk.start()
	// The first record begins a segment, and has the next one made.
	before := b.fs.syncs.Load()
	b.append(1, 10, 1)
	eventually(t, "the first segment", func() bool { return b.fs.syncs.Load() == before+2 })
	b.take()
	b.done = nil
	b.fs.armed.Store(true)
	return b
}

func (b *diskBench) allow(syncs int) {
	for range syncs {
		b.fs.tokens <- struct{}{}
	}
}

// end lets everything be done and closes.
func (b *diskBench) end() {
	close(b.fs.tokens)
	b.s.disk.stop()
	b.take()
	if err := b.s.store.Close(); err != nil {
		b.t.Error(err)
	}
	if b.log.Synced() != b.log.Appended().Zxid || !b.log.Quiet() {
		b.t.Errorf("synced %s of %s", b.log.Synced(), b.log.Appended())
	}
}

// append asks for n records of size bytes, pass of them at a time.
func (b *diskBench) append(n, size, pass int) {
	var out zab.Output
	for i := range n {
		at := b.log.Appended()
		rec, err := b.enc.EncodeRecord(at.CRC, at.Zxid+1, &zab.Txn{Session: 7, Op: 5, Body: bytes.Repeat([]byte("x"), size)})
		if err != nil {
			b.t.Fatal(err)
		}
		b.log.Append(rec, &out)
		if i%pass == pass-1 || i == n-1 {
			b.s.disk.submit(out.Disk)
			out.Reset()
		}
	}
}

// take takes note of what has been reported.
func (b *diskBench) take() {
	peers, _ := b.s.inbox.take(nil, nil)
	for i := range peers {
		b.log.Completed(&peers[i].Disk)
		b.done = append(b.done, peers[i].Disk)
	}
}

// synced waits until a sync has been reported as done that reaches so far.
func (b *diskBench) synced(z zab.Zxid) {
	b.t.Helper()
	eventually(b.t, "the report of a sync", func() bool {
		b.take()
		return b.log.Synced() >= z
	})
}

// TestSlowDiskMakesProgress: sixty records of 1 MB wait for a disk, and each sync
// is reported when it is done, at the latest after 6 MB. A leader whose disk is
// slow sees that it works (L10), whether the records came in one pass or in many.
func TestSlowDiskMakesProgress(t *testing.T) {
	for _, pass := range []int{1, 60} {
		b := newDiskBench(t)
		b.append(1, 10, 1) // the disk is at work on this one while the others gather
		b.append(60, 1<<20, pass)
		b.allow(1)
		b.synced(2)
		for z := b.log.Synced(); z < 62; z = b.log.Synced() {
			b.allow(1)
			b.synced(z + 1)
			if n := b.log.Synced() - z; n > 6 {
				t.Errorf("%d records a pass: %d MB were one batch", pass, n)
			}
		}
		b.end()
	}
}

// TestSmallWritesShareASync: what gathers during a sync of small records is one
// batch, be it thousands.
func TestSmallWritesShareASync(t *testing.T) {
	b := newDiskBench(t)
	b.append(1, 10, 1)
	eventually(t, "the disk being at work", func() bool { return b.s.disk.ops.len() == 0 })
	b.append(4000, 500, 1)
	b.allow(2)
	b.synced(4002)
	if len(b.done) != 2 {
		t.Errorf("%d batches", len(b.done))
	}
	b.end()
}

// TestBatchLen: a batch ends with the operation that makes it large, whatever the
// kinds.
func TestBatchLen(t *testing.T) {
	piece := zab.DiskOp{Kind: zab.DiskSnapChunk, Data: make([]byte, 512<<10)}
	large := zab.DiskOp{Kind: zab.DiskAppend, Records: []zab.Record{{Bytes: make([]byte, 2*batchBytes)}}}
	small := zab.DiskOp{Kind: zab.DiskAppend, Records: []zab.Record{{Bytes: make([]byte, 100)}}}
	epochs := zab.DiskOp{Kind: zab.DiskEpochs}
	for _, c := range []struct {
		name string
		ops  []zab.DiskOp
		want int
	}{
		{"nothing", nil, 0},
		{"small", []zab.DiskOp{small, epochs, small}, 3},
		{"a large one", []zab.DiskOp{large, small}, 1},
		{"a large one behind", []zab.DiskOp{small, large, small}, 2},
		{"pieces of a snapshot", []zab.DiskOp{piece, piece, piece, piece, piece, piece, piece, piece, piece, piece}, 8},
	} {
		if got := batchLen(c.ops); got != c.want {
			t.Errorf("%s: %d operations, want %d", c.name, got, c.want)
		}
	}
}
