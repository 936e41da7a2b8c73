package zabsync

import (
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/zab"
)

// Durable proves that the learner's log is durable through the end of the
// initial history. The disk's answer makes it, nothing else.
type Durable struct{ end zab.Position }

// Adopted proves that, after that, the leader's epoch became durable. Its zero
// value proves nothing and is refused.
type Adopted struct {
	end   zab.Position
	epoch zab.Epoch
}

// Acknowledged proves that NEWLEADER was acknowledged on this link. Its zero
// value proves nothing and is refused.
type Acknowledged struct {
	link zab.LinkID
	sent bool
}

// AckNewLeader sends the acknowledgement of NEWLEADER (S1).
func AckNewLeader(link zab.LinkID, proof Adopted, out *zab.Output) Acknowledged {
	must.Hold(proof.epoch > 0, "S1", "NEWLEADER acknowledged without proof")
	out.Send(link, zab.Packet{Kind: zab.KindAckNewLeader, Zxid: proof.end.Zxid})
	out.Note(zab.Note{Kind: zab.NoteAckedNewLeader, Zxid: proof.end.Zxid, Epoch: proof.epoch})
	return Acknowledged{link: link, sent: true}
}

// AckProposals acknowledges everything through z. Without proof that
// NEWLEADER was acknowledged it sends nothing and reports false (S2): what is
// durable by then is covered by the acknowledgement of NEWLEADER or the next.
func AckProposals(proof Acknowledged, z zab.Zxid, out *zab.Output) bool {
	if !proof.sent {
		return false
	}
	out.Send(proof.link, zab.Packet{Kind: zab.KindAck, Zxid: z})
	return true
}
