package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	recoveryLimit  = 90 * time.Second // for all to serve after a fault
	generationTime = 20 * time.Second
	faultLimit     = 2 * time.Minute // for a fault itself
	quietFrom      = 2 * time.Second // between two faults
	quietTo        = 6 * time.Second
	warmUp         = 20 * time.Second // before the first fault
)

// Config is one run.
type Config struct {
	Dir      string // for files and logs
	Duration time.Duration
	Seed     uint64
	Servers  int
	Clients  int
	Rate     int    // calls per second of each client
	Keep     bool   // copies the data of servers in any case
	Faults   string // names of kinds, all for none
	Logf     func(format string, args ...any)
}

// run is one run under way.
type run struct {
	Config
	cluster *cluster
	load    *load
	census  census
	rand    *rand.Rand
	report  Report

	judging sync.WaitGroup
	mu      sync.Mutex // of what judging writes: report and remains
	remains []remains
}

// Run starts the servers and clients, makes faults for as long as was asked, and
// verifies everything. An error says that the run could not be carried out to its
// end; what was found wrong is in the Report, which is there in both cases. It
// needs the process that Isolate starts.
func Run(ctx context.Context, c Config) (*Report, error) {
	kinds, err := chosen(c.Faults)
	if err != nil {
		return &Report{Seed: c.Seed}, err
	}
	r := &run{Config: c, census: census{lives: make(map[int]*life)}, rand: rand.New(rand.NewPCG(c.Seed, 0))}
	r.report.Seed = c.Seed
	wiring, unwire := context.WithCancel(context.Background())
	defer unwire()
	r.cluster, err = startCluster(wiring, c.Dir, c.Servers, c.Seed)
	if err != nil {
		return &r.report, err
	}
	defer r.cluster.Stop()
	r.load = newLoad(r.cluster.Addrs(), c.Clients, c.Rate, c.Seed)
	err = r.all(ctx, kinds)
	r.cluster.wires.heal()
	r.judging.Wait()
	r.sum()
	if c.Keep || err != nil || len(r.report.Wrong) > 0 {
		err = errors.Join(err, r.cluster.keepData())
	}
	return &r.report, err
}

// sum adds up what clients and network have counted.
func (r *run) sum() {
	p := &r.report
	p.acked, p.reads, p.watches = r.load.gaps.count(), r.load.reads.Load(), r.load.watches.Load()
	p.sessions, p.expired = r.load.sessions.Load(), r.load.expired.Load()
	p.dials = r.load.dials.Load()
	p.packets, p.lost = r.cluster.wires.counts.carried.Load(), r.cluster.wires.counts.lost.Load()
}

// all is the run from the first node to the last comparison.
func (r *run) all(ctx context.Context, kinds []fault) error {
	if _, err := r.load.turn(ctx); err != nil {
		return err
	}
	stop := r.load.run(ctx)
	turning := r.turning(ctx)
	err := r.episodes(ctx, kinds)
	turning()
	stop()
	r.judge(r.load.current)
	if err != nil {
		return err
	}
	return r.conclude(ctx)
}

// turning makes a new generation from time to time, until it is told to end.
func (r *run) turning(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			pause(ctx, generationTime)
			if ctx.Err() != nil {
				return
			}
			one, done := context.WithTimeout(ctx, generationTime)
			old, err := r.load.turn(one)
			done()
			if err == nil {
				r.judging.Go(func() { r.judge(old) })
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// judge checks a generation once nobody works on it any more.
func (r *run) judge(g *generation) {
	g.busy.Wait()
	f := g.judge(checkLimit)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.add(f)
	r.remains = append(r.remains, f.remains)
	for _, text := range f.wrong {
		r.Logf("WRONG: %s", text)
	}
	for _, v := range append(f.illegal, f.undecided...) {
		name := strings.ReplaceAll(strings.TrimPrefix(v.path, "/"), "/", "-") + ".history"
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(v.text()), 0o600); err != nil {
			r.Logf("%v", err)
		}
	}
}

// episodes makes one fault after the other. Each kind comes once before any
// comes again, in an order that the seed draws.
func (r *run) episodes(ctx context.Context, kinds []fault) error {
	end := time.Now().Add(r.Duration)
	pause(ctx, min(warmUp, r.Duration/3))
	var deck []fault
	for n := 1; time.Now().Before(end); n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(deck) == 0 {
			deck = append(deck, kinds...)
			r.rand.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		if err := r.episode(ctx, n, deck[0]); err != nil {
			return err
		}
		deck = deck[1:]
		r.census.take(r.cluster.Servers)
		pause(ctx, quietFrom+time.Duration(r.rand.Int64N(int64(quietTo-quietFrom))))
	}
	return nil
}

// episode is one fault, from good to good.
func (r *run) episode(ctx context.Context, n int, f fault) error {
	e := episode{number: n, kind: f.name}
	var notes []string
	leader, err := r.cluster.Leader()
	if err != nil {
		return err
	}
	s := &scene{cluster: r.cluster, rand: r.rand, leader: leader, note: func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf(format, args...))
	}}
	one, done := context.WithTimeout(ctx, faultLimit)
	defer done()
	begin := time.Now()
	r.load.gaps.mark()
	err = f.do(one, s)
	r.cluster.wires.heal()
	e.took = time.Since(begin)
	e.note = strings.Join(notes, "; ")
	if err == nil {
		e.recovery, err = r.cluster.waitServing(ctx, recoveryLimit)
	}
	clear(r.cluster.allowed)
	if err == nil {
		err = r.flows(ctx)
	}
	e.gap = r.load.gaps.gap()
	if err == nil {
		r.report.episodes = append(r.report.episodes, e)
		r.Logf("%v", e)
		return nil
	}
	err = fmt.Errorf("fault %d, %s (%s): %w", n, f.name, e.note, err)
	if errors.Is(err, errStuck) || errors.Is(err, errEnded) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.report.Wrong = append(r.report.Wrong, "H10: "+err.Error())
	}
	return err
}

// steadyWrites are acknowledged before a recovery counts as one.
const steadyWrites = 20

// flows waits until writes are acknowledged again.
func (r *run) flows(ctx context.Context) error {
	from := r.load.gaps.count()
	for deadline := time.Now().Add(recoveryLimit); r.load.gaps.count() < from+steadyWrites; {
		if time.Now().After(deadline) {
			return fmt.Errorf("chaos: all serve, and no writes are acknowledged: %w", errStuck)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

// conclude compares every server with what the clients know, first with the
// sessions alive, then with all of them closed.
func (r *run) conclude(ctx context.Context) error {
	if _, err := r.cluster.waitServing(ctx, recoveryLimit); err != nil {
		return err
	}
	r.judging.Wait()
	// What was abandoned has expired by then.
	expiry := sessionTimeout + 4*time.Second
	pause(ctx, expiry)
	v := &verifier{cluster: r.cluster, ledger: r.load.ledger, remains: r.remains}
	wrong, err := v.verify(expiry)
	r.report.Wrong = append(r.report.Wrong, wrong...)
	if err != nil {
		return err
	}
	closing, done := context.WithTimeout(ctx, recoveryLimit)
	defer done()
	if err := r.load.close(closing); err != nil {
		return err
	}
	wrong, err = v.verify(expiry)
	r.report.Wrong = append(r.report.Wrong, wrong...)
	r.report.Wrong = append(r.report.Wrong, r.cluster.drained(ctx, 2*expiry)...)
	growth, wrong := r.census.judge()
	r.report.growth = growth
	r.report.Wrong = append(r.report.Wrong, wrong...)
	if err := errors.Join(err, r.cluster.Crashed()); err != nil {
		return err
	}
	r.report.goroutines, wrong, err = r.cluster.goroutines(ctx)
	r.report.Wrong = append(r.report.Wrong, wrong...)
	return err
}
