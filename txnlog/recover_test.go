package txnlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// sample is a store of three segments that a killed process left: batches of
// two records each, which end at ends.
type sample struct {
	fsys *vfs.MemFS
	recs []zab.Record
	segs []string // paths
	ends []int    // of the batches in the last segment, offsets
}

func newSample(t *testing.T) *sample {
	t.Helper()
	m := &sample{fsys: newFS(t)}
	s, _ := mustOpen(t, m.fsys)
	c := newChain()
	for len(s.segs) < 3 || len(m.ends) < 4 {
		run := c.run(2, 300)
		m.recs = append(m.recs, run...)
		mustDo(t, s, appendOp(run...))
		noErr(t, s.Prepare())
		if len(s.segs) == 3 {
			m.ends = append(m.ends, int(s.w.off))
		}
	}
	for _, seg := range s.segs {
		m.segs = append(m.segs, seg.path)
	}
	m.fsys = m.fsys.CrashClone(nil, vfs.KeepNothing)
	return m
}

func (m *sample) last() string { return m.segs[len(m.segs)-1] }

// TestTails: what an interrupted write leaves is cut, with its length said;
// damage before it is refused, with its place.
func TestTails(t *testing.T) {
	newRecord := func(m *sample, prev uint32) []byte {
		c := &chain{enc: wire.NewEncoder(), at: zab.At(m.recs[len(m.recs)-1].Zxid, prev)}
		return c.next(c.at.Zxid+1, 10).Bytes
	}
	put := func(off int, b []byte) func([]byte) []byte {
		return func(file []byte) []byte {
			copy(file[off:], b)
			return file
		}
	}
	n := len(newSample(t).recs)
	recLen := len(newSample(t).recs[0].Bytes)
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, m *sample)
		recs  int    // recovered
		torn  int64  // bytes cut
		want  string // part of the error; the file and offset
	}{
		{"nothing", func(t *testing.T, m *sample) {}, n, 0, ""},
		{"bit in the last batch", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), flip(m.ends[3]-10))
		}, n - 1, int64(recLen), ""},
		{"bit in the first record of the last batch", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), flip(m.ends[2]+markSize+100))
		}, n - 2, int64(2 * recLen), ""},
		{"bit in the last mark", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), flip(m.ends[2]+8))
		}, n - 2, int64(markSize + 2*recLen), ""},
		{"cut within the last record", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte { return b[:m.ends[3]-1] })
		}, n - 1, int64(recLen - 1), ""},
		{"cut within the last header", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte { return b[:m.ends[3]-recLen+10] })
		}, n - 1, 9, ""}, // the tenth byte is zero
		{"cut at a record", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte { return b[:m.ends[3]-recLen] })
		}, n - 1, 0, ""},
		{"garbage after the end", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), put(m.ends[3]+5, []byte("garbage")))
		}, n, 12, ""},
		{"a later record of a batch whose first did not land", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), put(m.ends[3]+500, newRecord(m, 99)))
		}, n, int64(500 + len(newRecord(newSample(t), 99))), ""},
		{"a client's bytes that look like a mark", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), put(m.ends[3]+100, appendMark(nil, zab.Position{}, int64(m.ends[3]+100), 0x07070707)))
		}, n, 100 + markSize, ""},
		{"bit before a later sync", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), flip(m.ends[1]+markSize+100))
		}, 0, 0, "segment %s at offset {ends1+mark}"},
		{"zeroed sector before a later sync", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), put(512, make([]byte, 512)))
		}, 0, 0, "segment %s at offset"},
		{"zeros from a record on to a later mark", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), put(m.ends[0], make([]byte, m.ends[2]-m.ends[0])))
		}, 0, 0, "segment %s at offset {ends0}"},
		{"bit in the header of the last segment", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), flip(9))
		}, 0, 0, "segment %s at offset 0"},
		{"record of another history at the end", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), put(m.ends[3], newRecord(m, 99)))
		}, 0, 0, "segment %s at offset {ends3}"},
		{"bit in an earlier segment", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.segs[1], flip(3000))
		}, 0, 0, "segment {seg1} at offset"},
		{"an earlier segment ends early", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.segs[1], func(b []byte) []byte {
				return b[:len(bytes.TrimRight(b, "\x00"))-recLen]
			})
		}, 0, 0, "records are missing"},
		{"zeros at the end of an earlier segment", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.segs[1], func(b []byte) []byte { return append(b, make([]byte, 100)...) })
		}, n, 0, ""},
		{"a segment is missing", func(t *testing.T, m *sample) {
			noErr(t, m.fsys.Remove(m.segs[1]))
		}, 0, 0, "records are missing"},
		{"an earlier segment is empty", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.segs[1], func(b []byte) []byte { return nil })
		}, 0, 0, "segment {seg1} at offset 0"},
		{"a segment under a wrong name", func(t *testing.T, m *sample) {
			noErr(t, m.fsys.Rename(m.last(), inDir(segmentName(999))))
		}, 0, 0, "begins with record"},
		{"an empty segment at the end (ZOOKEEPER-2332)", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte { return nil })
		}, n - 8, 0, ""},
		{"a blank segment at the end", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte { clear(b); return b })
		}, n - 8, 0, ""},
		{"half a header at the end", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte { return b[:10] })
		}, n - 8, 9, ""},
		{"the last segment under the spare's name", func(t *testing.T, m *sample) {
			noErr(t, m.fsys.Remove(inDir(spareName)))
			noErr(t, m.fsys.Rename(m.last(), inDir(spareName)))
		}, n, 0, ""},
		{"a newer format", func(t *testing.T, m *sample) {
			edit(t, m.fsys, m.last(), func(b []byte) []byte {
				frame := wire.AppendFrame(nil, 1, 999, 0, nil)
				frame[21] = 2 // format
				return put(m.ends[3], reseal(frame))(b)
			})
		}, 0, 0, "newer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newSample(t)
			test.spoil(t, m)
			before := m.fsys.CrashClone(nil, vfs.KeepAll)
			s, r, err := Open(m.fsys, testOptions)
			if test.want != "" {
				want := strings.NewReplacer("%s", m.last(), "{seg1}", m.segs[1], "{ends0}", fmt.Sprint(m.ends[0]),
					"{ends1+mark}", fmt.Sprint(m.ends[1]+markSize), "{ends3}", fmt.Sprint(m.ends[3])).Replace(test.want)
				if err == nil || !isDamage(err) || !strings.Contains(err.Error(), want) {
					t.Fatalf("opened: %v; want an error with %q", err, want)
				}
				sameDisk(t, before, m.fsys)
				return
			}
			noErr(t, err)
			defer s.Close()
			if r.Torn != test.torn || r.Last != m.recs[test.recs-1].Position() {
				t.Errorf("recovered %s, torn %d; want %s, %d", r.Last, r.Torn, m.recs[test.recs-1].Position(), test.torn)
			}
			if got := readAll(t, s, 0); zxids(got) != zxids(m.recs[:test.recs]) {
				t.Errorf("recovered %s", zxids(got))
			}
			// The cut is durable, and the log goes on behind it.
			s, r = mustOpen(t, m.fsys.CrashClone(nil, vfs.KeepNothing))
			if r.Torn != 0 {
				t.Errorf("torn again: %d", r.Torn)
			}
			c := &chain{enc: wire.NewEncoder(), at: r.Last}
			mustDo(t, s, appendOp(c.run(30, 100)...))
			noErr(t, s.Close())
		})
	}
}

// reseal gives a frame without a body the checksum of its changed header.
func reseal(frame []byte) []byte {
	sum := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), frame[:4])
	sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), frame[8:])
	binary.LittleEndian.PutUint32(frame[4:], sum)
	return frame
}

func sameDisk(t *testing.T, a, b *vfs.MemFS) {
	t.Helper()
	dir := filepath.Join(testDir, subDir)
	names, err := a.List(dir)
	noErr(t, err)
	names2, err := b.List(dir)
	noErr(t, err)
	if fmt.Sprint(names) != fmt.Sprint(names2) {
		t.Errorf("a refused directory was changed: %s, then %s", names, names2)
	}
	for _, name := range names {
		x, err := vfs.ReadFile(a, inDir(name), 1<<24)
		noErr(t, err)
		y, err := vfs.ReadFile(b, inDir(name), 1<<24)
		noErr(t, err)
		if !bytes.Equal(x, y) {
			t.Errorf("a refused directory was changed: %s", name)
		}
	}
}

// TestS37eEveryBit damages each byte of the log in turn: it is noticed, or it is
// taken for a torn tail, and then it lay in the last batch.
func TestS37eEveryBit(t *testing.T) {
	m := newSample(t)
	refused, cut := 0, 0
	for i, path := range m.segs {
		whole, err := vfs.ReadFile(m.fsys, path, 1<<24)
		noErr(t, err)
		for off := range whole {
			disk := m.fsys.CrashClone(nil, vfs.KeepAll)
			edit(t, disk, path, flip(off))
			s, r, err := Open(disk, testOptions)
			if err != nil {
				if !isDamage(err) {
					t.Fatalf("%s byte %d: %v", path, off, err)
				}
				refused++
				continue
			}
			if i < len(m.segs)-1 && off < 4000 || off < m.ends[2] {
				t.Fatalf("%s byte %d: the damage was not noticed; recovered %s", path, off, r.Last)
			}
			cut++
			got := readAll(t, s, 0)
			if len(got) < len(m.recs)-2 || zxids(got) != zxids(m.recs[:len(got)]) {
				t.Fatalf("%s byte %d: recovered %s", path, off, zxids(got))
			}
			noErr(t, s.Close())
		}
	}
	t.Logf("%d refused, %d taken for a torn tail or for reserve", refused, cut)
}

// TestEndIsKnown: a log that lost its end after a clean close, or after an
// epoch was saved, is refused.
func TestEndIsKnown(t *testing.T) {
	for _, how := range []string{"close", "epochs"} {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		mustDo(t, s, appendOp(c.run(2, 100)...))
		mustDo(t, s, appendOp(c.run(2, 100)...))
		noErr(t, s.Prepare())
		off := s.w.off
		if how == "epochs" {
			mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 1}})
			fsys = fsys.CrashClone(nil, vfs.KeepNothing)
		} else {
			noErr(t, s.Close())
		}
		edit(t, fsys, inDir(segmentName(1)), flip(int(off)-5))
		_, _, err := Open(fsys, testOptions)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "its end is missing") {
			t.Errorf("%s: %v", how, err)
		}
		noErr(t, fsys.Remove(inDir(segmentName(1))))
		if _, _, err = Open(fsys, testOptions); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, no log at all: %v", how, err)
		}
	}
}

func TestZK2325(t *testing.T) {
	// Records 1..9, snapshots of 3 and 6, the log begins after 3.
	build := func(t *testing.T) (*vfs.MemFS, *chain) {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		for range 2 {
			mustDo(t, s, appendOp(c.run(3, 100)...))
			snap(t, s, c.at)
		}
		mustDo(t, s, appendOp(c.run(3, 100)...))
		noErr(t, s.Purge(2))
		noErr(t, s.Close())
		return fsys, c
	}
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, fsys *vfs.MemFS)
		snap  zab.Zxid
		last  zab.Zxid
		warn  string
		want  string // part of the error
	}{
		{"whole", func(t *testing.T, fsys *vfs.MemFS) {}, 6, 9, "", ""},
		{"newest damaged", func(t *testing.T, fsys *vfs.MemFS) {
			edit(t, fsys, inDir(snapName(6)), flip(500))
		}, 3, 9, "passed over", ""},
		{"newest empty", func(t *testing.T, fsys *vfs.MemFS) {
			edit(t, fsys, inDir(snapName(6)), func([]byte) []byte { return nil })
		}, 3, 9, "passed over", ""},
		{"newest cut before its last frame", func(t *testing.T, fsys *vfs.MemFS) {
			edit(t, fsys, inDir(snapName(6)), func(b []byte) []byte { return b[:len(b)-30] })
		}, 3, 9, "passed over", ""},
		{"newest under a wrong name", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Rename(inDir(snapName(6)), inDir(snapName(7))))
		}, 3, 9, "passed over", ""},
		{"both damaged", func(t *testing.T, fsys *vfs.MemFS) {
			edit(t, fsys, inDir(snapName(6)), flip(500))
			edit(t, fsys, inDir(snapName(3)), flip(500))
		}, 0, 0, "", "no intact snapshot"},
		{"all missing", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Remove(inDir(snapName(6))))
			noErr(t, fsys.Remove(inDir(snapName(3))))
		}, 0, 0, "", "no intact snapshot"},
		{"the log begins after the oldest", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Remove(inDir(segmentName(4))))
			edit(t, fsys, inDir(snapName(6)), flip(500))
		}, 0, 0, "", "no intact snapshot"},
		{"the log is gone", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Remove(inDir(segmentName(4))))
			noErr(t, fsys.Remove(inDir(segmentName(7))))
		}, 0, 0, "", "its end is missing"},
		{"a snapshot of another history", func(t *testing.T, fsys *vfs.MemFS) {
			file := foreignSnapshot(t, zab.At(8, 0xbad), 100)
			makeFile(t, fsys, inDir(snapName(8)), file)
		}, 0, 0, "", "different histories"},
		{"a snapshot beyond the log", func(t *testing.T, fsys *vfs.MemFS) {
			file := foreignSnapshot(t, zab.At(20, 0x20), 100)
			makeFile(t, fsys, inDir(snapName(20)), file)
		}, 20, 20, "goes on from the snapshot", ""},
		{"rests of interrupted work", func(t *testing.T, fsys *vfs.MemFS) {
			for _, name := range []string{installName, snapName(8) + tmpSuffix, identityName + tmpSuffix} {
				makeFile(t, fsys, inDir(name), []byte("half"))
			}
		}, 6, 9, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys, c := build(t)
			test.spoil(t, fsys)
			s, r, err := Open(fsys, testOptions)
			if test.want != "" {
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("opened: %v", err)
				}
				return
			}
			noErr(t, err)
			if r.Snapshot == nil || r.Snapshot.At.Zxid != test.snap || r.Last.Zxid != test.last {
				t.Fatalf("recovered %+v", r)
			}
			if warned := strings.Join(r.Warnings, "; "); !strings.Contains(warned, test.warn) || test.warn == "" && warned != "" {
				t.Errorf("warnings: %q", warned)
			}
			if got := files(t, fsys); strings.Contains(got, "tmp") || strings.Contains(got, "install") {
				t.Errorf("left: %s", got)
			}
			c.at = r.Last
			mustDo(t, s, appendOp(c.run(3, 10)...))
			noErr(t, s.Close())
			if s, r := mustOpen(t, fsys); r.Last != c.at || len(readAll(t, s, r.Base.Zxid)) != int(c.at.Zxid-r.Base.Zxid) {
				t.Errorf("went on to %s", r.Last)
			}
		})
	}
}

// makeFile makes a file.
func makeFile(t *testing.T, fsys vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fsys.Create(path)
	noErr(t, err)
	_, err = f.WriteAt(b, 0)
	noErr(t, err)
	noErr(t, f.Close())
}
