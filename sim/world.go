package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// task is something that happens at a moment of virtual time.
type task struct {
	at time.Duration
	n  uint64 // ties are broken by order of scheduling
	do func()
}

// taskQueue is a heap, the next task at its root. It is not package heap's,
// whose interfaces would cost an allocation for each task.
type taskQueue []task

func (q taskQueue) less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].n < q[j].n
}

func (q *taskQueue) push(t task) {
	*q = append(*q, t)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *taskQueue) pop() task {
	h := *q
	last := len(h) - 1
	t := h[0]
	h[0], h[last] = h[last], task{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return t
		}
		if down+1 < last && h.less(down+1, down) {
			down++
		}
		if !h.less(down, i) {
			return t
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}

// world is one run.
type world struct {
	opt   Options
	rng   *rand.Rand
	now   time.Duration
	tasks taskQueue
	count uint64

	nodes        []*node
	net          *network
	knobs        knobs
	keepAlive    *keepAlivePhase // while there is one
	clients      []*client
	check        *checker
	trace        *trace
	record       *record       // scripts: what passed; nil for nobody looks
	calm         bool          // the healed phase has begun
	healed       time.Duration // when it began
	lone         *node         // the only one that has faults, if any
	damaged      *node         // whose disk is damaged or was lost, since it last served
	focus        focus         // whom many faults befall
	marked       *node         // of onOne
	traps        []*trap       // ambushes that are laid
	faultCount   int           // faults that happened
	crashPoint   *crashPoint   // scripts: where a server crashes; nil for nowhere
	spent        uint32        // zxids of each epoch that are not given out
	pointReached bool
	over         bool  // the crash has ended the story
	away         *node // and this server does not come back before everything heals
	err          error

	resumed, gathered time.Duration // see Report
}

// after schedules f.
func (w *world) after(d time.Duration, f func()) {
	w.count++
	w.tasks.push(task{at: w.now + max(d, 0), n: w.count, do: f})
}

// run performs tasks until the given time, or until the run has failed.
func (w *world) run(until time.Duration) {
	for w.err == nil && len(w.tasks) > 0 && w.tasks[0].at <= until {
		w.next()
	}
	w.now = max(w.now, until)
}

// next performs the next task.
func (w *world) next() {
	t := w.tasks.pop()
	w.now = t.at
	w.guard(t.do)
}

// guard turns a broken invariant into the run's failure.
func (w *world) guard(f func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case powerCut:
			w.crashAtPoint(p)
		default:
			w.fail("%v", p)
		}
	}()
	f()
}

// fail ends the run; the first failure counts.
func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v: "+format, append([]any{w.now}, args...)...)
		w.say("FAILED %v", w.err)
	}
}

// say adds a line to the trace.
func (w *world) say(format string, args ...any) { w.trace.line(w.now, format, args...) }

// chance is true with probability p.
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a duration.
func (w *world) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(w.rng.Int64N(int64(hi-lo)+1))
}

// jitter draws a duration that is mostly short and sometimes long.
func (w *world) jitter(typical time.Duration) time.Duration {
	if w.chance(0.02) {
		return w.between(typical, 20*typical)
	}
	return w.between(typical/10, 2*typical)
}
