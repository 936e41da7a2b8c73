package chaos

import (
	"fmt"
	"sync"
	"time"
)

const (
	root      = "/chaos"
	ephemRoot = root + "/ephemerals"
	registers = 5 // of a generation
	nodes     = 3
)

// generation is a set of nodes that clients work on for a while. Its histories
// are judged when the next one has taken its place: short histories are judged
// fast, and a long run does not keep them all.
type generation struct {
	number int
	busy   sync.WaitGroup // clients that still work on it

	mu       sync.Mutex
	history  map[string][]operation // by path, of registers and nodes
	glances  []glance
	made     []numbered // sequential nodes
	wrong    []string   // found while it went
	finished bool
}

func newGeneration(number int) *generation {
	return &generation{number: number, history: make(map[string][]operation)}
}

func (g *generation) dir() string           { return fmt.Sprintf("%s/g%d", root, g.number) }
func (g *generation) register(n int) string { return fmt.Sprintf("%s/r%d", g.dir(), n) }
func (g *generation) node(n int) string     { return fmt.Sprintf("%s/n%d", g.dir(), n) }
func (g *generation) queue() string         { return g.dir() + "/queue" }

// first is what a register holds before anybody writes to it.
func (g *generation) first(n int) string { return fmt.Sprintf("first-%d-%d", g.number, n) }

func (g *generation) add(path string, o operation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.history[path] = append(g.history[path], o)
}

func (g *generation) glanced(seen glance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.glances = append(g.glances, seen)
}

func (g *generation) numberGiven(n numbered) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.made = append(g.made, n)
}

func (g *generation) violate(wrong string) {
	if wrong == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, wrong)
}

// finding is what a generation's histories came to.
type finding struct {
	operations int
	unknown    int
	glances    int
	keys       int
	undecided  []verdict
	illegal    []verdict
	wrong      []string // everything that is wrong, a line each
	remains    remains  // what has to be there at the end
}

// remains is what servers must hold of a generation for ever.
type remains struct {
	registers map[string]operation // the newest certain write or read
	nodes     map[string]string    // nodes whose last state is certain; "" is not there
	queue     string               // where sequential nodes are
	made      []string             // those
}

// judge checks the histories of a generation that nobody works on any more.
func (g *generation) judge(limit time.Duration) finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.finished = true
	f := finding{
		glances: len(g.glances), wrong: g.wrong,
		remains: remains{registers: make(map[string]operation), nodes: make(map[string]string), queue: g.queue()},
	}
	writes := make(map[string][]int64)
	for n := range registers {
		path := g.register(n)
		f.add(linearize(path, g.history[path], registerModel(g.history[path], g.first(n)), limit))
		writes[path] = zxidsOf(g.history[path])
		f.remains.registers[path] = newest(g.history[path], g.first(n))
	}
	for n := range nodes {
		path := g.node(n)
		f.add(linearize(path, g.history[path], nodeModel, limit))
		if value, certain := lastOf(g.history[path]); certain {
			f.remains.nodes[path] = value
		}
	}
	f.wrong = append(f.wrong, checkGlances(g.glances, writes)...)
	f.wrong = append(f.wrong, checkSequence(g.made)...)
	for _, n := range g.made {
		f.remains.made = append(f.remains.made, n.path)
	}
	return f
}

// add takes in one node's verdict.
func (f *finding) add(v verdict) {
	f.keys++
	f.operations += len(v.history)
	for i := range v.history {
		if v.history[i].outcome == unknown {
			f.unknown++
		}
	}
	switch wrong := v.wrong(); {
	case wrong != "":
		f.illegal = append(f.illegal, v)
		f.wrong = append(f.wrong, wrong)
	case v.result != legal:
		f.undecided = append(f.undecided, v)
	}
}

// zxidsOf are the zxids of a register's acknowledged writes.
func zxidsOf(history []operation) []int64 {
	var zxids []int64
	for i := range history {
		if o := &history[i]; o.outcome == ok && o.kind != opSyncRead {
			zxids = append(zxids, o.zxid)
		}
	}
	return zxids
}

// newest is the certain write or read of a register with the highest version.
func newest(history []operation, first string) operation {
	last := operation{kind: opSyncRead, value: first}
	for i := range history {
		if o := &history[i]; o.outcome == ok && o.version >= last.version {
			last = *o
		}
	}
	return last
}

// lastOf is what a node holds at the end, if that is certain: nothing is of
// unknown outcome, and the last answer overlaps with no other change.
func lastOf(history []operation) (value string, certain bool) {
	var last *operation
	for i := range history {
		o := &history[i]
		if o.outcome == unknown {
			return "", false
		}
		if last == nil || o.back > last.back {
			last = o
		}
	}
	if last == nil {
		return "", true
	}
	for i := range history {
		if o := &history[i]; o != last && o.back >= last.call {
			return "", false
		}
	}
	switch {
	case last.kind == opDelete, last.kind == opSyncRead && last.outcome == refused:
		return "", true
	case last.outcome == ok:
		return last.value, true
	}
	return "", false // it was there, but with what value nobody knows
}

// judgeRegister holds what a server has of a register at the end against the
// newest certain write or read; a later version is of a write of unknown outcome.
func judgeRegister(want operation, value string, version int32, there bool) string {
	switch {
	case !there:
		return "is lost (H5)"
	case version < want.version:
		return fmt.Sprintf("has version %d, %d was acknowledged (H5)", version, want.version)
	case version == want.version && value != want.value:
		return fmt.Sprintf("holds %q at version %d, %q was acknowledged (H5)", value, version, want.value)
	}
	return ""
}

// missing are the sequential nodes that were acknowledged and are not there.
func missing(queue string, made, names []string) []string {
	there := make(map[string]bool)
	for _, name := range names {
		there[queue+"/"+name] = true
	}
	var wrong []string
	for _, path := range made {
		if !there[path] {
			wrong = append(wrong, fmt.Sprintf("H5: %s, which was acknowledged, is lost", path))
		}
	}
	return wrong
}
