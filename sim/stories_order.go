package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// stageOrder is which of a learner's four stages goes on first when several
// could: the first that has something to do.
type stageOrder [4]stage

// stageOrders are all 4! of them. ZooKeeper's learner has a thread for each
// stage, and ZOOKEEPER-4685, 4646 and 4643 are orders that nobody thought of.
func stageOrders() []stageOrder {
	free := stageOrder{stageReceive, stageAppend, stageSynced, stageSend}
	var orders []stageOrder
	var permute func(k int)
	permute = func(k int) {
		if k == len(free) {
			orders = append(orders, free)
			return
		}
		for i := k; i < len(free); i++ {
			free[k], free[i] = free[i], free[k]
			permute(k + 1)
			free[k], free[i] = free[i], free[k]
		}
	}
	permute(0)
	return orders
}

// String is the initials of the stages' names: r is receive, d the disk that
// performs, s its completion that is heard of, w the wire.
func (o stageOrder) String() string {
	var b strings.Builder
	for _, st := range o {
		b.WriteByte(map[stage]byte{stageReceive: 'r', stageAppend: 'd', stageSynced: 's', stageSend: 'w'}[st])
	}
	return b.String()
}

// orderStories are the ways to bring a learner up to date with its stages
// released by hand, in all orders, and the published trace of ZOOKEEPER-4685.
// In those that are busy the follower is one of three, and the leader goes on
// proposing meanwhile, as it does for an observer.
func orderStories() []story {
	var list []story
	for _, way := range syncWays {
		for _, who := range []string{"follower", "busy", "observer"} {
			if !way.ordered || way.only != "" && way.only != who {
				continue
			}
			for _, order := range stageOrders() {
				list = append(list, orderStory(way, who, order))
			}
		}
	}
	return list
}

func orderStory(way syncWay, who string, order stageOrder) story {
	st := way.story(who)
	tell := st.tell
	busy := who != "follower"
	st.group = "order/" + st.name
	st.name = fmt.Sprintf("%s/%s", st.group, order)
	st.only = way.learner(who)
	st.tell = func(s *script) {
		s.order, s.busy = &order, busy
		tell(s)
	}
	return st
}

// tellPublished is the trace of ZOOKEEPER-4685: the leader S2, server 3 here,
// has logged a proposal that nobody else has; S0, server 1, restarts and S1
// crashes before receiving it; S2 leads again, and the DIFF to S0 carries that
// proposal and NEWLEADER.
func tellPublished(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	for _, id := range t.all {
		if id != lead {
			t.cut(lead, id)
		}
	}
	end := t.check.end().Zxid
	t.ask(t.writer)
	t.until("the proposal is logged", func() bool { return t.synced(lead) > end })
	t.crash(vfs.KeepNothing, t.others...)
	t.crash(vfs.KeepNothing, learner)
	t.mend()
	t.comes("DIFF")
}

// ordered brings the learner up to date with its stages released by hand. A
// follower and the leader are alone, so the leader depends on what it says,
// unless there is to be something to do.
func (t *tale) ordered(mode string) {
	leader := t.sure()
	if !t.busy {
		t.crash(vfs.KeepNothing, slices.DeleteFunc(slices.Clone(t.all), func(id zab.ServerID) bool {
			return id == leader || id == t.learner
		})...)
		t.until("the leader is alone", func() bool { return !t.leads(leader) })
	}
	if t.busy && t.writer.conn == nil {
		t.writer = t.visit(leader)
	}
	t.beginPoints()
	t.start(t.learner)
	t.fine(t.learner)
	t.until("the learner synchronises", func() bool { return t.in(t.learner, replica.PhaseSynchronization) })
	held := t.order[:]
	t.hold(t.learner, held...)
	t.watch()
	elections := t.told(leader, zab.NoteElected) + t.told(t.learner, zab.NoteElected)
	epoch := t.node(t.learner).replica.Status().Epoch
	left := 0
	if t.busy {
		left = busyWrites
	}
	for limit := t.now + patienceOfScripts; !t.node(t.learner).replica.Status().Serving; {
		if t.now > limit || !t.node(t.learner).up {
			t.stuck("server %d does not come to serve", t.learner)
		}
		if left > 0 && t.writer.idle() {
			left--
			t.ask(t.writer)
		}
		t.pass(stageTime)
		for _, st := range held {
			if t.waits(t.learner, st) {
				t.step(t.learner, st)
				break
			}
		}
	}
	t.release(t.learner, held...)
	now := t.told(leader, zab.NoteElected) + t.told(t.learner, zab.NoteElected)
	t.hope(now == elections && t.leads(leader), "a second election, after epoch %d", epoch)
	t.hope(t.mode(t.learner) == mode, "server %d was brought up to date by %q, want %s", t.learner, t.mode(t.learner), mode)
	t.inOrder(leader)
}

// busyWrites is how many records come: a learner of which one stage hardly
// goes on must still give signs of life.
const busyWrites = 4

// stageTime is longer than any stage of an unburdened server takes, and
// shorter than a heartbeat's pause.
const stageTime = 25 * time.Millisecond

// sure returns the server that leads, which must be one.
func (t *tale) sure() zab.ServerID {
	t.until("there is a leader", func() bool { return t.leader() != 0 })
	return t.leader()
}

// inOrder judges what passed: what the acknowledgement of NEWLEADER covers was
// durable before it (ZOOKEEPER-4646), the epoch was made durable in between
// (ZOOKEEPER-4643), and no proposal was acknowledged first (ZOOKEEPER-4685).
func (t *tale) inOrder(leader zab.ServerID) {
	wire := fmt.Sprintf("%d>%d ", t.learner, leader)
	acked := t.first(wire + "ACK-NEWLEADER ")
	if acked < 0 {
		t.stuck("server %d did not acknowledge NEWLEADER:\n%s", t.learner, strings.Join(t.record.lines, "\n"))
	}
	disk := fmt.Sprintf("%d disk ", t.learner)
	durable, epoch := -1, -1
	for i, line := range t.record.lines[:acked] {
		switch {
		case strings.HasPrefix(line, wire+"ACK "):
			t.stuck("a proposal was acknowledged before NEWLEADER:\n%s", strings.Join(t.record.lines, "\n"))
		case strings.HasPrefix(line, disk+"epochs "):
			epoch = i
		case strings.HasPrefix(line, disk) && zxidOf(line) <= zxidOf(t.record.lines[acked]):
			durable = i
		}
	}
	t.hope(durable < epoch, "the epoch became durable before the history, or not at all, when NEWLEADER was acknowledged:\n%s",
		strings.Join(t.record.lines, "\n"))
}

// zxidOf reads the zxid at a line's end.
func zxidOf(line string) zab.Zxid {
	z, err := strconv.ParseUint(line[strings.LastIndexByte(line, ' ')+1:], 0, 64)
	if err != nil {
		panic(err)
	}
	return zab.Zxid(z)
}
