package replica

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestZK4712: a follower's role ends while its disk is still at work on what
// that role asked for. In ZooKeeper the old logger went on under the next role,
// and what was in memory and what was in the log came apart. Here no election
// begins, and no vote is given, before the disk has answered everything.
func TestZK4712(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	l := c.leader()
	f, other := c.servers[(l.id+1)%3], c.servers[(l.id+2)%3]
	f.holdDisk = true
	for seq := range uint64(3) {
		l.request(uint64(l.id)<<40 + seq + 1)
	}
	c.settle(10 * time.Millisecond)
	if len(f.disk) == 0 || f.r.Status().State != zab.Following {
		t.Fatalf("the story does not begin: %d operations, %+v", len(f.disk), f.r.Status())
	}
	end := f.r.Status().Last
	l.crash()
	c.settle(15 * time.Second) // the follower loses its leader meanwhile
	if f.r.leader != nil || f.r.follower != nil || f.r.election != nil {
		t.Fatalf("a role or an election goes on while the disk of the last one is at work: %+v", f.r.Status())
	}
	if f.r.Status().Synced == end {
		t.Fatal("the disk was not held")
	}
	f.holdDisk = false
	c.settle(5 * time.Second)
	if c.leader() == nil {
		t.Fatalf("no leader: %+v, %+v", f.r.Status(), other.r.Status())
	}
	if st := f.r.Status(); st.Applied < end || st.Applied != other.r.Status().Applied || len(f.applied) != len(other.applied) {
		t.Fatalf("applied %d and %d records, the log ended at %s: %+v", len(f.applied), len(other.applied), end, st)
	}
}
