package leader

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// info takes FOLLOWERINFO.
func (l *Leader) info(p *learner, f *zab.FollowerInfo, out *zab.Output) {
	if p.stage != waitInfo || f.Server != p.server {
		l.breach(p, zab.KindFollowerInfo, out)
		return
	}
	p.accepted = f.Accepted
	p.stage = waitEpoch
	switch {
	case l.epoch == 0:
		l.chooseEpoch(out)
	case l.epochs.Accepted == l.epoch:
		l.ask(p, out)
	}
}

// chooseEpoch fixes the epoch once a quorum has said what it promised, and
// promises it itself before anybody is asked (L1).
func (l *Leader) chooseEpoch(out *zab.Output) {
	quorum := l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id == l.cfg.Self || l.hasVoter(id, func(p *learner) bool { return p.stage >= waitEpoch })
	})
	if !quorum {
		return
	}
	highest := max(l.epochs.Accepted, l.standing.Floor)
	for _, p := range l.learners {
		if p.voter && p.stage >= waitEpoch {
			highest = max(highest, p.accepted)
		}
	}
	l.epoch = highest + 1
	out.Note(zab.Note{Kind: zab.NoteDiscovery, Epoch: l.epoch})
	promise := l.epochs
	promise.Accepted, promise.AcceptedBy = l.epoch, l.cfg.Self
	l.log.SaveEpochs(promise, out)
}

func (l *Leader) hasVoter(id zab.ServerID, is func(*learner) bool) bool {
	for _, p := range l.learners {
		if p.voter && p.server == id && is(p) {
			return true
		}
	}
	return false
}

// ask sends LEADERINFO. A voter that has promised a later epoch cannot follow
// this one; the leadership makes way for one that it can follow. The floor
// makes the next epoch high enough, so that this happens once.
//
// Observers wait until a quorum has promised: otherwise one could promise an
// epoch that nobody else ever hears of, and follow no later leader.
func (l *Leader) ask(p *learner, out *zab.Output) {
	if !p.voter && l.phase == Discovery {
		return
	}
	if p.accepted > l.epoch {
		l.standing.Floor = max(l.standing.Floor, p.accepted)
		if p.voter {
			l.abdicate("server %d has promised epoch %d", p.server, p.accepted)
		}
		l.drop(p, "has promised a later epoch", out)
		return
	}
	p.stage = waitPromise
	out.Send(p.link, zab.Packet{Kind: zab.KindLeaderInfo, Zxid: zab.NewZxid(l.epoch, 0)})
}

// epochsSaved goes on after the leader's own promise, or its own adoption of
// the epoch, is durable.
func (l *Leader) epochsSaved(e zab.Epochs, now time.Duration, out *zab.Output) {
	if l.epoch == 0 || e.Accepted != l.epoch {
		return
	}
	before := l.epochs
	l.epochs = e
	if before.Accepted != l.epoch {
		for i := len(l.learners) - 1; i >= 0; i-- {
			if p := l.learners[i]; p.stage == waitEpoch {
				l.ask(p, out)
			}
		}
		l.discovered(out)
	}
	if e.Current == l.epoch && l.phase == Discovery {
		l.synchronize(now, out)
	}
}

// promised takes ACKEPOCH.
func (l *Leader) promised(p *learner, a *zab.AckEpoch, _ time.Duration, out *zab.Output) {
	if p.stage != waitPromise {
		l.breach(p, zab.KindAckEpoch, out)
		return
	}
	p.promise = *a
	p.stage = waitQuorum
	own := zab.Vote{Epoch: l.standing.Epochs.Current, Zxid: l.initial.Zxid}
	theirs := zab.Vote{Epoch: a.Current, Zxid: a.Last.Zxid}
	// L3; equal histories beat nobody, and who never counts commits nothing.
	counts := p.voter && l.cfg.Ensemble.Weight(p.server) > 0
	if counts && l.phase != Broadcast && theirs.Beats(own) {
		l.abdicate("server %d holds a later history, to %s in epoch %d", p.server, a.Last, a.Current)
		return
	}
	if l.phase == Discovery {
		if l.discovered(out); counts && !a.Counts && l.outpromised() {
			l.standing.Floor = max(l.standing.Floor, l.epoch)
			l.abdicate("epoch %d is promised to another", l.epoch)
		}
		return
	}
	l.sync(p, out)
}

// outpromised reports whether so many servers have promised the epoch to
// another that no quorum can promise it to this one (L1).
func (l *Leader) outpromised() bool {
	return !l.isPromised() && !l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id == l.cfg.Self || !l.hasVoter(id, func(p *learner) bool {
			return p.stage >= waitQuorum && (!p.promise.Counts || p.promise.Amnesiac)
		})
	})
}

// discovered ends discovery once a quorum has promised the epoch: the leader
// adopts it.
func (l *Leader) discovered(out *zab.Output) {
	if l.phase != Discovery || l.epochs.Accepted != l.epoch || l.epochs.Current == l.epoch {
		return
	}
	if !l.isPromised() {
		return
	}
	adopt := l.epochs
	adopt.Current = l.epoch
	l.epochs.Current = l.epoch // asked for; acted on when saved
	l.log.SaveEpochs(adopt, out)
}

// isPromised reports whether a quorum has promised the epoch (L2, L4). When
// every voter has, nobody is missing who could hold more.
func (l *Leader) isPromised() bool {
	everybody := !slices.ContainsFunc(l.cfg.Ensemble.Voters(), func(id zab.ServerID) bool {
		return id != l.cfg.Self && l.cfg.Ensemble.Weight(id) > 0 && !l.hasVoter(id, l.counts)
	})
	if everybody {
		return true
	}
	own := l.standing.Epochs.Current == 0
	blank := l.initial.Zxid == 0
	for _, p := range l.learners {
		if l.counts(p) && p.promise.Last.Zxid != 0 {
			blank = false
		}
	}
	return l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		if id == l.cfg.Self {
			return blank || !own
		}
		return l.hasVoter(id, func(p *learner) bool {
			return l.counts(p) && (blank || !p.promise.Amnesiac)
		})
	})
}

// counts reports whether p promised this epoch to this server first.
func (l *Leader) counts(p *learner) bool {
	return p.voter && p.stage >= waitQuorum && p.promise.Counts
}

// synchronize begins to bring every learner up to date that has promised.
func (l *Leader) synchronize(now time.Duration, out *zab.Output) {
	l.phase = Synchronization
	l.tally.Ack(l.cfg.Self, l.log.Synced())
	for i := len(l.learners) - 1; i >= 0; i-- {
		switch p := l.learners[i]; p.stage {
		case waitQuorum:
			l.sync(p, out)
		case waitEpoch:
			l.ask(p, out)
		}
	}
	l.establish(now, out)
}

// establish opens the broadcast phase once a quorum has adopted the history
// (L5).
func (l *Leader) establish(now time.Duration, out *zab.Output) {
	if l.phase != Synchronization {
		return
	}
	quorum := l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id == l.cfg.Self || l.hasVoter(id, func(p *learner) bool { return p.stage >= waitServe })
	})
	if !quorum {
		return
	}
	l.phase = Broadcast
	l.tally.Open(l.initial.Zxid)
	out.Note(zab.Note{Kind: zab.NoteLeading, Epoch: l.epoch, Zxid: l.initial.Zxid})
	l.liveness.start(now)
	l.judgeSpace(out)
}

// Applied is told that this server's tree holds the whole initial history:
// only now are all sessions known, so only now may anybody be served (L8, L9).
func (l *Leader) Applied(now time.Duration, out *zab.Output) {
	if l.phase != Broadcast || l.serving {
		return
	}
	l.serving = true
	l.sessions.Renew(now)
	for _, p := range l.learners {
		if p.stage == waitServe {
			l.welcome(p, out)
		}
	}
}
