package sim

import (
	"time"
)

// healLimit bounds the second phase: an ensemble without faults must have come
// together by then.
const healLimit = 60 * time.Second

// resumeLimit bounds how long an ensemble without faults may go without
// answering a write, and until every server serves: two election timeouts. A
// candidate that no quorum joins gives up after initLimit; the next one, or
// the one after that, leads. A tenth is for clocks that are slow.
const resumeLimit = 2 * initLimit * tickTime * 11 / 10

// heal is the second phase: no more faults, and all must be well.
func (w *world) heal() {
	w.calm, w.healed = true, w.now
	w.say("the faults end")
	w.net.heal()
	for _, n := range w.nodes {
		w.guard(n.mend)
	}
	if w.spent > 0 { // each epoch ends after a few writes: under load they never settle
		w.retireAll()
	}
	w.recovers()
	w.runKeepAlivePhase()
	w.retireAll()
	limit := w.now + healLimit
	for why := w.check.together(); why != "" && w.err == nil; why = w.check.together() {
		if w.now >= limit {
			w.fail("not together %v after the faults ended: %s", healLimit, why)
			return
		}
		w.run(w.now + 20*time.Millisecond)
	}
	if w.err == nil {
		w.check.final()
	}
}

func (w *world) retireAll() {
	for _, c := range w.clients {
		c.retire()
	}
}

// mend ends what a server suffers from, and starts it if it is down.
func (n *node) mend() {
	n.fs.Heal()
	n.fs.Hook(nil)
	n.startCrashOp = 0
	n.makeRoom()
	switch {
	case !n.up:
		n.start()
	case n.paused:
		n.resume()
	}
	if n.up && n.stalled > 0 {
		n.unstall()
	}
	for s := range stages {
		n.release(s)
	}
	n.announce(true)
}

// recovers measures how long it takes until a write is answered and until
// every server serves, and has the clients go on for a while.
func (w *world) recovers() {
	began, answers, moving := w.now, w.answers(), false
	for _, c := range w.clients {
		moving = moving || !c.retired
	}
	least := began + 500*time.Millisecond
	w.resumed, w.gathered = -1, -1
	for w.err == nil && (w.now < least || moving && w.resumed < 0 || w.gathered < 0 || w.owed() != nil) {
		w.run(w.now + 10*time.Millisecond)
		if w.resumed < 0 && moving && w.answers() > answers {
			w.resumed = w.now - began
		}
		if w.gathered < 0 && w.serving() {
			w.gathered = w.now - began
		}
		if c := w.owed(); c != nil && w.now-began > resumeLimit && w.gathered >= 0 {
			w.fail("client %d has no answer from server %d %v after the faults ended, and its connection stands", c.id, c.conn.port.node.id, resumeLimit)
		}
		if w.now-began > resumeLimit {
			w.fail("%v after the faults ended: a write was answered: %v, and %s", resumeLimit, w.resumed >= 0, w.check.together())
		}
	}
}

// answers counts the writes that were answered.
func (w *world) answers() int {
	sum := 0
	for _, c := range w.clients {
		sum += c.answers
	}
	return sum
}
