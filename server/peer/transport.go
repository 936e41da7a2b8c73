package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/zab"
)

// Transport connects one server with the others. Its methods may be called
// from any goroutine, Send only from one at a time.
type Transport struct {
	cfg     Config
	host    Host
	log     zerolog.Logger
	warn    warnings
	self    Member
	members map[zab.ServerID]Member
	voices  map[zab.ServerID]*voice // never changes after Open
	ctx     context.Context
	cancel  context.CancelFunc
	lns     []net.Listener
	places  chan struct{} // one token for each stranger
	wg      sync.WaitGroup

	mu      ranked.Mutex[ranked.Leaf]
	closed  bool
	conns   map[net.Conn]struct{} // everything open, for Close
	links   map[zab.LinkID]*link
	dials   map[zab.ServerID]bool // quorum dials under way
	ears    map[zab.ServerID]net.Conn
	lastID  zab.LinkID
	figures Figures

	touched []*link // Send's own
}

// Figures are numbers for people; the counters count since Open.
type Figures struct {
	Links       int    // open quorum connections
	Refused     uint64 // connections that did not get beyond their hello
	Damaged     uint64 // connections that ended with a frame that was wrong
	Overflowed  uint64 // links closed because too much waited to be written
	AcceptFails uint64 // failures of the system to accept
	// NoDescriptor counts the connections that were not accepted, or not made,
	// for want of a file descriptor.
	NoDescriptor uint64
	QueuedBytes  int64 // waiting to be written on all links
	Reachable    int   // peers whose election port is connected
}

// warnings are the loggers of what strangers can cause at will.
type warnings struct {
	hello, accept, frame, dial zerolog.Logger
}

func newWarnings(log zerolog.Logger) warnings {
	limited := func() zerolog.Logger {
		return log.Sample(&zerolog.BurstSampler{Burst: warnBurst, Period: warnPeriod})
	}
	return warnings{hello: limited(), accept: limited(), frame: limited(), dial: limited()}
}

// Open listens on this server's two ports and begins to dial the election
// ports of the others.
func Open(cfg Config, host Host) (*Transport, error) {
	cfg.setDefaults()
	t := &Transport{
		cfg: cfg, host: host, log: cfg.Log, warn: newWarnings(cfg.Log),
		members: map[zab.ServerID]Member{}, voices: map[zab.ServerID]*voice{},
		places: make(chan struct{}, MaxStrangers), conns: map[net.Conn]struct{}{},
		links: map[zab.LinkID]*link{}, dials: map[zab.ServerID]bool{}, ears: map[zab.ServerID]net.Conn{},
	}
	for _, m := range cfg.Members {
		t.members[m.ID] = m
	}
	self, ok := t.members[cfg.Self]
	if !ok {
		return nil, fmt.Errorf("peer: server %d is not among the members", cfg.Self)
	}
	t.self = self
	t.ctx, t.cancel = context.WithCancel(context.Background())
	for _, m := range cfg.Members {
		if m.ID != cfg.Self && (m.Voter || self.Voter) {
			t.voices[m.ID] = newVoice(t, m)
		}
	}
	for _, p := range t.ports() {
		ln, err := t.listen(p.address)
		if err != nil {
			t.Close()
			return nil, fmt.Errorf("peer: listen on %s port: %w; stop what uses it, or correct this server's server.%d line on all servers", p.channel, err, cfg.Self)
		}
		t.lns = append(t.lns, ln)
	}
	for i, p := range t.ports() {
		t.wg.Add(1)
		go t.accept(t.lns[i], p.channel)
	}
	t.wg.Add(len(t.voices))
	for _, v := range t.voices {
		go v.run()
	}
	return t, nil
}

type listenPort struct {
	address string
	channel channel
}

// ports are where this server listens.
func (t *Transport) ports() [2]listenPort {
	return [2]listenPort{{t.self.Quorum, quorumChannel}, {t.self.Election, electionChannel}}
}

// listen opens a port; one that is in use is tried again, since the process
// before this one may still be on its way out.
func (t *Transport) listen(address string) (net.Listener, error) {
	if t.cfg.ListenOnAll {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort("", port)
	}
	for attempt := 1; ; attempt++ {
		ln, err := t.cfg.Network.Listen(address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || attempt >= t.cfg.BindAttempts {
			return ln, err
		}
		t.log.Warn().Str("address", address).Int("attempt", attempt).Msg("port is in use; trying again")
		t.pause(bindPause)
	}
}

// Dial opens a quorum connection to a peer. While one is being opened to it,
// that one answers for both.
func (t *Transport) Dial(id zab.ServerID) {
	t.mu.Lock()
	busy := t.closed || t.dials[id]
	if !busy {
		t.dials[id] = true
		t.wg.Add(1)
	}
	t.mu.Unlock()
	if !busy {
		go t.dialQuorum(id)
	}
}

func (t *Transport) dialQuorum(id zab.ServerID) {
	defer t.wg.Done()
	m, known := t.members[id]
	var nc net.Conn
	err := errors.New("not a member")
	if known {
		nc, err = t.connect(m, m.Quorum, quorumChannel)
	}
	t.mu.Lock()
	delete(t.dials, id)
	t.mu.Unlock()
	if err != nil {
		if t.ctx.Err() == nil {
			t.warn.dial.Info().Int64("peer", int64(id)).Str("address", m.Quorum).Err(err).Msg("quorum connection failed")
		}
		t.host.Post(zab.Event{Kind: zab.EvLinkDown, Peer: id})
		return
	}
	t.runLink(nc, id, true)
}

// connect dials and exchanges hellos.
func (t *Transport) connect(m Member, address string, ch channel) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.ConnectTimeout)
	defer cancel()
	nc, err := t.cfg.Network.Dial(ctx, address)
	t.countShortage(err)
	if err != nil {
		return nil, err
	}
	if !t.track(nc) {
		return nil, net.ErrClosed
	}
	if err := t.introduce(nc, m, ch); err != nil {
		t.untrack(nc)
		return nil, err
	}
	return nc, nil
}

// introduce sends this server's hello and reads the answer.
func (t *Transport) introduce(nc net.Conn, m Member, ch channel) error {
	if err := nc.SetDeadline(time.Now().Add(t.cfg.HelloTimeout)); err != nil {
		return err
	}
	h := hello{channel: ch, from: t.cfg.Self, to: m.ID, members: t.cfg.Digest}
	if _, err := nc.Write(h.append(nil)); err != nil {
		return err
	}
	answer, err := readHello(nc)
	switch {
	case err != nil:
		return err
	case answer.version != helloVersion:
		return errors.New(refusedVersion.String())
	case answer.verdict != welcome:
		return errors.New(answer.verdict.String())
	case answer.from != m.ID || answer.to != t.cfg.Self || answer.channel != ch:
		return fmt.Errorf("server %d answers for server %d", answer.from, m.ID)
	}
	return nc.SetDeadline(time.Time{})
}

// track enters a connection to be closed by Close. It closes it and reports
// false when that has been.
func (t *Transport) track(nc net.Conn) bool {
	t.mu.Lock()
	closed := t.closed
	if !closed {
		t.conns[nc] = struct{}{}
	}
	t.mu.Unlock()
	if closed {
		nc.Close()
	}
	return !closed
}

// untrack closes a connection and forgets it.
func (t *Transport) untrack(nc net.Conn) {
	nc.Close()
	t.mu.Lock()
	delete(t.conns, nc)
	t.mu.Unlock()
}

// Figures returns the numbers of the moment.
func (t *Transport) Figures() Figures {
	t.mu.Lock()
	f := t.figures
	f.Links = len(t.links)
	links := make([]*link, 0, len(t.links))
	for _, l := range t.links {
		links = append(links, l)
	}
	t.mu.Unlock()
	for _, l := range links {
		f.QueuedBytes += int64(l.waiting())
	}
	for _, v := range t.voices {
		if v.connected.Load() {
			f.Reachable++
		}
	}
	return f
}

// count changes the counters.
func (t *Transport) count(change func(*Figures)) {
	t.mu.Lock()
	change(&t.figures)
	t.mu.Unlock()
}

// Close stops listening, closes every connection and waits for all goroutines.
// Links that were open get their EvLinkDown.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	conns := make([]net.Conn, 0, len(t.conns))
	for nc := range t.conns {
		conns = append(conns, nc)
	}
	t.mu.Unlock()
	t.cancel()
	for _, ln := range t.lns {
		ln.Close()
	}
	for _, nc := range conns {
		nc.Close()
	}
	t.wg.Wait()
}

// pause waits and reports whether the transport is still open.
func (t *Transport) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// jitter draws from the upper half of d, so that servers that fail together do
// not come back together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
