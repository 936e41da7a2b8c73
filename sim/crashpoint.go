package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// crashPoint is a crash at one point of a story: just before the server changes its
// disk for the n-th time, or before the n-th step of its pipeline. Nobody
// hears of what was under way.
//
//	3:disk:17:prefix:restart
type crashPoint struct {
	server zab.ServerID
	at     pointKind
	n      uint64 // counted over the whole story, from 1
	keep   vfs.Keep
	then   aftermath
}

// pointKind is what a server is about to do at a point.
type pointKind uint8

const (
	atDisk pointKind = iota // before a change of the disk
	atStep                  // before a step of a stage
)

// aftermath is what happens to the ensemble after the crash.
type aftermath uint8

const (
	stayDown aftermath = iota // until everything heals
	restart                   // it starts again soon, the story goes on
	again                     // it starts again and soon crashes again, mostly while it recovers
	without                   // another server is lost with it; the rest go on without that one for a while
	loseAll                   // the power of all servers went; they come back when everything heals
	aftermaths
)

func (p pointKind) String() string { return [...]string{"disk", "step"}[p] }
func (a aftermath) String() string {
	return [...]string{"down", "restart", "again", "without", "all"}[a]
}

func (p crashPoint) String() string {
	return fmt.Sprintf("%d:%s:%d:%s:%s", p.server, p.at, p.n, p.keep, p.then)
}

var errPoint = errors.New("a point is written SERVER:disk|step:NUMBER:nothing|prefix|subset|all:down|restart|again|without|all")

// parseCrashPoint reads what String writes.
func parseCrashPoint(text string) (p crashPoint, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 5 {
		return p, errPoint
	}
	server, err1 := strconv.ParseUint(parts[0], 10, 8)
	n, err2 := strconv.ParseUint(parts[2], 10, 64)
	at, keep, then := find(parts[1], atStep+1), find(parts[3], vfs.KeepAll+1), find(parts[4], aftermaths)
	if err1 != nil || err2 != nil || at > atStep || keep > vfs.KeepAll || then >= aftermaths {
		return p, errPoint
	}
	return crashPoint{server: zab.ServerID(server), at: at, n: n, keep: keep, then: then}, nil
}

// find returns which of the values below limit has that name, limit for none.
func find[V interface {
	~uint8
	fmt.Stringer
}](name string, limit V) V {
	for v := V(0); v < limit; v++ {
		if v.String() == name {
			return v
		}
	}
	return limit
}

// pointCounts counts the points that a server has passed, by their kind.
type pointCounts [2]uint64

// beginPoints says that the points of a story begin here.
func (s *script) beginPoints() { s.from = s.passed() }

func (s *script) passed() []pointCounts {
	var all []pointCounts
	for _, n := range s.nodes {
		all = append(all, n.passed)
	}
	return all
}

// recoveryOps is about how many changes of the disk a recovery makes, at most.
const recoveryOps = 12

// powerCut unwinds whatever the server was doing.
type powerCut struct {
	n     *node
	point crashPoint
	fs    *vfs.MemFS // what the crash leaves
}

// reach is called at every point, and crashes the server at the one that the
// run names.
func (n *node) reach(at pointKind) {
	n.passed[at]++
	p := n.w.crashPoint
	if p == nil || p.server != n.id || p.at != at || p.n != n.passed[at] {
		return
	}
	n.w.pointReached, n.w.crashPoint = true, nil
	panic(powerCut{n, *p, n.fs.CrashClone(n.w.rng, p.keep)})
}

// crashAtPoint ends the server whose work was cut off, and more if so told.
func (w *world) crashAtPoint(cut powerCut) {
	n, p := cut.n, cut.point
	w.say("crash at point %s", p)
	w.check.mark("crash at point")
	n.end(cut.fs, false)
	switch p.then {
	case loseAll:
		for _, other := range w.nodes {
			other.crash(p.keep)
		}
	case without:
		w.away = w.nodes[(n.index+1+int(p.n)%max(1, len(w.nodes)-1))%len(w.nodes)]
		w.away.crash(p.keep)
		w.over = true
	case again:
		p.at, p.n, p.then = atDisk, n.passed[atDisk]+1+w.rng.Uint64N(recoveryOps), restart
		w.crashPoint = &p
		fallthrough
	case restart:
		w.after(w.between(time.Millisecond, tickTime), n.startIfDown)
	}
}

// goOnWithout lets all servers but one go on: what the one that crashed
// brings back is judged by servers that were not there, and it may win them
// over (ZOOKEEPER-4643, 4785).
func (s *script) goOnWithout(away *node) {
	s.say("the others go on without %d", away.id)
	s.mend()
	for _, n := range s.nodes {
		if n != away {
			s.guard(func() { n.startIfDown() })
		}
	}
	s.run(s.now + patienceAfterCrash)
}
