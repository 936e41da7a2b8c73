package clientport

import (
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/zab"
)

// aheadList holds the connections whose clients have seen more than the state
// holds. A client that changes servers is often a few milliseconds ahead of the
// next one; to close its connection would send it round the ensemble for that.
//
// A connection is put in while the state is read-locked, and applied is told
// about every record under the write lock, so whoever is found ahead is in the
// list before the record that it waits for is applied. Bound: one place for each
// connection.
type aheadList struct {
	applied zab.Zxid // the applier's own

	mu      ranked.Mutex[ranked.Leaf]
	waiting map[*conn]zab.Zxid
	least   zab.Zxid // no one waits for less; says nothing when nobody waits
}

func (a *aheadList) init() { a.waiting = map[*conn]zab.Zxid{} }

// add lets c be woken when the record z is applied.
func (a *aheadList) add(c *conn, z zab.Zxid) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) == 0 || z < a.least {
		a.least = z
	}
	a.waiting[c] = z
}

// remove forgets c.
func (a *aheadList) remove(c *conn) {
	a.mu.Lock()
	delete(a.waiting, c)
	a.mu.Unlock()
}

// wake wakes and forgets those whose record was applied. Only the applier calls it.
func (a *aheadList) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) == 0 || a.applied < a.least {
		return
	}
	a.least = ^zab.Zxid(0)
	for c, z := range a.waiting {
		if z > a.applied {
			a.least = min(a.least, z)
			continue
		}
		delete(a.waiting, c)
		signal(c.room)
	}
}

func (a *aheadList) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

// catchUp tries to connect until the state holds what the client has seen, for
// Config.CatchUp at most.
func (c *conn) catchUp(q *connectRequest) verdict {
	defer c.p.ahead.remove(c)
	limit := time.NewTimer(c.p.cfg.CatchUp)
	defer limit.Stop()
	for {
		if v := c.tryConnect(q); v != connectAhead {
			return v
		}
		select {
		case <-c.room:
		case <-limit.C:
			return connectAhead
		case <-c.done:
			return connectAhead
		}
	}
}
