package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	callLimit      = 5 * time.Second // of one call; then its outcome is unknown
	sessionTimeout = 8 * time.Second
	ephemerals     = 5 // of one session at most
)

// worker is one client: it has one session at a time, and one call under way.
type worker struct {
	number  int
	foreign bool // uses go-zookeeper
	load    *load
	rand    *rand.Rand

	session session
	sight   *sight
	watch   *watch
	written int              // makes values unique
	known   map[string]int32 // path to the version last seen, for CAS
	held    []string         // the session's ephemeral nodes
}

// run works until ctx ends. The session is left open.
func (w *worker) run(ctx context.Context) {
	tick := time.NewTicker(w.load.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if w.session == nil && !w.connect(ctx) {
			continue
		}
		g := w.load.enter()
		err := w.step(ctx, g)
		g.busy.Done()
		if w.session == nil {
			continue
		}
		if w.session.expired() || errors.Is(err, errExpired) {
			w.load.expired.Add(1)
			w.session.abandon()
			w.over(true)
			continue
		}
		if err != nil && !isRefusal(err) {
			w.recover(ctx)
		}
	}
}

// connect makes a session.
func (w *worker) connect(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var err error
	if w.foreign {
		var z *zkClient
		if z, err = connectZK(ctx, w.load.servers, &w.load.dials); err == nil {
			w.session = z
		}
	} else {
		var o *ownClient
		if o, err = connectOwn(ctx, w.load.servers, &w.load.dials); err == nil {
			w.session = o
		}
	}
	if err != nil {
		return false
	}
	w.load.sessions.Add(1)
	w.sight, w.watch, w.held = newSight(w.session.id()), nil, nil
	w.known = make(map[string]int32)
	w.load.ledger.begin(w.session.id())
	return true
}

// over drops a session; ended says that the servers confirmed its end.
func (w *worker) over(ended bool) {
	w.load.ledger.end(w.session.id(), ended)
	w.session = nil
}

// recover waits until the session answers again, so that an outage leaves one
// call of unknown outcome for each client and not hundreds.
func (w *worker) recover(ctx context.Context) {
	for ctx.Err() == nil && !w.session.expired() {
		one, cancel := context.WithTimeout(ctx, callLimit)
		_, _, err := w.session.get(one, root)
		cancel()
		if err == nil {
			return
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// step makes one call, of a kind that is drawn.
func (w *worker) step(ctx context.Context, g *generation) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	register := w.rand.IntN(registers)
	path := g.register(register)
	switch n := w.rand.IntN(1000); {
	case n < 200:
		return w.set(ctx, g, path, opSet)
	case n < 350:
		return w.set(ctx, g, path, opCAS)
	case n < 500:
		return w.syncRead(ctx, g, path)
	case n < 780:
		return w.get(ctx, g, path)
	case n < 820:
		return w.create(ctx, g, g.node(w.rand.IntN(nodes)))
	case n < 860:
		return w.remove(ctx, g, g.node(w.rand.IntN(nodes)))
	case n < 890:
		return w.syncRead(ctx, g, g.node(w.rand.IntN(nodes)))
	case n < 905:
		return w.enqueue(ctx, g)
	case n < 910:
		w.session.hop()
		return w.get(ctx, g, path)
	case w.foreign:
		return w.get(ctx, g, path)
	case n < 950:
		return w.hold(ctx)
	case n < 997:
		return w.look(ctx, g, path)
	case n < 999:
		return w.leave(ctx, g)
	}
	w.session.abandon()
	w.over(false)
	return w.reconnect(ctx)
}

// begin starts an operation's clock.
func (w *worker) begin(k kind) operation {
	return operation{client: w.number, kind: k, call: w.load.now()}
}

// value is one that nobody has written or will write again.
func (w *worker) value() string {
	w.written++
	return fmt.Sprintf("%d-%d", w.number, w.written)
}

// finish notes how a write ended and adds it to the history.
func (w *worker) finish(g *generation, path string, o *operation, err error) error {
	o.back = w.load.now()
	switch {
	case err == nil:
		w.load.gaps.ack()
	case isRefusal(err):
		o.outcome = refused
	default:
		o.outcome = unknown
	}
	g.add(path, *o)
	return err
}

func (w *worker) set(ctx context.Context, g *generation, path string, k kind) error {
	version := int32(-1)
	if k == opCAS {
		seen, ok := w.known[path]
		if !ok {
			return w.get(ctx, g, path)
		}
		version = seen
	}
	o := w.begin(k)
	o.value, o.expect = w.value(), version
	st, err := w.session.set(ctx, path, []byte(o.value), version)
	o.version, o.zxid = st.version, st.mzxid
	if err := w.finish(g, path, &o, err); err != nil {
		delete(w.known, path)
		return err
	}
	w.saw(g, path, st)
	return nil
}

// saw takes in what an answer shows of a register.
func (w *worker) saw(g *generation, path string, st stat) {
	seen, wrong := w.sight.saw(path, st.mzxid)
	g.violate(wrong)
	g.glanced(seen)
	w.known[path] = st.version
	w.watch.passed(g, path, st.mzxid)
}

func (w *worker) get(ctx context.Context, g *generation, path string) error {
	_, st, err := w.session.get(ctx, path)
	if errors.Is(err, errNoNode) {
		g.violate(w.sight.missing(path))
	}
	if err == nil && !w.session.expired() {
		w.saw(g, path, st)
		w.load.reads.Add(1)
	}
	return err
}

// syncRead is a read that must be linearizable. It only counts if both calls
// went over one connection: sync speaks for the server that it is sent to.
func (w *worker) syncRead(ctx context.Context, g *generation, path string) error {
	dials := w.session.dials()
	o := w.begin(opSyncRead)
	if err := w.session.sync(ctx, path); err != nil {
		return err
	}
	data, st, err := w.session.get(ctx, path)
	if err != nil && !isRefusal(err) || w.session.dials() != dials || w.session.expired() {
		return err
	}
	o.back, o.value, o.version, o.zxid = w.load.now(), string(data), st.version, st.mzxid
	if err != nil {
		o.outcome = refused
		g.violate(w.sight.missing(path))
	}
	g.add(path, o)
	return err
}

func (w *worker) create(ctx context.Context, g *generation, path string) error {
	o := w.begin(opCreate)
	o.value = w.value()
	_, err := w.session.create(ctx, path, []byte(o.value), persistent)
	return w.finish(g, path, &o, err)
}

func (w *worker) remove(ctx context.Context, g *generation, path string) error {
	o := w.begin(opDelete)
	return w.finish(g, path, &o, w.session.remove(ctx, path))
}

// enqueue makes a sequential node.
func (w *worker) enqueue(ctx context.Context, g *generation) error {
	n := numbered{call: w.load.now()}
	var err error
	n.path, err = w.session.create(ctx, g.queue()+"/q-", []byte(w.value()), sequential)
	n.back = w.load.now()
	if err == nil {
		w.load.gaps.ack()
		g.numberGiven(n)
	}
	return err
}
