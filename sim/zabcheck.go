package sim

import (
	"slices"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// The invariants of the published specifications of Zab (spec/zab.md §13), by
// their published names. The forms here are incremental: each is judged where
// something happens that could break it. zabfull.go has the definitions as
// they are written, over the whole run, for its end.

// primary is what an epoch's leader has broadcast.
type primary struct {
	server    zab.ServerID
	broadcast []zab.Position // in order
	delivered int            // of them, by anybody
}

// Leadership1: two servers that lead in the synchronisation or broadcast phase
// with the same accepted epoch are the same server.
func (k *checker) Leadership1(n *node, s *replica.Status) {
	for _, other := range k.w.nodes {
		if other == n || !other.up || k.leading[other.index] != s.Epoch || s.Epoch == 0 {
			continue
		}
		k.w.fail("Leadership1: %v and %v lead epoch %d", n, other, s.Epoch)
	}
}

// Leadership2: over the whole run each epoch has at most one established
// leader.
func (k *checker) Leadership2(id zab.ServerID, e zab.Epoch) {
	if other, ok := k.leaders[e]; ok && other != id {
		k.w.fail("Leadership2: epoch %d is led by %d and by %d", e, other, id)
	}
	k.leaders[e] = id
}

// LeaderLogCompleteness: whoever is established as leader holds every record
// that was committed in earlier epochs. One that stood still may find the last
// acknowledgement when a later epoch has begun; it will commit nothing.
func (k *checker) LeaderLogCompleteness(n *node) {
	before := k.history
	for len(before) > 0 && before[len(before)-1].Zxid.Epoch() > k.status.Epoch {
		before = before[:len(before)-1]
	}
	if len(before) == 0 {
		return
	}
	if end := before[len(before)-1]; !k.logs[n.index].holds(end) && !n.inFlight(end) {
		k.w.fail("LeaderLogCompleteness: %v leads with a log that ends at %s, %s is committed", n, k.logs[n.index].end(), end)
	}
}

// inFlight reports whether a record is among those that the disk was asked to
// append.
func (n *node) inFlight(p zab.Position) bool {
	return slices.ContainsFunc(n.disk, func(op zab.DiskOp) bool {
		return slices.ContainsFunc(op.Records, func(r zab.Record) bool { return r.Position() == p })
	})
}

// CommittedLogDurability: every committed record is in the synced log of a
// quorum at all times, crashed servers' disks included. Where a disk was lost,
// what is left must be enough: no quorum of servers that know an epoch can come
// together without one that holds the record (invariant E4).
func (k *checker) CommittedLogDurability(changed *node) {
	end := k.end()
	if end.Zxid == 0 || k.heldByQuorum(end) {
		return
	}
	k.w.fail("CommittedLogDurability: %s is committed; after a change at %v no quorum holds it: %v", end, changed, k.logEnds())
}

func (k *checker) heldByQuorum(p zab.Position) bool {
	if k.ensemble.IsQuorum(func(id zab.ServerID) bool { return k.logs[id-1].holds(p) }) {
		return true
	}
	return slices.Contains(k.lost, true) && !k.ensemble.IsQuorum(func(id zab.ServerID) bool {
		return !k.logs[id-1].holds(p) && k.durable[id-1].epochs.Current > 0
	})
}

func (k *checker) logEnds() []zab.Position {
	ends := make([]zab.Position, len(k.logs))
	for i := range k.logs {
		ends[i] = k.logs[i].end()
	}
	return ends
}

// Integrity: what a server delivers was broadcast by some primary.
//
// LocalPrimaryOrder: records of one primary are delivered in the order in which
// it broadcast them, none left out.
//
// GlobalPrimaryOrder: of two delivered records of different epochs, the one of
// the lower epoch comes first.
//
// All three are judged as a record is delivered for the first time anywhere;
// PrefixConsistency carries them over to every other server.
func (k *checker) primaryOrder(n *node, p zab.Position) {
	e := p.Zxid.Epoch()
	if last := k.end().Zxid.Epoch(); e < last {
		k.w.fail("GlobalPrimaryOrder: %v delivers %s after a record of epoch %d", n, p, last)
	}
	by := k.primaries[e]
	switch {
	case by == nil || !slices.Contains(by.broadcast[min(by.delivered, len(by.broadcast)):], p):
		k.w.fail("Integrity: %v delivers %s, which no primary has broadcast", n, p)
	case by.broadcast[by.delivered] != p:
		k.w.fail("LocalPrimaryOrder: %v delivers %s before %s", n, p, by.broadcast[by.delivered])
	default:
		by.delivered++
	}
}

// PrefixConsistency: the delivered prefixes of any two servers agree record by
// record. Each server's deliveries are held against the one canonical history;
// so are Agreement and TotalOrder, which follow from it.
//
// ProcessConsistency: what a server has delivered is in its own synced log.
//
// CommittedLogMonotonicity: what a server has delivered only ever grows.
func (k *checker) PrefixConsistency(n *node, rec *zab.Record) {
	p := rec.Position()
	if last := k.delivered[n.index]; p.Zxid <= last {
		k.w.fail("CommittedLogMonotonicity: %v delivers %s after %s", n, p, last)
	}
	k.delivered[n.index] = p.Zxid
	if !k.logs[n.index].holds(p) {
		k.w.fail("ProcessConsistency: %v delivers %s, its synced log ends at %s", n, p, k.logs[n.index].end())
	}
	if at, ok := k.placeOf(p.Zxid); !ok || k.history[at] != p {
		k.w.fail("PrefixConsistency: %v delivers %s, which is not the record of the history there", n, p)
	}
}

// placeOf finds a zxid in the history; its end is looked at first.
func (k *checker) placeOf(z zab.Zxid) (int, bool) {
	if n := len(k.history); n > 0 && k.history[n-1].Zxid == z {
		return n - 1, true
	}
	return slices.BinarySearchFunc(k.history, z, func(p zab.Position, z zab.Zxid) int { return int(min(1, max(-1, p.Zxid-z))) })
}

// handsOut takes note of what a server hands out to be applied.
func (k *checker) handsOut(n *node, recs []zab.Record) {
	if len(recs) > 0 {
		k.handed[n.index] = recs[len(recs)-1].Zxid
	}
}

// PrimaryIntegrity: a primary that broadcasts has delivered every record of a
// lower epoch that any server delivered. Delivered is, here, handed out to be
// applied, as this package saw it and not as the server says: what is handed
// out is applied before anything of the new epoch, in one queue.
func (k *checker) PrimaryIntegrity(n *node, handed zab.Zxid, e zab.Epoch) {
	i, _ := slices.BinarySearchFunc(k.history, e, func(p zab.Position, e zab.Epoch) int { return int(min(1, max(-1, p.Zxid.Epoch()-e))) })
	if i == 0 {
		return
	}
	if handed < k.history[i-1].Zxid {
		k.w.fail("PrimaryIntegrity: %v broadcasts in epoch %d with %s delivered; %s was delivered elsewhere", n, e, handed, k.history[i-1])
	}
}

// asked takes note of what a server asks of its disk: what a leader appends in
// its own epoch it broadcasts.
func (k *checker) asked(n *node, ops []zab.DiskOp) {
	for i := range ops {
		for j := range ops[i].Records {
			rec := &ops[i].Records[j]
			// One that gives up as it appends still led when it did.
			if e := rec.Zxid.Epoch(); k.leading[n.index] != e && k.led != e {
				continue
			}
			k.broadcasts(n, rec)
			k.leader.proposes(k, n, rec)
		}
	}
}

func (k *checker) broadcasts(n *node, rec *zab.Record) {
	e := rec.Zxid.Epoch()
	by := k.primaries[e]
	if by == nil {
		by = &primary{server: n.id}
		k.primaries[e] = by
		k.PrimaryIntegrity(n, k.handed[n.index], e)
	}
	if by.server != n.id {
		k.w.fail("Leadership2: %v broadcasts %s in an epoch of server %d", n, rec.Position(), by.server)
	}
	by.broadcast = append(by.broadcast, rec.Position())
	if rec.Txn != nil && endsSession(rec.Txn) {
		k.ends(n, rec.Txn)
	}
}
