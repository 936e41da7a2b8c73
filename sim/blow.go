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

// blow is a crash at one point of a story: just before the server changes its
// disk for the n-th time, or before the n-th step of its pipeline. Nobody
// hears of what was under way.
//
//	3:disk:17:prefix:restart
type blow struct {
	server zab.ServerID
	at     place
	n      uint64 // counted over the whole story, from 1
	keep   vfs.Keep
	then   aftermath
}

// place is where in a server a blow strikes.
type place uint8

const (
	atDisk place = iota // before a change of the disk
	atStep              // before a step of a stage
)

// aftermath is what happens to the ensemble after the blow.
type aftermath uint8

const (
	stayDown aftermath = iota // until everything heals
	restart                   // it starts again soon, the story goes on
	again                     // it starts again and soon crashes again, mostly while it recovers
	without                   // another server is lost with it; the rest go on without that one for a while
	loseAll                   // the power of all servers went; they come back when everything heals
	aftermaths
)

func (p place) String() string { return [...]string{"disk", "step"}[p] }
func (a aftermath) String() string {
	return [...]string{"down", "restart", "again", "without", "all"}[a]
}

func (b blow) String() string {
	return fmt.Sprintf("%d:%s:%d:%s:%s", b.server, b.at, b.n, b.keep, b.then)
}

var errPoint = errors.New("a point is written SERVER:disk|step:NUMBER:nothing|prefix|subset|all:down|restart|again|without|all")

// parseBlow reads what String writes.
func parseBlow(text string) (b blow, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 5 {
		return b, errPoint
	}
	server, err1 := strconv.ParseUint(parts[0], 10, 8)
	n, err2 := strconv.ParseUint(parts[2], 10, 64)
	at, keep, then := find(parts[1], atStep+1), find(parts[3], vfs.KeepAll+1), find(parts[4], aftermaths)
	if err1 != nil || err2 != nil || at > atStep || keep > vfs.KeepAll || then >= aftermaths {
		return b, errPoint
	}
	return blow{server: zab.ServerID(server), at: at, n: n, keep: keep, then: then}, nil
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

// odometer counts the points of a server at which a blow can strike.
type odometer [2]uint64

// scene says that the points of a story begin here.
func (s *script) scene() { s.from = s.passed() }

func (s *script) passed() []odometer {
	var all []odometer
	for _, n := range s.nodes {
		all = append(all, n.passed)
	}
	return all
}

// recoveryOps is about how many changes of the disk a recovery makes, at most.
const recoveryOps = 12

// powerCut unwinds whatever the server was doing.
type powerCut struct {
	n    *node
	blow blow
	fs   *vfs.MemFS // what the crash leaves
}

// point is passed at every point, and strikes where it was told to.
func (n *node) point(p place) {
	n.passed[p]++
	b := n.w.blow
	if b == nil || b.server != n.id || b.at != p || b.n != n.passed[p] {
		return
	}
	n.w.struck, n.w.blow = true, nil
	panic(powerCut{n, *b, n.fs.CrashClone(n.w.rng, b.keep)})
}

// strikeBlow ends the server whose work was cut off, and more if so told.
func (w *world) strikeBlow(cut powerCut) {
	n, b := cut.n, cut.blow
	w.say("blow %s", b)
	w.check.mark("blow")
	n.end(cut.fs, false)
	switch b.then {
	case loseAll:
		for _, other := range w.nodes {
			other.crash(b.keep)
		}
	case without:
		w.away = w.nodes[(n.index+1+int(b.n)%max(1, len(w.nodes)-1))%len(w.nodes)]
		w.away.crash(b.keep)
		w.over = true
	case again:
		b.at, b.n, b.then = atDisk, n.passed[atDisk]+1+w.rng.Uint64N(recoveryOps), restart
		w.blow = &b
		fallthrough
	case restart:
		w.after(w.between(time.Millisecond, tickTime), n.startIfDown)
	}
}

func (n *node) startIfDown() {
	if !n.up {
		n.start()
	}
}

// goOnWithout lets all servers but one go on: what the one that was struck
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
	s.run(s.now + patienceAfterBlow)
}
