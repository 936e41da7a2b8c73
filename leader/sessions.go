package leader

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// Barrier is a client's sync that may be answered once everything through
// Zxid has been applied, or a client's attach whose session is Over.
type Barrier struct {
	Ask  zab.SyncAsk
	Over bool
	Zxid zab.Zxid
}

// barrier is an answer that waits for a quorum to confirm the leadership: a
// deposed leader that has not noticed must not answer a sync, and not tell a
// client that its session is over: its successor may have opened it.
type barrier struct {
	Barrier
	link  zab.LinkID // 0 for one of this server's own clients
	nonce uint64     // the ping round to be answered
}

// Sync takes a sync barrier of one of this server's own clients.
func (l *Leader) Sync(ask zab.SyncAsk, now time.Duration, out *zab.Output) {
	l.barrier(Barrier{Ask: ask}, 0, now, out)
}

// barrier stands behind everything proposed so far: it is due when a quorum
// has answered the next ping round, whatever the clock says: the answers to one
// that was sent before may have been given before the barrier was asked for.
func (l *Leader) barrier(b Barrier, link zab.LinkID, now time.Duration, out *zab.Output) {
	b.Zxid = l.log.Appended().Zxid
	l.barriers = append(l.barriers, barrier{Barrier: b, link: link, nonce: l.liveness.nonce + 1})
	l.settleBarriers(now, out)
}

// settleBarriers answers the barriers that are due. One round at a time is on
// its way for those that wait; the ones that come meanwhile share the next.
func (l *Leader) settleBarriers(now time.Duration, out *zab.Output) {
	if l.dueBarriers(out); len(l.barriers) > 0 && l.barriers[0].nonce > l.liveness.nonce {
		l.ping(now, out)
		l.dueBarriers(out) // alone in the ensemble, nobody else is to answer
	}
}

func (l *Leader) dueBarriers(out *zab.Output) {
	n := 0
	for ; n < len(l.barriers) && l.answered(l.barriers[n].nonce); n++ {
		b := &l.barriers[n]
		if b.link == 0 {
			l.local = append(l.local, b.Barrier)
			continue
		}
		if l.learner(b.link) == nil {
			continue
		}
		if b.Over {
			out.Send(b.link, zab.Packet{Kind: zab.KindAttached, Zxid: b.Zxid, Body: &zab.Attached{
				Seq: b.Ask.Seq, Session: b.Ask.Session,
			}})
			continue
		}
		ask := b.Ask
		out.Send(b.link, zab.Packet{Kind: zab.KindSyncDone, Zxid: b.Zxid, Body: &ask})
	}
	l.barriers = append(l.barriers[:0], l.barriers[n:]...)
}

// Barriers returns the barriers of this server's own clients that have become
// due; the caller must take them before the next event.
func (l *Leader) Barriers() []Barrier {
	due := l.local
	l.local = l.local[:0]
	return due
}

// conceive tracks a session from its proposal on: its client may be answered
// by its server and come back through another one before this server's own
// disk has caught up.
func (l *Leader) conceive(req *zab.Request, origin zab.ServerID, now time.Duration) {
	body := jute.NewReader(req.Body)
	l.sessions.Add(req.Session, int64(body.Int32()), now)
	l.sessions.Acted(req.Session, origin, l.place())
	l.unborn = append(l.unborn, req.Session)
}

// Born is told that the record that creates a session is committed.
func (l *Leader) Born(id zab.SessionID) {
	if i := slices.Index(l.unborn, id); i >= 0 {
		l.unborn = slices.Delete(l.unborn, i, i+1)
	}
}

// place is where what the leader decides now stands (S4): behind the end of its
// log and all that it has decided. The log may end in an earlier epoch, at a
// record that is not the last one of it: a leader of that time may have decided
// behind records that came to nothing. The epoch puts that before all of this.
func (l *Leader) place() zab.Place {
	l.decided++
	return zab.Place{Zxid: max(l.log.Appended().Zxid, zab.NewZxid(l.epoch, 0)), Count: l.decided}
}

// Attach moves a session that lives to this server, and returns the place of
// that. That a session is over is told later, as a Barrier.
func (l *Leader) Attach(a *zab.Attach, now time.Duration, out *zab.Output) (at zab.Place, lives bool) {
	at, lives = l.attach(a, l.cfg.Self, now)
	if !lives {
		l.over(a, 0, now, out)
	}
	return at, lives
}

// over has a client told that its session has ended, once that is sure.
func (l *Leader) over(a *zab.Attach, link zab.LinkID, now time.Duration, out *zab.Output) {
	l.barrier(Barrier{Ask: zab.SyncAsk{Seq: a.Seq, Session: a.Session}, Over: true}, link, now, out)
}

// Assert takes a session of this server that an earlier leader attached to it.
// This leader has been told of neither the attach nor the timeout that was
// agreed in it (L9).
func (l *Leader) Assert(a *zab.Attach, now time.Duration, out *zab.Output) {
	l.assert(a, l.cfg.Self, 0, now, out)
}

// assert takes what a server repeats. One that is too late to count is refused,
// and so is one that counted until another server's came: two servers may speak
// in either order. Who has not spoken yet, and is the owner by the records, is not
// refused: its own assertion, if it has one, may be the later. What they say of a
// session that is over is answered as an attach is, once that is sure.
func (l *Leader) assert(a *zab.Attach, origin zab.ServerID, link zab.LinkID, now time.Duration, out *zab.Output) {
	if l.sessions.Acted(a.Session, origin, a.At) {
		l.sessions.SetTimeout(a.Session, a.Timeout)
		if before, spoke := l.asserted[a.Session]; spoke && before != origin {
			l.overtaken(before, a.Session, out)
		}
		l.asserted[a.Session] = origin
	} else if l.sessions.Tracked(a.Session) {
		l.sessions.Lengthen(a.Session, a.Timeout)
		if _, owned := l.sessions.Owner(a.Session); owned {
			l.moved(a.Session, link, out)
		}
	} else {
		l.over(a, link, now, out)
	}
	l.sessions.Heard(a.Session, origin, now)
}

// overtaken tells a former owner that its attach counts no more.
func (l *Leader) overtaken(server zab.ServerID, id zab.SessionID, out *zab.Output) {
	if server == l.cfg.Self {
		l.moved(id, 0, out)
		return
	}
	for _, p := range l.learners {
		if p.server == server && p.stage == upToDate { // else it has to speak again
			l.moved(id, p.link, out)
		}
	}
}

// moved refuses what was repeated: the session is another server's. That needs
// no quorum: it says nothing of the session, and costs a connection at most.
func (l *Leader) moved(id zab.SessionID, link zab.LinkID, out *zab.Output) {
	if link == 0 {
		l.refused = append(l.refused, id)
		return
	}
	out.Send(link, zab.Packet{Kind: zab.KindReject, Body: &zab.Reject{Session: id, Reason: zab.RejectMoved}})
}

// Refused returns the sessions that this server asserted and that are another's;
// the caller must take them before the next event.
func (l *Leader) Refused() []zab.SessionID {
	refused := l.refused
	l.refused = l.refused[:0]
	return refused
}

func (l *Leader) attach(a *zab.Attach, origin zab.ServerID, now time.Duration) (at zab.Place, lives bool) {
	if !l.sessions.Known(a.Session) {
		return zab.Place{}, false
	}
	at = l.place()
	l.sessions.Acted(a.Session, origin, at)
	l.sessions.SetTimeout(a.Session, a.Timeout)
	return at, l.sessions.Heard(a.Session, origin, now)
}

// Touched takes note that clients of this server were heard from.
func (l *Leader) Touched(ids []zab.SessionID, now time.Duration) { l.touched(ids, l.cfg.Self, now) }

func (l *Leader) touched(ids []zab.SessionID, origin zab.ServerID, now time.Duration) {
	for _, id := range ids {
		l.sessions.Heard(id, origin, now)
	}
}

// Untold returns the sessions that this server has heard from itself while it may
// have led nobody any more, for the next leader to be told of (R10): that one may
// have been elected as early as a quorum was last heard from here.
func (l *Leader) Untold(now time.Duration) []zab.SessionID {
	return l.sessions.HeardThrough(l.cfg.Self, now-l.syncLimit()-l.cfg.Tick)
}

// Reap proposes the deletion of containers and TTL nodes that are due.
func (l *Leader) Reap(paths []string, wall int64, out *zab.Output) {
	if l.refusing || l.space == zab.SpaceOut {
		return // they are found again
	}
	for _, path := range paths {
		l.propose(&zab.Txn{
			Time: wall, Origin: l.cfg.Self, Level: zab.FeatureLevel, Flags: l.cfg.Flags,
			Op: zab.OpReap, Body: []byte(path),
		}, out)
	}
	l.pumpAll(out)
}

// LearnerStatus describes one connected learner.
type LearnerStatus struct {
	Server   zab.ServerID
	Voter    bool
	UpToDate bool
	Sent     zab.Zxid
	// Of the snapshot that it is being sent; 0 of 0 where there is none.
	SnapAcked, SnapSize int64 // bytes
}

// Learners describes the learners, in the order they connected.
func (l *Leader) Learners(dst []LearnerStatus) []LearnerStatus {
	dst = slices.Grow(dst, len(l.learners))
	for _, p := range l.learners {
		s := LearnerStatus{Server: p.server, Voter: p.voter, UpToDate: p.stage == upToDate}
		if p.cursor != nil {
			s.Sent = p.cursor.Sent().Zxid
		}
		if p.source != nil {
			s.SnapAcked, s.SnapSize = p.source.Progress()
		}
		dst = append(dst, s)
	}
	return dst
}
