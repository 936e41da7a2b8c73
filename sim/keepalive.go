package sim

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// keepAlivePhase is a part of the second phase of some runs. Nobody writes:
// all clients come anew, with another timeout than their session was created
// with. Then some leave without a word, the others only ping; mostly the
// leader ends, too, and another has to know what was agreed. A session whose
// client is there never ends, and every other one does (O5). While faults
// happen neither can be said: what a server could have heard is known there,
// not what it had to hear.
type keepAlivePhase struct {
	stays []*conn // of the clients that stay, as they were when it began
	left  []*client
}

const (
	// pingLag is more than a client's ping takes until the leader has heard of
	// it: a quarter of a tick at the port, half a tick until the leader's next
	// ping, the ways.
	pingLag = 400 * time.Millisecond
	// shortestTimeout is the shortest that clients ask for in it.
	shortestTimeout = time.Second
	// longestTimeout is the longest that any client asks for.
	longestTimeout = 4 * time.Second
)

// runKeepAlivePhase holds the phase, if the run has one. Stories have none:
// their clients do what they are told.
func (w *world) runKeepAlivePhase() {
	r := source(w.opt.Seed, "vigil") // a seed draws by this name, whatever the phase is called
	if w.err != nil || len(w.clients) == 0 || w.clients[0].retired || r.IntN(3) > 0 {
		return
	}
	w.say("a vigil") // as ever: the hash of a trace identifies its run
	w.check.mark("keep-alive phase")
	w.net.restoreDelays()
	w.keepAlive = &keepAlivePhase{}
	for _, c := range w.clients {
		if c.conn != nil {
			c.giveUp(false)
		}
		c.away, c.renegotiates, c.pace = 0, false, 5*time.Millisecond
		c.timeout = (shortestTimeout + time.Duration(r.IntN(13))*250*time.Millisecond).Milliseconds()
	}
	for limit := w.now + calmPatience; !w.allOpen() && w.err == nil; w.run(w.now + 10*time.Millisecond) {
		if w.now > limit {
			w.fail("not every client is back %v after it came, without faults", calmPatience)
		}
	}
	for i, c := range w.clients {
		if i > 0 && r.IntN(2) == 0 {
			w.keepAlive.left = append(w.keepAlive.left, c)
			c.giveUp(r.IntN(2) == 0)
			c.away = w.now + time.Hour
		} else {
			w.keepAlive.stays = append(w.keepAlive.stays, c.conn)
		}
	}
	if r.IntN(3) > 0 && w.lone == nil {
		w.changeLeader(r.IntN(2) == 0)
	}
	// A tenth is for clocks that are slow.
	w.run(w.now + (longestTimeout+tickTime)*10/9 + 2*pingLag)
	w.check.keepAliveEnds()
	for _, c := range w.clients {
		c.away = 0
	}
	w.run(w.now + 500*time.Millisecond) // those that left are told
	w.keepAlive = nil
}

func (w *world) allOpen() bool {
	return !slices.ContainsFunc(w.clients, func(c *client) bool { return c.conn == nil || !c.conn.opened })
}

// changeLeader has another server lead, and waits until all serve again.
func (w *world) changeLeader(soon bool) {
	i := slices.IndexFunc(w.nodes, func(n *node) bool { return w.check.leading[n.index] > 0 })
	if i < 0 || w.err != nil {
		return
	}
	w.check.mark("keep-alive phase with a change of leader")
	n := w.nodes[i]
	n.crash(vfs.KeepAll)
	if soon {
		n.startLater(0)
	} else {
		life := n.life
		w.after(time.Second, func() {
			if n.life == life {
				n.startIfDown()
			}
		})
	}
	for limit := w.now + resumeLimit; w.err == nil && !w.serving(); w.run(w.now + 10*time.Millisecond) {
		if w.now > limit {
			w.fail("%v after a leader ended: %s", resumeLimit, w.check.together())
		}
	}
}

// restoreDelays ends the slowness of the network.
func (n *network) restoreDelays() {
	for _, row := range n.slow {
		for i := range row {
			row[i] = typicalDelay
		}
	}
}

// expiryInKeepAlive judges the end of a session that a leader proposes in the
// phase. The client is there when its connection has stood since it began, its
// server has served under this leader for long enough to have told it what was
// agreed, and the client has not just been silent, as it is while the server
// does not answer.
func (k *checker) expiryInKeepAlive(n *node, id zab.SessionID) {
	if k.w.keepAlive == nil {
		return
	}
	for _, c := range k.w.keepAlive.stays {
		at := c.port.node
		switch {
		case c.session != id || c.ended || c.broken || c.client.conn != c || at.life != c.life || !c.port.serving:
		case k.w.now-c.port.since < pingLag || at.replica.Status().Epoch != n.replica.Status().Epoch:
			k.mark("keep-alive phase: expired before its server joined")
		case k.w.now-c.heard > time.Duration(c.timeout)*time.Millisecond/2+pingLag/2:
			k.mark("keep-alive phase: expired after a silence")
		default:
			k.w.fail("%v expires session %s of %d ms, whose client is at %v, which heard it %v ago", n, id, c.timeout, at, k.w.now-c.heard)
		}
	}
}

// keepAliveEnds judges that no session lives that no client has: not those of
// the clients that left, and not those whose clients never learned of them.
func (k *checker) keepAliveEnds() {
	has := map[zab.SessionID]bool{}
	for _, c := range k.w.clients {
		has[c.session] = has[c.session] || !slices.Contains(k.w.keepAlive.left, c)
	}
	var ids []zab.SessionID
	for id := range k.model.sessions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if !has[id] {
			k.w.fail("session %s of %d ms lives, and no client has been there for %v", id, k.model.sessions[id], longestTimeout)
		}
	}
}
