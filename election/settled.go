package election

import (
	"slices"

	"github.com/quorumd/quorumd/zab"
)

// Settled is the voice of a server that has decided: it answers servers that
// look for a leader, and hears from them when its own decision has lost its
// ground.
type Settled struct {
	cfg       Config
	word      zab.Notification
	deserters []zab.ServerID // who have gone on without this server's leader, ascending
	strangers []zab.ServerID
}

// NewSettled makes the voice of a server after o. Of own, only what it says of
// the log counts.
func NewSettled(cfg Config, o Outcome, own Standing) *Settled {
	return &Settled{cfg: cfg, word: zab.Notification{
		From: cfg.Self, State: o.Role, Round: o.Round, Vote: o.Vote,
		Amnesiac: own.Amnesiac, Blank: own.Blank, Members: cfg.Members, Ensemble: cfg.Naming,
	}}
}

// SetEpoch tells that the leader's epoch is established: later joiners compare
// it, so every server that follows must name it.
func (s *Settled) SetEpoch(epoch zab.Epoch) { s.word.Vote.Epoch = epoch }

// SetNaming tells whose history this server holds, once it knows.
func (s *Settled) SetNaming(naming uint64) { s.cfg.Naming, s.word.Ensemble = naming, naming }

// Word returns what the server tells.
func (s *Settled) Word() zab.Notification { return s.word }

// Notification hears n and answers it if its sender is looking. It returns
// true when the role the server took cannot come to anything any more: the
// leader that it follows has gone on without it, or so many voters have that
// the rest is no quorum. That is a hint for a server whose role is not
// established yet, which would otherwise wait for its initLimit; an
// established one has better ways to know.
func (s *Settled) Notification(n *zab.Notification, out *zab.Output) (lost bool) {
	if n.From == s.cfg.Self {
		return false
	}
	member := s.cfg.Ensemble.IsMember(n.From)
	if n.State == zab.Looking && member && s.word.State != zab.Observing {
		// Also to one with another view of the membership: it will say so.
		out.Notify = append(out.Notify, zab.Notify{Peer: n.From, Notification: s.word})
	}
	if !member || n.Members != s.cfg.Members { // E5
		if !slices.Contains(s.strangers, n.From) {
			s.strangers = append(s.strangers, n.From)
			out.Note(zab.Note{Kind: zab.NoteMembershipDiffer, Peer: n.From})
		}
		return false
	}
	if foreign(n, s.cfg.Naming) { // E7
		if !slices.Contains(s.strangers, n.From) {
			s.strangers = append(s.strangers, n.From)
			out.Note(zab.Note{Kind: zab.NoteForeignEnsemble, Peer: n.From})
		}
		return false
	}
	s.record(n)
	if s.word.State != zab.Leading {
		return s.deserted(s.word.Vote.Leader)
	}
	return !s.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool { return !s.deserted(id) })
}

// Reachable tells a peer whose election connection opened where this server
// stands: they may have decided differently while they were apart.
func (s *Settled) Reachable(peer zab.ServerID, out *zab.Output) {
	if peer != s.cfg.Self && s.word.State != zab.Observing {
		out.Notify = append(out.Notify, zab.Notify{Peer: peer, Notification: s.word})
	}
}

// record notes whether the sender has gone on without the leader that this
// server's role comes from: to a later round, or within the round to a better
// vote, which it never gives up for a worse one (E1). Of an earlier round are
// those that were late or have restarted; they join.
func (s *Settled) record(n *zab.Notification) {
	later := n.Round > s.word.Round || n.Round == s.word.Round && n.Vote.Beats(s.word.Vote)
	gone := later && s.cfg.electable(n.Vote.Leader) &&
		(n.State == zab.Looking || n.Vote.Leader != s.word.Vote.Leader)
	i, known := slices.BinarySearch(s.deserters, n.From)
	switch {
	case gone && !known:
		s.deserters = slices.Insert(s.deserters, i, n.From)
	case !gone && known:
		s.deserters = slices.Delete(s.deserters, i, i+1)
	}
}

func (s *Settled) deserted(id zab.ServerID) bool {
	_, found := slices.BinarySearch(s.deserters, id)
	return found
}
