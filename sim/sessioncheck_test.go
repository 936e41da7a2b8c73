package sim

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestSessionChecks: sessions that end too early, or not for all.
func TestSessionChecks(t *testing.T) {
	expire := func(w *world, c *client) {
		w.check.ends(w.nodes[0], &zab.Txn{Session: c.session, Op: zab.OpExpire})
	}
	finds(t, []doctored{
		{"after hearing of it", func(w *world, c *client) {
			w.check.hears(w.nodes[0], &zab.Event{Kind: zab.EvTouched, Sessions: []zab.SessionID{c.session}})
			expire(w, c)
		}},
		{"or anew of anything", func(w *world, c *client) {
			w.check.sessions.heard[0] = map[zab.SessionID]time.Duration{}
			w.check.sessions.anew(w.nodes[0])
			expire(w, c)
		}},
		{"of 30m0s", func(w *world, c *client) { // shorter than what was agreed to as it was created
			w.check.sessions.fresh[0] = w.now - 2*time.Hour
			w.check.hears(w.nodes[0], &zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Session: c.session, Timeout: 1_800_000}})
			expire(w, c)
		}},
		{"while there are no faults", func(w *world, c *client) {
			w.calm, w.healed = true, w.now-time.Hour
			w.check.sessions.heard[0] = map[zab.SessionID]time.Duration{}
			w.check.sessions.fresh[0] = w.now - 2*time.Hour
			w.check.heardClient(w.nodes[0], c.session)
			w.check.sessions.back[c.session] = w.now - time.Minute // its server could have told the leader
			expire(w, c)
		}},
		{"nobody ended it", func(w *world, c *client) { w.check.refused(c) }},
		{"sessions, the model has", func(w *world, c *client) {
			delete(w.check.model.sessions, c.session)
			w.check.sessionsMatch(w.nodes[0])
		}},
		{"got no answer", func(w *world, c *client) {
			w.calm, w.now = true, w.now+time.Hour
			c.tired()
		}},
	})
}

// TestKeepAliveChecks: in the keep-alive phase, the end of a session whose client is there, and
// a session that lives on without one, are found.
func TestKeepAliveChecks(t *testing.T) {
	finds(t, []doctored{
		{"whose client is at", func(w *world, c *client) {
			w.keepAlive = &keepAlivePhase{stays: []*conn{c.conn}}
			w.now += time.Second
			c.conn.heard = w.now
			w.check.expiryInKeepAlive(leader(w), c.session)
		}},
		{"no client has been there", func(w *world, c *client) {
			w.clients = []*client{c}
			w.keepAlive = &keepAlivePhase{left: []*client{c}}
			w.check.keepAliveEnds()
		}},
		{"no client has been there", func(w *world, c *client) { // one that nobody knows of
			w.clients = []*client{c}
			w.keepAlive = &keepAlivePhase{}
			w.check.model.sessions[77] = 1500
			w.check.keepAliveEnds()
		}},
	})
}

// TestKeepAliveAllows: what no server could know better is not held against it.
func TestKeepAliveAllows(t *testing.T) {
	for name, change := range map[string]func(w *world, c *client){
		"the client is gone":           func(_ *world, c *client) { c.conn = nil },
		"its server has just come":     func(w *world, c *client) { c.conn.port.since = w.now },
		"its server does not serve":    func(_ *world, c *client) { c.conn.port.serving = false },
		"the client has been silent":   func(w *world, c *client) { c.conn.heard = w.now - time.Hour },
		"another life of its server":   func(_ *world, c *client) { c.conn.life-- },
		"another session than this":    func(_ *world, c *client) { c.conn.session++ },
		"the connection is broken":     func(_ *world, c *client) { c.conn.broken = true },
		"the server has ended it":      func(_ *world, c *client) { c.conn.ended = true },
		"there is no keep-alive phase": func(w *world, _ *client) { w.keepAlive = nil },
	} {
		w, c := healthy(t)
		id := c.session
		w.now += time.Second
		c.conn.heard = w.now
		w.keepAlive = &keepAlivePhase{stays: []*conn{c.conn}}
		change(w, c)
		if w.check.expiryInKeepAlive(leader(w), id); w.err != nil {
			t.Errorf("%s: %v", name, w.err)
		}
	}
}
