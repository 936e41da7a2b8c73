package history

import (
	"strings"
	"testing"

	"github.com/quorumd/quorumd/zab"
	"pgregory.net/rapid"
)

var zeros = make([]byte, RecentBytes+1)

// records makes n records that follow at, their zxids step apart, each of size
// bytes.
func records(at zab.Position, n int, step zab.Zxid, size int) []zab.Record {
	recs := make([]zab.Record, n)
	for i := range recs {
		z := at.Zxid + step
		recs[i] = zab.Record{Zxid: z, Prev: at.CRC, CRC: at.CRC*31 + uint32(z) + 1, Bytes: zeros[:size]}
		at = recs[i].Position()
	}
	return recs
}

func appendAll(l *Log, recs []zab.Record) *zab.Output {
	out := &zab.Output{}
	for _, r := range recs {
		l.Append(r, out)
	}
	return out
}

func broken(t *testing.T, invariant string, f func()) {
	t.Helper()
	defer func() {
		if msg, _ := recover().(string); !strings.Contains(msg, "invariant "+invariant+" ") {
			t.Errorf("got %q, want a violation of %s", msg, invariant)
		}
	}()
	f()
}

func TestAppendsOfOneOutputAreOneOperation(t *testing.T) {
	l := New(zab.Position{})
	recs := records(zab.Position{}, 5, 1, 10)
	out := appendAll(l, recs[:2])
	l.SaveEpochs(zab.Epochs{Accepted: 1}, out)
	for _, r := range recs[2:] {
		l.Append(r, out)
	}
	if len(out.Disk) != 3 || len(out.Disk[0].Records) != 2 || len(out.Disk[2].Records) != 3 {
		t.Fatalf("operations: %+v", out.Disk)
	}
	for i, op := range out.Disk {
		if op.Op != uint64(i+1) {
			t.Errorf("operation %d has number %d", i, op.Op)
		}
	}
	if l.Quiet() || l.Synced() != 0 || l.Appended() != recs[4].Position() {
		t.Errorf("quiet %v, synced %s, appended %s", l.Quiet(), l.Synced(), l.Appended())
	}
	l.Completed(&zab.DiskDone{Op: 3, Kind: zab.DiskAppend, Synced: 5})
	if !l.Quiet() || l.Synced() != 5 {
		t.Errorf("quiet %v, synced %s after the last completion", l.Quiet(), l.Synced())
	}
}

func TestH1RefusesWhatDoesNotFollow(t *testing.T) {
	l := New(zab.At(7, 99))
	broken(t, "H1", func() { l.Append(zab.Record{Zxid: 8, Prev: 98}, &zab.Output{}) })
	broken(t, "H1", func() { l.Append(zab.Record{Zxid: 7, Prev: 99}, &zab.Output{}) })
}

func TestH2RefusesWhatWasNotAsked(t *testing.T) {
	l := New(zab.At(7, 99))
	broken(t, "H2", func() { l.Completed(&zab.DiskDone{Op: 1, Kind: zab.DiskEpochs}) })
	appendAll(l, records(zab.At(7, 99), 1, 1, 1))
	broken(t, "H2", func() { l.Completed(&zab.DiskDone{Op: 1, Kind: zab.DiskAppend, Synced: 9}) })
}

// TestH3FencesOldCompletions: what was durable before a truncation is not
// durable after it because a late word says so.
func TestH3FencesOldCompletions(t *testing.T) {
	for _, kind := range []zab.DiskOpKind{zab.DiskTruncate, zab.DiskSnapEnd} {
		l := New(zab.Position{})
		recs := records(zab.Position{}, 3, 1, 1)
		out := appendAll(l, recs)
		cut := recs[0].Position()
		if kind == zab.DiskTruncate {
			l.Truncate(cut, out)
		} else {
			l.SnapEnd(cut, out)
		}
		l.Completed(&zab.DiskDone{Op: 1, Kind: zab.DiskAppend, Synced: 3})
		if l.Synced() != 0 {
			t.Errorf("kind %d: an append from before the fence moved synced to %s", kind, l.Synced())
		}
		l.Completed(&zab.DiskDone{Op: 2, Kind: kind, At: cut, OK: true})
		if l.Appended() != cut || l.Synced() != cut.Zxid {
			t.Errorf("kind %d: appended %s, synced %s", kind, l.Appended(), l.Synced())
		}
		if at, known := l.Find(0); known && at != cut {
			t.Errorf("kind %d: the ring survived", kind)
		}
	}
}

func TestTruncationThatFailedChangesNothing(t *testing.T) {
	l := New(zab.At(7, 99))
	l.Truncate(zab.At(5, 1), &zab.Output{})
	l.Completed(&zab.DiskDone{Op: 1, Kind: zab.DiskTruncate, OK: false})
	if l.Appended() != zab.At(7, 99) || l.Synced() != 7 || !l.Quiet() {
		t.Errorf("appended %s, synced %s, quiet %v", l.Appended(), l.Synced(), l.Quiet())
	}
}

func TestReadsAreNumbered(t *testing.T) {
	l, out := New(zab.Position{}), &zab.Output{}
	if a, b := l.Read(3, 10, out), l.Read(3, 10, out); a == b || a == 0 || len(out.LogReads) != 2 {
		t.Errorf("reads %d and %d: %+v", a, b, out.LogReads)
	}
}

// TestRingAgainstModel compares the ring with the plain list of everything
// appended: whatever the ring says it knows must be so (H4).
func TestRingAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := zab.At(zab.Zxid(rapid.IntRange(0, 3).Draw(t, "base")), 5)
		l, all := New(base), []zab.Record(nil)
		end := base
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			n := rapid.SampledFrom([]int{1, 3, 70, 9000}).Draw(t, "n")
			recs := records(end, n, zab.Zxid(rapid.IntRange(1, 3).Draw(t, "step")), rapid.IntRange(1, 9000).Draw(t, "size"))
			appendAll(l, recs)
			all = append(all, recs...)
			end = l.Appended()
			checkRing(t, l, base, all)
		}
	})
}

func checkRing(t *rapid.T, l *Log, base zab.Position, all []zab.Record) {
	z := zab.Zxid(rapid.Int64Range(0, int64(l.Appended().Zxid)+2).Draw(t, "z"))
	if len(all) > 10 && rapid.Bool().Draw(t, "near") {
		z = max(0, l.Appended().Zxid-zab.Zxid(rapid.IntRange(0, 20).Draw(t, "back")))
	}
	want, next := base, len(all)
	for i := range all {
		if all[i].Zxid > z {
			next = i
			break
		}
		want = all[i].Position()
	}
	if got, known := l.Find(z); known && got != want {
		t.Fatalf("Find(%s) = %s, want %s", z, got, want)
	}
	limit := rapid.IntRange(1, 20000).Draw(t, "limit")
	got, known := l.After(z, limit, nil)
	if !known {
		return
	}
	if z < l.Appended().Zxid && want.Zxid != z {
		t.Fatalf("After(%s) answers though %s is no element", z, z)
	}
	size := 0
	for i := range got {
		if got[i].Position() != all[next+i].Position() {
			t.Fatalf("After(%s)[%d] = %s, want %s", z, i, got[i].Zxid, all[next+i].Zxid)
		}
		size += len(got[i].Bytes)
	}
	if len(got) == 0 && next < len(all) || len(got) > 1 && size > limit {
		t.Fatalf("After(%s, %d): %d records, %d bytes, %d follow", z, limit, len(got), size, len(all)-next)
	}
}

// appendSynced appends records to a disk that keeps up.
func appendSynced(l *Log, recs []zab.Record) {
	for i := range recs {
		appendAll(l, recs[i:i+1])
		l.synced = recs[i].Zxid
	}
}

func TestRingIsBounded(t *testing.T) {
	l := New(zab.Position{})
	appendSynced(l, records(zab.Position{}, RecentRecords+100, 1, 1))
	if _, known := l.After(99, 1, nil); known || l.recent.n != RecentRecords {
		t.Errorf("%d records kept", l.recent.n)
	}
	if recs, known := l.After(100, 1, nil); !known || recs[0].Zxid != 101 {
		t.Errorf("the oldest kept: %v %v", recs, known)
	}
	l = New(zab.Position{})
	l.Remember(3)
	appendSynced(l, records(zab.Position{}, 10, 1, 1))
	if _, known := l.After(6, 1, nil); known || l.recent.n != 3 {
		t.Errorf("%d records kept of 3", l.recent.n)
	}
	if recs, known := l.After(7, 1, nil); !known || recs[0].Zxid != 8 {
		t.Errorf("the oldest of 3: %v %v", recs, known)
	}
	l = New(zab.Position{})
	appendSynced(l, records(zab.Position{}, 5, 1, RecentBytes/2))
	if l.recent.n != 2 {
		t.Errorf("%d records of half the bound kept", l.recent.n)
	}
	appendSynced(l, records(l.Appended(), 1, 1, RecentBytes+1))
	if l.recent.n != 1 {
		t.Errorf("%d records kept beside a huge one", l.recent.n)
	}
}

// TestQD3: what is not durable stays in the ring, however much it is (H5). A
// log that is read for it on a disk that stands still would end too early.
func TestQD3(t *testing.T) {
	l := New(zab.Position{})
	l.Remember(3)
	recs := records(zab.Position{}, 200, 1, 1)
	appendAll(l, recs[:199])
	if got, known := l.Find(100); !known || got != recs[99].Position() {
		t.Errorf("record 100 of 199 that are not durable: %s, known %v", got, known)
	}
	l.synced = 198
	appendAll(l, recs[199:])
	if l.recent.n != 3 {
		t.Errorf("%d records kept of 3, all but the last two durable", l.recent.n)
	}
}

// TestCHK102629: what counts as durable falls back with a truncation, and a sync
// that was asked for before it says nothing about what is appended after it.
func TestCHK102629(t *testing.T) {
	l := New(zab.Position{})
	recs := records(zab.Position{}, 10, 1, 10)
	before := appendAll(l, recs)
	out := &zab.Output{}
	at := recs[3].Position()
	l.Truncate(at, out)
	l.Completed(&zab.DiskDone{Op: before.Disk[0].Op, Kind: zab.DiskAppend, Synced: recs[7].Zxid})
	l.Completed(&zab.DiskDone{Op: out.Disk[0].Op, Kind: zab.DiskTruncate, OK: true, At: at})
	if l.Synced() != at.Zxid || l.Appended() != at {
		t.Fatalf("cut to %s: synced %s, appended %s", at, l.Synced(), l.Appended())
	}
	other := records(zab.At(at.Zxid, at.CRC), 3, 2, 20)
	asked := appendAll(l, other)
	if l.Synced() != at.Zxid {
		t.Errorf("%s counts as durable before its sync returned", l.Synced())
	}
	l.Completed(&zab.DiskDone{Op: asked.Disk[0].Op, Kind: zab.DiskAppend, Synced: other[2].Zxid})
	if l.Synced() != other[2].Zxid {
		t.Errorf("synced %s after %s", l.Synced(), other[2].Zxid)
	}
	// The answer of an append is late, the cut was asked for after it.
	l.Truncate(at, out)
	l.Completed(&zab.DiskDone{Op: out.Disk[1].Op, Kind: zab.DiskTruncate, OK: true, At: at})
	l.Completed(&zab.DiskDone{Op: asked.Disk[0].Op, Kind: zab.DiskAppend, Synced: other[2].Zxid})
	if l.Synced() != at.Zxid {
		t.Errorf("synced %s after the second cut", l.Synced())
	}
}

// TestAppendsAreBounded: records that are asked for together are one append,
// until it is large; then another begins, so that the disk can tell of the first.
func TestAppendsAreBounded(t *testing.T) {
	l := New(zab.Position{})
	var out zab.Output
	at := zab.Position{}
	for i := range 40 {
		rec := zab.Record{Zxid: at.Zxid + 1, Prev: at.CRC, CRC: uint32(i + 1), Bytes: make([]byte, 100<<10)}
		at = rec.Position()
		l.Append(rec, &out)
	}
	if len(out.Disk) != 4 {
		t.Errorf("4 MB are %d appends", len(out.Disk))
	}
	out.Reset()
	for i := range 1000 {
		rec := zab.Record{Zxid: at.Zxid + 1, Prev: at.CRC, CRC: uint32(i + 1), Bytes: make([]byte, 100)}
		at = rec.Position()
		l.Append(rec, &out)
	}
	if len(out.Disk) != 1 {
		t.Errorf("100 kB are %d appends", len(out.Disk))
	}
}
