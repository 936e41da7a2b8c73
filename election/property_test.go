package election

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/zab"
)

func drawEnsemble(t *rapid.T) *zab.Ensemble {
	n := rapid.IntRange(1, 5).Draw(t, "voters")
	var voters []zab.ServerID
	weights := map[zab.ServerID]int64{}
	for id := range zab.ServerID(n) {
		voters = append(voters, id+1)
	}
	if n >= 3 && rapid.IntRange(0, 3).Draw(t, "weightless") == 0 {
		weights[zab.ServerID(rapid.IntRange(1, n).Draw(t, "weight 0"))] = 0
	}
	var observers []zab.ServerID
	if rapid.Bool().Draw(t, "observer") {
		observers = append(observers, zab.ServerID(n+1))
	}
	return zab.NewHierarchy(voters, observers, [][]zab.ServerID{voters}, weights)
}

func (w *world) electable(id zab.ServerID) bool { return w.ens.Weight(id) > 0 }

// When no time passes and nothing fails, every interleaving of starts and
// deliveries elects the one best server.
func TestBestServerWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(drawEnsemble(t), nil)
		var best zab.Vote
		var waiting []*node
		for _, n := range w.nodes {
			n.standing.Round = uint64(rapid.IntRange(0, 3).Draw(t, "round"))
			v := zab.Vote{Leader: n.id, Epoch: zab.Epoch(rapid.IntRange(1, 2).Draw(t, "epoch")),
				Zxid: zab.Zxid(rapid.IntRange(1, 3).Draw(t, "zxid"))}
			n.standing.Vote = v
			if w.electable(n.id) && (best.Zxid == 0 || v.Beats(best)) {
				best = v
			}
			waiting = append(waiting, n)
		}
		for len(waiting) > 0 {
			if rapid.Bool().Draw(t, "start") {
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "which")
				w.look(waiting[i])
				waiting = slices.Delete(waiting, i, i+1)
			} else {
				w.deliverSome(t)
			}
		}
		for range rapid.IntRange(0, 30).Draw(t, "deliveries") {
			w.deliverSome(t)
		}
		w.settle()
		for _, n := range w.nodes {
			if n.settled == nil || n.outcome.Vote != best {
				t.Fatalf("best is %+v, but %s", best, n)
			}
		}
	})
}

// deliverSome delivers the oldest notification of a lane that has one.
func (w *world) deliverSome(t *rapid.T) {
	var full [][2]zab.ServerID
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if len(w.lanes[[2]zab.ServerID{a.id, b.id}]) > 0 {
				full = append(full, [2]zab.ServerID{a.id, b.id})
			}
		}
	}
	if len(full) > 0 {
		lane := rapid.SampledFrom(full).Draw(t, "lane")
		w.deliver(lane[0], lane[1])
	}
}

// chaos is an ensemble in which a quorum once held the transaction committed;
// a few of them may have lost their disks since.
type chaos struct {
	*world
	committed zab.Zxid
	amnesiacs int
}

func drawChaos(t *rapid.T) *chaos {
	c := &chaos{world: newWorld(drawEnsemble(t), nil), committed: 7}
	var holders []zab.ServerID
	for _, n := range c.nodes {
		epoch, last := zab.Epoch(1), zab.Zxid(rapid.IntRange(1, 8).Draw(t, "zxid"))
		if last >= c.committed {
			holders = append(holders, n.id)
		}
		n.standing.Vote = zab.Vote{Leader: n.id, Epoch: epoch, Zxid: last}
	}
	if !c.ens.IsQuorum(func(id zab.ServerID) bool { return slices.Contains(holders, id) }) {
		c.committed = 1 // every server holds the first transaction
	}
	// The first servers lose their disks, but never a quorum: no protocol
	// tells a quorum of blank servers from a new ensemble.
	var wiped []zab.ServerID
	for _, n := range c.nodes {
		if rapid.IntRange(0, 4).Draw(t, "wipe") > 0 {
			continue
		}
		if c.ens.IsQuorum(func(id zab.ServerID) bool { return id == n.id || slices.Contains(wiped, id) }) {
			continue
		}
		wiped = append(wiped, n.id)
		n.standing.Vote = zab.Vote{Leader: n.id}
		c.amnesiacs++
	}
	return c
}

// step does one random thing.
func (c *chaos) step(t *rapid.T) {
	pick := func() *node { return rapid.SampledFrom(c.nodes).Draw(t, "server") }
	switch rapid.IntRange(0, 12).Draw(t, "step") {
	case 0, 1:
		if n := pick(); !n.alive() {
			c.look(n)
		}
	case 2:
		if n := pick(); n.alive() {
			c.crash(n, rapid.Bool().Draw(t, "vanish"))
		}
	case 3:
		if a, b := pick(), pick(); a != b {
			c.sever(a.id, b.id, rapid.Bool().Draw(t, "cut"))
		}
	case 4:
		if n := pick(); n.settled != nil {
			c.look(n)
		}
	case 5, 6:
		c.tick(time.Duration(rapid.IntRange(1, 30).Draw(t, "ticks")) * zab.TickInterval)
	default:
		c.deliverSome(t)
	}
}

// check holds every server that decided to the invariants.
func (c *chaos) check(t *rapid.T) {
	for _, n := range c.nodes {
		if n.settled == nil {
			continue
		}
		o := n.outcome
		if !c.electable(o.Leader) {
			t.Fatalf("E3: %s", n)
		}
		if (o.Role == zab.Leading) != (o.Leader == n.id) || o.Vote.Leader != o.Leader || o.Round > n.standing.Round {
			t.Fatalf("outcome %+v of server %d in round %d", o, n.id, n.standing.Round)
		}
		if o.Role == zab.Leading && o.Vote.Zxid < c.committed {
			t.Fatalf("E1, E4: %s with zxid %s, but %s was committed", n, o.Vote.Zxid, c.committed)
		}
	}
}

// mend makes everything work again and lets servers give up roles that come to
// nothing, as discovery would.
func (c *chaos) mend(t *rapid.T) {
	for _, n := range c.nodes {
		if !n.alive() {
			c.look(n)
		}
	}
	for i, a := range c.nodes {
		for _, b := range c.nodes[i+1:] {
			if !c.conn[pair(a.id, b.id)] {
				c.sever(a.id, b.id, false)
			}
		}
	}
	for end := c.now + time.Minute; c.now < end; {
		c.settle()
		c.tick(50 * time.Millisecond)
		c.check(t)
		for _, n := range c.nodes {
			if n.settled != nil && c.now-n.since > time.Second && !c.supported(n) {
				c.look(n)
			}
		}
	}
}

// supported reports whether a quorum has settled on n's leader, it included.
func (c *chaos) supported(n *node) bool {
	leader := c.node(n.outcome.Leader)
	return leader.settled != nil && leader.outcome.Leader == leader.id &&
		c.ens.IsQuorum(func(id zab.ServerID) bool {
			m := c.node(id)
			return m.settled != nil && m.outcome.Leader == leader.id
		})
}

// Whatever happens, nobody leads who lacks what was committed; and when it
// stops happening, everybody settles on one leader.
func TestChaos(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawChaos(t)
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			c.step(t)
			c.check(t)
		}
		c.mend(t)
		if c.amnesiacs > 0 && !c.historyQuorum() {
			return // it is right that they wait
		}
		leader := c.nodes[0].outcome.Leader
		for _, n := range c.nodes {
			if n.settled == nil || n.outcome.Leader != leader || !c.supported(n) {
				for _, n := range c.nodes {
					t.Log(n)
				}
				t.Fatal("not settled on one leader after a minute of peace")
			}
		}
	})
}

// historyQuorum reports whether the servers that hold history are a quorum.
func (c *chaos) historyQuorum() bool {
	return c.ens.IsQuorum(func(id zab.ServerID) bool { return c.node(id).standing.Vote.Zxid > 0 })
}

func TestVoteOrderIsTotal(t *testing.T) {
	vote := rapid.Custom(func(t *rapid.T) zab.Vote {
		return zab.Vote{Leader: zab.ServerID(rapid.IntRange(0, 2).Draw(t, "leader")),
			Epoch: zab.Epoch(rapid.IntRange(0, 2).Draw(t, "epoch")), Zxid: zab.Zxid(rapid.IntRange(0, 2).Draw(t, "zxid"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := vote.Draw(t, "a"), vote.Draw(t, "b"), vote.Draw(t, "c")
		if a.Beats(a) || a != b && a.Beats(b) == b.Beats(a) {
			t.Fatalf("%+v and %+v", a, b)
		}
		if a.Beats(b) && b.Beats(c) && !a.Beats(c) {
			t.Fatalf("%+v beats %+v beats %+v", a, b, c)
		}
	})
}
