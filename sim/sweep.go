package sim

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Sweep is a set of runs: the seeds that follow Options.Seed.
type Sweep struct {
	Options Options         // of every run; Trace only where there is one seed
	Seeds   uint64          // how many
	Workers int             // runs at the same time; at least 1
	Twice   bool            // run each seed twice and compare the traces
	Out     io.Writer       // failures, progress and the summary
	Stop    <-chan struct{} // no further run begins once it is closed
}

// Total adds up the reports of a sweep.
type Total struct {
	Runs    uint64
	Failed  uint64
	Commits int
	Answers int
	Virtual time.Duration
	Seen    map[string]uint64
}

// progressEvery is how many runs a line of progress stands for.
const progressEvery = 500

// Run performs the runs. They are independent worlds: how many go on at the
// same time changes none of them.
func (s Sweep) Run() Total {
	var (
		mu    sync.Mutex
		next  uint64
		wg    sync.WaitGroup
		total = Total{Seen: make(map[string]uint64)}
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-s.Stop:
			return 0, false
		default:
		}
		next++
		return s.Options.Seed + next - 1, next <= s.Seeds
	}
	for range max(1, s.Workers) {
		wg.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				r := s.one(seed)
				mu.Lock()
				s.add(&total, r)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return total
}

// one runs one seed, or runs it twice and compares.
func (s Sweep) one(seed uint64) Report {
	o := s.Options
	o.Seed = seed
	r := Run(o)
	if !s.Twice || r.Err != nil {
		return r
	}
	o.Trace = nil
	if again := Run(o); again.Hash != r.Hash {
		r.Err = fmt.Errorf("the second run took another course: trace hash %016x, then %016x", r.Hash, again.Hash)
	}
	return r
}

// add counts a report and tells of it when it failed or is the only one.
func (s Sweep) add(t *Total, r Report) {
	t.Runs++
	t.Commits += r.Commits
	t.Answers += r.Answers
	t.Virtual += r.Virtual
	for what, n := range r.Seen {
		t.Seen[what] += n
	}
	switch {
	case r.Err != nil:
		t.Failed++
		fmt.Fprintf(s.Out, "seed %d: %v\n  see it with: quorumd sim --seed %d --trace\n", r.Seed, r.Err, r.Seed)
	case s.Seeds == 1:
		fmt.Fprintf(s.Out, "seed %d: ok, trace hash %016x\n", r.Seed, r.Hash)
	}
	if t.Runs%progressEvery == 0 && t.Runs < s.Seeds {
		fmt.Fprintf(s.Out, "%d of %d seeds, %d failed\n", t.Runs, s.Seeds, t.Failed)
	}
}
