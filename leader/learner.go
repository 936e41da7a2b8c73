package leader

import (
	"time"

	"github.com/quorumd/quorumd/broadcast"
	"github.com/quorumd/quorumd/sync"
	"github.com/quorumd/quorumd/zab"
)

// stage is how far the leader has come with one learner.
type stage uint8

const (
	waitInfo    stage = iota // FOLLOWERINFO comes first
	waitEpoch                // the epoch is not chosen yet
	waitPromise              // LEADERINFO sent, ACKEPOCH awaited
	waitQuorum               // promised; a quorum has not yet
	syncing                  // the history is on its way
	waitAdopt                // NEWLEADER sent
	waitServe                // adopted; a quorum has not yet
	upToDate
)

// learner is one connected follower or observer.
type learner struct {
	link     zab.LinkID
	server   zab.ServerID
	voter    bool
	stage    stage
	accepted zab.Epoch // from FOLLOWERINFO
	promise  zab.AckEpoch
	heard    time.Duration // when a packet last came
	ponged   uint64        // nonce of the last PONG
	pongs    uint64        // PONGs that came
	log      stallTracker
	low      bool // its disk is full

	source *zabsync.Source
	cursor *broadcast.Cursor
	end    zab.Position // of the initial history it gets
	early  zab.Zxid     // acknowledged before NEWLEADER was (L5)
}

func (p *learner) close(out *zab.Output) {
	if p.source != nil {
		p.source.Close(out)
	}
	out.Closes = append(out.Closes, p.link)
}

// sync begins to bring p up to date with the log as it stands.
func (l *Leader) sync(p *learner, out *zab.Output) {
	p.stage = syncing
	p.source = zabsync.NewSource(p.link, p.server, p.promise.Last, l.log, out)
	if l.cfg.Piece > 0 {
		p.source.Pieces(l.cfg.Piece)
	}
	l.pump(p, out)
}

// pump sends p what it can take: records, and NEWLEADER where the initial
// history ends. The end is fixed as the first record may leave, so whatever is
// proposed later comes after NEWLEADER.
func (l *Leader) pump(p *learner, out *zab.Output) {
	if p.stage < syncing {
		return
	}
	if p.cursor == nil {
		from, ready := p.source.From()
		if !ready {
			return
		}
		p.end = l.log.Appended()
		p.cursor = broadcast.NewCursor(p.link, from, p.end.Zxid)
	}
	p.cursor.Pump(l.log, out)
	if p.stage == syncing && p.cursor.AtStop() {
		p.stage = waitAdopt
		out.Send(p.link, zab.Packet{
			Kind: zab.KindNewLeader, Zxid: p.end.Zxid,
			Body: &zab.NewLeader{Epoch: l.epoch, End: p.end},
		})
		p.cursor.Release()
		p.cursor.Pump(l.log, out)
	}
	if p.source != nil && p.stage > syncing && p.cursor.InMemory(l.log) { // L11
		p.source.Close(out)
		p.source = nil
	}
	if p.cursor.Lost() {
		l.drop(p, "the log no longer reaches back to what it needs", out)
	}
}

// pumpAll offers new records to every learner.
func (l *Leader) pumpAll(out *zab.Output) {
	for i := len(l.learners) - 1; i >= 0; i-- {
		l.pump(l.learners[i], out)
	}
}

// acked takes a cumulative acknowledgement of proposals.
func (l *Leader) acked(p *learner, z zab.Zxid) {
	if p.cursor != nil {
		p.cursor.Acked(z)
	}
	if p.stage < waitServe { // L5
		p.early = max(p.early, z)
		return
	}
	l.tally.Ack(p.server, z)
}

// progress takes note that a learner comes nearer to the end of its initial
// history, or that this server or the learner is at work on it without anything
// to show yet. While it does, the leadership does not run out of time (L12,
// ZOOKEEPER-1697). Whoever is at work has a watchdog over its disk.
func (l *Leader) progress(p *learner, now time.Duration) {
	if p.voter && l.phase == Synchronization {
		l.began = now
	}
}

// adopted takes the acknowledgement of NEWLEADER.
func (l *Leader) adopted(p *learner, z zab.Zxid, now time.Duration, out *zab.Output) {
	if p.stage != waitAdopt || z != p.end.Zxid {
		l.breach(p, zab.KindAckNewLeader, out)
		return
	}
	p.stage = waitServe
	p.cursor.Acked(z)
	l.tally.Ack(p.server, max(z, p.early))
	l.judgeSpace(out)
	if l.serving {
		l.welcome(p, out)
		return
	}
	l.establish(now, out)
}

// welcome tells p that it may serve.
func (l *Leader) welcome(p *learner, out *zab.Output) {
	p.stage = upToDate
	out.Send(p.link, zab.Packet{Kind: zab.KindUpToDate, Zxid: l.tally.Committed()})
	out.Note(zab.Note{Kind: zab.NoteLearnerUp, Peer: p.server, Zxid: p.end.Zxid})
}

// breach drops a learner that sent what it had no right to.
func (l *Leader) breach(p *learner, k zab.PacketKind, out *zab.Output) {
	out.Note(zab.Note{Kind: zab.NoteProtocolError, Peer: p.server, Text: k.String() + " out of turn"})
	l.drop(p, "broke the protocol", out)
}
