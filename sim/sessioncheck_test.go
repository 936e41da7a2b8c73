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
