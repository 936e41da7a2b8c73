package txnlog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chain makes records that follow each other.
type chain struct {
	enc *wire.Encoder
	at  zab.Position
}

func newChain() *chain { return &chain{enc: wire.NewEncoder()} }

func (c *chain) next(z zab.Zxid, size int) zab.Record {
	t := &zab.Txn{Time: 1700000000000 + int64(z), Session: 7, Op: 5, Body: bytes.Repeat([]byte{byte(z)}, size)}
	rec, err := c.enc.EncodeRecord(c.at.CRC, z, t)
	if err != nil {
		panic(err)
	}
	c.at = rec.Position()
	return rec
}

// run makes n records with consecutive zxids.
func (c *chain) run(n, size int) []zab.Record {
	recs := make([]zab.Record, n)
	for i := range recs {
		recs[i] = c.next(c.at.Zxid+1, size)
	}
	return recs
}

const testDir = "/data"

var testOptions = Options{DataDir: testDir, Server: 1, SegmentSize: MinSegmentSize}

func newFS(t testing.TB) *vfs.MemFS {
	t.Helper()
	fsys := vfs.NewMem()
	noErr(t, fsys.MkdirAll(testDir))
	noErr(t, fsys.SyncDir("/"))
	return fsys
}

func noErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, fsys vfs.FS) (*Store, Recovered) {
	t.Helper()
	return mustOpenWith(t, fsys, testOptions)
}

func mustOpenWith(t testing.TB, fsys vfs.FS, opt Options) (*Store, Recovered) {
	t.Helper()
	s, r, err := Open(fsys, opt)
	noErr(t, err)
	t.Cleanup(func() { s.Close() })
	return s, r
}

func mustDo(t testing.TB, s *Store, ops ...zab.DiskOp) []zab.DiskDone {
	t.Helper()
	done, err := s.Do(ops)
	noErr(t, err)
	return done
}

func appendOp(recs ...zab.Record) zab.DiskOp {
	return zab.DiskOp{Kind: zab.DiskAppend, Records: recs}
}

// readAll reads the log after z and checks that it is one chain.
func readAll(t testing.TB, s *Store, z zab.Zxid) []zab.Record {
	t.Helper()
	var all []zab.Record
	for {
		res, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 1000})
		noErr(t, err)
		if res.Gone {
			t.Fatalf("read after %s: gone, the base is %s", z, s.Base())
		}
		if len(all) > 0 && res.At != all[len(all)-1].Position() {
			t.Fatalf("read after %s is at %s", z, res.At)
		}
		if len(res.Records) == 0 {
			return all
		}
		prev := res.At
		for i := range res.Records {
			rec := &res.Records[i]
			if rec.Prev != prev.CRC || rec.Zxid <= prev.Zxid || rec.Txn == nil {
				t.Fatalf("record %s does not follow %s, or is not decoded", rec.Zxid, prev)
			}
			prev = rec.Position()
		}
		all = append(all, res.Records...)
		z = prev.Zxid
	}
}

func zxids(recs []zab.Record) string {
	var b strings.Builder
	for i := range recs {
		fmt.Fprintf(&b, "%x ", int64(recs[i].Zxid))
	}
	return strings.TrimSpace(b.String())
}

// snap writes a snapshot with a frame or two.
func snap(t testing.TB, s *Store, at zab.Position) {
	t.Helper()
	w, err := s.CreateSnapshot(at)
	noErr(t, err)
	noErr(t, w.Frame(wire.FrameSnapMeta, []byte("meta of "+at.String())))
	noErr(t, w.Frame(wire.FrameSnapNodes, noise(1200)))
	noErr(t, w.Commit())
}

// noise returns bytes that do not compress, the same ones always.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// foreignSnapshot returns the file of a snapshot as another server wrote it.
func foreignSnapshot(t testing.TB, at zab.Position, size int) []byte {
	t.Helper()
	fsys := vfs.NewMem()
	f, err := fsys.Create("/s")
	noErr(t, err)
	fw := frameWriter{pack: new(packer)}
	noErr(t, fw.begin(f, at))
	noErr(t, fw.frame(wire.FrameSnapNodes, noise(size)))
	noErr(t, fw.finish())
	b, err := vfs.ReadFile(fsys, "/s", 1<<20)
	noErr(t, err)
	return b
}

func snapOps(file []byte, at zab.Position, chunk int) []zab.DiskOp {
	ops := []zab.DiskOp{{Kind: zab.DiskSnapBegin, At: at, Size: int64(len(file))}}
	for off := 0; off < len(file); off += chunk {
		ops = append(ops, zab.DiskOp{Kind: zab.DiskSnapChunk, Off: int64(off), Data: file[off:min(off+chunk, len(file))]})
	}
	return append(ops, zab.DiskOp{Kind: zab.DiskSnapEnd})
}

func inDir(name string) string { return filepath.Join(testDir, subDir, name) }

func files(t testing.TB, fsys vfs.FS) string {
	t.Helper()
	names, err := fsys.List(filepath.Join(testDir, subDir))
	noErr(t, err)
	var out []string
	for _, n := range names {
		switch n {
		case lockName, identityName, epochsName, spareName:
		default:
			out = append(out, strings.Replace(n, "0000000000000", "..", 1))
		}
	}
	return strings.Join(out, " ")
}

// edit changes a file in place, past all bookkeeping.
func edit(t testing.TB, fsys vfs.FS, path string, change func(b []byte) []byte) {
	t.Helper()
	b, err := vfs.ReadFile(fsys, path, 1<<24)
	noErr(t, err)
	f, err := fsys.Create(path)
	noErr(t, err)
	if b = change(b); len(b) > 0 {
		_, err = f.WriteAt(b, 0)
		noErr(t, err)
	}
	noErr(t, f.Sync())
	noErr(t, f.Close())
}

func flip(off int) func(b []byte) []byte {
	return func(b []byte) []byte {
		b[off] ^= 0x40
		return b
	}
}
