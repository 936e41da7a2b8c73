package clientport

import (
	"encoding/binary"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/zab"
)

// connectRequest is the first frame of a client.
type connectRequest struct {
	lastZxid zab.Zxid // highest the client has seen
	timeout  int32    // wanted, ms
	session  zab.SessionID
	password []byte
	readOnly bool // the byte was there
}

// parseConnect decodes the frame. ok is false when it is too short or its
// password has an impossible length; what follows the record is ignored.
func parseConnect(b []byte) (q connectRequest, ok bool) {
	const fixed = 4 + 8 + 4 + 8 // the version is not looked at
	n, ok := int32At(b, fixed)
	if !ok || n < -1 || int(max(n, 0)) > len(b)-fixed-4 {
		return q, false
	}
	q.lastZxid = zab.Zxid(binary.BigEndian.Uint64(b[4:]))
	q.timeout = int32(binary.BigEndian.Uint32(b[12:]))
	q.session = zab.SessionID(binary.BigEndian.Uint64(b[16:]))
	end := fixed + 4 + int(max(n, 0))
	q.password = b[fixed+4 : end]
	q.readOnly = len(b) > end
	return q, true
}

// appendConnect appends the frame that answers a connect request. A refusal is
// one with session, timeout and password zero. Old clients do not know the
// byte at the end and must not get it.
func appendConnect(dst []byte, id zab.SessionID, timeout int64, password [16]byte, readOnly bool) []byte {
	n := 4 + 4 + 8 + 4 + len(password)
	if readOnly {
		n++
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(timeout))
	dst = binary.BigEndian.AppendUint64(dst, uint64(id))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(password)))
	dst = append(dst, password[:]...)
	if readOnly {
		dst = append(dst, 0)
	}
	return dst
}

func int32At(b []byte, off int) (int32, bool) {
	if len(b) < off+4 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32(b[off:])), true
}

// handshake brings the connection to a session. It reports false when the
// connection has none and is to go.
func (c *conn) handshake() bool {
	for c.in.w-c.in.r < 4 {
		if !c.readSome() {
			return false
		}
	}
	first := [4]byte(c.in.buf[c.in.r:])
	if admin.IsTelnetClose(first) {
		return false
	}
	if admin.Known(first) {
		c.word(string(first[:]))
		return false
	}
	if c.wordOnly {
		c.p.turnedAway(c, noDescriptors)
		c.end(endFlush, whyBudget)
		return false
	}
	if !c.fill() {
		return false
	}
	frame, _ := c.in.peek(c.p.cfg.MaxBuffer)
	q, ok := parseConnect(frame)
	c.took()
	if !ok || !c.p.gate.serving.Load() || !c.connect(&q) {
		return false
	}
	c.in.take(frame)
	return c.waitSession()
}

// connect asks for the session of q, or refuses it.
func (c *conn) connect(q *connectRequest) bool {
	c.readOnly = q.readOnly
	switch c.catchUp(q) {
	case connectAhead:
		// Going back in time is worse for the client than going elsewhere.
		c.p.noisy.Info().Str("client", c.remote).Stringer("seen", q.lastZxid).
			Msg("client has seen more than this server; connection closed")
		return false
	case connectPassword:
		c.p.noisy.Warn().Str("client", c.remote).Stringer("session", q.session).
			Msg("wrong session password; session refused")
		c.refuseSession()
	}
	return true
}

// verdict is what tryConnect found.
type verdict uint8

const (
	connectAsked    verdict = iota // created or answerConnect will say
	connectAhead                   // the client has seen more than the state holds; it is in Port.ahead
	connectPassword                // the password is not the session's
)

func (c *conn) tryConnect(q *connectRequest) verdict {
	p := c.p
	p.state.RLock()
	defer p.state.RUnlock()
	st := p.current()
	if q.lastZxid > st.Applied().Zxid {
		p.ahead.add(c, q.lastZxid)
		return connectAhead
	}
	timeout := p.cfg.negotiate(q.timeout)
	if q.session == 0 {
		p.submitMu.Lock()
		defer p.submitMu.Unlock()
		id := p.ids.Next()
		for _, lives := st.SessionTimeout(id); lives; _, lives = st.SessionTimeout(id) {
			id = p.ids.Next() // the clock was set back
		}
		c.create(id, timeout)
		return connectAsked
	}
	// Before anything is done to the connection that the session may have: a
	// guess at a session's id must not cut off its owner.
	if len(q.password) != session.PasswordSize || !st.CheckPassword(q.session, q.password) {
		return connectPassword
	}
	copy(c.password[:], q.password)
	p.submitMu.Lock()
	defer p.submitMu.Unlock()
	c.reattach(q.session, timeout)
	return connectAsked
}

// create asks for a new session. p.submitMu is held.
func (c *conn) create(id zab.SessionID, timeout int64) {
	c.begin(id, timeout)
	body := binary.BigEndian.AppendUint32(nil, uint32(timeout))
	c.p.host.Submit(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
		Session: id, Seq: c.attach, Op: int32(jute.OpCreateSession), Body: body,
	}})
}

// reattach asks whether the session lives, and ends the connection that it has
// had here (C6). p.submitMu is held.
func (c *conn) reattach(id zab.SessionID, timeout int64) {
	if before := c.begin(id, timeout); before != nil {
		before.end(endFlush, whyTakenOn)
		c.p.host.Submit(zab.Event{Kind: zab.EvDetach, Session: id})
	}
	c.p.host.Submit(zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Seq: c.attach, Session: id, Timeout: timeout}})
}

// begin makes c the connection of its session and returns the one before it.
func (c *conn) begin(id zab.SessionID, timeout int64) (before *conn) {
	c.session, c.timeout = id, timeout
	c.p.seq++
	c.mu.Lock()
	c.phase, c.attach = phaseConnecting, c.p.seq
	c.mu.Unlock()
	return c.p.table.claim(c, id)
}

// waitSession waits for created or answerConnect.
func (c *conn) waitSession() bool {
	for {
		c.mu.Lock()
		established := c.phase == phaseEstablished
		c.mu.Unlock()
		if established {
			return true
		}
		select {
		case <-c.room:
		case <-c.done:
			return false
		}
	}
}

// created is the end of a createSession. The state is write-locked.
func (c *conn) created(st interface {
	Password(zab.SessionID) [16]byte
}, seq uint64, code int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != endNot || c.phase != phaseConnecting || c.attach != seq {
		return
	}
	if code != 0 {
		c.refuseLocked()
		return
	}
	c.password = st.Password(c.session)
	c.establish()
}

// answerConnect is the end of an attach. c.mu is held.
func (c *conn) answerConnect(a zab.Answer) {
	switch {
	case a.Kind != zab.AnswerAttached:
		c.endLocked(endFlush, whyMoved)
	case a.OK:
		c.establish()
	default:
		c.refuseLocked()
	}
}

// refuseAttach ends a connection whose attach a later leader does not uphold: it
// counts another server's as later, or the session is over. The protocol has no
// word for either but the end of the connection; the client comes again, and
// learns which it was. c.mu is held.
func (c *conn) refuseAttach(a zab.Answer) {
	switch {
	case a.Kind == zab.AnswerMoved:
		c.endLocked(endFlush, whyMoved)
	case a.Kind == zab.AnswerAttached && !a.OK:
		c.endLocked(endFlush, whySession)
	}
}

// establish tells the client its session. c.mu is held.
func (c *conn) establish() {
	c.phase = phaseEstablished
	c.figures.established = c.p.wall()
	c.append(appendConnect(nil, c.session, c.timeout, c.password, c.readOnly))
	c.figures.sent++
	c.p.figures.sent.Add(1)
	c.p.markDirty(c)
	signal(c.room)
}

// refuseSession tells the client that its session does not live: it has
// expired, never was, or is not the client's.
func (c *conn) refuseSession() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuseLocked()
}

func (c *conn) refuseLocked() {
	c.append(appendConnect(nil, 0, 0, [16]byte{}, c.readOnly))
	c.figures.sent++
	c.p.figures.sent.Add(1)
	c.endLocked(endLinger, whyRefused)
}
