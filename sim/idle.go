package sim

import (
	"fmt"
	"time"
)

// An idle client keeps its session by pings alone, as one does that only waits
// for an event: no write of its tells a leader that it is there, or through
// which server. Now and then it goes away, often for longer than its session
// lasts, and comes back.

// drawIdle draws whether a client is an idle one.
func (c *client) drawIdle() {
	r := source(c.w.opt.Seed, fmt.Sprintf("idle %d", c.id))
	if c.idles = r.IntN(4) == 0; c.idles {
		c.renegotiates = r.IntN(2) == 0
	}
}

// rests does what an idle client does, if this is one and has its znode.
func (c *client) rests() bool {
	w := c.w
	switch {
	case w.keepAlive != nil:
	case !c.idles || w.calm || !c.made || len(c.conn.calls) > 0:
		return false
	case w.chance(0.005):
		c.leave(time.Duration(c.timeout) * time.Millisecond * time.Duration(1+w.rng.IntN(10)) / 4)
		return true
	}
	if c.pingDue() {
		c.ping()
	}
	return true
}

// leave has the client go away for a while.
func (c *client) leave(d time.Duration) {
	c.w.say("client %d goes away for %v", c.id, d)
	c.w.check.mark("client went away")
	c.giveUp(c.w.chance(0.5))
	c.away = c.w.now + d
}
