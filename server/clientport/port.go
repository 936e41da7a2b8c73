package clientport

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/zab"
	"github.com/rs/zerolog"
)

// Port is the client port of one server. Its methods may be called from any
// goroutine unless they say otherwise.
type Port struct {
	cfg   Config
	host  Host
	state *ranked.RWMutex[ranked.State]
	log   zerolog.Logger
	noisy zerolog.Logger // for what any client can cause as often as it likes
	start time.Time
	words admin.Words
	ln    net.Listener
	done  chan struct{}
	wg    sync.WaitGroup

	submitMu ranked.Mutex[ranked.Submit] // C5: over taking a Seq and submitting what it numbers
	seq      uint64
	ids      *session.IDs

	table table
	gate  gate
	ahead aheadList

	dirtyMu ranked.Mutex[ranked.Leaf]
	dirty   []*conn // conns whose writer Flush will wake
	flushed []*conn // Flush's own: the other half of dirty

	touchMu ranked.Mutex[ranked.Leaf]
	touched []*conn

	outstanding atomic.Int64
	figures     figures
	traceMask   atomic.Int64

	buffers buffers

	// applying is the connection that BeforeApply found, for Applied. It
	// belongs to the applier.
	applying *conn
}

// Open listens. The port does not serve before SetServing(true), but answers
// four-letter words at once.
func Open(cfg Config, host Host) (*Port, error) {
	cfg.setDefaults()
	keep := time.Duration(-1)
	if cfg.KeepAlive {
		keep = 0
	}
	lc := net.ListenConfig{KeepAlive: keep}
	ln, err := lc.Listen(context.Background(), "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("clientport: %w; stop what uses the port, or correct clientPort and clientPortAddress", err)
	}
	_, state := host.State()
	now := time.Now()
	p := &Port{
		cfg: cfg, host: host, state: state, log: cfg.Log, start: now, ln: ln,
		words: admin.NewWords(cfg.Words), done: make(chan struct{}),
		// A random high part keeps the numbers of two runs of a server apart.
		seq: rand.Uint64N(1<<23) << 40,
		ids: session.NewIDs(cfg.Self, now.UnixMilli()),
	}
	p.noisy = cfg.Log.Sample(&zerolog.BurstSampler{Burst: noisyBurst, Period: noisyPeriod})
	p.traceMask.Store(admin.DefaultTraceMask)
	p.table.init()
	p.gate.init()
	p.ahead.init()
	p.figures.reset()
	p.wg.Add(2)
	go p.acceptFrom(ln)
	go p.sweep()
	return p, nil
}

// Addr returns the address that the port listens on.
func (p *Port) Addr() net.Addr { return p.ln.Addr() }

// now is the port's clock: monotonic, since Open.
func (p *Port) now() time.Duration { return time.Since(p.start) }

// current returns the state. The caller holds its lock.
func (p *Port) current() *replica.State {
	st, _ := p.host.State()
	return st
}

// SetServing opens or closes the gate. While it is closed connections stay
// open for Config.Grace, requests wait unread, and nobody new is let in.
func (p *Port) SetServing(on bool) {
	if on {
		p.gate.open()
		return
	}
	p.gate.close(p.cfg.Grace, func() { p.CloseAll("not serving") })
}

// CloseAll closes every client connection. Their sessions live on. No reply is
// made any more once it returns: whoever puts another state in the place of
// the state calls it before it does, since the watches are lost with the old
// one.
func (p *Port) CloseAll(reason string) {
	conns := p.table.all()
	for _, c := range conns {
		c.end(endFlush, whyClosed)
	}
	if len(conns) > 0 {
		p.log.Info().Str("reason", reason).Int("connections", len(conns)).Msg("client connections closed")
	}
}

// Close stops listening, closes every connection and waits for its goroutines.
func (p *Port) Close() {
	p.gate.stop()
	close(p.done)
	p.ln.Close()
	p.table.shut()
	for _, c := range p.table.all() {
		c.end(endFlush, whyClosed)
	}
	hurry := time.AfterFunc(closeTime, func() {
		for _, c := range p.table.all() {
			c.end(endNow, whyClosed)
		}
	})
	p.wg.Wait()
	hurry.Stop()
}

// Touched appends the sessions heard from since the last call.
func (p *Port) Touched(dst []zab.SessionID) []zab.SessionID {
	p.touchMu.Lock()
	defer p.touchMu.Unlock()
	for i, c := range p.touched {
		c.touched.Store(false)
		dst = append(dst, c.session)
		p.touched[i] = nil
	}
	p.touched = p.touched[:0]
	return dst
}

// Flush wakes the writers of the connections that something was appended to
// since the last Flush, and whoever waits for what was applied since. The applier
// calls it after it has released the state.
func (p *Port) Flush() {
	p.dirtyMu.Lock()
	p.dirty, p.flushed = p.flushed[:0], p.dirty
	for _, c := range p.flushed {
		c.dirty = false
	}
	p.dirtyMu.Unlock()
	for i, c := range p.flushed {
		signal(c.wake)
		p.flushed[i] = nil
	}
	p.ahead.wake()
}

// markDirty leaves c to the next Flush.
func (p *Port) markDirty(c *conn) {
	p.dirtyMu.Lock()
	if !c.dirty {
		c.dirty = true
		p.dirty = append(p.dirty, c)
	}
	p.dirtyMu.Unlock()
}

// signal wakes the one goroutine that waits for ch, now or next.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// hostOf returns the address of a connection without port and zone.
func hostOf(nc net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
