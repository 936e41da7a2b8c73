package zab

import "slices"

// Ensemble is the membership: who votes, with what weight, and who observes.
// It is immutable once made.
type Ensemble struct {
	voters    []ServerID // ascending
	observers []ServerID // ascending
	groups    []group    // hierarchical quorum; one group of weight 1 each by default
}

type group struct {
	members []member
	total   int64
}

type member struct {
	id     ServerID
	weight int64
}

// NewEnsemble makes an ensemble with majority quorums.
func NewEnsemble(voters, observers []ServerID) *Ensemble {
	g := make([]ServerID, len(voters))
	copy(g, voters)
	return NewHierarchy(voters, observers, [][]ServerID{g}, nil)
}

// NewHierarchy makes an ensemble with ZooKeeper's hierarchical quorums: a set
// is a quorum when, in more than half of the groups of positive weight, it
// holds more than half of the group's weight. Servers missing from weights
// weigh 1. A server of weight 0 never leads and never counts.
func NewHierarchy(voters, observers []ServerID, groups [][]ServerID, weights map[ServerID]int64) *Ensemble {
	e := &Ensemble{voters: slices.Clone(voters), observers: slices.Clone(observers)}
	slices.Sort(e.voters)
	slices.Sort(e.observers)
	for _, ids := range groups {
		var g group
		ids = slices.Clone(ids)
		slices.Sort(ids)
		for _, id := range ids {
			w := int64(1)
			if v, ok := weights[id]; ok {
				w = v
			}
			g.members = append(g.members, member{id, w})
			g.total += w
		}
		if g.total > 0 {
			e.groups = append(e.groups, g)
		}
	}
	return e
}

// Voters returns the voting members in ascending order. The caller must not
// change the slice.
func (e *Ensemble) Voters() []ServerID { return e.voters }

// Observers returns the members that learn but do not vote, ascending.
func (e *Ensemble) Observers() []ServerID { return e.observers }

// IsVoter reports whether id votes.
func (e *Ensemble) IsVoter(id ServerID) bool { return slices.Contains(e.voters, id) }

// IsMember reports whether id votes or observes.
func (e *Ensemble) IsMember(id ServerID) bool {
	return e.IsVoter(id) || slices.Contains(e.observers, id)
}

// Weight returns id's weight, 0 for a server that is not a voter.
func (e *Ensemble) Weight(id ServerID) int64 {
	for i := range e.groups {
		for _, m := range e.groups[i].members {
			if m.id == id {
				return m.weight
			}
		}
	}
	return 0
}

// IsQuorum reports whether the servers for which in answers true are a quorum.
//
// Invariant Z2: any two quorums share a server.
func (e *Ensemble) IsQuorum(in func(ServerID) bool) bool {
	won := 0
	for i := range e.groups {
		g := &e.groups[i]
		var weight int64
		for _, m := range g.members {
			if m.weight > 0 && in(m.id) {
				weight += m.weight
			}
		}
		if weight > g.total/2 {
			won++
		}
	}
	return won > len(e.groups)/2
}

// maxVotersOnStack sizes the array of QuorumZxid; larger ensembles work and
// allocate.
const maxVotersOnStack = 16

// QuorumZxid returns the largest zxid z such that the voters whose
// acknowledged zxid is at least z form a quorum; 0 when there is none.
func (e *Ensemble) QuorumZxid(acked func(ServerID) Zxid) Zxid {
	var stack [maxVotersOnStack]Zxid
	candidates := stack[:0]
	for _, id := range e.voters {
		candidates = append(candidates, acked(id))
	}
	slices.Sort(candidates)
	for i := len(candidates) - 1; i >= 0; i-- {
		z := candidates[i]
		if e.IsQuorum(func(id ServerID) bool { return acked(id) >= z }) {
			return z
		}
	}
	return 0
}
