package replica

import (
	"slices"

	"github.com/quorumd/quorumd/follower"
	"github.com/quorumd/quorumd/zab"
)

// linkUp takes a quorum connection: one that this server dialled, or one that
// a learner opened.
func (r *Replica) linkUp(link zab.LinkID, peer zab.ServerID, dialled bool, out *zab.Output) {
	switch {
	case dialled && r.follower != nil && r.follower.Leader() == peer:
		r.follower.LinkUp(link, r.now, out)
	case dialled:
		out.Closes = append(out.Closes, link)
	case r.leader != nil:
		r.leader.LinkUp(link, peer, r.now, out)
	case r.follower == nil:
		r.addEarly(link, peer, out)
	default:
		out.Closes = append(out.Closes, link)
	}
}

func (r *Replica) linkDown(link zab.LinkID, peer zab.ServerID, out *zab.Output) {
	if link != 0 {
		if i := r.earlyIndex(link); i >= 0 {
			r.early = slices.Delete(r.early, i, i+1)
		}
	}
	if r.leader != nil && link != 0 {
		r.leader.LinkDown(link, out)
	}
	if r.follower != nil && r.follower.Leader() == peer {
		r.follower.LinkDown(link, r.now)
		if link == 0 && r.follower.Phase() == follower.Connecting && r.down.Has(peer) {
			r.follower.Leave("the leader cannot be reached")
		}
	}
}

// packet gives a packet to the role that owns its link; those of links that
// nobody owns any more are dropped.
func (r *Replica) packet(link zab.LinkID, peer zab.ServerID, p *zab.Packet, out *zab.Output) {
	if info, ok := p.Body.(*zab.FollowerInfo); ok && r.foreign(info) {
		out.Note(zab.Note{Kind: zab.NoteLinkRefused, Peer: peer, Text: "its data belongs to another ensemble"})
		out.Closes = append(out.Closes, link)
		r.linkDown(link, peer, out)
		return
	}
	switch {
	case r.leader != nil:
		r.leader.Packet(link, p, r.now, r.wall, out)
	case r.follower != nil:
		if link == r.follower.Link() {
			r.fromLeader(p, out)
		}
	default:
		r.earlyPacket(link, p, out)
	}
}

// foreign reports whether a learner's data was written by another ensemble.
func (r *Replica) foreign(info *zab.FollowerInfo) bool {
	return info.Ensemble != 0 && r.identity != 0 && info.Ensemble != r.identity
}

// earlyPacket keeps FOLLOWERINFO until this server knows whether it leads.
func (r *Replica) earlyPacket(link zab.LinkID, p *zab.Packet, out *zab.Output) {
	i := r.earlyIndex(link)
	if i < 0 {
		return
	}
	if p.Kind != zab.KindFollowerInfo || r.early[i].packet != nil {
		out.Closes = append(out.Closes, link)
		r.early = slices.Delete(r.early, i, i+1)
		return
	}
	kept := *p
	r.early[i].packet = &kept
}

// fromLeader takes the leader's packets: answers to clients here, the protocol
// in the follower.
func (r *Replica) fromLeader(p *zab.Packet, out *zab.Output) {
	switch body := p.Body.(type) {
	case *zab.Reject:
		if body.Seq == 0 {
			r.refused(body.Session, false, out)
		} else if r.pending.remove(body.Seq) {
			out.Answers = append(out.Answers, zab.Answer{Kind: body.Reason.Answer(), Seq: body.Seq, Session: body.Session})
		}
	case *zab.Attached:
		if body.Seq == 0 {
			r.refused(body.Session, true, out)
		} else {
			r.attached(body.Seq, body.At, body.OK, out)
		}
	case *zab.SyncAsk:
		r.synced(*body, p.Zxid)
	default:
		r.follower.Packet(p, r.now, out)
	}
}
