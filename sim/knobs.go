package sim

import (
	"math/rand/v2"
	"time"
)

// knobs are how the servers of a run are made: with little memory and little
// on their disks, learners find that what they lack is gone from there, and
// short runs go through all that long ones do.
type knobs struct {
	segment   int64 // bytes
	recent    int   // records of the log in memory; 0 for the usual
	piece     int   // bytes of a snapshot sent at a time; 0 for the usual
	window    int   // records handed out to be applied
	snapEvery int   // records between two snapshots, at least
	snapMore  int   // and at most so many more
	keep      int   // snapshots, where a server has that many

	restless float64 // the chance that a client loses its connection, each time it moves
	narrow   bool    // all clients use the same few znodes
}

// defaultKnobs are how the servers of stories are made, and of many runs.
func defaultKnobs() knobs {
	return knobs{segment: 16 << 10, window: applyWindow, snapEvery: 20, snapMore: 200, keep: 2, restless: 0.002}
}

// draw makes the servers of a run.
func (k *knobs) draw(r *rand.Rand) {
	if r.IntN(3) > 0 { // a server with little of everything
		k.segment = []int64{4 << 10, 4 << 10, 8 << 10}[r.IntN(3)]
		k.snapEvery, k.snapMore = 2+r.IntN(8), 1+r.IntN(8)
		k.keep = 1 + r.IntN(2)
	}
	if r.IntN(3) > 0 {
		k.recent = 1 << r.IntN(6)
	}
	if r.IntN(2) == 0 {
		k.piece = 64 << r.IntN(6)
	}
	k.window = []int{1, 3, applyWindow, applyWindow, 64}[r.IntN(5)]
	k.restless = []float64{0.002, 0.002, 0.01, 0.05}[r.IntN(4)]
	k.narrow = r.IntN(3) == 0
}

// profile is what tells a client from others.
type profile struct {
	depth        int           // how many requests it has under way at most
	pace         time.Duration // typically between two moves
	patience     time.Duration // how long it waits for an answer before it tries another server
	renegotiates bool          // asks for another timeout each time that it comes
	reads        bool          // and does not write
}

// drawProfile draws what kind of client this is.
func (c *client) drawProfile() {
	r := c.w.rng
	c.drawTimeout()
	c.depth = []int{1, 1, 2, 4, 8}[r.IntN(5)]
	c.pace = []time.Duration{5, 20, 20, 20, 20, 200}[r.IntN(6)] * time.Millisecond
	c.patience = []time.Duration{300, 1000, 1000, 1000, 3000, 8000}[r.IntN(6)] * time.Millisecond
	c.renegotiates, c.reads = r.IntN(4) == 0, r.IntN(8) == 0
}

func (c *client) drawTimeout() { c.timeout = int64(500 + 250*c.w.rng.IntN(15)) }
