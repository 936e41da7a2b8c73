package failover

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

const (
	base        = "/failover"
	steadyAcks  = 300 // writes between two faults, and before a recovery counts as one
	steadyLimit = 30 * time.Second
)

// Config is one run.
type Config struct {
	Fault   Fault
	Kills   int // rounds
	Writers int
	Rate    int                              // writes per second of each writer
	Window  int                              // writes under way of each writer
	Logf    func(format string, args ...any) // told about every round
}

// Report is what one run saw.
type Report struct {
	Acked   int // writes
	Unknown int // writes whose answer never came
	Reads   int
	Expired int             // sessions lost
	Dials   int             // connections made by writers
	Gaps    []time.Duration // longest time without a write at each kill
	Returns []time.Duration // longest time without a write while the killed server came back
	By      map[string]int  // how killed servers were brought up to date: how often
	Wrong   []string        // everything that broke F1-F9; empty is the pass
}

// run is one run under way.
type run struct {
	Config
	ensemble *harness.Ensemble
	track    *tracker
	tails    []string // paths that only a leader had when it was killed
	report   Report
}

// Run kills servers of a serving ensemble under load and verifies it. An error
// says that the run could not be carried out; what it found wrong is in the Report.
func Run(ctx context.Context, e *harness.Ensemble, c Config) (*Report, error) {
	r := newRun(e, c)
	writers, reader, err := r.prepare()
	if err != nil {
		return nil, err
	}
	stop := load(ctx, writers, reader)
	err = r.rounds(ctx)
	stop()
	if err != nil {
		return nil, err
	}
	return r.conclude(writers, reader)
}

func newRun(e *harness.Ensemble, c Config) *run {
	return &run{Config: c, ensemble: e, track: &tracker{}, report: Report{By: make(map[string]int)}}
}

// load sets everyone to work; the function it returns ends that.
func load(ctx context.Context, writers []*writer, reader *reader) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, w := range writers {
		group.Go(func() { w.run(ctx) })
	}
	group.Go(func() { reader.run(ctx) })
	return func() {
		cancel()
		group.Wait()
	}
}

// prepare makes the writers, and the keys and folders they write to.
func (r *run) prepare() ([]*writer, *reader, error) {
	conn, err := harness.DialNew(r.ensemble.Servers[0].Client)
	if err != nil {
		return nil, nil, err
	}
	if _, err := conn.Must(harness.Create(base, nil, harness.Persistent)); err != nil {
		return nil, nil, fmt.Errorf("failover: create %s: %w", base, err)
	}
	reader := &reader{addrs: r.ensemble.Addrs()}
	var writers []*writer
	for id := range r.Writers {
		w := newWriter(id, r.ensemble.Addrs(), r.Config, r.track)
		for path, data := range map[string]string{w.key(): "0", w.folder(): ""} {
			if _, err := conn.Must(harness.Create(path, []byte(data), harness.Persistent)); err != nil {
				return nil, nil, fmt.Errorf("failover: create %s: %w", path, err)
			}
		}
		writers = append(writers, w)
		reader.keys = append(reader.keys, w.key())
	}
	// The reader may begin at a server that has not seen the keys yet.
	for _, s := range r.ensemble.Servers {
		c, err := harness.DialNew(s.Client)
		if err != nil {
			return nil, nil, err
		}
		if _, err := c.Must(harness.Sync(base)); err != nil {
			return nil, nil, err
		}
		if err := c.Close(); err != nil {
			return nil, nil, err
		}
	}
	return writers, reader, conn.Close()
}

func (r *run) rounds(ctx context.Context) error {
	if r.Fault == KillLeaderAndWipe {
		if err := r.restartEach(); err != nil {
			return fmt.Errorf("failover: restart: %w", err)
		}
	}
	for n := 1; n <= r.Kills; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.round(n); err != nil {
			return fmt.Errorf("failover: kill %d of %d: %w", n, r.Kills, err)
		}
	}
	return nil
}

// round is one fault, from steady writing to steady writing.
func (r *run) round(n int) error {
	if err := r.steady(); err != nil {
		return err
	}
	if r.Fault == KillWithTail {
		return r.withTail(n)
	}
	victims, err := r.victims(n)
	if err != nil {
		return err
	}
	r.track.mark()
	for _, s := range victims {
		if err := s.Kill(); err != nil {
			return err
		}
	}
	if r.Fault == KillAll {
		return r.revive(n, victims)
	}
	if err := r.steady(); err != nil {
		return err
	}
	gap := r.track.gap()
	r.report.Gaps = append(r.report.Gaps, gap)
	if r.Fault == KillLeaderAndWipe {
		if err := victims[0].Wipe(); err != nil {
			return err
		}
		if err := r.forget(); err != nil {
			return err
		}
	}
	return r.comeBack(n, victims[0], gap)
}

// comeBack starts the server that was killed, as the last one that is down.
func (r *run) comeBack(n int, s *harness.Server, gap time.Duration) error {
	r.track.mark()
	if err := s.Start(); err != nil {
		return err
	}
	begin := time.Now()
	if err := r.ensemble.WaitServing(); err != nil {
		return err
	}
	back := time.Since(begin)
	if err := r.rejoined(s); err != nil {
		return err
	}
	if err := r.steady(); err != nil {
		return err
	}
	r.report.Returns = append(r.report.Returns, r.track.gap())
	r.Logf("kill %d: server %d, no write for %v; back after %v, no write for %v meanwhile",
		n, s.ID, gap.Round(time.Millisecond), back.Round(time.Millisecond), r.track.gap().Round(time.Millisecond))
	return r.ensemble.Crashed()
}

// revive starts a whole ensemble that was killed at once.
func (r *run) revive(n int, victims []*harness.Server) error {
	for _, s := range victims {
		if err := s.Start(); err != nil {
			return err
		}
	}
	if err := r.ensemble.WaitServing(); err != nil {
		return err
	}
	if err := r.steady(); err != nil {
		return err
	}
	r.report.Gaps = append(r.report.Gaps, r.track.gap())
	r.Logf("kill %d: all servers, no write for %v", n, r.track.gap().Round(time.Millisecond))
	return r.ensemble.Crashed()
}

func (r *run) victims(n int) ([]*harness.Server, error) {
	if r.Fault == KillAll {
		return r.ensemble.Servers, nil
	}
	leader, err := r.ensemble.Leader()
	if err != nil {
		return nil, err
	}
	if r.Fault == KillFollower {
		followers := r.ensemble.Followers(leader)
		return followers[n%len(followers) : n%len(followers)+1], nil
	}
	return []*harness.Server{leader}, nil
}

// steady waits until writes flow.
func (r *run) steady() error {
	from := r.track.count()
	return harness.Poll(steadyLimit, fmt.Sprintf("%d writes", steadyAcks), func() (bool, error) {
		return r.track.count() >= from+steadyAcks, r.ensemble.Crashed()
	})
}

// conclude verifies every server and adds up what the clients saw.
func (r *run) conclude(writers []*writer, reader *reader) (*Report, error) {
	p := &r.report
	p.Acked, p.Reads, p.Expired = r.track.count(), reader.reads, reader.expired
	p.Wrong = append(p.Wrong, reader.violations...)
	for _, w := range writers {
		p.Unknown += w.unknown
		p.Expired += w.expired
		p.Dials += w.dials
		p.Wrong = append(p.Wrong, w.violations...)
	}
	if p.Expired > 0 {
		p.Wrong = append(p.Wrong, fmt.Sprintf("F6: %d sessions expired", p.Expired))
	}
	if reader.reads == 0 {
		p.Wrong = append(p.Wrong, "F2: the roaming reader never read anything")
	}
	wrong, err := verify(r.ensemble.Addrs(), writers, r.tails)
	p.Wrong = append(p.Wrong, wrong...)
	if err != nil {
		return p, err
	}
	difference, err := r.ensemble.Compare(harness.StartLimit)
	if difference != "" {
		p.Wrong = append(p.Wrong, "F7: "+difference)
	}
	return p, err
}
