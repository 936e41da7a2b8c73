package election

import (
	"fmt"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/zab"
)

// Election is one server's search for a leader, from the moment it starts to
// look until it has decided. After that it does nothing more.
type Election struct {
	cfg     Config
	own     zab.Vote         // this server's candidacy
	self    zab.Notification // what it tells now: round and vote
	votes   ballots          // of this round, this server's included
	settled ballots          // of servers that follow or lead
	down    Down

	nextSend time.Duration
	interval time.Duration

	settling bool // a quorum agrees; decide at settleAt
	settleAt time.Duration

	decided     bool
	noteBlocked bool // NoteWaitingForHistory was said
	strangers   []zab.ServerID
}

// New makes an election.
func New(cfg Config, st Standing) *Election {
	e := &Election{cfg: cfg.withDefaults(), down: slices.Clone(st.Down)}
	e.own = zab.Vote{Leader: zab.NoServer}
	if e.cfg.electable(cfg.Self) {
		must.Hold(st.Vote.Leader == cfg.Self, "E1", "server %d stands as %d", cfg.Self, st.Vote.Leader)
		e.own = st.Vote
	}
	e.self = zab.Notification{
		From: cfg.Self, State: zab.Looking, Round: st.Round, Vote: e.own,
		Amnesiac: st.Amnesiac, Blank: st.Blank, Members: cfg.Members, Ensemble: cfg.Naming,
	}
	return e
}

// Round returns the round the server is in.
func (e *Election) Round() uint64 { return e.self.Round }

// asks reports that this server does not vote but looks for a standing leader.
func (e *Election) asks() bool { return e.own.Leader == zab.NoServer }

// Start opens the round. A server that is a quorum by itself decides here.
func (e *Election) Start(now time.Duration, out *zab.Output) (Outcome, bool) {
	out.Note(zab.Note{Kind: zab.NoteElectionStarted, Num: e.self.Round})
	if !e.asks() {
		e.votes.put(&e.self)
	}
	e.broadcast(now, out)
	return e.evaluate(now, out)
}

// Tick lets time pass.
func (e *Election) Tick(now time.Duration, out *zab.Output) (Outcome, bool) {
	if e.decided {
		return Outcome{}, false
	}
	if now >= e.nextSend {
		interval := min(2*e.interval, e.cfg.MaxInterval)
		e.broadcast(now, out)
		e.interval, e.nextSend = interval, now+interval
	}
	return e.evaluate(now, out)
}

// Reachable notes that the election connection to peer opened or failed.
func (e *Election) Reachable(peer zab.ServerID, up bool, now time.Duration, out *zab.Output) (Outcome, bool) {
	if e.decided || peer == e.cfg.Self {
		return Outcome{}, false
	}
	e.down.Set(peer, up)
	if up {
		if e.cfg.Ensemble.IsVoter(peer) {
			e.tell(peer, out)
		}
		return Outcome{}, false
	}
	// What it said no longer holds: it will say it again when it is back.
	e.votes.drop(peer)
	e.settled.drop(peer)
	if e.self.Vote.Leader == peer { // E6
		e.enter(e.self.Round+1, e.own)
		e.broadcast(now, out)
	}
	return e.evaluate(now, out)
}

// enter begins a round with a vote.
func (e *Election) enter(round uint64, vote zab.Vote) {
	must.Hold(round > e.self.Round, "E1", "round %d after %d", round, e.self.Round)
	e.self.Round = round
	e.votes = e.votes[:0]
	e.vote(vote)
}

// vote changes this server's vote.
func (e *Election) vote(v zab.Vote) {
	must.Hold(v == e.own || v.Beats(e.own), "E1", "vote %+v is worse than this server's own %+v", v, e.own)
	e.self.Vote = v
	e.votes.put(&e.self)
	e.settling = false
}

// broadcast tells every other voter this server's vote, and again after the
// shortest interval.
func (e *Election) broadcast(now time.Duration, out *zab.Output) {
	for _, id := range e.cfg.Ensemble.Voters() {
		if id != e.cfg.Self {
			e.tell(id, out)
		}
	}
	e.interval = e.cfg.MinInterval
	e.nextSend = now + e.interval
}

func (e *Election) tell(peer zab.ServerID, out *zab.Output) {
	out.Notify = append(out.Notify, zab.Notify{Peer: peer, Notification: e.self})
}

// evaluate decides if a quorum votes as this server does and no better vote
// can come, or none has come for long enough.
func (e *Election) evaluate(now time.Duration, out *zab.Output) (Outcome, bool) {
	if e.asks() {
		return Outcome{}, false
	}
	count := e.votes.count(e.cfg.Ensemble, &e.self)
	switch count {
	case tooFew:
		e.settling = false
		return Outcome{}, false
	case blocked:
		e.settling = false
		e.waitForHistory(out)
		return Outcome{}, false
	}
	if !e.settling {
		e.settling, e.settleAt = true, now+e.cfg.FinalizeWait
		if count == bootstrap {
			e.settleAt = now + e.cfg.BootstrapWait
		}
	}
	if count == enough && e.unanimous() || now >= e.settleAt {
		return e.decide(e.self.Vote, e.self.Round, out), true
	}
	return Outcome{}, false
}

func (e *Election) waitForHistory(out *zab.Output) {
	if !e.noteBlocked {
		e.noteBlocked = true
		out.Note(zab.Note{
			Kind: zab.NoteWaitingForHistory, Num: e.self.Round,
			Text: fmt.Sprintf("start every voter, or those that hold the data; missing: %v", e.votes.missing(e.cfg.Ensemble, &e.self)),
		})
	}
}

// unanimous reports that every voter that counts votes as this server does or
// is known to be unreachable.
func (e *Election) unanimous() bool {
	for _, id := range e.cfg.Ensemble.Voters() {
		if e.cfg.Ensemble.Weight(id) == 0 || e.down.Has(id) {
			continue
		}
		if n := e.votes.get(id); n == nil || !agree(n, &e.self) {
			return false
		}
	}
	return true
}

// decide ends the election and tells those that may not know.
func (e *Election) decide(vote zab.Vote, round uint64, out *zab.Output) Outcome {
	must.Hold(e.cfg.electable(vote.Leader), "E3", "server %d elected", vote.Leader)
	e.decided = true
	o := Outcome{Leader: vote.Leader, Vote: vote, Round: round, Role: zab.Following}
	switch {
	case vote.Leader == e.cfg.Self:
		o.Role = zab.Leading
	case !e.cfg.Ensemble.IsVoter(e.cfg.Self):
		o.Role = zab.Observing
	}
	out.Note(zab.Note{Kind: zab.NoteElected, Peer: vote.Leader, Epoch: vote.Epoch, Zxid: vote.Zxid, Num: round})
	if o.Role == zab.Observing {
		return o // nobody listens to an observer
	}
	word := e.self
	word.State, word.Vote, word.Round = o.Role, vote, round
	for _, ids := range [2][]zab.ServerID{e.cfg.Ensemble.Voters(), e.cfg.Ensemble.Observers()} {
		for _, id := range ids {
			if n := e.votes.get(id); id != e.cfg.Self && (n == nil || !agree(n, &e.self)) {
				out.Notify = append(out.Notify, zab.Notify{Peer: id, Notification: word})
			}
		}
	}
	return o
}
