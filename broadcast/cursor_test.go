package broadcast

import (
	"slices"
	"testing"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/zab"
	"pgregory.net/rapid"
)

// disk holds everything that was ever appended, as a log that is read does.
type disk struct {
	log  *history.Log
	recs []zab.Record
	old  int // how many of them are older than this run
}

var zeros = make([]byte, WindowBytes*2)

func newDisk() *disk { return &disk{log: history.New(zab.Position{})} }

func (d *disk) add(sizes ...int) {
	for _, size := range sizes {
		at := d.log.Appended()
		rec := zab.Record{Zxid: at.Zxid + 1, Prev: at.CRC, CRC: at.CRC*31 + 7, Bytes: zeros[:size]}
		d.log.Append(rec, &zab.Output{})
		d.log.Completed(&zab.DiskDone{Op: uint64(int(rec.Zxid) - d.old), Kind: zab.DiskAppend, Synced: rec.Zxid})
		d.recs = append(d.recs, rec)
	}
}

func (d *disk) at(z zab.Zxid) zab.Position {
	if z == 0 {
		return zab.Position{}
	}
	return d.recs[z-1].Position()
}

// restart forgets what is recent: what there is has to be read.
func (d *disk) restart() { d.log, d.old = history.New(d.log.Appended()), len(d.recs) }

// answer answers the one read asked for in out.
func (d *disk) answer(r zab.LogRead, n int) *zab.LogReadResult {
	return &zab.LogReadResult{ID: r.ID, At: d.at(r.After), Records: d.recs[r.After:min(int(r.After)+n, len(d.recs))]}
}

func sent(out *zab.Output) (zs []zab.Zxid) {
	for _, s := range out.Sends {
		zs = append(zs, s.Packet.Zxid)
	}
	return zs
}

func released(link zab.LinkID, at zab.Position) *Cursor {
	c := NewCursor(link, at, at.Zxid)
	c.Release()
	return c
}

func TestWindowOfRecords(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(slices.Repeat([]int{1}, WindowRecords+10)...)
	c := released(1, d.at(1))
	c.Pump(d.log, out)
	c.Pump(d.log, out)
	if len(out.Sends) != WindowRecords {
		t.Fatalf("%d records in flight", len(out.Sends))
	}
	out.Reset()
	c.Acked(4)
	c.Pump(d.log, out)
	if len(out.Sends) != 3 {
		t.Fatalf("three acknowledged, %d sent", len(out.Sends))
	}
}

// TestWindowOfBytes: the window has room, but not for the next record. The
// cursor must wait, not spin.
func TestWindowOfBytes(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(10, WindowBytes-100, 200, 50)
	c := released(1, d.at(1))
	c.Pump(d.log, out)
	if got := sent(out); !slices.Equal(got, []zab.Zxid{2}) {
		t.Fatalf("sent %v", got)
	}
	c.Acked(2)
	c.Pump(d.log, out)
	if got := sent(out); !slices.Equal(got, []zab.Zxid{2, 3, 4}) {
		t.Fatalf("sent %v", got)
	}
}

func TestARecordLargerThanTheWindowPasses(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(10, WindowBytes+1, 5)
	c := released(1, d.at(1))
	c.Pump(d.log, out)
	if got := sent(out); !slices.Equal(got, []zab.Zxid{2}) {
		t.Fatalf("sent %v", got)
	}
	c.Acked(2)
	c.Pump(d.log, out)
	if got := sent(out); !slices.Equal(got, []zab.Zxid{2, 3}) {
		t.Fatalf("sent %v", got)
	}
}

func TestStopAndRelease(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(1, 1, 1, 1, 1)
	c := NewCursor(1, d.at(1), 3)
	c.Pump(d.log, out)
	if got := sent(out); !slices.Equal(got, []zab.Zxid{2, 3}) || !c.AtStop() {
		t.Fatalf("sent %v, at its stop %v", got, c.AtStop())
	}
	c.Release()
	c.Pump(d.log, out)
	if got := sent(out); !slices.Equal(got, []zab.Zxid{2, 3, 4, 5}) || c.Sent() != d.at(5) {
		t.Fatalf("sent %v", got)
	}
}

func TestReadsTheLogBehindTheRing(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(1, 1)
	d.restart()
	d.add(1, 1, 1)
	c := NewCursor(1, d.at(0), 4)
	c.Pump(d.log, out)
	c.Pump(d.log, out)
	if len(out.LogReads) != 1 || len(out.Sends) != 0 {
		t.Fatalf("reads %v, sent %v", out.LogReads, sent(out))
	}
	if c.Read(&zab.LogReadResult{ID: out.LogReads[0].ID + 1}, d.log, out) {
		t.Fatal("took the answer to another's read")
	}
	if !c.Read(d.answer(out.LogReads[0], 2), d.log, out) {
		t.Fatal("did not know its own read")
	}
	// Two from the disk, two from the ring, and there is the stop.
	if got := sent(out); !slices.Equal(got, []zab.Zxid{1, 2, 3, 4}) || len(out.LogReads) != 1 {
		t.Fatalf("sent %v, reads %v", got, out.LogReads)
	}
	if c.Read(d.answer(out.LogReads[0], 2), d.log, out) {
		t.Fatal("took the same answer twice")
	}
}

func TestAnEmptyReadIsTriedAgain(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(1)
	d.restart()
	c := NewCursor(1, d.at(0), 1)
	c.Pump(d.log, out)
	c.Read(&zab.LogReadResult{ID: out.LogReads[0].ID}, d.log, out)
	c.Pump(d.log, out)
	if c.Lost() || len(out.LogReads) != 1 {
		t.Fatalf("lost %v, reads %v", c.Lost(), out.LogReads)
	}
	d.add(1) // the disk has moved
	c.Pump(d.log, out)
	if len(out.LogReads) != 2 {
		t.Fatalf("reads %v", out.LogReads)
	}
}

func TestLostBehindTheLog(t *testing.T) {
	for name, spoil := range map[string]func(*zab.LogReadResult){
		"gone":                func(r *zab.LogReadResult) { r.Gone = true },
		"of another position": func(r *zab.LogReadResult) { r.At.CRC++ },
	} {
		d, out := newDisk(), &zab.Output{}
		d.add(1, 1)
		d.restart()
		c := NewCursor(1, d.at(0), 2)
		c.Pump(d.log, out)
		res := d.answer(out.LogReads[0], 2)
		spoil(res)
		if !c.Read(res, d.log, out) || !c.Lost() || len(out.Sends) != 0 {
			t.Errorf("%s: lost %v, sent %v", name, c.Lost(), sent(out))
		}
		c.Pump(d.log, out)
		if len(out.LogReads) != 1 {
			t.Errorf("%s: a lost cursor reads on", name)
		}
	}
}

// TestCursorDeliversAll: whatever the sizes, the ring's reach and the order of
// reads and acknowledgements, every record leaves once and in order, and the
// window holds (B3).
func TestCursorDeliversAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, c := newDisk(), NewCursor(1, zab.Position{}, 0)
		d.add(slices.Repeat([]int{1000}, rapid.IntRange(0, 10).Draw(t, "old"))...)
		d.restart()
		c.Release()
		var inFlight []zab.Record
		var reads []zab.LogRead
		next := 0
		for steps := 0; steps < 40 || c.Sent() != d.log.Appended(); steps++ {
			if steps > 4000 {
				t.Fatalf("stuck at %s of %s, %d in flight, %d reads", c.Sent(), d.log.Appended(), len(inFlight), len(reads))
			}
			out := &zab.Output{}
			switch what := rapid.IntRange(0, 3).Draw(t, "what"); {
			case what == 0 && steps < 40:
				size := rapid.SampledFrom([]int{1, 1000, WindowBytes / 3, WindowBytes * 2}).Draw(t, "size")
				d.add(slices.Repeat([]int{size}, rapid.IntRange(1, 5).Draw(t, "n"))...)
			case what == 1 && len(inFlight) > 0:
				n := rapid.IntRange(1, len(inFlight)).Draw(t, "acked")
				c.Acked(inFlight[n-1].Zxid)
				inFlight = inFlight[n:]
			case what == 2 && len(reads) > 0:
				c.Read(d.answer(reads[0], rapid.IntRange(1, 4).Draw(t, "read")), d.log, out)
				reads = reads[1:]
			}
			c.Pump(d.log, out)
			reads = append(reads, out.LogReads...)
			for _, s := range out.Sends {
				if s.Packet.Record.Position() != d.recs[next].Position() {
					t.Fatalf("sent %s, want %s", s.Packet.Zxid, d.recs[next].Zxid)
				}
				next++
				inFlight = append(inFlight, s.Packet.Record)
			}
			bytes := 0
			for _, r := range inFlight {
				bytes += len(r.Bytes)
			}
			if len(inFlight) > WindowRecords || len(inFlight) > 1 && bytes > WindowBytes {
				t.Fatalf("%d records of %d bytes in flight", len(inFlight), bytes)
			}
		}
	})
}

// TestZK2846: the log on the disk has a hole where the learner stands. What is
// behind the hole is not sent: the learner has to be brought up to date anew.
func TestZK2846(t *testing.T) {
	d, out := newDisk(), &zab.Output{}
	d.add(1, 1, 1, 1, 1, 1)
	d.restart()
	c := released(1, d.at(2))
	c.Pump(d.log, out)
	res := d.answer(out.LogReads[0], 3)
	res.At, res.Records = d.at(4), d.recs[4:6]
	out.Reset()
	if !c.Read(res, d.log, out) || !c.Lost() || len(out.Sends) != 0 {
		t.Fatalf("sent %v from behind the hole, lost %v", sent(out), c.Lost())
	}
	c.Pump(d.log, out)
	if len(out.Sends)+len(out.LogReads) != 0 {
		t.Fatalf("a lost cursor goes on: sent %v, reads %v", sent(out), out.LogReads)
	}
}
