package peer

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// voice tells one peer this server's votes. It keeps a connection to the
// peer's election port and writes the newest notification; an older one that
// was not sent is nobody's business any more.
type voice struct {
	t         *Transport
	peer      Member
	wake      chan struct{} // there is something to say
	kick      chan struct{} // the peer seems to be there: dial now
	connected atomic.Bool

	mu     ranked.Mutex[ranked.Leaf]
	said   bool // there is a notification at all
	unsent bool
	newest zab.Notification
	told   reach // what the server was told about the peer
}

type reach uint8

const (
	reachUnknown reach = iota
	reachUp
	reachDown
)

func newVoice(t *Transport, m Member) *voice {
	return &voice{t: t, peer: m, wake: make(chan struct{}, 1), kick: make(chan struct{}, 1)}
}

// Notify has an election message sent, in place of one that was not sent yet.
func (t *Transport) Notify(n zab.Notify) {
	v := t.voices[n.Peer]
	if v == nil {
		return // two observers have nothing to say to each other
	}
	v.mu.Lock()
	v.newest, v.said, v.unsent = n.Notification, true, true
	v.mu.Unlock()
	signal(v.wake)
}

// run keeps the connection until the transport is closed.
func (v *voice) run() {
	defer v.t.wg.Done()
	wait := time.Duration(0)
	for v.t.ctx.Err() == nil {
		nc, err := v.t.connect(v.peer, v.peer.Election, electionChannel)
		if err == nil {
			began := time.Now()
			v.connected.Store(true)
			v.report(reachUp)
			v.speak(nc)
			v.connected.Store(false)
			v.t.untrack(nc)
			// A peer that died is refused at once now, and known to be down. One
			// that hangs up each time is not called without a pause.
			if time.Since(began) >= redialMin {
				wait = 0
				continue
			}
		} else if v.t.ctx.Err() == nil {
			v.t.warn.dial.Debug().Int64("peer", int64(v.peer.ID)).Str("address", v.peer.Election).Err(err).
				Msg("election connection failed")
			v.report(reachDown)
		}
		wait = min(max(2*wait, redialMin), redialMax)
		v.rest(jitter(wait))
	}
}

// rest waits for the next attempt, or for a sign that it is worth one.
func (v *voice) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-v.kick:
	case <-v.t.ctx.Done():
	}
}

// report tells the server when it was told something else before.
func (v *voice) report(now reach) {
	v.mu.Lock()
	news := v.told != now || now == reachUp
	v.told = now
	v.mu.Unlock()
	if news {
		v.t.host.Post(zab.Event{Kind: zab.EvReachable, Peer: v.peer.ID, Up: now == reachUp})
	}
}

// repeat tells the server again that the peer is down: a message of the peer,
// on its way since before it died, may have said otherwise.
func (v *voice) repeat() {
	v.mu.Lock()
	down := v.told == reachDown
	v.mu.Unlock()
	if down {
		v.t.host.Post(zab.Event{Kind: zab.EvReachable, Peer: v.peer.ID})
	}
}

// speak writes notifications until the connection ends. The newest goes first,
// sent before or not: what was written to an earlier connection may be lost.
func (v *voice) speak(nc net.Conn) {
	lost := make(chan struct{})
	v.t.wg.Add(1)
	go v.listen(nc, lost)
	v.mu.Lock()
	v.unsent = v.said
	v.mu.Unlock()
	signal(v.wake)
	enc := wire.NewEncoder()
	var frame []byte
	for {
		select {
		case <-v.wake:
		case <-lost:
			return
		}
		v.mu.Lock()
		n, unsent := v.newest, v.unsent
		v.unsent = false
		v.mu.Unlock()
		if !unsent {
			continue
		}
		var err error
		if frame, err = enc.AppendPacket(frame[:0], &zab.Packet{Kind: zab.KindNotification, Body: &n}); err == nil {
			err = nc.SetWriteDeadline(time.Now().Add(v.t.cfg.WriteTimeout))
		}
		if err == nil {
			_, err = nc.Write(frame)
		}
		if err != nil {
			nc.Close()
			<-lost
			return
		}
	}
}

// listen waits for the end of a connection on which the peer never speaks.
func (v *voice) listen(nc net.Conn, lost chan<- struct{}) {
	defer v.t.wg.Done()
	defer close(lost)
	var b [1]byte
	if n, _ := nc.Read(b[:]); n > 0 {
		nc.Close()
	}
}

// lendEar makes nc the connection on which the peer is heard. A newer one takes
// the place of an older one.
func (t *Transport) lendEar(nc net.Conn, id zab.ServerID) {
	t.mu.Lock()
	before := t.ears[id]
	t.ears[id] = nc
	t.mu.Unlock()
	if before != nil {
		before.Close()
	}
}

// closeEar forgets nc if it is still the peer's.
func (t *Transport) closeEar(nc net.Conn, id zab.ServerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ears[id] == nc {
		delete(t.ears, id)
	}
}

// hear posts the notifications of a peer until the connection ends.
func (t *Transport) hear(nc net.Conn, id zab.ServerID) {
	v := t.voices[id]
	if v != nil {
		signal(v.kick) // it listens before it dials
	}
	err := t.hearAll(nc, id)
	t.untrack(nc)
	t.closeEar(nc, id)
	if damaged(err) {
		t.count(func(f *Figures) { f.Damaged++ })
		t.warn.frame.Warn().Int64("peer", int64(id)).Stringer("remote", nc.RemoteAddr()).Err(err).
			Msg("election connection closed")
	}
	if v != nil {
		v.repeat()
	}
}

// errImpersonation says that a server speaks for another one.
var errImpersonation = errors.Join(errOutOfPlace, errors.New("notification names another server as its sender"))

func (t *Transport) hearAll(nc net.Conn, id zab.ServerID) error {
	dec := wire.NewDecoder()
	frames := newFrameReader(nc, maxVoteBody, 2*(wire.HeaderSize+maxVoteBody))
	for {
		h, frame, err := frames.next()
		if err != nil {
			return err
		}
		p, err := dec.Packet(h, frame)
		if err != nil {
			return err
		}
		n, ok := p.Body.(*zab.Notification)
		if !ok {
			return errOutOfPlace
		}
		if n.From != id {
			return errImpersonation
		}
		if !t.host.PostPacket(zab.Event{Kind: zab.EvNotification, Peer: id, Notification: n}, len(frame)) {
			return net.ErrClosed
		}
	}
}
