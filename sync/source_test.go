package zabsync

import (
	"testing"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/zab"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name     string
		last, at zab.Position
		gone     bool
		want     Mode
	}{
		{"both empty", zab.Position{}, zab.Position{}, false, Diff},
		{"an element", zab.At(5, 50), zab.At(5, 50), false, Diff},
		{"an element of an older epoch", zab.At(zab.NewZxid(1, 5), 50), zab.At(zab.NewZxid(1, 5), 50), false, Diff},
		{"between two elements", zab.At(6, 60), zab.At(5, 50), false, Trunc},
		{"an epoch that left no trace", zab.At(zab.NewZxid(2, 1), 60), zab.At(zab.NewZxid(1, 5), 50), false, Trunc},
		{"before the first element", zab.At(1, 10), zab.Position{}, false, Trunc},
		{"another past", zab.At(5, 51), zab.At(5, 50), false, Snap},
		{"before the log's base", zab.At(1, 10), zab.Position{}, true, Snap},
		{"empty, and the log begins later", zab.Position{}, zab.Position{}, true, Snap},
	} {
		if got := Choose(c.last, c.at, c.gone); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

type sourceBench struct {
	bench
	s    *Source
	recs []zab.Record
}

// newSourceBench is a leader whose log holds five records, all but the first in
// the ring, and a learner whose log ends at last.
func newSourceBench(t *testing.T, last zab.Position) *sourceBench {
	b := &sourceBench{bench: bench{t: t}, recs: chain(zab.Position{}, 5)}
	b.log = history.New(b.recs[0].Position())
	for _, r := range b.recs[1:] {
		b.log.Append(r, &zab.Output{})
	}
	b.s = NewSource(7, 2, last, b.log, &b.out)
	return b
}

func (b *sourceBench) ready(at zab.Position, needSnap bool) error {
	return b.s.Ready(&zab.Ready{At: at, NeedSnap: needSnap}, &b.out)
}

func (b *sourceBench) wantFrom(want zab.Position, ready bool) {
	b.t.Helper()
	if from, ok := b.s.From(); ok != ready || ready && from != want {
		b.t.Errorf("streams from %s, ready %v; want %s, %v", from, ok, want, ready)
	}
}

func TestSourceDiff(t *testing.T) {
	at := chain(zab.Position{}, 3)[2].Position()
	b := newSourceBench(t, at)
	b.want("an element", "DIFF 0x3")
	b.wantFrom(at, true)
}

func TestSourceTrunc(t *testing.T) {
	b := newSourceBench(t, zab.At(9, 1))
	b.want("beyond the end", "TRUNC 0x5")
	b.wantFrom(zab.Position{}, false)
	if b.ready(b.recs[3].Position(), false) == nil {
		t.Error("took a READY at another position")
	}
	if err := b.ready(b.recs[4].Position(), false); err != nil {
		t.Error(err)
	}
	b.wantFrom(b.recs[4].Position(), true)
}

func TestSourceAsksTheDisk(t *testing.T) {
	b := newSourceBench(t, zab.Position{})
	if len(b.out.LogReads) != 1 || b.out.LogReads[0].After != 0 {
		t.Fatalf("reads %+v", b.out.LogReads)
	}
	id := b.out.LogReads[0].ID
	if b.s.Read(&zab.LogReadResult{ID: id + 1}, &b.out) {
		t.Error("took the answer to another's read")
	}
	if !b.s.Read(&zab.LogReadResult{ID: id}, &b.out) || b.s.Read(&zab.LogReadResult{ID: id}, &b.out) {
		t.Error("did not take its own answer once")
	}
	b.want("the beginning", "DIFF")
	b.wantFrom(zab.Position{}, true)
}

// TestSourceSnap: when the log no longer reaches back, and when the learner
// cannot cut.
func TestSourceSnap(t *testing.T) {
	gone := newSourceBench(t, zab.Position{})
	gone.s.Read(&zab.LogReadResult{ID: gone.out.LogReads[0].ID, Gone: true}, &gone.out)
	refused := newSourceBench(t, zab.At(9, 1))
	refused.want("first", "TRUNC 0x5")
	if err := refused.ready(zab.Position{}, true); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*sourceBench{"gone": gone, "refused": refused} {
		b.want(name, "open")
		at := b.recs[1].Position()
		if b.ready(zab.Position{}, false) == nil {
			t.Errorf("%s: READY before the snapshot was sent", name)
		}
		if err := b.s.Opened(&zab.SnapReadResult{At: at, Size: 10}, &b.out); err != nil {
			t.Fatal(err)
		}
		b.want(name+" opened", "SNAP 0x2, read 0+10")
		if err := b.s.Chunk(&zab.SnapReadResult{Off: 0, Data: make([]byte, 10)}, &b.out); err != nil {
			t.Fatal(err)
		}
		b.want(name+" read", "SNAPCHUNK off=0 n=10 last=true")
		if b.ready(at, true) == nil || b.ready(b.recs[2].Position(), false) == nil {
			t.Errorf("%s: took a false READY", name)
		}
		if err := b.ready(at, false); err != nil {
			t.Error(err)
		}
		b.wantFrom(at, true)
		b.want(name+" ready", "") // the log behind it is still wanted
		b.s.Close(&b.out)
		b.want(name+" closed", "close")
	}
}

func TestSnapshotWindow(t *testing.T) {
	b := newSourceBench(t, zab.At(9, 1))
	b.take()
	if err := b.ready(zab.Position{}, true); err != nil {
		t.Fatal(err)
	}
	b.out.Reset()
	const window = snapWindow * snapChunkBytes
	const size = window + 3*snapChunkBytes/2
	if err := b.s.Opened(&zab.SnapReadResult{At: b.recs[1].Position(), Size: size}, &b.out); err != nil {
		t.Fatal(err)
	}
	var asked, sent int64
	for acked := int64(0); sent < size; {
		for _, r := range b.out.SnapReads {
			if r.Off != asked || r.Len > snapChunkBytes {
				t.Fatalf("asked for %+v after %d bytes", r, asked)
			}
			asked += int64(r.Len)
		}
		if asked-acked > window || asked < size && asked-acked < window-snapChunkBytes {
			t.Fatalf("%d bytes asked for, %d acknowledged", asked, acked)
		}
		b.out.Reset()
		n := min(snapChunkBytes, asked-sent)
		if err := b.s.Chunk(&zab.SnapReadResult{Off: sent, Data: make([]byte, n)}, &b.out); err != nil {
			t.Fatal(err)
		}
		sent += n
		acked = sent
		b.s.Acked(acked, &b.out)
		if has, of := b.s.Progress(); has != acked || of != size {
			t.Fatalf("progress %d of %d, acknowledged %d", has, of, acked)
		}
	}
	b.want("the end", "SNAPCHUNK off=4718592 n=262144 last=true")
}

func TestSnapshotThatFails(t *testing.T) {
	for name, res := range map[string]*zab.SnapReadResult{
		"failed": {Failed: true}, "empty": {}, "of another place": {Off: 5, Data: []byte("x")},
	} {
		b := newSourceBench(t, zab.At(9, 1))
		b.take()
		_ = b.ready(zab.Position{}, true)
		if b.s.Opened(&zab.SnapReadResult{Failed: true}, &b.out) == nil {
			t.Error("no snapshot, no error")
		}
		_ = b.s.Opened(&zab.SnapReadResult{Size: 10}, &b.out)
		if b.s.Chunk(res, &b.out) == nil {
			t.Errorf("%s: no error", name)
		}
		b.take()
		b.s.Close(&b.out)
		b.s.Close(&b.out)
		b.want(name, "close")
	}
}
