package compat

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// runner drives both sides.
type runner struct {
	sides   [2]*side
	dir     string
	servers int
	starts  int
	runs    int
	ops     int            // requests sent to each side
	known   map[string]int // how often each rule was needed
}

// answers is what one side said to the steps of a turn.
type answers struct {
	frames []frame
	err    error // why there are no more
}

// run is one stream being run.
type run struct {
	*runner
	home  string
	judge *judge
	facts *facts
	found *difference // the first one that no rule explains
	// slowest is how long each side has let the client wait.
	slowest [2]time.Duration
	over    bool        // an ensemble of ZooKeeper has stopped answering, as it sometimes does
	log     *transcript // nil unless the run is to be shown
}

func newRunner(dir string, servers int) *runner {
	return &runner{dir: dir, servers: servers, known: map[string]int{}}
}

// errStalled is that ZooKeeper stopped answering while quorumd did not.
var errStalled = errors.New("compat: ZooKeeper has stalled")

// errSlow is that a stream took so long that a difference says nothing.
var errSlow = errors.New("compat: too slow to compare")

// tooLong is less than the shortest timeout of a session.
const tooLong = 3500 * time.Millisecond

// start runs both ensembles anew, from nothing.
func (r *runner) start() error {
	r.stop()
	r.starts++
	for i, name := range []string{"zookeeper", "quorumd"} {
		s, err := startSide(filepath.Join(r.dir, fmt.Sprintf("%s-%d", name, r.starts)), name, r.servers)
		if err != nil {
			return err
		}
		r.sides[i] = s
		if err := s.begin(); err != nil {
			return err
		}
	}
	return level(r.sides[0], r.sides[1])
}

func (r *runner) stop() {
	for i, s := range r.sides {
		if s != nil {
			s.stop()
			r.sides[i] = nil
		}
	}
}

// play runs a stream on both sides. It returns the first difference that is not
// meant to be, or an error if the sides cannot go on.
func (r *runner) play(steps []step, log *transcript) (*difference, error) {
	if r.sides[0] == nil || r.sides[1] == nil {
		if err := r.start(); err != nil {
			return nil, err
		}
	}
	found, err := r.playOn(steps, log)
	if err != nil {
		r.stop()
	}
	return found, err
}

func (r *runner) playOn(steps []step, log *transcript) (*difference, error) {
	r.runs++
	x := &run{runner: r, home: fmt.Sprintf("/q%07d", r.runs), log: log}
	var base [2]int64
	for i, s := range r.sides {
		var err error
		if err = s.begin(); err == nil {
			base[i], err = s.baseline(x.home)
		}
		if err != nil {
			return nil, err
		}
	}
	x.judge, x.facts = newJudge(base), learn(steps, x.home)
	began := time.Now()
	x.steps(steps)
	if x.found != nil && x.found.b != errSilent.Error() && time.Since(began) > tooLong {
		// Sessions may have expired on one side and not on the other.
		return nil, fmt.Errorf("%w: %v after %v; ZooKeeper took up to %v, quorumd %v",
			errSlow, x.found, time.Since(began), x.slowest[0], x.slowest[1])
	}
	if x.over {
		return nil, errStalled
	}
	if x.found == nil {
		if err := x.compareTrees(); err != nil {
			return nil, err
		}
	}
	for _, s := range r.sides {
		if err := s.clean(); err != nil {
			return x.found, err
		}
	}
	return x.found, level(r.sides[0], r.sides[1])
}

// steps does the stream, turn by turn, until something differs.
func (x *run) steps(steps []step) {
	busy := -1 // the slot that did the turn before
	for i := 0; i < len(steps) && x.found == nil && !x.over; {
		n := 1
		for i+n < len(steps) && steps[i+n-1].joined && together(&steps[i+n-1], &steps[i+n]) {
			n++
		}
		slot := steps[i].slot
		if x.servers > 1 && busy != slot {
			x.catchUp(i, slot)
		}
		busy = slot
		if x.over {
			return
		}
		switch steps[i].action {
		case doConnect:
			x.connect(i, &steps[i])
		case doDrop:
			x.drop(slot)
		case doRaw:
			x.raw(i, &steps[i])
		default:
			x.turn(i, steps[i:i+n])
		}
		i += n
	}
	for slot := 0; slot < slots && x.found == nil; slot++ {
		if x.servers > 1 {
			x.catchUp(len(steps)-1, slot)
		}
		if x.over {
			return
		}
		// What came last shows before the answer to a ping.
		x.turn(len(steps)-1, []step{{slot: slot, op: opPing, xid: xidPing}})
	}
	if x.found == nil && !x.judge.ordered() {
		x.found = &difference{step: len(steps) - 1, what: "order of zxids", a: "one", b: "another"}
	}
}

// together tells whether two steps may be under way at the same time: nothing
// may follow a request that the connection may end with, what may overtake
// other requests is alone, and behind a setACL ZooKeeper may still go by the
// ACL before.
func together(a, b *step) bool {
	return a.slot == b.slot && a.shares() && b.shares() && a.op != opSetACL
}

func (s *step) shares() bool {
	return s.action == doRequest && !s.ends() && s.op != opAuth && s.op != opSASL && s.op != opPing
}

func (x *run) drop(slot int) {
	for _, s := range x.sides {
		s.drop(slot)
	}
}

func (x *run) report(s *step, d difference) {
	if rule := x.facts.explain(s, &d); rule != nil {
		x.known[rule.name]++
		return
	}
	if x.found == nil {
		x.found = &d
	}
}

// catchUpTries bounds how often a ZooKeeper server is asked how far it is.
const catchUpTries = 1000

// catchUp brings the slot's server to where the other slots' servers are. One
// sync does that in quorumd, which is part of the test. In 3.8.0 a sync can be
// answered before what another server has acknowledged already, and requests
// behind one sometimes stay without an answer for good: there, a read is
// repeated until its zxid is new enough.
func (x *run) catchUp(at, slot int) {
	if x.sides[0].links[slot] == nil {
		return
	}
	ask := [2]step{{slot: slot, op: opExists, path: "/", xid: -5}, {slot: slot, op: opSync, path: "/", xid: -5}}
	tries := [2]int{catchUpTries, 1}
	var got [2]answers
	for i, s := range x.sides {
		seen, now := s.newest(), int64(0)
		for ; tries[i] > 0 && now < seen && got[i].err == nil; tries[i]-- {
			s.send(slot, ask[i:i+1], x.home)
			more := x.receive(i, slot, ask[i:i+1])
			if end := len(more.frames) - 1; more.err == nil {
				now, more.frames = more.frames[end].zxid, more.frames[:end]
			}
			got[i] = answers{append(got[i].frames, more.frames...), more.err}
		}
		if now < seen && got[i].err == nil {
			x.report(&ask[i], difference{step: at, what: "catching up", a: s.name, b: "is behind what another server has acknowledged"})
		}
	}
	x.compare(at, ask[1:], &got)
}

// newest is the newest zxid that any slot was told.
func (s *side) newest() int64 { return slices.Max(s.last[:]) }

// turn sends requests of one slot and compares everything up to the last answer.
func (x *run) turn(at int, steps []step) {
	slot := steps[0].slot
	if x.sides[0].links[slot] == nil {
		return // the stream goes on as if the client had nothing to say
	}
	x.ops += len(steps)
	var got [2]answers
	for _, s := range x.sides {
		s.send(slot, steps, x.home)
	}
	for i := range x.sides {
		got[i] = x.receive(i, slot, steps)
	}
	x.compare(at, steps, &got)
	last := &steps[len(steps)-1]
	if last.op == opDeleteContainer || got[0].err != nil || got[1].err != nil {
		x.drop(slot)
	}
	if last.op == opClose {
		for _, s := range x.sides {
			delete(s.open, s.sessions[slot].id)
		}
	}
}

func (s *side) send(slot int, steps []step, home string) {
	var b []byte
	for i := range steps {
		q := &steps[i]
		zxid := int64(0)
		switch q.since {
		case sinceEnd:
			zxid = farZxid
		case sinceLast:
			zxid = s.last[slot]
		}
		xid := q.xid
		if xid == 0 {
			xid = int32(i + 1)
		}
		b = appendText(b, string(append(appendInt(appendInt(nil, xid), q.op), q.body(home, zxid)...)))
	}
	s.links[slot].send(b)
}

// receive is the side's receive, with a look at the clock.
func (x *run) receive(side, slot int, steps []step) answers {
	began := time.Now()
	got := x.sides[side].receive(slot, steps)
	x.slowest[side] = max(x.slowest[side], time.Since(began))
	return got
}

// receive reads the answers to all steps, and to the end if that is near.
func (s *side) receive(slot int, steps []step) answers {
	var got answers
	last := &steps[len(steps)-1]
	for n := 0; ; {
		if n == len(steps) && (!last.ends() || last.op == opDeleteContainer) {
			if f := got.frames[len(got.frames)-1]; last.op != opAuth || f.code != codeAuthFailed {
				return got
			}
		}
		f, err := s.links[slot].next()
		if err != nil {
			got.err = err
			return got
		}
		got.frames = append(got.frames, f)
		if f.xid != xidEvent {
			n++
			if f.zxid > 0 {
				s.last[slot] = f.zxid
			}
		}
	}
}

// compare goes through the answers of both sides, reply by reply.
func (x *run) compare(at int, steps []step, got *[2]answers) {
	if x.servers > 1 && errors.Is(got[0].err, errSilent) && got[1].err == nil {
		x.over = true
		return
	}
	loose := x.closes(at)
	var parts [2][][]frame
	for i := range got {
		parts[i] = split(got[i].frames)
		if x.log != nil {
			x.log.answers(i, at, steps, parts[i], got[i].err)
		}
	}
	n := max(len(parts[0]), len(parts[1]))
	for k := range n {
		q := &steps[min(k, len(steps)-1)]
		where := min(at+k, at+len(steps)-1)
		var part [2][]frame
		var reply [2]*frame
		for i := range part {
			if k >= len(parts[i]) {
				continue
			}
			part[i] = parts[i][k]
			if end := len(part[i]) - 1; end >= 0 && part[i][end].xid != xidEvent {
				reply[i], part[i] = &part[i][end], part[i][:end]
			}
		}
		switch {
		case reply[0] == nil && reply[1] == nil:
		case reply[0] == nil:
			x.report(q, difference{step: where, what: "reply", a: "nothing", b: fmt.Sprintf("code %d", reply[1].code)})
		case reply[1] == nil:
			x.report(q, difference{step: where, what: "reply", a: fmt.Sprintf("code %d", reply[0].code), b: "nothing"})
		default:
			for _, d := range x.judge.reply(where, q, reply[0], reply[1]) {
				x.report(q, d)
			}
		}
		// After the reply: an event more or less mostly follows from that.
		for _, d := range x.judge.events(where, part[0], part[1], loose) {
			x.report(q, d)
		}
	}
	if a, b := fmt.Sprint(got[0].err), fmt.Sprint(got[1].err); a != b || errors.Is(got[0].err, errSilent) {
		x.report(&steps[len(steps)-1], difference{step: at + len(steps) - 1, what: "connection", a: a, b: b})
	}
}

// closes tells whether a session was closed before the step: what its
// ephemerals' deletion caused came in any order.
func (x *run) closes(at int) bool {
	return slices.ContainsFunc(x.facts.steps[:at+1], func(s step) bool { return s.action == doRequest && s.op == opClose })
}

// split cuts frames behind every reply. What is left is a part without reply.
func split(frames []frame) [][]frame {
	var parts [][]frame
	begin := 0
	for i := range frames {
		if frames[i].xid != xidEvent {
			parts = append(parts, frames[begin:i+1])
			begin = i + 1
		}
	}
	if begin < len(frames) {
		parts = append(parts, frames[begin:])
	}
	return parts
}
