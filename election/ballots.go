package election

import (
	"cmp"
	"slices"

	"github.com/quorumd/quorumd/zab"
)

// ballots holds the newest notification of each sender, by sender.
type ballots []zab.Notification

func (b ballots) find(from zab.ServerID) (int, bool) {
	return slices.BinarySearchFunc(b, from, func(n zab.Notification, id zab.ServerID) int {
		return cmp.Compare(n.From, id)
	})
}

func (b ballots) get(from zab.ServerID) *zab.Notification {
	if i, found := b.find(from); found {
		return &b[i]
	}
	return nil
}

func (b *ballots) put(n *zab.Notification) {
	i, found := b.find(n.From)
	if !found {
		*b = slices.Insert(*b, i, zab.Notification{})
	}
	(*b)[i] = *n
}

func (b *ballots) drop(from zab.ServerID) {
	if i, found := b.find(from); found {
		*b = slices.Delete(*b, i, i+1)
	}
}

// agree reports whether two notifications support one leader. Servers that
// have settled may have come to the same leader in different rounds and by
// different votes, so of theirs only the leader and its epoch are compared
// (ZOOKEEPER-1805, 1818).
func agree(a, b *zab.Notification) bool {
	if a.State == zab.Looking || b.State == zab.Looking {
		return a.Vote == b.Vote && a.Round == b.Round
	}
	return a.Vote.Leader == b.Vote.Leader && a.Vote.Epoch == b.Vote.Epoch
}

// support is what a count of votes says.
type support uint8

const (
	tooFew    support = iota
	blocked           // a quorum, but for E4
	bootstrap         // a quorum of servers that hold nothing; one that does may be missing
	enough
)

// supporters reports whether the senders of ballots that agree with like are
// a quorum.
func (b ballots) supporters(e *zab.Ensemble, like *zab.Notification) bool {
	return e.IsQuorum(func(id zab.ServerID) bool {
		n := b.get(id)
		return n != nil && agree(n, like)
	})
}

// missing lists the voters whose ballots do not agree with like.
func (b ballots) missing(e *zab.Ensemble, like *zab.Notification) (ids []zab.ServerID) {
	for _, id := range e.Voters() {
		if n := b.get(id); e.Weight(id) > 0 && (n == nil || !agree(n, like)) {
			ids = append(ids, id)
		}
	}
	return ids
}

// count is supporters under invariant E4.
func (b ballots) count(e *zab.Ensemble, like *zab.Notification) support {
	if !b.supporters(e, like) {
		return tooFew
	}
	if e.IsQuorum(func(id zab.ServerID) bool {
		n := b.get(id)
		return n != nil && agree(n, like) && !n.Amnesiac
	}) || len(b.missing(e, like)) == 0 {
		return enough
	}
	// The leader's own ballot may not be here; its zxid is, in the vote.
	blank := like.Vote.Zxid == 0
	for i := range b {
		if agree(&b[i], like) && !b[i].Blank && e.Weight(b[i].From) > 0 {
			blank = false
		}
	}
	if blank {
		return bootstrap
	}
	return blocked
}
