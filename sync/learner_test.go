package zabsync

import (
	"errors"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

// TestDiffInOrder is S1 and S2: records durable, then the epoch, then the
// acknowledgement of NEWLEADER, then those of proposals.
func TestDiffInOrder(t *testing.T) {
	b, recs := newLearnerBench(t, 2, 0)
	b.must(b.packet(zab.KindDiff, 2, nil))
	b.must(b.record(recs[2]))
	b.must(b.record(recs[3]))
	b.want("two records", "disk-1")
	b.must(b.newLeader(recs[3].Position()))
	b.must(b.record(recs[4])) // proposed since
	b.want("NEWLEADER with nothing durable", "disk-1")
	if AckProposals(b.l.Proof(), b.log.Synced(), &b.out) {
		t.Error("S2: a proposal acknowledged before NEWLEADER")
	}
	b.must(b.disk())
	b.want("history durable", "disk-2")
	b.must(b.disk())
	b.want("a later record durable", "")
	b.must(b.disk())
	b.want("epoch durable", "ACK-NEWLEADER 0x4, ACK 0x5")
	if b.l.End() != recs[3].Position() || !AckProposals(b.l.Proof(), 5, &b.out) {
		t.Errorf("end %s, proof %v", b.l.End(), b.l.Proof())
	}
}

// TestRoomIsMadeWhileStreaming: the initial history may be longer than the
// leader's window, so what is stored must be told, though not acknowledged.
func TestRoomIsMadeWhileStreaming(t *testing.T) {
	b, recs := newLearnerBench(t, 0, 0)
	b.must(b.packet(zab.KindDiff, 0, nil))
	b.must(b.record(recs[0]))
	b.take()
	b.must(b.disk())
	b.want("a record of the initial history durable", "STORED 0x1")
	b.must(b.record(recs[1]))
	b.must(b.newLeader(recs[1].Position()))
	b.take()
	b.must(b.disk())
	b.want("the end durable", "disk-2")
}

func TestDiffWithoutRecords(t *testing.T) {
	b, recs := newLearnerBench(t, 2, 2)
	b.must(b.packet(zab.KindDiff, 2, nil))
	b.must(b.newLeader(recs[1].Position()))
	b.want("NEWLEADER", "disk-2")
	b.must(b.disk())
	b.want("epoch durable", "ACK-NEWLEADER 0x2")
}

func TestAnotherEpochIsNoProof(t *testing.T) {
	b, recs := newLearnerBench(t, 2, 2)
	b.must(b.packet(zab.KindDiff, 2, nil))
	b.must(b.newLeader(recs[1].Position()))
	b.take()
	b.must(b.disk(func(d *zab.DiskDone) { d.Epochs.Current = 1 }))
	b.want("an older promise became durable", "")
}

// TestTruncInOrder is S3: nothing is reported, nothing appended before the
// disk has confirmed the cut.
func TestTruncInOrder(t *testing.T) {
	b, recs := newLearnerBench(t, 3, 1)
	b.must(b.packet(zab.KindTrunc, 2, &zab.Trunc{To: recs[1].Position()}))
	b.want("TRUNC", "disk-3")
	if !b.l.Installing() {
		t.Error("not busy while the log is cut")
	}
	if err := b.record(recs[2]); !errors.Is(err, ErrProtocol) {
		t.Errorf("S3: a record while the log is cut: %v", err)
	}
	b.must(b.disk())
	b.want("cut", "READY at=0x2 snap=false")
	b.must(b.record(recs[2]))
	b.must(b.newLeader(recs[2].Position()))
	b.take()
	b.must(b.disk())
	b.must(b.disk())
	b.want("adopted", "ACK-NEWLEADER 0x3")
}

func TestTruncThatCannotBe(t *testing.T) {
	t.Run("below what is applied", func(t *testing.T) { // S4
		b, recs := newLearnerBench(t, 3, 3)
		b.must(b.packet(zab.KindTrunc, 2, &zab.Trunc{To: recs[1].Position()}))
		b.want("TRUNC", "READY at=0x0 snap=true")
	})
	t.Run("to a position not held", func(t *testing.T) {
		b, recs := newLearnerBench(t, 3, 0)
		b.must(b.packet(zab.KindTrunc, 2, &zab.Trunc{To: recs[1].Position()}))
		b.take()
		b.must(b.disk(func(d *zab.DiskDone) { d.OK = false }))
		b.want("refused by the disk", "READY at=0x0 snap=true")
		b.must(b.packet(zab.KindSnap, 2, &zab.Snap{At: recs[1].Position(), Size: 4}))
		b.want("SNAP after it", "disk-4")
	})
}

func TestSnapInOrder(t *testing.T) {
	b, recs := newLearnerBench(t, 1, 1)
	at := recs[9].Position()
	b.must(b.packet(zab.KindSnap, at.Zxid, &zab.Snap{At: at, Size: 8}))
	b.must(b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Off: 0, Data: []byte("1234")}))
	b.must(b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Off: 4, Data: []byte("5678"), Last: true}))
	b.want("snapshot", "disk-4, disk-5, disk-5, disk-6")
	b.must(b.disk())
	b.want("begun", "")
	b.must(b.disk())
	b.want("first piece", "SNAPACK 0x4")
	b.must(b.disk())
	b.want("second piece", "SNAPACK 0x8")
	if err := b.record(recs[10]); !errors.Is(err, ErrProtocol) {
		t.Errorf("S3: a record while the snapshot is installed: %v", err)
	}
	b.must(b.disk())
	b.want("installed", "READY at=0xa snap=false")
	b.must(b.record(recs[10]))
	b.must(b.newLeader(recs[10].Position()))
	b.take()
	b.must(b.disk())
	b.must(b.disk())
	b.want("adopted", "ACK-NEWLEADER 0xb")
}

// TestQD6: a disk that is at work on a snapshot is told of, and no more of it
// acknowledged than the disk has taken.
func TestQD6(t *testing.T) {
	b, recs := newLearnerBench(t, 3, 1)
	ping := func(when, want string) {
		t.Helper()
		b.l.Pinged(&b.out)
		b.want(when, want)
	}
	at := recs[2].Position()
	ping("before anything", "")
	b.must(b.packet(zab.KindTrunc, 2, &zab.Trunc{To: recs[1].Position()}))
	b.take()
	ping("while the log is cut", "SNAPACK")
	b.must(b.disk(func(d *zab.DiskDone) { d.OK = false }))
	b.must(b.packet(zab.KindSnap, at.Zxid, &zab.Snap{At: at, Size: 8}))
	b.must(b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Off: 0, Data: []byte("1234")}))
	b.take()
	ping("while it is received", "")
	b.must(b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Off: 4, Data: []byte("5678"), Last: true}))
	b.must(b.disk())
	b.take()
	ping("nothing written", "SNAPACK")
	b.must(b.disk())
	b.take()
	ping("the first piece written", "SNAPACK 0x4")
	b.must(b.disk())
	b.take()
	ping("all written", "SNAPACK 0x8")
	b.must(b.disk())
	b.take()
	ping("installed", "")
}

func TestDamagedSnapshot(t *testing.T) {
	b, recs := newLearnerBench(t, 1, 1)
	b.must(b.packet(zab.KindSnap, 10, &zab.Snap{At: recs[9].Position(), Size: 4}))
	b.must(b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Data: []byte("1234"), Last: true}))
	b.must(b.disk())
	b.must(b.disk())
	if err := b.disk(func(d *zab.DiskDone) { d.OK = false }); !errors.Is(err, ErrSnapshotDamaged) {
		t.Errorf("got %v", err)
	}
	if b.log.Appended() != recs[0].Position() {
		t.Errorf("the log ends at %s now", b.log.Appended())
	}
}

// TestRefusals: what a leader has no right to send makes the learner leave it.
func TestRefusals(t *testing.T) {
	_, recs := newLearnerBench(t, 0, 0)
	head := func(b *learnerBench) { b.must(b.packet(zab.KindDiff, 2, nil)) }
	snap := func(b *learnerBench) { b.must(b.packet(zab.KindSnap, 10, &zab.Snap{At: recs[9].Position(), Size: 4})) }
	nothing := func(*learnerBench) {}
	for name, c := range map[string]struct {
		before func(*learnerBench)
		then   func(*learnerBench) error
	}{
		"record before the head":    {nothing, func(b *learnerBench) error { return b.record(recs[2]) }},
		"NEWLEADER before the head": {nothing, func(b *learnerBench) error { return b.newLeader(recs[1].Position()) }},
		"chunk before the head": {nothing, func(b *learnerBench) error {
			return b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Data: []byte("x")})
		}},
		"DIFF from elsewhere": {nothing, func(b *learnerBench) error { return b.packet(zab.KindDiff, 1, nil) }},
		"two heads":           {head, func(b *learnerBench) error { return b.packet(zab.KindDiff, 2, nil) }},
		"TRUNC after DIFF": {head, func(b *learnerBench) error {
			return b.packet(zab.KindTrunc, 1, &zab.Trunc{To: recs[0].Position()})
		}},
		"SNAP after DIFF": {head, func(b *learnerBench) error { return b.packet(zab.KindSnap, 9, &zab.Snap{}) }},
		"record in SNAP":  {snap, func(b *learnerBench) error { return b.record(recs[2]) }},
		"gap":             {head, func(b *learnerBench) error { return b.record(recs[3]) }},
		"record again":    {head, func(b *learnerBench) error { return b.record(recs[1]) }},
		"NEWLEADER elsewhere": {head, func(b *learnerBench) error {
			return b.newLeader(recs[0].Position())
		}},
		"NEWLEADER of another past": {head, func(b *learnerBench) error {
			return b.newLeader(zab.At(2, recs[1].CRC+1))
		}},
		"NEWLEADER of another epoch": {head, func(b *learnerBench) error {
			return b.packet(zab.KindNewLeader, 2, &zab.NewLeader{Epoch: 3, End: recs[1].Position()})
		}},
		"an acknowledgement": {head, func(b *learnerBench) error { return b.packet(zab.KindAck, 2, nil) }},
	} {
		b, _ := newLearnerBench(t, 2, 0)
		c.before(b)
		b.take()
		if err := c.then(b); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		b.want(name, "")
	}
}

func TestZeroProofs(t *testing.T) {
	defer func() {
		if msg, _ := recover().(string); !strings.Contains(msg, "invariant S1 ") {
			t.Errorf("recovered %q", msg)
		}
	}()
	var out zab.Output
	if AckProposals(Acknowledged{}, 5, &out) || len(out.Sends) != 0 {
		t.Error("acknowledged without proof")
	}
	AckNewLeader(1, Adopted{}, &out)
}

// TestS37b: whichever way the learner is synchronised, NEWLEADER is acknowledged
// only when the cut or the snapshot, the records after it and the epoch are
// durable. The disk is let do one operation at a time.
func TestS37b(t *testing.T) {
	for name, head := range map[string]func(b *learnerBench, recs []zab.Record) int{
		"DIFF": func(b *learnerBench, _ []zab.Record) int {
			b.must(b.packet(zab.KindDiff, 3, nil))
			return 3
		},
		"TRUNC": func(b *learnerBench, recs []zab.Record) int {
			b.must(b.packet(zab.KindTrunc, 2, &zab.Trunc{To: recs[1].Position()}))
			b.must(b.disk())
			return 2
		},
		"SNAP": func(b *learnerBench, recs []zab.Record) int {
			b.must(b.packet(zab.KindSnap, 10, &zab.Snap{At: recs[9].Position(), Size: 4}))
			b.must(b.packet(zab.KindSnapChunk, 0, &zab.SnapChunk{Data: []byte("1234"), Last: true}))
			for range 3 {
				b.must(b.disk())
			}
			return 10
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, recs := newLearnerBench(t, 3, 1)
			n := head(b, recs)
			for range 3 { // each an operation of its own
				b.must(b.record(recs[n]))
				b.take()
				n++
			}
			b.must(b.newLeader(recs[n-1].Position()))
			for _, left := range []string{"three records", "two records", "one record", "the epoch"} {
				if got := b.take(); strings.Contains(got, "ACK-NEWLEADER") {
					t.Fatalf("%s are to be synced: %q", left, got)
				}
				b.must(b.disk())
			}
			b.want("all durable", "ACK-NEWLEADER "+recs[n-1].Zxid.String())
		})
	}
}
