package replica

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestApplyWindow: a server that applies nothing is handed the window and no
// more (R11), however much is committed; it follows, acknowledges and hears the
// leader all the same. Once it applies again nothing is missing, also of what
// the ring no longer holds.
func TestApplyWindow(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	l := c.leader()
	slow := c.servers[(l.id+1)%3]
	slow.lagging = true
	from := len(slow.applied)
	const written = 200
	for seq := range uint64(written) {
		l.request(uint64(l.id)<<40 + seq + 1)
		c.settle(0)
	}
	c.settle(30 * time.Second)
	if got := len(slow.applied) - from; got < 5 || got > 5+runRecords {
		t.Fatalf("handed out %d records, the window is 5", got)
	}
	if st := slow.r.Status(); st.State != zab.Following || st.Synced != l.r.Status().Last || st.Committed != st.Synced {
		t.Fatalf("it does not follow: %+v", st)
	}
	if c.leader() != l {
		t.Fatal("another leader")
	}
	slow.lagging = false
	c.settle(time.Second)
	if len(slow.applied) != len(l.applied) || slow.r.Status().Applied != l.r.Status().Applied {
		t.Fatalf("applied %d of %d", len(slow.applied), len(l.applied))
	}
}

// TestApplyWindowBytes: the window is one of bytes as well, and telling of half
// a run frees nothing that is not applied.
func TestApplyWindowBytes(t *testing.T) {
	var w applyWindow
	z := zab.Zxid(0)
	for !w.full() {
		z++
		w.add(z, 100<<10)
	}
	if w.bytes < WindowBytes || w.bytes > WindowBytes+100<<10 || w.records > WindowRecords {
		t.Fatalf("full at %d records, %d bytes", w.records, w.bytes)
	}
	for told := range z {
		w.applied(told)
		if left := int(z - told); w.records < left || w.records > left+runRecords {
			t.Fatalf("through %s: %d records left, %d counted", told, left, w.records)
		}
	}
	w.applied(z)
	if w.records != 0 || w.bytes != 0 {
		t.Fatalf("%d records and %d bytes when all is applied", w.records, w.bytes)
	}
	for i := range zab.Zxid(100 * WindowRecords) { // and its memory is bounded
		w.add(z+i, 10)
		w.applied(z + i - 100)
	}
	if len(w.runs) > 1024 {
		t.Fatalf("%d runs kept", len(w.runs))
	}
}
