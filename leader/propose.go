package leader

import (
	"time"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// held is a request that waits while the leader is in doubt (L7).
type held struct {
	req    *zab.Request
	origin zab.ServerID
	link   zab.LinkID
}

// Request takes a write of one of this server's own clients.
func (l *Leader) Request(req *zab.Request, now time.Duration, wall int64, out *zab.Output) {
	l.request(req, l.cfg.Self, 0, now, wall, out)
}

func (l *Leader) request(req *zab.Request, origin zab.ServerID, link zab.LinkID, now time.Duration, wall int64, out *zab.Output) {
	if l.liveness.doubt {
		// Whose the session is counts as the request comes: it may be another's
		// now and come back before the doubt ends (L9).
		if owner, ok := l.sessions.Owner(req.Session); ok && owner != origin {
			l.reject(req, zab.RejectMoved, link, out)
			return
		}
		l.held = append(l.held, held{req, origin, link})
		return
	}
	if l.refuses(req) {
		l.turnAway(req, origin, link, now, out)
		return
	}
	switch jute.Op(req.Op) {
	case jute.OpCreateSession:
		l.conceive(req, origin, now)
	case jute.OpCloseSession:
		if !l.claim(req.Session, origin, now) {
			l.reject(req, zab.RejectMoved, link, out)
			return
		}
		l.sessions.MarkClosing(req.Session)
	default:
		if !l.claim(req.Session, origin, now) {
			l.reject(req, zab.RejectMoved, link, out)
			return
		}
	}
	l.propose(&zab.Txn{
		Time: wall, Session: req.Session, Cxid: req.Cxid, Origin: origin, Seq: req.Seq,
		Level: zab.FeatureLevel, Flags: l.cfg.Flags, Op: req.Op, Auth: req.Auth, Body: req.Body,
	}, out)
	l.pumpAll(out)
}

// claim reports whether origin may speak for the session, and takes note that
// the session lives (L9). An unknown session has no owner to defend: applying
// the request says that it has expired.
func (l *Leader) claim(id zab.SessionID, origin zab.ServerID, now time.Duration) bool {
	if owner, ok := l.sessions.Owner(id); ok && owner != origin {
		return false
	}
	l.sessions.Acted(id, origin, l.place())
	l.sessions.Heard(id, origin, now)
	return true
}

// turnAway refuses a request for which there is no space. Its client lives all the
// same, and of another server's session that is said first (L9).
func (l *Leader) turnAway(req *zab.Request, origin zab.ServerID, link zab.LinkID, now time.Duration, out *zab.Output) {
	reason := zab.RejectNoSpace
	if owner, ok := l.sessions.Owner(req.Session); ok && owner != origin {
		reason = zab.RejectMoved
	}
	l.sessions.Heard(req.Session, origin, now)
	l.reject(req, reason, link, out)
}

func (l *Leader) reject(req *zab.Request, reason zab.RejectReason, link zab.LinkID, out *zab.Output) {
	if link == 0 {
		out.Answers = append(out.Answers, zab.Answer{Kind: reason.Answer(), Seq: req.Seq, Session: req.Session})
		return
	}
	out.Send(link, zab.Packet{Kind: zab.KindReject, Body: &zab.Reject{
		Seq: req.Seq, Session: req.Session, Reason: reason,
	}})
}

// propose gives txn the next zxid and asks the disk to append it (L6).
func (l *Leader) propose(txn *zab.Txn, out *zab.Output) {
	must.Hold(l.phase == Broadcast, "L5", "proposal in phase %d", l.phase)
	if l.lost != "" {
		return
	}
	if l.counter == zab.CounterMax {
		l.abdicate("epoch %d has no zxid left", l.epoch)
		return
	}
	rec, err := l.enc.EncodeRecord(l.log.Appended().CRC, zab.NewZxid(l.epoch, l.counter+1), txn)
	must.Hold(err == nil, "L6", "record cannot be encoded: %v", err)
	l.counter++
	l.log.Append(rec, out)
}

// advance moves the commit point and tells the learners.
func (l *Leader) advance(out *zab.Output) {
	if l.tally.Advance() {
		for _, p := range l.learners {
			if p.stage == upToDate {
				out.Send(p.link, zab.Packet{Kind: zab.KindCommit, Zxid: l.tally.Committed()})
			}
		}
	}
	l.pumpAll(out)
}

// Bootstrap makes the first record of an ensemble that has none.
func (l *Leader) Bootstrap(wall int64, out *zab.Output) {
	body, err := l.enc.AppendBody(nil, &l.cfg.Bootstrap)
	must.Hold(err == nil, "L6", "bootstrap cannot be encoded: %v", err)
	l.propose(&zab.Txn{Time: wall, Origin: l.cfg.Self, Level: zab.FeatureLevel, Op: zab.OpBootstrap, Body: body}, out)
	l.pumpAll(out)
}

// Configure makes a record of the membership's text.
func (l *Leader) Configure(text string, wall int64, out *zab.Output) {
	l.propose(&zab.Txn{
		Time: wall, Origin: l.cfg.Self, Level: zab.FeatureLevel, Op: zab.OpConfig, Body: []byte(text),
	}, out)
	l.pumpAll(out)
}

// Packet takes a packet from a learner.
func (l *Leader) Packet(link zab.LinkID, pkt *zab.Packet, now time.Duration, wall int64, out *zab.Output) {
	p := l.learner(link)
	if p == nil {
		return
	}
	p.heard = now
	if servedOnly(pkt.Kind) && p.stage != upToDate {
		l.breach(p, pkt.Kind, out)
		return
	}
	switch pkt.Kind {
	case zab.KindAck:
		l.acked(p, pkt.Zxid)
		l.advance(out)
	case zab.KindForward:
		l.request(pkt.Body.(*zab.Request), p.server, link, now, wall, out)
	case zab.KindPong:
		l.pong(p, pkt, now, wall, out)
	case zab.KindAttach:
		a := pkt.Body.(*zab.Attach)
		if a.Seq == 0 {
			l.assert(a, p.server, link, now, out)
			return
		}
		at, lives := l.attach(a, p.server, now)
		if !lives {
			l.over(a, link, now, out)
			return
		}
		out.Send(link, zab.Packet{Kind: zab.KindAttached, Zxid: l.log.Appended().Zxid, Body: &zab.Attached{
			Seq: a.Seq, Session: a.Session, OK: true, At: at,
		}})
	case zab.KindSync:
		l.barrier(Barrier{Ask: *pkt.Body.(*zab.SyncAsk)}, link, now, out)
	default:
		l.handshake(p, pkt, now, out)
		l.advance(out)
	}
}

// servedOnly reports whether a packet speaks for a client. A learner serves
// none before UPTODATE.
func servedOnly(k zab.PacketKind) bool {
	return k == zab.KindForward || k == zab.KindAttach || k == zab.KindSync
}

// handshake takes the packets that lead up to UPTODATE.
func (l *Leader) handshake(p *learner, pkt *zab.Packet, now time.Duration, out *zab.Output) {
	switch pkt.Kind {
	case zab.KindFollowerInfo:
		l.info(p, pkt.Body.(*zab.FollowerInfo), out)
	case zab.KindAckEpoch:
		l.promised(p, pkt.Body.(*zab.AckEpoch), now, out)
	case zab.KindReady:
		if p.stage != syncing {
			l.breach(p, pkt.Kind, out)
			return
		}
		l.progress(p, now)
		if err := p.source.Ready(pkt.Body.(*zab.Ready), out); err != nil {
			l.drop(p, err.Error(), out)
		}
	case zab.KindSnapAck:
		l.progress(p, now)
		if p.source != nil {
			p.source.Acked(int64(pkt.Zxid), out)
		}
	case zab.KindStored:
		l.progress(p, now)
		if p.cursor != nil {
			p.cursor.Acked(pkt.Zxid)
		}
	case zab.KindAckNewLeader:
		l.adopted(p, pkt.Zxid, now, out)
	default:
		l.breach(p, pkt.Kind, out)
	}
}
