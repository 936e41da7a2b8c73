package txnlog

import (
	"fmt"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// noSync is the operating system's file system on a disk that is never slow.
type noSync struct{ vfs.FS }

type noSyncFile struct{ vfs.File }

func (noSyncFile) Sync() error                     { return nil }
func (noSync) SyncDir(string) error                { return nil }
func wrap(f vfs.File, err error) (vfs.File, error) { return noSyncFile{f}, err }

func (n noSync) Create(name string) (vfs.File, error)        { return wrap(n.FS.Create(name)) }
func (n noSync) OpenReadWrite(name string) (vfs.File, error) { return wrap(n.FS.OpenReadWrite(name)) }

// BenchmarkDo appends batches of records with 100-byte bodies; the figures are
// per record.
func BenchmarkDo(b *testing.B) {
	for _, disk := range []struct {
		name string
		fs   vfs.FS
	}{{"fsync", vfs.OS}, {"nullsync", noSync{vfs.OS}}} {
		for _, n := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/%d", disk.name, n), func(b *testing.B) { benchDo(b, disk.fs, n) })
		}
	}
}

func benchDo(b *testing.B, fsys vfs.FS, n int) {
	s, _, err := Open(fsys, Options{DataDir: b.TempDir(), Server: 1})
	noErr(b, err)
	defer s.Close()
	c := newChain()
	var recs []zab.Record
	op := []zab.DiskOp{{Kind: zab.DiskAppend}}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += n {
		if len(recs) < n {
			b.StopTimer()
			recs = c.run(1<<14, 100)
			b.StartTimer()
		}
		op[0].Records, recs = recs[:n], recs[n:]
		if _, err := s.Do(op); err != nil {
			b.Fatal(err)
		}
		if err := s.Prepare(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadLog reads 64 KiB at a time from a log of 64 MiB.
func BenchmarkReadLog(b *testing.B) {
	s, _, err := Open(noSync{vfs.OS}, Options{DataDir: b.TempDir(), Server: 1})
	noErr(b, err)
	defer s.Close()
	c := newChain()
	for range 64 {
		mustDo(b, s, appendOp(c.run(1<<12, 100)...))
	}
	b.ReportAllocs()
	b.ResetTimer()
	var z zab.Zxid
	for range b.N {
		res, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 64 << 10})
		noErr(b, err)
		b.SetBytes(64 << 10)
		if len(res.Records) == 0 {
			z = 0
			continue
		}
		z = res.Records[len(res.Records)-1].Zxid
	}
}

// TestAppendDoesNotAllocate holds the aim of the append path.
func TestAppendDoesNotAllocate(t *testing.T) {
	s, _, err := Open(noSync{vfs.OS}, Options{DataDir: t.TempDir(), Server: 1})
	noErr(t, err)
	defer s.Close()
	c := newChain()
	mustDo(t, s, appendOp(c.run(2000, 100)...))
	recs := c.run(64*101, 100)
	op := []zab.DiskOp{{Kind: zab.DiskAppend}}
	allocs := testing.AllocsPerRun(100, func() {
		op[0].Records, recs = recs[:64], recs[64:]
		if _, err := s.Do(op); err != nil {
			t.Error(err)
		}
	})
	if allocs > 1 { // the segment's index grows now and then
		t.Errorf("%.1f allocations for 64 records", allocs)
	}
}
