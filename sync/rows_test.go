package zabsync

import (
	"errors"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

// TestZK4837: a learner is told to cut below what it has applied, and so below
// what its snapshots may hold. It cuts nothing and asks for a whole copy; the
// tree is never kept beside a log that ends before it.
func TestZK4837(t *testing.T) {
	b, recs := newLearnerBench(t, 5, 3)
	b.must(b.packet(zab.KindTrunc, 2, &zab.Trunc{To: recs[1].Position()}))
	b.want("TRUNC below the applied", "READY at=0x0 snap=true")
	if b.log.Appended() != recs[4].Position() {
		t.Fatalf("the log ends at %s", b.log.Appended())
	}
	b, recs = newLearnerBench(t, 5, 3)
	b.must(b.packet(zab.KindTrunc, 3, &zab.Trunc{To: recs[2].Position()}))
	b.want("TRUNC to the applied", "disk-3")
	// The disk refuses when it could not build the tree of that point.
	b.must(b.disk(func(d *zab.DiskDone) { d.OK, d.At = false, recs[4].Position() }))
	b.want("the disk refuses", "READY at=0x0 snap=true")
}

// TestZK2355: one proposal could not be read. The one behind it is not taken,
// and nothing after it: the learner leaves its leader, and its log ends before
// the hole.
func TestZK2355(t *testing.T) {
	b, recs := newLearnerBench(t, 2, 2)
	b.must(b.packet(zab.KindDiff, 2, nil))
	b.must(b.record(recs[2]))
	for _, rec := range recs[4:6] {
		if err := b.record(rec); !errors.Is(err, ErrProtocol) {
			t.Errorf("record %s behind a hole: %v", rec.Zxid, err)
		}
	}
	if b.log.Appended() != recs[2].Position() {
		t.Errorf("the log ends at %s", b.log.Appended())
	}
}
