package txnlog

import (
	"bytes"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// fuzzBase is a store whose first segment is to be replaced, and what was in
// that segment.
func fuzzBase(t testing.TB) (*vfs.MemFS, []byte) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for i := range 4 {
		mustDo(t, s, appendOp(c.run(i+1, 40)...))
	}
	noErr(t, s.Prepare())
	off := s.w.off
	fsys = fsys.CrashClone(nil, vfs.KeepAll)
	b, err := vfs.ReadFile(fsys, inDir(segmentName(1)), 1<<20)
	noErr(t, err)
	return fsys, b[:off]
}

// FuzzSegment replaces the only segment by anything: Open refuses it or makes
// a log of it that reads as one chain, stays the same when opened again, and
// goes on.
func FuzzSegment(f *testing.F) {
	base, whole := fuzzBase(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(append(bytes.Clone(whole), make([]byte, 100)...))
	f.Add([]byte{})
	for _, off := range []int{0, 20, 30, 60, 100, 300, len(whole) - 3} {
		b := bytes.Clone(whole)
		b[off] ^= 0x10
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		disk := base.CrashClone(nil, vfs.KeepAll)
		edit(t, disk, inDir(segmentName(1)), func([]byte) []byte { return b })
		checkFuzzed(t, disk)
	})
}

// FuzzDamage changes a good segment in two places and cuts it: what is
// recovered must be a prefix of what was there.
func FuzzDamage(f *testing.F) {
	base, whole := fuzzBase(f)
	f.Add(uint16(10), byte(1), uint16(0), byte(0), uint16(0))
	f.Add(uint16(200), byte(0xff), uint16(500), byte(3), uint16(9))
	f.Add(uint16(len(whole)-1), byte(1), uint16(len(whole)-30), byte(1), uint16(0))
	s, _, err := Open(base.CrashClone(nil, vfs.KeepAll), testOptions)
	noErr(f, err)
	want := readAll(f, s, 0)
	noErr(f, s.Close())
	f.Fuzz(func(t *testing.T, off1 uint16, x1 byte, off2 uint16, x2 byte, cut uint16) {
		disk := base.CrashClone(nil, vfs.KeepAll)
		edit(t, disk, inDir(segmentName(1)), func([]byte) []byte {
			b := bytes.Clone(whole)
			b[int(off1)%len(b)] ^= x1
			b[int(off2)%len(b)] ^= x2
			return b[:len(b)-int(cut)%len(b)]
		})
		if got := checkFuzzed(t, disk); zxids(got) != zxids(want[:len(got)]) {
			t.Errorf("recovered %s", zxids(got))
		}
	})
}

// checkFuzzed opens disk and returns the records recovered, none if it was
// refused.
func checkFuzzed(t *testing.T, disk *vfs.MemFS) []zab.Record {
	s, r, err := Open(disk, testOptions)
	if err != nil {
		if !isDamage(err) {
			t.Errorf("opened: %v", err)
		}
		return nil
	}
	got := fuzzRead(t, s, r.Base.Zxid)
	if got == nil && r.Last != r.Base {
		noErr(t, s.Close())
		return nil // intact frames whose bodies are no transactions
	}
	c := &chain{enc: s.enc, at: r.Last}
	if r.Last.Zxid < 1<<62 {
		mustDo(t, s, appendOp(c.run(3, 10)...))
	}
	noErr(t, s.Close())
	s, r, err = Open(disk, testOptions)
	if err != nil || r.Last != c.at || r.Torn != 0 {
		t.Fatalf("opened again: %s, want %s, torn %d, %v", r.Last, c.at, r.Torn, err)
	}
	noErr(t, s.Close())
	return got
}

func fuzzRead(t *testing.T, s *Store, z zab.Zxid) []zab.Record {
	if _, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 1 << 20}); err != nil {
		if !isDamage(err) {
			t.Errorf("read: %v", err)
		}
		return nil
	}
	return readAll(t, s, z)
}
