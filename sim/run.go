package sim

import (
	"math/rand/v2"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// Report tells how a run went.
type Report struct {
	Seed    uint64
	Err     error  // what was violated, nil for nothing
	Hash    uint64 // of the trace: the same for the same seed
	Tasks   uint64 // things that happened
	Virtual time.Duration
	Commits int // records in the history
	Answers int // that clients got to writes
	Seen    map[string]uint64

	Faults int           // that happened
	Lone   bool          // only one server that did not lead had faults
	Resume time.Duration // from the end of the faults to the first answered write; negative: none was awaited
	Gather time.Duration // from the end of the faults until every server served
}

// Run performs the run that o names.
func Run(o Options) Report {
	w := newWorld(o)
	w.guard(w.chaos)
	if w.err == nil {
		w.heal()
	}
	return w.report()
}

func (w *world) report() Report {
	r := Report{
		Seed: w.opt.Seed, Err: w.err, Hash: w.trace.hash.Sum64(), Tasks: w.count, Virtual: w.now,
		Commits: len(w.check.history), Seen: w.check.seen,
		Faults: w.faultCount, Lone: w.lone != nil, Resume: w.resumed, Gather: w.gathered,
	}
	r.Answers = w.answers()
	return r
}

func newWorld(o Options) *world {
	rng := rand.New(rand.NewPCG(o.Seed, 0x71756f72756d64))
	w := &world{opt: o, rng: rng, trace: newTrace(o.Trace), knobs: defaultKnobs(), resumed: -1}
	f, s := draw(&w.opt, rng)
	if o.Seed%6 == 5 && !f.lone { // epochs that are used up soon
		w.spent = zab.CounterMax - uint32(2+o.Seed/6%50)
	}
	w.knobs.draw(source(o.Seed, "fitting")) // a seed draws by this name
	w.setUp(s.servers, s.observers, f)
	for i := range s.clients {
		w.clients = append(w.clients, &client{w: w, id: i + 1})
	}
	w.say("seed %d: %d voters, %d observers, %d clients, faults for %v, %+v, %+v", o.Seed, s.servers, s.observers, s.clients, w.opt.Chaos, f, w.knobs)
	return w
}

// setUp puts the servers, their network and the checker into a world.
func (w *world) setUp(servers, observers int, f faults) {
	var voters, watching []zab.ServerID
	for i := range servers + observers {
		id := zab.ServerID(i + 1)
		if i < servers {
			voters = append(voters, id)
		} else {
			watching = append(watching, id)
		}
		w.nodes = append(w.nodes, &node{w: w, id: id, index: i, fs: vfs.NewMem(), room: -1, whole: true})
	}
	w.net = newNetwork(w, len(w.nodes))
	w.check = newChecker(w, zab.NewEnsemble(voters, watching), f, len(w.nodes))
}

// chaos is the first phase.
func (w *world) chaos() {
	for _, n := range w.nodes {
		w.after(w.between(0, 200*time.Millisecond), n.start)
	}
	for _, c := range w.clients {
		w.after(w.between(0, time.Second), c.move)
	}
	f := w.check.faults
	if f.lone && !w.chooseLone() {
		return
	}
	w.net.drawDelays(source(w.opt.Seed, slowLinks), f.slow)
	w.aim()
	w.scheduleFaults()
	w.run(w.now + w.opt.Chaos)
}

// chooseLone waits until the ensemble serves and chooses the server that will
// have faults.
func (w *world) chooseLone() bool {
	for limit := w.now + healLimit; !w.serving(); w.run(w.now + 10*time.Millisecond) {
		if w.now >= limit || w.err != nil {
			w.fail("no ensemble within %v, without faults", healLimit)
			return false
		}
	}
	var rest []*node
	for _, n := range w.nodes {
		if n.replica.Status().State != zab.Leading {
			rest = append(rest, n)
		}
	}
	w.lone = rest[source(w.opt.Seed, "lone").IntN(len(rest))]
	w.say("%v alone has faults", w.lone)
	w.check.mark("one server alone has faults")
	return true
}

// serving reports whether every server serves clients.
func (w *world) serving() bool {
	for _, n := range w.nodes {
		if !n.up || !n.replica.Status().Serving {
			return false
		}
	}
	return true
}

// undisturbed judges that a stable leader and its followers keep their roles
// while another server alone has faults, rejoins, or is half cut off
// (CockroachDB 10206, ZOOKEEPER-4269).
func (w *world) undisturbed(n *node, note zab.Note) {
	if w.lone != nil && n != w.lone && (note.Kind == zab.NoteRoleLost || note.Kind == zab.NoteElectionStarted) {
		w.fail("%v is disturbed, and only %v has faults: %s", n, w.lone, note)
	}
}
