package clientport

import "time"

// sweep looks at every connection from time to time and closes those that are
// silent, stuck or without a session for too long. One goroutine with a coarse
// clock instead of deadlines on every socket, each of which would cost a timer
// for every read and write.
func (p *Port) sweep() {
	defer p.wg.Done()
	for p.pause(p.sweepInterval()) {
		now := p.now()
		for _, c := range p.table.all() {
			c.check(now)
		}
	}
}

// sweepInterval is a fraction of the shortest time that is looked after.
func (p *Port) sweepInterval() time.Duration {
	const least, most = 5 * time.Millisecond, time.Second
	shortest := min(p.cfg.Sessionless, p.cfg.MinTimeout, p.cfg.WriteTimeout)
	return min(max(shortest/8, least), most)
}

// check ends c when its time is over.
func (c *conn) check(now time.Duration) {
	c.mu.Lock()
	established := c.phase == phaseEstablished
	c.mu.Unlock()
	if at := time.Duration(c.writingAt.Load()); at > 0 && now-at > c.p.cfg.WriteTimeout {
		c.end(endNow, whyStuck)
		return
	}
	if !established {
		limit := c.p.cfg.Sessionless
		if c.wordOnly {
			limit = min(limit, wordTime)
		}
		if now-c.opened > limit {
			c.end(endFlush, whyNobody)
		}
		return
	}
	if !c.reading.Load() {
		// This server makes the client wait: that must not cost it the session.
		c.touch()
		return
	}
	// The session itself lives on until the leader expires it.
	heard := time.Duration(c.heardAt.Load())
	if now-heard > time.Duration(c.timeout)*time.Millisecond {
		c.end(endFlush, whyIdle)
	}
}
