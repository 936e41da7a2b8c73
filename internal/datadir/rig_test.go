package datadir

import (
	"slices"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

const testDir = "/data"

func noErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a server's disk with real transactions, and the state they lead to.
type rig struct {
	t     testing.TB
	fs    *vfs.MemFS
	opt   txnlog.Options
	store *txnlog.Store
	state *replica.State
	enc   *wire.Encoder
	at    zab.Position
}

func newRig(t testing.TB, dir string, server zab.ServerID, fsys *vfs.MemFS) *rig {
	t.Helper()
	opt := txnlog.Options{DataDir: dir, Server: server, SegmentSize: txnlog.MinSegmentSize}
	noErr(t, fsys.MkdirAll(dir))
	store, _, err := txnlog.Open(fsys, opt)
	noErr(t, err)
	return &rig{t: t, fs: fsys, opt: opt, store: store, state: replica.NewState(), enc: wire.NewEncoder()}
}

// commit appends and applies one transaction.
func (r *rig) commit(op int32, session zab.SessionID, body []byte) {
	r.t.Helper()
	z := r.at.Zxid + 1
	if z == 1 {
		z = zab.NewZxid(1, 1)
	}
	rec, err := r.enc.EncodeRecord(r.at.CRC, z, &zab.Txn{
		Time: 1795225026000 + int64(z.Counter()), Session: session, Cxid: 7, Origin: r.opt.Server,
		Level: zab.FeatureLevel, Op: op, Body: body,
		Auth: []zab.Identity{{Scheme: "digest", ID: "ann:secret"}},
	})
	noErr(r.t, err)
	_, err = r.store.Do([]zab.DiskOp{{Kind: zab.DiskAppend, Records: []zab.Record{rec}}})
	noErr(r.t, err)
	r.state.Apply(&rec)
	r.at = rec.Position()
}

func (r *rig) bootstrap() {
	body, err := r.enc.AppendBody(nil, &zab.Bootstrap{Ensemble: 0xe5, Secret: []byte("secret")})
	noErr(r.t, err)
	r.commit(zab.OpBootstrap, 0, body)
	r.commit(int32(jute.OpCreateSession), 0x10, (&jute.CreateSessionRequest{Timeout: 4000}).Append(nil))
}

func (r *rig) create(path, data string) {
	q := jute.CreateRequest{Path: path, Data: []byte(data), ACL: jute.WorldACL(jute.PermAll)}
	r.commit(int32(jute.OpCreate), 0x10, q.Append(nil))
}

func (r *rig) set(path, data string) {
	q := jute.SetDataRequest{Path: path, Data: []byte(data), Version: -1}
	r.commit(int32(jute.OpSetData), 0x10, q.Append(nil))
}

func (r *rig) remove(path string) {
	q := jute.DeleteRequest{Path: path, Version: -1}
	r.commit(int32(jute.OpDelete), 0x10, q.Append(nil))
}

func (r *rig) snapshot() {
	r.t.Helper()
	w, err := r.store.CreateSnapshot(r.at)
	noErr(r.t, err)
	image := r.state.Snapshot()
	defer image.Release()
	for done := false; !done; {
		var frame []byte
		var kind uint8
		frame, kind, done = image.Next(nil, 100)
		noErr(r.t, w.Frame(kind, frame))
	}
	noErr(r.t, w.Commit())
}

func (r *rig) epochs(e zab.Epochs) {
	r.t.Helper()
	_, err := r.store.Do([]zab.DiskOp{{Kind: zab.DiskEpochs, Epochs: e}})
	noErr(r.t, err)
}

func (r *rig) close() { r.t.Helper(); noErr(r.t, r.store.Close()) }

// filled is a directory with all that there is: two snapshots, four segments.
func filled(t testing.TB, dir string, server zab.ServerID, fsys *vfs.MemFS) *rig {
	t.Helper()
	r := newRig(t, dir, server, fsys)
	noErr(t, r.store.SetEnsemble(0xe5))
	r.epochs(zab.Epochs{Accepted: 1, AcceptedBy: server, Current: 1})
	r.bootstrap()
	r.create("/a", "one")
	r.create("/b", "two")
	r.snapshot()
	r.set("/a", "three")
	r.remove("/b")
	r.create("/c", "four")
	r.snapshot()
	r.set("/c", "five")
	r.set("/c", "six")
	return r
}

func find(t testing.TB, fsys vfs.FS, dir string) *Place {
	t.Helper()
	p, err := Find(fsys, dir, "")
	noErr(t, err)
	return p
}

// spoil changes a file in place.
func spoil(t testing.TB, fsys vfs.FS, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := vfs.ReadFile(fsys, path, 1<<24)
	noErr(t, err)
	b = change(slices.Clone(b))
	f, err := fsys.Create(path)
	noErr(t, err)
	if len(b) > 0 {
		_, err = f.WriteAt(b, 0)
		noErr(t, err)
	}
	noErr(t, f.Close())
}

func flip(off int) func([]byte) []byte {
	return func(b []byte) []byte { b[off] ^= 0x10; return b }
}

func noPause() {}
