package replica

import (
	"github.com/quorumd/quorumd/follower"
	"github.com/quorumd/quorumd/leader"
	"github.com/quorumd/quorumd/zab"
)

// Phase is the sub-state that ZooKeeper reports as zk_peer_state.
type Phase uint8

// Phases of a server.
const (
	PhaseElection Phase = iota
	PhaseDiscovery
	PhaseSynchronization
	PhaseBroadcast
)

func (p Phase) String() string {
	return [...]string{"election", "discovery", "synchronization", "broadcast"}[p]
}

// Status is what a server publishes about itself.
type Status struct {
	State     zab.PeerState
	Phase     Phase
	Serving   bool         // clients' requests are taken
	Leader    zab.ServerID // zab.NoServer while unknown
	Epoch     zab.Epoch    // last adopted
	Last      zab.Zxid     // end of the log
	Synced    zab.Zxid     // durable through here
	Committed zab.Zxid
	Applied   zab.Zxid // handed out to be applied
	Pending   int      // requests of own clients that are not applied
	Ensemble  uint64   // the ensemble's random name
	Space     zab.Space
	Learners  []leader.LearnerStatus
}

// Status describes the server as of its last event. Learners is made anew
// each time.
func (r *Replica) Status() Status {
	s := Status{
		State: zab.Looking, Leader: zab.NoServer, Serving: r.open, Epoch: r.epochs.Current,
		Last: r.log.Appended().Zxid, Synced: r.log.Synced(), Committed: r.committed,
		Applied: r.applied.Zxid, Pending: r.pending.len(), Ensemble: r.naming, Space: r.space,
	}
	switch {
	case r.leader != nil:
		s.State, s.Leader = zab.Leading, r.cfg.Self
		s.Phase = PhaseDiscovery + Phase(r.leader.Phase()-leader.Discovery)
		s.Learners = r.leader.Learners(nil)
	case r.follower != nil:
		s.State, s.Leader = zab.Following, r.follower.Leader()
		if !r.cfg.Ensemble.IsVoter(r.cfg.Self) {
			s.State = zab.Observing
		}
		switch r.follower.Phase() {
		case follower.Serving:
			s.Phase = PhaseBroadcast
		case follower.Syncing:
			s.Phase = PhaseSynchronization
		default:
			s.Phase = PhaseDiscovery
		}
	}
	return s
}
