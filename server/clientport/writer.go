package clientport

import (
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/jute"
)

// write is the writer goroutine: it writes what the applier left in out and
// answers the reads that came to the head of pending. When the connection ends
// it is the one that closes the socket, so that nobody who holds a lock has to.
func (c *conn) write() {
	defer c.p.wg.Done()
	defer close(c.gone)
	for {
		select {
		case <-c.wake:
			c.answerHead()
		case <-c.done:
			c.finish()
			return
		}
	}
}

// finish writes the rest, unless it is not to be waited for, and closes.
func (c *conn) finish() {
	for {
		c.flush()
		c.mu.Lock()
		how, busy := c.ending, c.writing
		c.mu.Unlock()
		if how == endNow {
			c.nc.Close()
			return
		}
		if !busy {
			c.shutSide(how)
			return
		}
		<-c.wake // flush signals when it is done; so does a harder end
	}
}

// shutSide ends the connection after its last byte was written.
func (c *conn) shutSide(how ending) {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if how != endLinger || !ok || half.CloseWrite() != nil {
		c.nc.Close()
		return
	}
	c.nc.SetReadDeadline(time.Now().Add(lingerTime))
}

// flush writes what has gathered in out until nothing is left. When another
// goroutine is writing already, that one writes it, and flush reports false.
func (c *conn) flush() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		return false
	}
	wrote := false
	for c.out != nil && c.ending != endNow {
		buf := c.out
		c.out = nil
		c.writing, c.inFlight, wrote = true, len(buf.b), true
		c.mu.Unlock()
		err := c.send(buf.b)
		c.p.buffers.put(buf)
		c.mu.Lock()
		c.writing, c.inFlight = false, 0
		if err != nil {
			c.endLocked(endNow, whyFailed)
		}
	}
	if wrote {
		signal(c.room)
		if c.ending != endNot || c.pending.len() > 0 && c.pending.at(0).ready() {
			signal(c.wake)
		}
	}
	return true
}

// send writes buf in pieces, each of which has WriteTimeout: the sweeper closes
// the connection when one takes longer. A deadline on the socket would cost a
// timer for every write.
func (c *conn) send(buf []byte) error {
	ranked.NoLocks("a write to a client")
	defer c.writingAt.Store(0)
	for len(buf) > 0 {
		n := min(len(buf), writeChunk)
		c.writingAt.Store(int64(max(c.p.now(), 1)))
		if _, err := c.nc.Write(buf[:n]); err != nil {
			return err
		}
		buf = buf[n:]
	}
	return nil
}

// drain waits, when too much waits to be written, until the client has taken
// enough of it. It reports false when the connection has ended.
func (c *conn) drain() bool {
	for {
		c.mu.Lock()
		waiting, ended := c.waiting(), c.ending != endNot
		c.mu.Unlock()
		if ended || waiting <= outputSoft {
			return !ended
		}
		if c.flush() {
			continue
		}
		select {
		case <-c.room:
		case <-c.done:
			return false
		}
	}
}

// answerHead answers what can be answered at the head of pending, and writes.
func (c *conn) answerHead() {
	for {
		c.p.state.RLock()
		st := c.p.current()
		more := true
		for n := 0; more && n < runRequests && !c.full(); n++ {
			var op jute.Op
			if op, more = c.answerOne(st); heavy(op) {
				break
			}
		}
		c.p.state.RUnlock()
		if !c.flush() || !more {
			return // whoever writes now wakes this goroutine when it is done
		}
	}
}

// full reports whether more waits to be written than should be added to.
func (c *conn) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting() > outputSoft
}
