package sim

import "fmt"

// leanings are what a client does more than others do.
type leanings struct {
	restless float64 // the chance that it goes elsewhere, each time it moves
	dwells   func()  // what it asks for more than for anything else, if not nil
}

// drawLeanings draws them.
func (c *client) drawLeanings() {
	r := source(c.w.opt.Seed, fmt.Sprintf("leanings %d", c.id))
	c.leanings.restless = []float64{0, 0, 0, 0, 0.02, 0.3}[r.IntN(6)]
	c.dwells = []func(){nil, nil, nil, nil, c.sync, c.sync, c.writeTree, c.set}[r.IntN(8)]
}

// hops does what a restless client does: it leaves a connection that works, often
// before it has asked for anything, with or without a word.
func (c *client) hops() bool {
	if w := c.w; w.calm || !c.conn.opened || c.leanings.restless == 0 || !w.chance(c.leanings.restless) {
		return false
	}
	c.w.check.mark("client went elsewhere")
	c.giveUp(c.w.chance(0.5))
	return true
}
