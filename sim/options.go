package sim

import (
	"io"
	"math/rand/v2"
	"time"
)

// Options choose a run. Everything left zero is drawn from the seed.
type Options struct {
	Seed    uint64
	Servers int           // voters, 1 to 7
	Chaos   time.Duration // virtual length of the first phase
	Trace   io.Writer     // where the story goes; nil for nowhere
}

// healLimit bounds the second phase: an ensemble without faults must have come
// together by then.
const healLimit = 60 * time.Second

// faults is how often each kind of fault happens in a run: the mean time
// between two, 0 for never.
type faults struct {
	crash     time.Duration // one server loses what was not synced
	crashAll  time.Duration // all of them at once
	pause     time.Duration // one stands still and goes on
	partition time.Duration // links are cut, in one direction or both
	reset     time.Duration // a connection breaks
	wipe      time.Duration // one loses its disk
	stall     time.Duration // a disk takes its time
	lose      float64       // part of the election messages that get lost
	repeat    float64       // ... that come twice
}

// draw decides which faults a seed has, and how many servers and clients.
func draw(o Options, rng *rand.Rand) (f faults, servers, observers, clients int) {
	servers = o.Servers
	if servers == 0 {
		servers = []int{1, 3, 3, 3, 3, 3, 5, 5, 5, 7}[rng.IntN(10)]
	}
	if servers > 1 && rng.IntN(4) == 0 {
		observers = 1
	}
	clients = 1 + rng.IntN(5)
	pick := func(least, most time.Duration) time.Duration {
		d := least + time.Duration(rng.Int64N(int64(most-least)))
		if rng.IntN(2) == 0 {
			return 0
		}
		return d
	}
	f.crash = pick(200*time.Millisecond, 4*time.Second)
	f.crashAll = pick(time.Second, 10*time.Second)
	f.pause = pick(500*time.Millisecond, 8*time.Second)
	f.partition = pick(500*time.Millisecond, 6*time.Second)
	f.reset = pick(100*time.Millisecond, 3*time.Second)
	f.wipe = pick(2*time.Second, 10*time.Second)
	f.stall = pick(200*time.Millisecond, 5*time.Second)
	if rng.IntN(2) == 0 {
		f.lose, f.repeat = 0.3*rng.Float64(), 0.2*rng.Float64()
	}
	return f, servers, observers, clients
}
