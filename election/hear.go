package election

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// Notification hears what another server says.
func (e *Election) Notification(n *zab.Notification, now time.Duration, out *zab.Output) (Outcome, bool) {
	if e.decided || n.From == e.cfg.Self {
		return Outcome{}, false
	}
	e.down.Set(n.From, true)
	if n.Members != e.cfg.Members || !e.cfg.Ensemble.IsMember(n.From) { // E5
		if !slices.Contains(e.strangers, n.From) {
			e.strangers = append(e.strangers, n.From)
			out.Note(zab.Note{Kind: zab.NoteMembershipDiffer, Peer: n.From})
		}
		return Outcome{}, false
	}
	if foreign(n, e.cfg.Naming) { // E7
		if !slices.Contains(e.strangers, n.From) {
			e.strangers = append(e.strangers, n.From)
			out.Note(zab.Note{Kind: zab.NoteForeignEnsemble, Peer: n.From})
		}
		return Outcome{}, false
	}
	if !e.cfg.Ensemble.IsVoter(n.From) {
		return Outcome{}, false // it asks, and there is nothing to tell yet
	}
	switch {
	case !e.cfg.electable(n.Vote.Leader):
		e.settled.drop(n.From)
	case n.State == zab.Looking:
		e.settled.drop(n.From)
		if !e.asks() {
			return e.hearLooking(n, now, out)
		}
	case n.State == zab.Following || n.State == zab.Leading:
		return e.hearSettled(n, now, out)
	}
	return Outcome{}, false
}

// foreign reports that n comes from a server that holds the history of another
// ensemble than the one named.
func foreign(n *zab.Notification, naming uint64) bool {
	return n.Ensemble != 0 && naming != 0 && n.Ensemble != naming
}

// hearLooking takes the vote of a server that looks for a leader too.
func (e *Election) hearLooking(n *zab.Notification, now time.Duration, out *zab.Output) (Outcome, bool) {
	acceptable := !e.down.Has(n.Vote.Leader) // E6
	switch {
	case n.Round < e.self.Round:
		e.tell(n.From, out) // so that it joins this round
		return Outcome{}, false
	case n.Round > e.self.Round:
		vote := e.own
		if acceptable && n.Vote.Beats(vote) {
			vote = n.Vote
		}
		e.enter(n.Round, vote)
		e.broadcast(now, out)
	case acceptable && n.Vote.Beats(e.self.Vote):
		e.vote(n.Vote)
		e.broadcast(now, out)
	}
	e.votes.put(n)
	return e.evaluate(now, out)
}

// hearSettled takes the word of a server that follows or leads.
func (e *Election) hearSettled(n *zab.Notification, now time.Duration, out *zab.Output) (Outcome, bool) {
	ens := e.cfg.Ensemble
	e.settled.put(n)
	sameRound := n.Round == e.self.Round && !e.asks()
	if sameRound {
		e.votes.put(n)
		if e.confirmed(e.votes, n) && e.votes.count(ens, n) >= bootstrap {
			return e.decide(n.Vote, n.Round, out), true
		}
	}
	// Only the votes of its own round make a server lead: whoever follows it
	// from an earlier round, or from an earlier life, has to look again.
	if n.Vote.Leader != e.cfg.Self && e.confirmed(e.settled, n) && e.settled.supporters(ens, n) {
		leader := e.settled.get(n.Vote.Leader) // its word is the newest of those that agree
		return e.decide(leader.Vote, leader.Round, out), true
	}
	if sameRound {
		return e.evaluate(now, out)
	}
	return Outcome{}, false
}

// confirmed reports that the leader n names says so itself (checkLeader in
// spec/zab.md §4.2): servers may follow one that has long been dead.
func (e *Election) confirmed(set ballots, n *zab.Notification) bool {
	if n.Vote.Leader == e.cfg.Self {
		return n.Round == e.self.Round
	}
	leader := set.get(n.Vote.Leader)
	return leader != nil && leader.State == zab.Leading && agree(leader, n)
}
