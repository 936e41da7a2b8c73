package replica

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/election"
	"github.com/quorumd/quorumd/follower"
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/leader"
	"github.com/quorumd/quorumd/zab"
)

// idle reports whether the server has no role and no election: it waits for
// its disk.
func (r *Replica) idle() bool { return r.election == nil && r.leader == nil && r.follower == nil }

// Bounds of the rest between two roles that come to nothing. It must be longer
// than the others need to settle an election (election.DefaultFinalizeWait): a
// server that cannot reach the best candidate would otherwise open round after
// round with whoever votes as it does, and never let the rest agree.
const (
	restMin = 250 * time.Millisecond
	restMax = time.Second
)

// rested returns how long to wait before the next election when so many roles
// in a row have ended before clients were served. The first may be bad luck.
func rested(failed int) time.Duration {
	if failed < 2 {
		return 0
	}
	return min(restMin<<min(failed-2, 8), restMax)
}

// leaveIfLost drops a role that has ended.
func (r *Replica) leaveIfLost(out *zab.Output) {
	why, lost, resigned := "", false, false
	switch {
	case r.leader != nil:
		if why, lost = r.leader.Lost(); lost {
			r.floor = max(r.floor, r.leader.Floor())
			resigned = r.leader.Resigned()
			r.leader.Close(out)
			if r.open {
				r.untold = mergeSessions(r.untold, r.leader.Untold(r.now))
			}
			r.leader = nil
		}
	case r.follower != nil:
		if why, lost = r.follower.Lost(); lost {
			r.follower.Close(out)
			r.untold = mergeSessions(r.untold, r.follower.Untold())
			r.follower = nil
		}
	}
	if !lost {
		return
	}
	r.failed++
	if r.open {
		r.failed = 0
	}
	r.rest = r.now + rested(r.failed)
	if resigned { // the others elect one of them meanwhile
		r.rest, r.resign = r.now+restMax, leader.MayResign(r.now)
	}
	r.open, r.bootstrapped, r.configured, r.settled = false, false, false, nil
	r.due = r.due[:0]
	r.pending.unsend()
	for i := range r.asks {
		r.asks[i].sent = false
	}
	out.Note(zab.Note{Kind: zab.NoteRoleLost, Zxid: r.log.Appended().Zxid, Text: why})
}

// elect begins an election when there is no role, the disk is quiet (R3) and
// the server has rested.
func (r *Replica) elect(out *zab.Output) {
	if !r.idle() || !r.log.Quiet() || r.now < r.rest {
		return
	}
	last := r.log.Appended()
	must.Hold(last.Zxid == r.log.Synced(), "R3", "quiet disk, but %s is not durable", last)
	r.round++
	r.election = election.New(r.electionConfig(), r.electionStanding())
	outcome, done := r.election.Start(r.now, out)
	r.decide(outcome, done, out)
	unheard := r.unheard
	r.unheard = nil
	for _, n := range unheard {
		if n.Round >= r.round || n.State != zab.Looking { // not of an election long over
			r.notification(n, out)
		}
	}
}

func (r *Replica) electionConfig() election.Config {
	return election.Config{Self: r.cfg.Self, Ensemble: r.cfg.Ensemble, Members: r.cfg.Members, Naming: r.identity}
}

func (r *Replica) electionStanding() election.Standing {
	last := r.log.Appended()
	return election.Standing{
		Round: r.round, Down: r.down,
		Vote:     zab.Vote{Leader: r.cfg.Self, Epoch: r.epochs.Current, Zxid: last.Zxid},
		Blank:    last.Zxid == 0,
		Amnesiac: r.epochs.Current == 0,
	}
}

// decide takes up the role that an election has settled on.
func (r *Replica) decide(o election.Outcome, done bool, out *zab.Output) {
	if !done {
		return
	}
	r.round = max(r.round, r.election.Round(), o.Round)
	r.election = nil
	r.settled = election.NewSettled(r.electionConfig(), o, r.electionStanding())
	if o.Role == zab.Leading {
		r.lead(out)
		return
	}
	r.follow(o.Leader, out)
}

func (r *Replica) lead(out *zab.Output) {
	r.leader = leader.New(leader.Config{
		Self: r.cfg.Self, Ensemble: r.cfg.Ensemble, Tick: r.cfg.Tick, InitLimit: r.cfg.InitLimit,
		SyncLimit: r.cfg.SyncLimit, Flags: r.cfg.Flags, Bootstrap: r.cfg.Bootstrap, Spent: r.cfg.Spent, Piece: r.cfg.Piece,
	}, leader.Standing{Epochs: r.epochs, Floor: r.floor, Space: r.space, Resign: r.resign}, r.log, r.sessions, r.enc)
	r.leader.Start(r.now, out)
	early := r.early
	r.early = nil
	for _, e := range early {
		r.leader.LinkUp(e.link, e.peer, r.now, out)
		if e.packet != nil {
			r.packet(e.link, e.peer, e.packet, out)
		}
	}
}

func (r *Replica) follow(server zab.ServerID, out *zab.Output) {
	for _, e := range r.early {
		out.Closes = append(out.Closes, e.link)
	}
	r.early = nil
	r.follower = follower.New(follower.Config{
		Self: r.cfg.Self, Observer: !r.cfg.Ensemble.IsVoter(r.cfg.Self), Tick: r.cfg.Tick,
		InitLimit: r.cfg.InitLimit, SyncLimit: r.cfg.SyncLimit,
	}, server, r.epochs, r.log, r.applied.Zxid, r.identity)
	r.follower.SetSpace(r.space)
	r.follower.Start(r.now, out)
}

// notification takes an election message: it counts in our election, or is
// answered with what we know.
func (r *Replica) notification(n *zab.Notification, out *zab.Output) {
	r.down.Set(n.From, true)
	switch {
	case r.election != nil:
		outcome, done := r.election.Notification(n, r.now, out)
		r.decide(outcome, done, out)
	case r.idle():
		r.keepUnheard(n)
	default:
		r.keepUnheard(n)
		if lost := r.settled.Notification(n, out); lost && !r.open {
			r.leave("the others look for another leader")
		}
	}
}

// keepUnheard keeps the newest message of each server that looks for a leader.
// A server that loses its leader a moment after the others did would otherwise
// decide only when they send their votes again.
func (r *Replica) keepUnheard(n *zab.Notification) {
	r.unheard = slices.DeleteFunc(r.unheard, func(old *zab.Notification) bool { return old.From == n.From })
	if n.State == zab.Looking || r.idle() {
		r.unheard = append(r.unheard, n)
	}
}

// leave ends a role that cannot come to anything any more.
func (r *Replica) leave(why string) {
	if r.leader != nil {
		r.leader.Leave(why)
	} else {
		r.follower.Leave(why)
	}
}

func (r *Replica) reached(peer zab.ServerID, up bool, out *zab.Output) {
	r.down.Set(peer, up)
	if !up { // what it said no longer holds
		r.unheard = slices.DeleteFunc(r.unheard, func(n *zab.Notification) bool { return n.From == peer })
	}
	if up && r.settled != nil {
		r.settled.Reachable(peer, out)
	}
	if r.election != nil {
		outcome, done := r.election.Reachable(peer, up, r.now, out)
		r.decide(outcome, done, out)
	}
}

// earlyLink is a learner's connection that came before this server knew that
// it leads: the others may settle the election a moment earlier.
type earlyLink struct {
	link   zab.LinkID
	peer   zab.ServerID
	since  time.Duration
	packet *zab.Packet // FOLLOWERINFO, once it came
}

func (r *Replica) earlyIndex(link zab.LinkID) int {
	return slices.IndexFunc(r.early, func(e earlyLink) bool { return e.link == link })
}

// addEarly keeps at most one early connection of each member.
func (r *Replica) addEarly(link zab.LinkID, peer zab.ServerID, out *zab.Output) {
	if !r.cfg.Ensemble.IsMember(peer) {
		out.Note(zab.Note{Kind: zab.NoteLinkRefused, Peer: peer, Text: "not a member of this ensemble"})
		out.Closes = append(out.Closes, link)
		return
	}
	if i := slices.IndexFunc(r.early, func(e earlyLink) bool { return e.peer == peer }); i >= 0 {
		out.Closes = append(out.Closes, r.early[i].link)
		r.early = slices.Delete(r.early, i, i+1)
	}
	r.early = append(r.early, earlyLink{link: link, peer: peer, since: r.now})
}

func (r *Replica) expireEarly(out *zab.Output) {
	limit := time.Duration(r.cfg.InitLimit) * r.cfg.Tick
	r.early = slices.DeleteFunc(r.early, func(e earlyLink) bool {
		if r.now-e.since <= limit {
			return false
		}
		out.Closes = append(out.Closes, e.link)
		return true
	})
}
