package clientport

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/zab"
)

// table knows the connections: all of them, by session and by address.
type table struct {
	mu       ranked.Mutex[ranked.Table]
	shutdown bool
	last     uint64 // number of the newest connection
	conns    map[*conn]struct{}
	sessions map[zab.SessionID]*conn // C6
	perAddr  map[netip.Addr]int
}

func (t *table) init() {
	t.conns = map[*conn]struct{}{}
	t.sessions = map[zab.SessionID]*conn{}
	t.perAddr = map[netip.Addr]int{}
}

// add takes c in; refusal says why not, "" when it was. Beyond the budget there
// are WordPlaces for those who only ask a four-letter word: whoever looks what is
// wrong gets an answer while clients storm the port.
func (t *table) add(c *conn, cfg *Config) (refusal string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.shutdown:
		return "the port is closing"
	case cfg.MaxConnections > 0 && len(t.conns) >= cfg.MaxConnections:
		return "maxCnxns reached"
	case cfg.MaxPerAddress > 0 && t.perAddr[c.addr] >= cfg.MaxPerAddress:
		return "maxClientCnxns reached"
	case cfg.Budget > 0 && len(t.conns) >= cfg.Budget+WordPlaces:
		return noDescriptors
	}
	c.wordOnly = cfg.Budget > 0 && len(t.conns) >= cfg.Budget
	t.last++
	c.number = t.last
	t.conns[c] = struct{}{}
	t.perAddr[c.addr]++
	return ""
}

// remove forgets c and reports whether it was its session's connection.
func (t *table) remove(c *conn) (owned bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	if t.perAddr[c.addr]--; t.perAddr[c.addr] <= 0 {
		delete(t.perAddr, c.addr)
	}
	if c.session == 0 || t.sessions[c.session] != c {
		return false
	}
	delete(t.sessions, c.session)
	return true
}

// claim makes c the connection of its session and returns the one before it.
func (t *table) claim(c *conn, id zab.SessionID) (before *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = t.sessions[id]
	t.sessions[id] = c
	return before
}

// of returns the connection of a session, nil when there is none.
func (t *table) of(id zab.SessionID) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[id]
}

// shut lets nobody in any more.
func (t *table) shut() {
	t.mu.Lock()
	t.shutdown = true
	t.mu.Unlock()
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

// all returns the connections, oldest first.
func (t *table) all() []*conn {
	t.mu.Lock()
	all := make([]*conn, 0, len(t.conns))
	for c := range t.conns {
		all = append(all, c)
	}
	t.mu.Unlock()
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Compare(a.number, b.number) })
	return all
}
