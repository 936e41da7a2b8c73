package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// healthy is an ensemble of three that serves and has answered some writes, for
// checks to be shown what is not so.
func healthy(t *testing.T) (*world, *client) {
	t.Helper()
	w := &world{rng: rand.New(rand.NewPCG(1, 2)), trace: newTrace(nil), knobs: defaultKnobs()}
	w.setUp(3, 0, faults{})
	s := &script{world: w}
	var c *client
	w.guard(func() {
		s.tell(func(s *script) {
			s.start(1, 2, 3)
			s.serve(1, 2, 3)
			c = s.visit(1)
			s.write(c, 3)
			s.serve(1, 2, 3)
		})
	})
	if w.err != nil {
		t.Fatal(w.err)
	}
	return w, c
}

// doctored is a case in which something is not as it must be.
type doctored struct {
	want string // part of what the check says
	do   func(w *world, c *client)
}

// finds runs each case on a healthy ensemble of its own.
func finds(t *testing.T, cases []doctored) {
	t.Helper()
	for _, d := range cases {
		t.Run(d.want, func(t *testing.T) {
			w, c := healthy(t)
			d.do(w, c)
			switch {
			case w.err == nil:
				t.Error("nothing was found")
			case !strings.Contains(w.err.Error(), d.want):
				t.Errorf("found %v", w.err)
			}
		})
	}
}

// TestHealthy: the ensemble that the other tests doctor passes every check.
func TestHealthy(t *testing.T) {
	w, _ := healthy(t)
	if w.check.final(); w.err != nil {
		t.Fatal(w.err)
	}
}

func beyond(w *world, n uint32) zab.Position {
	z := w.check.end().Zxid
	return zab.At(zab.NewZxid(z.Epoch(), z.Counter()+n), 7)
}

func leader(w *world) *node {
	for _, n := range w.nodes {
		if n.replica.Status().State == zab.Leading {
			return n
		}
	}
	return nil
}

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

// TestDiskLog: what a disk must and may hold after a crash.
func TestDiskLog(t *testing.T) {
	a, b, c := zab.At(1, 1), zab.At(2, 2), zab.At(3, 3)
	records := func(ps ...zab.Position) []zab.Record {
		var recs []zab.Record
		for _, p := range ps {
			recs = append(recs, zab.Record{Zxid: p.Zxid, CRC: p.CRC})
		}
		return recs
	}
	fresh := func() *diskLog { return &diskLog{recs: []zab.Position{a, b}, sure: 1} }
	cut := func() *diskLog {
		l := &diskLog{recs: []zab.Position{a, b}, sure: 2}
		l.write(&zab.DiskOp{Kind: zab.DiskTruncate, At: a}, nil)
		l.write(&zab.DiskOp{Kind: zab.DiskAppend, Records: records(c)}, nil)
		return l
	}
	installed := func() *diskLog {
		l := fresh()
		l.write(&zab.DiskOp{Kind: zab.DiskSnapBegin, At: c}, nil)
		l.write(&zab.DiskOp{Kind: zab.DiskSnapEnd}, nil)
		return l
	}
	for _, d := range []struct {
		log  *diskLog
		last zab.Position
		want string
	}{
		{fresh(), a, ""},
		{fresh(), b, ""},
		{fresh(), zab.Position{}, "less than it had synced"},
		{fresh(), zab.At(2, 9), "what was never written there"},
		{fresh(), c, "what was never written there"},
		{cut(), a, ""},
		{cut(), b, ""},
		{cut(), c, ""},
		{cut(), zab.Position{}, "less than it had synced"},
		{installed(), c, ""},
		{installed(), b, ""},
	} {
		if got := d.log.recover(d.last); got != d.want {
			t.Errorf("%s: %q, want %q", d.last, got, d.want)
		}
		if d.want == "" && d.log.end() != d.last {
			t.Errorf("the log ends at %s, want %s", d.log.end(), d.last)
		}
	}
	finds(t, []doctored{{"less than it had synced", func(w *world, _ *client) {
		w.check.recovered(w.nodes[0], txnlog.Recovered{Last: w.check.history[0]})
	}}})
}

// TestJudge: answers that are not the ones the history gives.
func TestJudge(t *testing.T) {
	get := func(c *client) *call {
		return &call{op: jute.OpGetData, path: c.path(), body: (&jute.PathWatchRequest{Path: c.path(), Watch: true}).Append(nil), watch: true}
	}
	answer := func(w *world, q *call) *reply {
		z := w.check.end().Zxid
		body, code := w.check.model.read(q.op, q.body, z)
		return &reply{zxid: z, code: code, body: body}
	}
	finds(t, []doctored{
		{"after 0x", func(w *world, c *client) {
			r := answer(w, get(c))
			r.zxid = w.check.history[1].Zxid
			w.check.judge(c.conn, get(c), r)
		}},
		{"the history ends at", func(w *world, c *client) {
			r := answer(w, get(c))
			r.zxid = beyond(w, 1).Zxid
			w.check.judge(c.conn, get(c), r)
		}},
		{"the model says", func(w *world, c *client) {
			r := answer(w, get(c))
			r.body[5]++
			w.check.judge(c.conn, get(c), r)
		}},
		{"was answered node does not exist", func(w *world, c *client) {
			w.check.judge(c.conn, get(c), &reply{zxid: w.check.end().Zxid, code: jute.CodeNoNode})
		}},
		{"sync was answered", func(w *world, c *client) {
			q := &call{op: jute.OpSync, floor: w.check.end().Zxid}
			c.seen = 0
			w.check.judge(c.conn, q, &reply{zxid: w.check.history[2].Zxid})
		}},
		{"not its record", func(w *world, c *client) {
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: 999}, &reply{zxid: w.check.end().Zxid})
		}},
		{"before the write that has it was answered", func(w *world, c *client) {
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: c.xid}, answerOf(w))
		}},
		{"had been committed when it was sent", func(w *world, c *client) {
			c.seen = 0
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: c.xid, floor: w.check.end().Zxid}, answerOf(w))
		}},
		{"the model says ok", func(w *world, c *client) {
			c.seen = 0
			r := answerOf(w)
			r.code = jute.CodeBadVersion
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: c.xid}, r)
		}},
		{"out of turn", func(_ *world, c *client) { c.take(c.conn, &reply{xid: 12345}) }},
		{"with a wrong password", func(_ *world, c *client) {
			c.conn.forged = true
			c.take(c.conn, &reply{hello: &hello{session: 1}})
		}},
		{"comes to", func(w *world, _ *client) {
			rec := &zab.Record{Zxid: w.check.end().Zxid, Txn: &zab.Txn{Op: int32(jute.OpSetData)}}
			w.check.applied(w.nodes[0], rec, &znode.Result{Code: jute.CodeNoNode})
		}},
	})
}

// answerOf is the right answer to the last write of the history.
func answerOf(w *world) *reply {
	r := w.check.model.result(w.check.end().Zxid)
	return &reply{zxid: r.zxid, code: r.code, body: r.body}
}

// TestWatchChecks: events that are missing, late, wrong, or come twice.
func TestWatchChecks(t *testing.T) {
	before := func(w *world, c *client) zab.Zxid { // of the last write
		w.check.until(c, w.check.history[len(w.check.history)-2].Zxid)
		return w.check.end().Zxid
	}
	finds(t, []doctored{
		{"before it was told NodeDataChanged", func(w *world, c *client) {
			before(w, c)
			c.conn.view.add(c.path(), seesData)
			w.check.judge(c.conn, &call{op: jute.OpSync}, &reply{zxid: w.check.end().Zxid})
		}},
		{"the next event for it is <nil>", func(w *world, c *client) {
			z := before(w, c)
			w.check.event(c.conn, &znode.Event{Type: jute.EventNodeDataChanged, Path: c.path(), Zxid: z})
		}},
		{"the next event for it is <nil>", func(w *world, c *client) { // twice
			z := before(w, c)
			c.conn.view.add(c.path(), seesData)
			ev := &znode.Event{Type: jute.EventNodeDataChanged, Path: c.path(), Zxid: z}
			w.check.event(c.conn, ev)
			if w.err != nil {
				return
			}
			w.check.event(c.conn, ev)
		}},
		{"was told NodeDeleted", func(w *world, c *client) {
			z := before(w, c)
			c.conn.view.add("/", seesRecursive)
			w.check.event(c.conn, &znode.Event{Type: jute.EventNodeDeleted, Path: c.path(), Zxid: z})
		}},
		{"was not told NodeDataChanged", func(w *world, c *client) {
			w.check.caughtUp(c.conn, &takeUp{since: 1, data: []string{c.path()}}, w.check.end().Zxid)
		}},
		{"was not told NodeDeleted /x", func(w *world, c *client) {
			w.check.caughtUp(c.conn, &takeUp{since: 1, children: []string{"/x"}}, w.check.end().Zxid)
		}},
		{"by setWatches for nothing", func(w *world, c *client) {
			w.check.event(c.conn, &znode.Event{Type: jute.EventNodeCreated, Path: c.path(), Zxid: -1})
			w.check.caughtUp(c.conn, &takeUp{since: w.check.end().Zxid, data: []string{c.path()}}, w.check.end().Zxid)
		}},
	})
}

// until has a connection's view stand at a zxid.
func (k *checker) until(c *client, z zab.Zxid) { c.conn.view.next = k.model.eventsAfter(z) }

// TestEphemeralOutlivesSession: an ephemeral whose session is over is found.
func TestEphemeralOutlivesSession(t *testing.T) {
	finds(t, []doctored{{"which is over", func(w *world, c *client) {
		s := &script{world: w}
		w.guard(func() {
			s.tell(func(s *script) {
				c.ask(&call{op: jute.OpCreate, path: "/e", body: createBody("/e", nil, 1)})
				s.answered(c)
				s.serve(1, 2, 3)
			})
		})
		delete(w.check.model.sessions, c.session)
		w.check.sessionsMatch(w.nodes[0])
	}}})
}

// TestEndChecks: what is judged when all has come together.
func TestEndChecks(t *testing.T) {
	forget := func(w *world, path string) {
		e := w.check.model.nodes[path]
		n := *e[len(e)-1].node
		n.data = []byte("else")
		e[len(e)-1].node = &n
	}
	finds(t, []doctored{
		{"the model says", func(w *world, c *client) {
			forget(w, c.path())
			w.check.treeMatches(w.nodes[0])
		}},
		{"znodes, the model has", func(w *world, c *client) {
			delete(w.check.model.nodes, c.path())
			w.check.countMatches(w.nodes[0])
		}},
		{"on its disk", func(w *world, _ *client) {
			n := w.nodes[0]
			names, err := n.fs.List("log/quorumd-1")
			if err != nil {
				w.fail("%v", err)
			}
			for _, name := range names {
				if strings.HasPrefix(name, "log.0") {
					if err := n.fs.Rot("log/quorumd-1/"+name, 60, 0xff); err != nil {
						w.fail("%v", err)
					}
				}
			}
			w.check.fsck(n)
		}},
		{"its disk has", func(w *world, _ *client) {
			w.check.durable[0].epochs.Current++
			w.check.fsck(w.nodes[0])
		}},
		{"its disk replays to", func(w *world, _ *client) {
			w.check.history = append(w.check.history, beyond(w, 1))
			w.check.complete(w.nodes[0], w.nodes[0].state)
		}},
		{"its disk gives digest", func(w *world, _ *client) {
			w.check.digests[w.check.end().Zxid]++
			w.check.fsck(w.nodes[0])
		}},
		{"was told", func(w *world, c *client) {
			c.promised += 100
			w.check.final()
		}},
		{"does not hold of the whole run", func(w *world, _ *client) {
			l := w.check.lives[0]
			l.seq[0], l.seq[1] = l.seq[1], l.seq[0]
			w.check.final()
		}},
		{"not linearizable", func(w *world, _ *client) {
			w.check.lin.ops = []*operation{
				{call: 1, ret: 2, known: true, parts: []part{{op: jute.OpCreate, version: -1}}},
				{call: 3, ret: 4, known: true, parts: []part{{op: jute.OpCreate, version: -1}}},
			}
			w.check.final()
		}},
	})
}
