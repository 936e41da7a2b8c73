package broadcast

import (
	"slices"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/zab"
)

// Tally counts acknowledgements and moves the commit point.
type Tally struct {
	ensemble  *zab.Ensemble
	voters    []zab.ServerID
	acked     []zab.Zxid // by index in voters
	committed zab.Zxid
	open      bool // B2: the epoch's history is adopted by a quorum
}

// NewTally starts with nothing acknowledged and nothing committed.
func NewTally(e *zab.Ensemble) *Tally {
	return &Tally{ensemble: e, voters: e.Voters(), acked: make([]zab.Zxid, len(e.Voters()))}
}

// Ack records that server holds everything through z. Observers are ignored.
func (t *Tally) Ack(server zab.ServerID, z zab.Zxid) {
	if i := slices.Index(t.voters, server); i >= 0 {
		t.acked[i] = max(t.acked[i], z)
	}
}

// Forget drops what server acknowledged: its connection is gone, and it will
// say again what it holds. What is committed stays so (B1).
func (t *Tally) Forget(server zab.ServerID) {
	if i := slices.Index(t.voters, server); i >= 0 {
		t.acked[i] = 0
	}
}

// Open says that a quorum has adopted the epoch whose history ends at end.
func (t *Tally) Open(end zab.Zxid) {
	t.open = true
	t.committed = max(t.committed, end)
}

// Committed returns the commit point.
func (t *Tally) Committed() zab.Zxid { return t.committed }

// Advance moves the commit point as far as a quorum reaches and reports
// whether it moved.
func (t *Tally) Advance() bool {
	if !t.open {
		return false
	}
	z := t.ensemble.QuorumZxid(t.ackedBy)
	if z <= t.committed {
		return false
	}
	t.committed = z
	return true
}

// ackedBy returns what a voter has acknowledged.
func (t *Tally) ackedBy(server zab.ServerID) zab.Zxid {
	i := slices.Index(t.voters, server)
	must.Hold(i >= 0, "B2", "acknowledgement of %d, which is no voter", server)
	return t.acked[i]
}
