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
	ending map[zab.SessionID]bool            // its end has been proposed
}

func newSessionCheck(nodes int) *sessionCheck {
	s := &sessionCheck{
		heard:  make([]map[zab.SessionID]time.Duration, nodes),
		atPort: map[zab.SessionID]time.Duration{}, ending: map[zab.SessionID]bool{},
	}
	for i := range s.heard {
		s.heard[i] = map[zab.SessionID]time.Duration{}
	}
	return s
}

// heardClient takes note that a client's message has reached a server.
func (k *checker) heardClient(n *node, id zab.SessionID) {
	if id != 0 {
		k.sessions.atPort[id] = k.w.now
	}
}

// hears takes note of what a server is about to learn of sessions.
func (k *checker) hears(n *node, ev *zab.Event) {
	heard := k.sessions.heard[n.index]
	switch ev.Kind {
	case zab.EvTouched:
		for _, id := range ev.Sessions {
			heard[id] = k.w.now
		}
	case zab.EvAttach:
		heard[ev.Attach.Session] = k.w.now
	case zab.EvPacket:
		switch b := ev.Packet.Body.(type) {
		case *zab.Pong:
			for _, id := range b.Touched {
				heard[id] = k.w.now
			}
		case *zab.Attach:
			heard[b.Session] = k.w.now
		}
	}
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
	limit := time.Duration(timeout) * time.Millisecond
	if at, ok := k.sessions.heard[n.index][id]; ok {
		if silence := time.Duration(float64(k.w.now-at) * n.rate); silence < limit {
			k.w.fail("%v expires session %s of %v after hearing of it %v ago by its clock", n, id, limit, silence)
		}
	}
	if at, ok := k.sessions.atPort[id]; ok && k.w.calm && k.w.now-k.w.healed > 5*time.Second {
		if silence := k.w.now - at; silence < limit*9/10-time.Second {
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
