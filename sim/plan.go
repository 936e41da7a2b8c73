package sim

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// kind is a sort of fault.
type kind struct {
	name        string
	least, most time.Duration // the mean time between two is drawn from
	alone       bool          // it may befall one server and leave the rest whole
	often       bool          // it is what most errors of protocols need
	do          func(w *world, r *rand.Rand)
}

// kinds are all sorts of faults. Their order is part of every run.
func kinds() []kind {
	const ms, s = time.Millisecond, time.Second
	return []kind{
		{"crash", 200 * ms, 4 * s, true, false, crashOne},
		{"crash all", 1 * s, 8 * s, false, false, crashAll},
		{"crash quorum", 1 * s, 8 * s, false, false, crashQuorum},
		{"crash in operation", 200 * ms, 3 * s, true, false, crashInOperation},
		{"crash in start", 500 * ms, 4 * s, true, false, crashInStart},
		{"restart storm", 1 * s, 6 * s, true, false, restartStorm},
		{"wipe", 1 * s, 6 * s, true, false, wipeOne},
		{"pause", 500 * ms, 5 * s, true, false, pauseOne},
		{"long pause", 2 * s, 8 * s, true, false, pauseLong},
		{"clock jump", 300 * ms, 3 * s, true, false, clockJump},
		{"starve", 50 * ms, 2 * s, true, true, starve},
		{"absence", 500 * ms, 4 * s, true, true, absent},
		{"ambush", 100 * ms, 2 * s, true, true, ambush},

		{"depose", 300 * ms, 4 * s, false, true, depose},
		{"usurp", 500 * ms, 4 * s, false, true, usurp},
		{"strand", 300 * ms, 4 * s, false, true, strand},
		{"hesitation", 300 * ms, 4 * s, false, false, hesitate},

		{"stall", 200 * ms, 4 * s, true, false, stallOne},
		{"disk error", 200 * ms, 3 * s, true, false, diskError},
		{"read error", 500 * ms, 4 * s, true, false, readError},
		{"full disk", 500 * ms, 4 * s, true, false, fullDisk},
		{"rot", 1 * s, 6 * s, true, false, rotOne},

		{"cut off", 500 * ms, 5 * s, true, false, cutOff},
		{"split", 500 * ms, 6 * s, false, false, split},
		{"one way", 300 * ms, 4 * s, true, false, oneWay},
		{"partial", 500 * ms, 5 * s, true, false, partial},
		{"swizzle", 1 * s, 6 * s, false, false, swizzle},
		{"clog", 200 * ms, 3 * s, true, false, clogOne},
		{"reset", 100 * ms, 3 * s, true, false, resetOne},
		{"half-open", 300 * ms, 4 * s, true, false, halfOpen},
		{"broken stream", 300 * ms, 4 * s, true, false, breakStream},
	}
}

// Kinds lists the names of all faults.
func Kinds() []string {
	names := slices.Clone(steadyFaults)
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// fault is one that is to happen.
type fault struct {
	number int // in the run's plan, whatever of it is left out
	at     time.Duration
	kind   *kind
}

// plan draws which faults happen when. It depends on nothing but the seed, and
// each fault has a random source of its own, so that leaving one out, or all
// of one kind, moves no other: a failing run can be made smaller.
func plan(seed uint64, lone bool, length time.Duration) []fault {
	rng := source(seed, "swarm")
	share := []float64{0.1, 0.25, 0.25, 0.5}[rng.IntN(4)]
	all := kinds()
	var out []fault
	for i := range all {
		k := &all[i]
		rng := source(seed, k.name)
		chance := share
		if k.often {
			chance = max(share, 0.35)
		}
		drawn := rng.Float64() < chance && (k.alone || !lone)
		mean := spread(rng, k.least, k.most)
		for at := next(rng, mean); drawn && at < length; at += next(rng, mean) {
			out = append(out, fault{at: at, kind: k})
		}
	}
	slices.SortStableFunc(out, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	for i := range out {
		out[i].number = i + 1
	}
	return out
}

// source makes the random source of a thing with a name.
func source(seed uint64, name string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, xxhash.Sum64String(name)))
}

// spread draws a time so that short and long ones are as likely.
func spread(rng *rand.Rand, least, most time.Duration) time.Duration {
	return time.Duration(float64(least) * math.Pow(float64(most)/float64(least), rng.Float64()))
}

// next draws the time between two faults.
func next(rng *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration((0.25 + 1.5*rng.Float64()) * float64(mean))
}

// between draws a duration from a source of its own.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)+1))
}

// scheduleFaults schedules the faults of the run, from now on.
func (w *world) scheduleFaults() {
	for _, f := range plan(w.opt.Seed, w.check.faults.lone, w.opt.Chaos) {
		if slices.Contains(w.opt.Without, f.kind.name) || slices.Contains(w.opt.Drop, f.number) {
			continue
		}
		w.after(f.at, func() {
			if w.calm {
				return
			}
			w.say("fault %d: %s", f.number, f.kind.name)
			f.kind.do(w, rand.New(rand.NewPCG(w.opt.Seed, uint64(f.number)<<32)))
			w.faultCount++
		})
	}
}

// victim draws whom a fault befalls.
func (w *world) victim(r *rand.Rand) *node {
	k, aimed := r.IntN(len(w.nodes)), r.IntN(2) == 0 // drawn in any case, so that the rest stays as it is
	if w.lone != nil {
		return w.lone
	}
	if n := w.aimed(); n != nil && aimed {
		return n
	}
	return w.nodes[k]
}
