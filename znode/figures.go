package znode

import (
	"slices"

	"github.com/quorumd/quorumd/zab"
)

// Figures are the numbers that monitoring shows.
type Figures struct {
	Nodes      int   // znodes, the root and the built-in ones included; ZooKeeper counts the root twice
	Ephemerals int   // of them: ephemerals
	Timed      int   // of them: containers and TTL nodes
	Bytes      int64 // of all paths and data
	Sessions   int   // sessions that own ephemerals
	Watches    WatchCounts
}

// Figures returns the tree's figures.
func (t *Tree) Figures() Figures {
	return Figures{
		Nodes: t.live, Ephemerals: t.ephemeral, Timed: len(t.timed.ids), Bytes: t.size,
		Sessions: len(t.ephemerals), Watches: t.WatchCounts(),
	}
}

// Ephemerals returns the paths of a session's ephemerals, sorted.
func (t *Tree) Ephemerals(session zab.SessionID) []string {
	set := t.ephemerals[session]
	if set == nil {
		return nil
	}
	paths := make([]string, 0, len(set.ids))
	for _, id := range set.ids {
		paths = append(paths, t.path(id))
	}
	slices.Sort(paths)
	return paths
}

// EphemeralSessions returns the sessions that own ephemerals, sorted.
func (t *Tree) EphemeralSessions() []zab.SessionID {
	ids := make([]zab.SessionID, 0, len(t.ephemerals))
	for id := range t.ephemerals { // sorted below
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
