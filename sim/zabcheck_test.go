package sim

import (
	"testing"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// TestZabInvariants: each invariant of the published specification is judged.
func TestZabInvariants(t *testing.T) {
	finds(t, []doctored{
		{"Leadership1", func(w *world, _ *client) {
			l := leader(w)
			w.check.Leadership1(w.nodes[(l.index+1)%3], &replica.Status{Epoch: w.check.leading[l.index]})
		}},
		{"Leadership2", func(w *world, _ *client) {
			l := leader(w)
			w.check.Leadership2(l.id%3+1, l.replica.Status().Epoch)
		}},
		{"Leadership2", func(w *world, _ *client) {
			l := leader(w)
			p := beyond(w, 1)
			w.check.broadcasts(w.nodes[(l.index+1)%3], &zab.Record{Zxid: p.Zxid, CRC: p.CRC})
		}},
		{"LeaderLogCompleteness", func(w *world, _ *client) {
			w.check.logs[0].cut(w.check.history[0])
			w.check.LeaderLogCompleteness(w.nodes[0])
		}},
		{"CommittedLogDurability", func(w *world, _ *client) {
			w.check.logs[0].cut(w.check.history[0])
			w.check.logs[1] = diskLog{}
			w.check.CommittedLogDurability(w.nodes[1])
		}},
		{"CommittedLogDurability", func(w *world, _ *client) { // one disk lost, one behind: nobody left to tell
			w.check.logs[0].cut(w.check.history[0])
			w.check.logs[1].cut(w.check.history[0])
			w.check.wiped(w.nodes[2])
		}},
		{"Integrity", func(w *world, _ *client) { w.check.primaryOrder(w.nodes[0], beyond(w, 1)) }},
		{"LocalPrimaryOrder", func(w *world, _ *client) {
			by := w.check.primaries[w.check.end().Zxid.Epoch()]
			by.broadcast = append(by.broadcast, beyond(w, 1), beyond(w, 2))
			w.check.primaryOrder(w.nodes[0], beyond(w, 2))
		}},
		{"GlobalPrimaryOrder", func(w *world, _ *client) { w.check.primaryOrder(w.nodes[0], zab.At(1, 1)) }},
		{"PrimaryIntegrity", func(w *world, _ *client) {
			w.check.PrimaryIntegrity(w.nodes[0], w.check.history[1].Zxid, w.check.end().Zxid.Epoch()+1)
		}},
		{"PrefixConsistency", func(w *world, _ *client) {
			p := w.check.end()
			w.check.logs[0].recs[len(w.check.logs[0].recs)-1].CRC++
			w.check.delivered[0] = 0
			w.check.PrefixConsistency(w.nodes[0], &zab.Record{Zxid: p.Zxid, CRC: p.CRC + 1})
		}},
		{"ProcessConsistency", func(w *world, _ *client) {
			p := beyond(w, 1)
			w.check.PrefixConsistency(w.nodes[0], &zab.Record{Zxid: p.Zxid, CRC: p.CRC})
		}},
		{"CommittedLogMonotonicity", func(w *world, _ *client) {
			p := w.check.end()
			w.check.PrefixConsistency(w.nodes[0], &zab.Record{Zxid: p.Zxid, CRC: p.CRC})
		}},
	})
}

// TestFullForms: the definitions over a whole run tell a bad one.
func TestFullForms(t *testing.T) {
	a, b, c := zab.At(zab.NewZxid(1, 1), 1), zab.At(zab.NewZxid(1, 2), 2), zab.At(zab.NewZxid(1, 3), 3)
	next := zab.At(zab.NewZxid(2, 1), 4)
	sent := map[zab.Epoch]*primary{1: {broadcast: []zab.Position{a, b, c}}, 2: {broadcast: []zab.Position{next}}}
	of := func(seqs ...[]zab.Position) *run {
		r := &run{primaries: sent}
		for i, seq := range seqs {
			r.lives = append(r.lives, &life{node: zab.ServerID(i + 1), seq: seq})
		}
		return r
	}
	for _, c := range []struct {
		want string
		run  *run
	}{
		{"", of([]zab.Position{a, b, c, next}, []zab.Position{a, b})},
		{"Integrity", of([]zab.Position{a, zab.At(zab.NewZxid(1, 2), 9)})},
		{"Agreement", of([]zab.Position{a, b}, []zab.Position{a, c})},
		{"TotalOrder", of([]zab.Position{a, b, c}, []zab.Position{b, a, c})},
		{"LocalPrimaryOrder", of([]zab.Position{a, c})},
		{"LocalPrimaryOrder", of([]zab.Position{b})},
		{"GlobalPrimaryOrder", of([]zab.Position{next, a})},
	} {
		if got := c.run.violated(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestDuringAction: packets out of turn, and packets that say what is not so.
func TestDuringAction(t *testing.T) {
	finds(t, []doctored{
		{"messageIllegal", func(w *world, _ *client) {
			for id, e := range w.net.ends {
				if e.open {
					w.check.packet(e.node, id, &zab.Packet{Kind: zab.KindFollowerInfo})
				}
			}
		}},
		{"proposalInconsistent", func(w *world, _ *client) {
			p := beyond(w, 1)
			s := &linkState{last: w.check.end().Zxid, crc: w.check.end().CRC + 1, known: true}
			w.check.proposalInconsistent(w.nodes[0], s, &zab.Packet{Record: zab.Record{Zxid: p.Zxid, Prev: w.check.end().CRC}})
		}},
		{"proposalInconsistent", func(w *world, _ *client) {
			s := &linkState{last: w.check.end().Zxid}
			w.check.proposalInconsistent(w.nodes[0], s, &zab.Packet{Record: zab.Record{Zxid: w.check.end().Zxid}})
		}},
		{"commitInconsistent", func(w *world, _ *client) {
			w.check.logs[0].recs = append(w.check.logs[0].recs, beyond(w, 1))
			w.check.logs[0].sure++
			w.check.commitInconsistent(w.nodes[0], &linkState{}, &zab.Packet{Zxid: beyond(w, 1).Zxid})
		}},
		{"commitInconsistent", func(w *world, _ *client) {
			w.check.commitInconsistent(w.nodes[0], &linkState{commit: 9}, &zab.Packet{Zxid: 8})
		}},
		{"ackInconsistent", func(w *world, _ *client) {
			w.check.ackInconsistent(w.nodes[0], &linkState{adopted: 9}, &zab.Packet{Kind: zab.KindAckNewLeader, Zxid: 8})
		}},
		{"ackInconsistent", func(w *world, _ *client) {
			w.check.ackInconsistent(w.nodes[0], &linkState{last: 9, acked: 5}, &zab.Packet{Kind: zab.KindAck, Zxid: 4})
		}},
		{"ackInconsistent", func(w *world, _ *client) {
			w.check.ackInconsistent(w.nodes[0], &linkState{last: 9}, &zab.Packet{Kind: zab.KindAck, Zxid: 10})
		}},
		{"says STORED", func(w *world, _ *client) {
			w.check.sending(w.nodes[0], 0, &zab.Packet{Kind: zab.KindStored, Zxid: beyond(w, 1).Zxid})
		}},
		{"acknowledges 9 bytes of a snapshot, its disk has taken 8", func(w *world, _ *client) {
			w.check.diskDone(w.nodes[0], &zab.DiskDone{Kind: zab.DiskSnapChunk, Off: 8, OK: true})
			w.check.sending(w.nodes[0], 0, &zab.Packet{Kind: zab.KindSnapAck, Zxid: 9})
		}},
		{"acknowledges 8 bytes of a snapshot, its disk has taken 0", func(w *world, _ *client) { // of the one before
			w.check.diskDone(w.nodes[0], &zab.DiskDone{Kind: zab.DiskSnapChunk, Off: 8, OK: true})
			w.check.told(w.nodes[0], 9, &zab.Packet{Kind: zab.KindSnap, Body: &zab.Snap{Size: 8}})
			w.check.sending(w.nodes[0], 0, &zab.Packet{Kind: zab.KindSnapAck, Zxid: 8})
		}},
		{"says READY", func(w *world, _ *client) {
			w.check.sending(w.nodes[0], 0, &zab.Packet{Kind: zab.KindReady, Body: &zab.Ready{At: beyond(w, 1)}})
		}},
		{"acknowledges 0x", func(w *world, _ *client) {
			w.check.sending(w.nodes[0], 0, &zab.Packet{Kind: zab.KindAck, Zxid: beyond(w, 1).Zxid})
		}},
		{"acknowledges NEWLEADER", func(w *world, _ *client) {
			w.check.sending(w.nodes[0], 0, &zab.Packet{Kind: zab.KindAckNewLeader, Zxid: beyond(w, 1).Zxid})
		}},
		{"says ACKEPOCH", func(w *world, _ *client) {
			w.check.told(w.nodes[0], 9, &zab.Packet{Kind: zab.KindLeaderInfo, Zxid: zab.NewZxid(7, 0)})
			w.check.sending(w.nodes[0], 9, &zab.Packet{Kind: zab.KindAckEpoch, Body: &zab.AckEpoch{}})
		}},
		{"adopts epoch 7", func(w *world, _ *client) {
			w.check.told(w.nodes[0], 9, &zab.Packet{Kind: zab.KindNewLeader, Body: &zab.NewLeader{Epoch: 7, End: beyond(w, 1)}})
			w.check.diskDone(w.nodes[0], &zab.DiskDone{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 7, Current: 7}})
		}},
	})
}
