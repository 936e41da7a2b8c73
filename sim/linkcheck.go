package sim

import (
	"github.com/quorumd/quorumd/zab"
)

// linkState is how far the two ends of a quorum connection have come, as what
// they sent tells.
type linkState struct {
	leader  step // of what the leader sent
	learner step
	last    zab.Zxid // of the last record sent, or where the learner's log was said to end
	crc     uint32
	known   bool     // crc is that of last
	commit  zab.Zxid // highest told
	acked   zab.Zxid
	adopted zab.Zxid // end of the initial history
}

type step uint8

const (
	stepNothing step = iota
	stepEpoch        // LEADERINFO; FOLLOWERINFO
	stepSync         // DIFF, TRUNC or SNAP; ACKEPOCH
	stepAdopt        // NEWLEADER; its ACK
	stepServe        // UPTODATE
)

// packet judges a packet as it leaves, by what was said on its connection
// before: the kinds of CheckDuringAction in the published specification.
func (k *checker) packet(n *node, id zab.LinkID, p *zab.Packet) {
	e := k.w.net.find(n, id)
	if e == nil {
		return // it is gone, and what is sent goes nowhere
	}
	l := e.link
	s := k.links[l]
	if s == nil {
		s = &linkState{}
		k.links[l] = s
	}
	if !s.legal(p.Kind) {
		k.w.fail("messageIllegal: %v sends %s after %+v", n, p.Kind, *s)
	}
	switch p.Kind {
	case zab.KindTxn:
		k.proposalInconsistent(n, s, p)
	case zab.KindCommit, zab.KindUpToDate:
		k.commitInconsistent(n, s, p)
	case zab.KindAck, zab.KindAckNewLeader:
		k.ackInconsistent(n, s, p)
	}
	s.take(p)
}

// legal reports whether a packet may come after what was sent: messageIllegal.
func (s *linkState) legal(kind zab.PacketKind) bool {
	switch kind {
	case zab.KindFollowerInfo:
		return s.learner == stepNothing
	case zab.KindLeaderInfo:
		return s.leader == stepNothing && s.learner == stepEpoch
	case zab.KindAckEpoch:
		return s.learner == stepEpoch && s.leader == stepEpoch
	case zab.KindDiff, zab.KindTrunc, zab.KindSnap:
		return s.learner == stepSync && (s.leader == stepEpoch || s.leader == stepSync)
	case zab.KindSnapChunk, zab.KindNewLeader:
		return s.leader == stepSync
	case zab.KindTxn:
		return s.leader >= stepSync
	case zab.KindAckNewLeader:
		return s.leader == stepAdopt && s.learner == stepSync
	case zab.KindUpToDate:
		return s.leader == stepAdopt && s.learner == stepAdopt
	case zab.KindCommit, zab.KindReject, zab.KindAttached, zab.KindSyncDone:
		return s.leader == stepServe
	case zab.KindAck:
		return s.learner == stepAdopt
	case zab.KindReady, zab.KindSnapAck, zab.KindStored:
		return s.learner >= stepSync && s.leader >= stepSync
	case zab.KindForward, zab.KindAttach, zab.KindSync:
		return s.leader == stepServe && s.learner == stepAdopt
	}
	return true // pings
}

// take moves on.
func (s *linkState) take(p *zab.Packet) {
	switch p.Kind {
	case zab.KindFollowerInfo:
		s.learner = stepEpoch
	case zab.KindLeaderInfo:
		s.leader = stepEpoch
	case zab.KindAckEpoch:
		s.learner = stepSync
	case zab.KindDiff:
		s.leader, s.last, s.known = stepSync, p.Zxid, false
	case zab.KindTrunc:
		to := p.Body.(*zab.Trunc).To
		s.leader, s.last, s.crc, s.known = stepSync, to.Zxid, to.CRC, true
	case zab.KindSnap:
		at := p.Body.(*zab.Snap).At
		s.leader, s.last, s.crc, s.known = stepSync, at.Zxid, at.CRC, true
	case zab.KindTxn:
		s.last, s.crc, s.known = p.Record.Zxid, p.Record.CRC, true
	case zab.KindNewLeader:
		s.leader, s.adopted = stepAdopt, p.Zxid
	case zab.KindAckNewLeader:
		s.learner = stepAdopt
	case zab.KindUpToDate:
		s.leader, s.commit = stepServe, p.Zxid
	case zab.KindCommit:
		s.commit = p.Zxid
	case zab.KindAck:
		s.acked = p.Zxid
	}
}

// proposalInconsistent: a proposal that is not the successor of the last record
// that the learner was sent or said to hold.
func (k *checker) proposalInconsistent(n *node, s *linkState, p *zab.Packet) {
	if p.Record.Zxid <= s.last || s.known && p.Record.Prev != s.crc {
		k.w.fail("proposalInconsistent: %v sends %s after %s/%08x", n, p.Record.Position(), s.last, s.crc)
	}
}

// commitInconsistent: a commit of what no quorum has synced, or one that goes
// back.
func (k *checker) commitInconsistent(n *node, s *linkState, p *zab.Packet) {
	switch {
	case p.Zxid < s.commit:
		k.w.fail("commitInconsistent: %v commits %s after %s", n, p.Zxid, s.commit)
	case p.Zxid > k.safe && !k.quorumAt(p.Zxid):
		k.w.fail("commitInconsistent: %v commits %s, no quorum has synced it: %v", n, p.Zxid, k.logEnds())
	}
	k.safe = max(k.safe, p.Zxid)
}

// quorumAt reports whether a quorum has synced the same record at a zxid.
func (k *checker) quorumAt(z zab.Zxid) bool {
	for i := range k.logs {
		l := &k.logs[i]
		if at := min(l.after(z), l.sure); at > 0 && l.recs[at-1].Zxid == z && k.heldByQuorum(l.recs[at-1]) {
			return true
		}
		if l.base.Zxid == z && k.heldByQuorum(l.base) {
			return true
		}
	}
	return z == 0
}

// ackInconsistent: an acknowledgement of another history's end, one that goes
// back, or one of what was never sent.
func (k *checker) ackInconsistent(n *node, s *linkState, p *zab.Packet) {
	switch {
	case p.Kind == zab.KindAckNewLeader && p.Zxid != s.adopted:
		k.w.fail("ackInconsistent: %v acknowledges NEWLEADER at %s, it was sent %s", n, p.Zxid, s.adopted)
	case p.Kind == zab.KindAck && (p.Zxid < s.acked || p.Zxid > s.last):
		k.w.fail("ackInconsistent: %v acknowledges %s after %s, it was sent %s", n, p.Zxid, s.acked, s.last)
	}
}
