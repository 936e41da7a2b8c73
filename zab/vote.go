package zab

import "fmt"

// PeerState is a server's state as it tells others in elections
// (spec/zab.md §2).
type PeerState uint8

// States of a server.
const (
	Looking PeerState = iota
	Following
	Leading
	Observing
)

func (s PeerState) String() string {
	switch s {
	case Looking:
		return "looking"
	case Following:
		return "following"
	case Leading:
		return "leading"
	case Observing:
		return "observing"
	}
	return fmt.Sprintf("peer-state-%d", uint8(s))
}

// Vote proposes a leader: the server, the epoch it last adopted and the last
// zxid of its durable log.
type Vote struct {
	Leader ServerID
	Epoch  Epoch // the proposed leader's current epoch
	Zxid   Zxid  // the proposed leader's last durable zxid
}

// Beats reports whether v is to be preferred to w. The order is total:
// epoch, then zxid, then server id (ZOOKEEPER-1419).
func (v Vote) Beats(w Vote) bool {
	if v.Epoch != w.Epoch {
		return v.Epoch > w.Epoch
	}
	if v.Zxid != w.Zxid {
		return v.Zxid > w.Zxid
	}
	return v.Leader > w.Leader
}

// Notification is an election message: who I am, in which round, what I vote.
type Notification struct {
	From  ServerID
	State PeerState
	Round uint64 // the sender's election round; of its settled vote when not Looking
	Vote  Vote
	// Amnesiac says that the sender has adopted no epoch. Such a server may
	// have lost its disk, and what its log holds may be the first part of a
	// history that it was taking over since; see package election, invariant E4.
	Amnesiac bool
	// Blank says that the sender's log holds no transaction.
	Blank bool
	// Members is a digest of the sender's view of the membership; servers
	// with different views must not elect together (ZOOKEEPER-3829).
	Members uint64
	// Ensemble is the random name of the ensemble whose history the sender
	// holds, 0 while it knows none.
	Ensemble uint64
}
