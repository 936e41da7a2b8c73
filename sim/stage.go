package sim

import (
	"time"

	"github.com/quorumd/quorumd/zab"
)

// stage is a part of a server's pipeline that runs on its own: the steps of
// one stage happen in order, those of two stages in any. A script may hold a
// stage, which forces an interleaving (ZOOKEEPER-4685, 4646, 3911).
type stage uint8

const (
	stageReceive  stage = iota // a packet, an election message or the end of a link is heard of
	stageAppend                // the disk performs what it was asked for
	stageSynced                // its completion is heard of
	stageSend                  // packets and election messages leave
	stageApply                 // records are applied, answers are given
	stageRead                  // what was asked of the log or of a snapshot comes back
	stageSnapshot              // a snapshot is written, a few znodes at a time
	stageReply                 // replies and watch events leave for a client
	stages
)

func (s stage) String() string {
	return [...]string{"receive", "append", "synced", "send", "apply", "read", "snapshot", "reply"}[s]
}

// later performs f as a step of a stage after a while: not at all when the
// server has ended meanwhile, and once it may when it is held or stands still.
func (n *node) later(s stage, wait time.Duration, f func()) {
	life := n.life
	n.w.after(wait, func() {
		if n.life == life {
			n.due(s, f)
		}
	})
}

// due performs a step whose time has come, or keeps it.
func (n *node) due(s stage, f func()) { n.dueIn(s, s, f) }

// dueIn is due for a step that has its order with those of its lane only.
func (n *node) dueIn(lane any, s stage, f func()) {
	switch {
	case n.paused:
		n.backlog = append(n.backlog, delayed{lane, s, f})
	case n.held[s]:
		n.waiting[s] = append(n.waiting[s], delayed{lane, s, f})
	default:
		n.perform(s, f)
	}
}

// perform lets a step happen. Those of send and apply do several things, each
// a point of its own.
func (n *node) perform(s stage, f func()) {
	if s != stageSend && s != stageApply {
		n.reach(atStep)
	}
	f()
}

// hold keeps the steps of a stage from happening.
func (n *node) hold(s stage) { n.held[s] = true }

// release lets the steps of a stage happen again, first those that waited. Where
// the server stands still they wait on, before what came since.
func (n *node) release(s stage) {
	n.held[s] = false
	life, steps := n.life, n.waiting[s]
	n.waiting[s] = nil
	if n.paused {
		n.backlog = append(steps, n.backlog...)
		return
	}
	for _, d := range steps {
		if n.life == life {
			n.perform(s, d.do)
		}
	}
}

// step lets one step that waits in a held stage happen, and reports whether
// there was one.
func (n *node) step(s stage) bool {
	if len(n.waiting[s]) == 0 {
		return false
	}
	d := n.waiting[s][0]
	n.waiting[s] = n.waiting[s][1:]
	n.perform(s, d.do)
	return true
}

// some draws how many things a stage does in one step.
func (n *node) some(most int) int {
	if n.fine {
		return 1
	}
	return 1 + n.w.rng.IntN(most)
}

// forgetSteps drops the steps of a life that is over, and every hold on it.
func (n *node) forgetSteps() {
	n.backlog, n.held, n.waiting = nil, [stages]bool{}, [stages][]delayed{}
}

// departure is something that leaves a server, in the order of its output.
type departure struct {
	send   *zab.Send
	notify *zab.Notify
	hangUp zab.LinkID
	dial   zab.ServerID
	dials  bool
}

// kickSend lets what was said leave, some of it at a time.
func (n *node) kickSend() {
	if n.sending || len(n.leaving) == 0 {
		return
	}
	n.sending = true
	n.later(stageSend, n.w.jitter(20*time.Microsecond), func() {
		for count := n.some(8); count > 0 && len(n.leaving) > 0; count-- {
			n.reach(atStep)
			d := n.leaving[0]
			n.leaving = n.leaving[1:]
			n.depart(d)
		}
		n.sending = false
		n.kickSend()
	})
}

func (n *node) depart(d departure) {
	switch net := n.w.net; {
	case d.send != nil:
		n.w.record.packet(n, d.send)
		net.send(n, d.send.Link, &d.send.Packet)
	case d.notify != nil:
		net.notify(n, *d.notify, n.w.check.faults)
	case d.dials:
		net.dial(n, d.dial)
	default:
		net.close(n, d.hangUp)
	}
}
