package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// script is a run in which nothing goes wrong but what it is told. Time goes
// on only within run and until, so what is held, cut or crashed between two of
// them happens at exactly that point of the story. Every checker is on.
type script struct {
	*world
	from []pointCounts // where the points of a crash sweep begin
	to   []pointCounts

	order *stageOrder // in which a learner's stages are released by hand
	busy  bool        // while the leader proposes
}

// patienceOfScripts bounds one wait, in the servers' time.
const patienceOfScripts = 60 * time.Second

// patienceAfterCrash bounds it when the crash point was reached: long enough
// for another to lead.
const patienceAfterCrash = 4 * time.Second

// play performs the story that tell tells, then heals and checks the whole. The
// seed draws the timings that the story leaves open.
func play(o Options, voters, observers int, tell func(s *script)) Report {
	r, _ := perform(o, voters, observers, nil, tell)
	return r
}

// perform plays a story, with a crash at a point if one is named.
func perform(o Options, voters, observers int, at *crashPoint, tell func(s *script)) (Report, *script) {
	w := &world{opt: o, rng: rand.New(rand.NewPCG(o.Seed, 0x736372697074)), trace: newTrace(o.Trace), knobs: defaultKnobs(), crashPoint: at}
	w.setUp(voters, observers, faults{})
	s := &script{world: w}
	w.guard(func() { s.tell(tell) })
	s.to = s.passed()
	if w.err == nil {
		s.conclude()
	}
	return w.report(), s
}

// conclude lets go of everything, heals, and looks at the outcome.
func (s *script) conclude() {
	for _, n := range s.nodes {
		for st := range stages {
			s.guard(func() { n.release(st) })
		}
	}
	if s.away != nil {
		s.goOnWithout(s.away)
	}
	for _, c := range s.clients {
		c.since = s.now + healLimit // answers are waited for below
	}
	s.heal()
	s.run(s.now + tickTime)
	for _, c := range s.clients {
		if c.conn != nil && len(c.conn.calls) > 0 {
			s.fail("client %d got no answer to %v from server %d", c.id, c.conn.calls[0].op, c.conn.port.node.id)
		}
	}
}

// errOver ends a story early: the run has failed.
var errOver = errors.New("the story is over")

func (s *script) tell(tell func(s *script)) {
	defer func() {
		if p := recover(); p != nil && p != any(errOver) {
			panic(p)
		}
	}()
	tell(s)
}

// until lets time go on until what is said holds.
func (s *script) until(what string, holds func() bool) {
	limit := s.now + patienceOfScripts
	for s.err == nil && !s.over && !holds() {
		if s.pointReached {
			limit = min(limit, s.now+patienceAfterCrash)
		}
		if len(s.tasks) == 0 || s.tasks[0].at > limit {
			s.stuck("waited %v: %s", patienceOfScripts, what)
		}
		s.next()
	}
	s.goOn()
}

// stuck ends a story that cannot go on.
//
// After the crash point it is over and no failure: what counts is how things end.
func (s *script) stuck(format string, args ...any) {
	if s.pointReached {
		s.say("the story ends here: "+format, args...)
		panic(errOver)
	}
	s.fail(format, args...)
	s.goOn()
}

// pass lets an amount of time go by.
func (s *script) pass(d time.Duration) {
	s.run(s.now + d)
	s.goOn()
}

// goOn leaves the story when the run has failed, or the crash point has ended it.
func (s *script) goOn() {
	if s.err != nil || s.over {
		panic(errOver)
	}
}

// start starts servers that do not run.
func (s *script) start(ids ...zab.ServerID) {
	for _, id := range ids {
		if n := s.node(id); !n.up {
			s.guard(n.start)
		}
	}
	s.goOn()
}

// serve waits until these servers serve and have applied the same.
func (s *script) serve(ids ...zab.ServerID) {
	s.until(fmt.Sprintf("servers %v serve", ids), func() bool {
		for _, id := range ids {
			n := s.node(id)
			if !n.up || !n.replica.Status().Serving || n.state.Applied() != s.check.end() {
				return false
			}
		}
		return true
	})
}

// crash ends servers at once, as a loss of power does.
func (s *script) crash(keep vfs.Keep, ids ...zab.ServerID) {
	for _, id := range ids {
		s.node(id).crash(keep)
	}
	s.goOn()
}

// leads reports whether a server leads and serves.
func (s *script) leads(id zab.ServerID) bool {
	n := s.node(id)
	return n.up && n.replica.Status().State == zab.Leading && n.replica.Status().Serving
}

// cut lets nothing pass between two servers, in either direction.
func (s *script) cut(a, b zab.ServerID) {
	s.net.cut[a-1][b-1], s.net.cut[b-1][a-1] = true, true
}

// synced is what a server's disk has confirmed of the log.
func (s *script) synced(id zab.ServerID) zab.Zxid { return s.check.durable[id-1].synced }

// visit connects a client that does only what it is told to a server.
func (s *script) visit(id zab.ServerID) *client {
	c := s.visitFor(id, time.Hour)
	s.ask(c)
	s.answered(c)
	return c
}

// ask has a client write its next value, and does not wait.
func (s *script) ask(c *client) {
	if c.conn == nil {
		s.stuck("client %d has no connection", c.id)
	}
	if c.made {
		c.set()
	} else {
		c.create()
	}
}

// answered waits until a client's write has been answered.
func (s *script) answered(c *client) {
	s.until(fmt.Sprintf("client %d is answered", c.id), func() bool { return c.conn == nil || c.idle() })
	if c.conn == nil {
		s.stuck("client %d lost its connection", c.id)
	}
}

// write has a client write values, one after the other.
func (s *script) write(c *client, values int) {
	for range values {
		s.ask(c)
		s.answered(c)
	}
}

// sent is how far a server has been asked to write its log.
func (s *script) sent(id zab.ServerID) zab.Zxid {
	z := s.synced(id)
	for _, op := range s.node(id).disk {
		if op.Kind == zab.DiskAppend && len(op.Records) > 0 {
			z = max(z, op.Records[len(op.Records)-1].Zxid)
		}
	}
	return z
}
