package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Options choose a run. Everything left zero is drawn from the seed.
type Options struct {
	Seed    uint64
	Servers int           // voters, 1 to 7
	Clients int           // how many
	Chaos   time.Duration // virtual length of the first phase
	Without []string      // kinds of faults that do not happen; see Kinds
	Drop    []int         // faults that do not happen, by their numbers in the trace
	Trace   io.Writer     // where the story goes; nil for nowhere
}

// TickTime is the tick of the simulated servers.
const TickTime = tickTime

// Check refuses options that name what does not exist.
func (o *Options) Check() error {
	if o.Servers < 0 || o.Servers > 7 {
		return fmt.Errorf("%d servers; 1 to 7, or 0 to draw them", o.Servers)
	}
	if o.Clients < 0 || o.Chaos < 0 {
		return fmt.Errorf("a negative number of clients or length of time")
	}
	for _, name := range o.Without {
		if !slices.Contains(Kinds(), name) {
			return fmt.Errorf("there is no fault %q; there are: %s", name, strings.Join(Kinds(), ", "))
		}
	}
	return nil
}

// faults is what a run suffers from beginning to end. The faults that happen
// at a moment are in its plan.
type faults struct {
	lone   bool    // one server that does not lead has faults, nobody else
	lose   float64 // part of the election messages that get lost
	repeat float64 // ... that come again
	late   float64 // ... of those that come again much later, across connections
	slow   float64 // part of the directions that are slow
	clocks float64 // how far the clocks' rates are off
}

// size is how many of everything a run has.
type size struct{ servers, observers, clients int }

// draw decides how large a run is, how long it lasts and what it suffers from.
func draw(o *Options, rng *rand.Rand) (f faults, s size) {
	s.servers = []int{1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 6, 7}[rng.IntN(18)]
	s.observers = []int{0, 0, 0, 0, 0, 1, 1, 2}[rng.IntN(8)]
	s.clients = 1 + rng.IntN(5)
	chaos := drawLength(rng)
	f.lone = rng.IntN(8) == 0
	if rng.IntN(2) == 0 {
		f.lose, f.repeat = 0.3*rng.Float64(), 0.2*rng.Float64()
	}
	if rng.IntN(3) == 0 {
		f.late = rng.Float64()
	}
	if rng.IntN(3) == 0 {
		f.slow = rng.Float64()
	}
	if rng.IntN(2) == 0 {
		f.clocks = 0.1
	}
	if o.Servers != 0 {
		s.servers = o.Servers
	}
	if o.Clients != 0 {
		s.clients = o.Clients
	}
	if o.Chaos == 0 {
		o.Chaos = chaos
	}
	if s.servers < 3 {
		f.lone = false // one of two is needed
	}
	f.cut(o.Without)
	return f, s
}

// drawLength draws how long faults happen: mostly short, since most of what
// can go wrong goes wrong soon, and sometimes long.
func drawLength(rng *rand.Rand) time.Duration {
	least, most := 1500*time.Millisecond, 4*time.Second
	switch k := rng.IntN(20); {
	case k == 0:
		least, most = 8*time.Second, 20*time.Second
	case k < 5:
		least, most = 4*time.Second, 8*time.Second
	}
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

// Names of what a run suffers from all along; see Options.Without.
const (
	lostVotes  = "lost votes"
	lateVotes  = "late votes"
	slowLinks  = "slow links"
	clockRates = "clock rates"
)

var steadyFaults = []string{lostVotes, lateVotes, slowLinks, clockRates}

// cut takes out what a run is to go without.
func (f *faults) cut(without []string) {
	for _, name := range without {
		switch name {
		case lostVotes:
			f.lose, f.repeat = 0, 0
		case lateVotes:
			f.late = 0
		case slowLinks:
			f.slow = 0
		case clockRates:
			f.clocks = 0
		}
	}
}
