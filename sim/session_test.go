package sim

import (
	"testing"
	"time"
)

// TestQD2: a client whose session was opened under the
// new leader comes to the old one, which has not noticed yet. That one knows
// nothing of the session, and must not say that it is over.
func TestQD2(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3)
		old, rest := s.settled(1, 2, 3)
		s.abandon(old)
		s.until("another leads", func() bool { return s.leads(rest[0]) || s.leads(rest[1]) })
		s.serve(rest...)
		c := s.visitFor(rest[0], time.Minute)
		id := c.session
		s.hope(s.leads(old), "the old leader has noticed")
		c.giveUp(true)
		c.dial(s.node(old))
		s.pass(2 * syncLimit * tickTime)
		s.hope(c.session == id, "the session is over")
	})
}
