package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// load is the clients and what they know together.
type load struct {
	servers []string
	every   time.Duration // between two calls of a client
	start   time.Time
	gaps    gaps
	ledger  *ledger
	workers []*worker

	reads, watches, sessions, expired, dials atomic.Int64

	mu      sync.Mutex
	current *generation
	numbers int // of generations so far
}

// foreignEvery-th clients use go-zookeeper.
const foreignEvery = 4

func newLoad(servers []string, clients, rate int, seed uint64) *load {
	l := &load{servers: servers, every: time.Second / time.Duration(rate), start: time.Now(), ledger: newLedger()}
	for n := range clients {
		l.workers = append(l.workers, &worker{
			number: n, foreign: n%foreignEvery == foreignEvery-1, load: l,
			rand: rand.New(rand.NewPCG(seed, uint64(1000+n))),
		})
	}
	return l
}

// now is the run's clock, which never goes back.
func (l *load) now() time.Duration { return time.Since(l.start) }

// enter returns the generation to work on; the caller says Done to its busy.
func (l *load) enter() *generation {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current.busy.Add(1)
	return l.current
}

// turn makes the next generation's nodes and puts it in the place of the old
// one, which it returns.
func (l *load) turn(ctx context.Context) (old *generation, err error) {
	l.numbers++
	g := newGeneration(l.numbers)
	paths := map[string]string{g.queue(): ""}
	for n := range registers {
		paths[g.register(n)] = g.first(n)
	}
	c, err := connectOwn(ctx, l.servers, &l.dials)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.close(ctx) }() // it expires by itself
	for _, dir := range []string{root, ephemRoot, g.dir()} {
		if err := insist(ctx, c, dir, ""); err != nil {
			return nil, err
		}
	}
	for path, data := range paths {
		if err := insist(ctx, c, path, data); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old, l.current = l.current, g
	return old, nil
}

// insist creates a node that nobody else creates or deletes.
func insist(ctx context.Context, c *ownClient, path, data string) error {
	for {
		_, err := c.create(ctx, path, []byte(data), persistent)
		if err == nil || errors.Is(err, errNodeExists) {
			return nil
		}
		if ctx.Err() != nil || c.expired() {
			return fmt.Errorf("chaos: create %s: %w", path, err)
		}
	}
}

// run sets all clients to work; the function it returns ends that, and leaves
// the sessions open.
func (l *load) run(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, w := range l.workers {
		group.Go(func() { w.run(ctx) })
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// close ends all sessions.
func (l *load) close(ctx context.Context) error {
	var errs []error
	for _, w := range l.workers {
		if w.session != nil {
			err := w.session.close(ctx)
			w.over(err == nil)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
