package sim

import (
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// sessionCheck knows when servers heard of sessions, seen from outside (O5).
type sessionCheck struct {
	heard  []map[zab.SessionID]time.Duration // by node: when it last heard of each, in this life
	atPort map[zab.SessionID]time.Duration   // when any server's port heard from the client
	back   map[zab.SessionID]time.Duration   // when that ended its last long silence
	port   map[zab.SessionID]*node           // and whose
	ending map[zab.SessionID]bool            // its end has been proposed

	fresh  []time.Duration           // by node: since when it leads, and did not stand still
	agreed []map[zab.SessionID]int64 // by node: the timeout that it agreed to as leader; 0: any
	least  map[zab.SessionID]int64   // the shortest that was ever agreed to
}

func newSessionCheck(nodes int) *sessionCheck {
	s := &sessionCheck{
		heard:  make([]map[zab.SessionID]time.Duration, nodes),
		atPort: map[zab.SessionID]time.Duration{}, back: map[zab.SessionID]time.Duration{}, port: map[zab.SessionID]*node{}, ending: map[zab.SessionID]bool{},
		fresh: make([]time.Duration, nodes), agreed: make([]map[zab.SessionID]int64, nodes), least: map[zab.SessionID]int64{},
	}
	for i := range s.heard {
		s.heard[i], s.agreed[i] = map[zab.SessionID]time.Duration{}, map[zab.SessionID]int64{}
	}
	return s
}

// heardClient takes note that a client's message has reached a server.
func (k *checker) heardClient(n *node, id zab.SessionID) {
	if id == 0 {
		return
	}
	s := k.sessions
	if at, ok := s.atPort[id]; !ok || k.w.now-at > time.Duration(k.model.sessions[id])*time.Millisecond/2 {
		s.back[id] = k.w.now
	}
	s.atPort[id], s.port[id] = k.w.now, n
}

// hears takes note of what a server is about to learn of sessions.
func (k *checker) hears(n *node, ev *zab.Event) {
	heard := k.sessions.heard[n.index]
	k.leader.hears(k, n, ev)
	switch ev.Kind {
	case zab.EvTouched:
		for _, id := range ev.Sessions {
			heard[id] = k.w.now
		}
	case zab.EvAttach:
		heard[ev.Attach.Session] = k.w.now
		k.agrees(n, ev.Attach, n.port.told)
	case zab.EvPacket:
		k.told(n, ev.Link, &ev.Packet)
		switch b := ev.Packet.Body.(type) {
		case *zab.Pong:
			for _, id := range b.Touched {
				heard[id] = k.w.now
			}
		case *zab.Attach:
			// What a server repeats to a new leader (Seq 0) is of a client that was
			// with it once: it may have gone since, and a later one may have it.
			if b.Seq != 0 {
				heard[b.Session] = k.w.now
			}
			k.agrees(n, b, b.Seq != 0)
		}
	}
}

// agrees takes note of a timeout that a server is told of: as leader it goes
// by it from now on, if that is sure.
func (k *checker) agrees(n *node, a *zab.Attach, sure bool) {
	s := k.sessions
	if t, ok := s.least[a.Session]; !ok || a.Timeout < t {
		s.least[a.Session] = a.Timeout
	}
	if s.agreed[n.index][a.Session] = a.Timeout; !sure || k.leading[n.index] == 0 {
		s.agreed[n.index][a.Session] = 0
	}
}

// anew takes note that a server begins to lead, or goes on after it stood
// still: everybody has a whole timeout from then on (L8).
func (s *sessionCheck) anew(n *node) { s.fresh[n.index] = n.w.now }

// limit is the least silence after which a leader may end a session that was
// created with a timeout.
func (s *sessionCheck) limit(n *node, id zab.SessionID, timeout int64) time.Duration {
	if t := s.agreed[n.index][id]; t > 0 {
		timeout = t
	} else if t, ok := s.least[id]; ok {
		timeout = min(timeout, t)
	}
	return time.Duration(timeout) * time.Millisecond
}

// ends judges the end of a session as a leader proposes it: it was silent for
// at least its timeout as the leader could observe, by the leader's clock, and
// without faults no session is lost whose client was heard from.
func (k *checker) ends(n *node, txn *zab.Txn) {
	id := txn.Session
	k.sessions.ending[id] = true
	if txn.Op != zab.OpExpire {
		return
	}
	timeout, ok := k.model.sessions[id]
	if !ok {
		return
	}
	k.mark("session expired")
	k.expiryInKeepAlive(n, id)
	limit := k.sessions.limit(n, id, timeout)
	at := k.sessions.fresh[n.index]
	if heard, ok := k.sessions.heard[n.index][id]; ok {
		at = max(at, heard)
	}
	if silence := time.Duration(float64(k.w.now-at)*n.rate) + time.Microsecond; silence < limit {
		k.w.fail("%v expires session %s of %v after hearing of it, or anew of anything, %v ago by its clock", n, id, limit, silence)
	}
	whole := k.w.calm && k.w.now-k.w.healed > 5*time.Second || k.w.lone != nil && n != k.w.lone && k.sessions.port[id] != k.w.lone
	if at, ok := k.sessions.atPort[id]; ok && whole {
		// One that comes back at the last moment may be too late for the leader.
		known := k.w.now-k.sessions.back[id] > time.Second
		if silence := k.w.now - at; known && silence < limit*9/10-time.Second {
			k.w.fail("%v expires session %s of %v, whose client a server heard %v ago, while there are no faults", n, id, limit, silence)
		}
	}
}

// refused judges that a server told a client that its session is no more.
func (k *checker) refused(c *client) {
	if !k.sessions.ending[c.session] {
		k.w.fail("client %d was told that session %s is over; nobody ended it", c.id, c.session)
	}
	if r := k.model.ended[c.session]; r != 0 && k.model.result(r).op != int32(jute.OpCloseSession) {
		k.mark("expired while disconnected")
	}
}
