package server

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// benchZnodes is how many znodes BenchmarkSnapshot has.
const benchZnodes = 1_000_000

// znodeData returns 100 bytes: of every second znode random, of the others like
// text.
func znodeData(rng *rand.Rand, i int) []byte {
	words := []string{"broker", "host", "port", "10.0.0.", "9092", "version", "rack", "eu-west-1", "epoch", "leader", "isr", "state"}
	b := make([]byte, 0, 128)
	for len(b) < 100 {
		if i%2 == 0 {
			b = append(b, byte(rng.Uint32()))
		} else {
			b = fmt.Appendf(b, "%q:%d,", words[rng.IntN(len(words))], rng.IntN(10000))
		}
	}
	return b[:100]
}

// largeState writes a history of creates to the store and applies it.
func largeState(b *testing.B, store *txnlog.Store, znodes int) *replica.State {
	b.Helper()
	rng, enc, state := rand.New(rand.NewPCG(1, 2)), wire.NewEncoder(), replica.NewState()
	acl := []jute.ACL{{Perms: jute.PermAll, ID: jute.ID{Scheme: "world", ID: "anyone"}}}
	var recs []zab.Record
	at := zab.Position{}
	flush := func() {
		if _, err := store.Do([]zab.DiskOp{{Kind: zab.DiskAppend, Records: recs}}); err != nil {
			b.Fatal(err)
		}
		for i := range recs {
			state.Apply(&recs[i])
		}
		recs = nil
	}
	for i := range znodes {
		path := fmt.Sprintf("/directory%02d/node-%07d", i%10, i)
		if i < 10 {
			path = fmt.Sprintf("/directory%02d", i)
		}
		req := jute.CreateRequest{Path: path, Data: znodeData(rng, i), ACL: acl}
		rec, err := enc.EncodeRecord(at.CRC, zab.NewZxid(1, at.Zxid.Counter()+1), &zab.Txn{
			Op: int32(jute.OpCreate), Time: 1_790_000_000_000 + int64(i), Body: req.Append(nil),
		})
		if err != nil {
			b.Fatal(err)
		}
		at = rec.Position()
		if recs = append(recs, rec); len(recs) == 10_000 {
			flush()
		}
	}
	flush()
	return state
}

// processor returns the time that the process has used, its own and the
// system's for it.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkSnapshot reports what it takes to write a snapshot of 1,000,000 znodes
// of 100 bytes, and to start from it. -benchtime 1x is enough.
func BenchmarkSnapshot(b *testing.B) {
	cfg := testConfig(b.TempDir(), zerolog.Nop())
	cfg.setDefaults()
	cfg.SegmentSize = 64 << 20
	store, _, err := txnlog.Open(vfs.OS, txnlog.Options{DataDir: cfg.DataDir, Server: cfg.Self, SegmentSize: cfg.SegmentSize})
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{store: store, cfg: cfg, quit: make(chan struct{})}
	s.snapshots = newSnapshotter(s)
	s.state = largeState(b, store, benchZnodes)
	began, used := time.Now(), processor(b)
	if err := s.snapshots.write(); err != nil {
		b.Fatal(err)
	}
	wrote, writing := time.Since(began), processor(b)-used
	info, _ := store.NewestSnapshot()
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	for _, seg := range segments(b, cfg.DataDir) { // what the snapshot holds
		if err := os.Remove(seg); err != nil {
			b.Fatal(err)
		}
	}
	s.state = nil
	b.ResetTimer()
	took, cpu := time.Hour, time.Hour // the least: what else runs on the machine is no part of it
	for b.Loop() {
		began, used := time.Now(), processor(b)
		s, err := Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		took, cpu = min(took, time.Since(began)), min(cpu, processor(b)-used)
		b.StopTimer()
		closeServer(b, s)
		b.StartTimer()
	}
	b.ReportMetric(float64(info.Size)/1e6, "MB")
	b.ReportMetric(wrote.Seconds(), "write-s")
	b.ReportMetric(writing.Seconds(), "write-cpu-s")
	b.ReportMetric(took.Seconds(), "start-s")
	b.ReportMetric(cpu.Seconds(), "start-cpu-s")
}

func segments(b *testing.B, dir string) []string {
	b.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "log.*"))
	if err != nil {
		b.Fatal(err)
	}
	return paths
}
