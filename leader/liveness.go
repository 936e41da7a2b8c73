package leader

import (
	"time"

	"github.com/quorumd/quorumd/zab"
)

// maxExpirePass bounds the sessions expired in one tick, so that a mass expiry
// is spread and no pass of the loop is long.
const maxExpirePass = 500

// liveness is what the leader knows of its contact with the learners.
type liveness struct {
	nonce   uint64        // of the last ping round
	pinged  time.Duration // when it was sent
	checked time.Duration // when the quorum was last checked
	stepped time.Duration // when the leader last ran
	doubt   bool          // L7: stood still, a quorum has not answered since
	since   uint64        // the nonce that a quorum must answer to end the doubt
}

func (v *liveness) start(now time.Duration) {
	v.pinged, v.checked, v.stepped = now, now, now
	v.doubt = false
}

// Wake is called before every event. It notices that the server stood still.
func (l *Leader) Wake(now time.Duration, wall int64, out *zab.Output) {
	still := now - l.liveness.stepped
	l.liveness.stepped = now
	if still <= l.cfg.Tick {
		return
	}
	out.Note(zab.Note{Kind: zab.NotePaused, Num: uint64(still.Milliseconds())})
	l.ownLog.since += still
	for _, p := range l.learners {
		p.heard += still // nobody can have been heard in that time
		p.log.since += still
	}
	if l.phase != Broadcast {
		return
	}
	l.sessions.Renew(now) // L8
	l.liveness.doubt = true
	l.ping(now, out)
	l.liveness.since = l.liveness.nonce
	l.settleDoubt(now, wall, out)
}

// ping sends a ping round.
func (l *Leader) ping(now time.Duration, out *zab.Output) {
	l.liveness.nonce++
	l.liveness.pinged = now
	for _, p := range l.learners {
		if p.stage > waitInfo {
			out.Send(p.link, zab.Packet{
				Kind: zab.KindPing, Zxid: zab.Zxid(l.liveness.nonce), Body: &zab.Ping{Heard: p.pongs},
			})
		}
	}
}

// answered reports whether a quorum has answered the ping round nonce.
func (l *Leader) answered(nonce uint64) bool {
	return l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id == l.cfg.Self || l.hasVoter(id, func(p *learner) bool {
			return p.stage >= waitServe && p.ponged >= nonce
		})
	})
}

// pong takes a learner's answer to a ping and the sessions it heard from.
func (l *Leader) pong(p *learner, pkt *zab.Packet, now time.Duration, wall int64, out *zab.Output) {
	p.pongs++
	p.ponged = max(p.ponged, uint64(pkt.Zxid))
	pong := pkt.Body.(*zab.Pong)
	if p.stage == upToDate {
		l.touched(pong.Touched, p.server, now)
	}
	l.low(p, pong.Low, out)
	l.settleDoubt(now, wall, out)
	l.settleBarriers(now, out)
}

// settleDoubt ends the doubt once a quorum has answered, and takes up what was
// held.
func (l *Leader) settleDoubt(now time.Duration, wall int64, out *zab.Output) {
	if !l.liveness.doubt || !l.answered(l.liveness.since) {
		return
	}
	l.liveness.doubt = false
	waiting := l.held
	l.held = nil
	for _, h := range waiting {
		if h.link == 0 || l.learner(h.link) != nil {
			l.request(h.req, h.origin, h.link, now, wall, out)
		}
	}
}

// Tick lets time pass: pings, the quorum check, session expiry.
func (l *Leader) Tick(now time.Duration, wall int64, out *zab.Output) {
	if l.phase != Broadcast && now-l.began > time.Duration(l.cfg.InitLimit)*l.cfg.Tick {
		l.abdicate("no quorum joined within initLimit")
		return
	}
	if now-l.liveness.pinged >= l.cfg.Tick/2 {
		l.ping(now, out)
	}
	if now-l.liveness.checked < l.cfg.Tick/4 {
		return
	}
	l.liveness.checked = now
	l.dropSilent(now, out)
	if l.phase != Broadcast {
		return
	}
	if l.ownLogStalled(now) {
		l.abdicate("own log not synced within syncLimit")
		return
	}
	l.dropStalled(now, out)
	if !l.inContact(now, l.syncLimit()) {
		l.abdicate("not heard from a quorum within syncLimit")
		return
	}
	if l.resign(now, out); l.lost != "" {
		return
	}
	l.expire(now, wall, out)
}

// inContact reports whether a quorum was heard from within limit.
func (l *Leader) inContact(now, limit time.Duration) bool {
	return l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id == l.cfg.Self || l.hasVoter(id, func(p *learner) bool {
			return p.stage >= waitServe && now-p.heard <= limit
		})
	})
}

// dropSilent ends the connections of learners that have said nothing for too
// long.
func (l *Leader) dropSilent(now time.Duration, out *zab.Output) {
	for i := len(l.learners) - 1; i >= 0; i-- {
		p := l.learners[i]
		limit := l.cfg.SyncLimit
		if p.stage < upToDate {
			limit = l.cfg.InitLimit
		}
		if now-p.heard > time.Duration(limit)*l.cfg.Tick {
			l.drop(p, "silent for too long", out)
		}
	}
}

// expire closes sessions whose time is up (L8). Until the initial history is
// applied, nobody has been able to say that a client was heard from.
func (l *Leader) expire(now time.Duration, wall int64, out *zab.Output) {
	if !l.serving || l.liveness.doubt || l.space == zab.SpaceOut || !l.inContact(now, 2*l.cfg.Tick) {
		return
	}
	expired := l.sessions.Expired(now, nil, maxExpirePass)
	for _, id := range expired {
		out.Note(zab.Note{Kind: zab.NoteSessionExpired, Session: id})
		l.propose(&zab.Txn{
			Time: wall, Session: id, Origin: l.cfg.Self, Level: zab.FeatureLevel,
			Flags: l.cfg.Flags, Op: zab.OpExpire,
		}, out)
	}
	if len(expired) > 0 {
		l.pumpAll(out)
	}
}
