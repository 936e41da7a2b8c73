package sim

import (
	"fmt"
	"io"
	"sync"
)

// Sweep is a set of runs.
type Sweep struct {
	First   uint64 // seed
	Seeds   int
	Workers int       // runs at the same time; at least 1
	Out     io.Writer // progress and the summary
}

// progressEvery is how many runs a line of progress stands for.
const progressEvery = 250

// Run performs the runs and returns the reports of those that failed. Runs are
// independent worlds: how many go on at the same time changes none of them.
func (s Sweep) Run() []Report {
	var (
		mu      sync.Mutex
		failed  []Report
		seen    = make(map[string]uint64)
		next    = s.First
		done    int
		commits int
		answers int
		wg      sync.WaitGroup
	)
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= s.First+uint64(s.Seeds) {
			return 0, false
		}
		next++
		return next - 1, true
	}
	note := func(r Report) {
		mu.Lock()
		defer mu.Unlock()
		done++
		commits += r.Commits
		answers += r.Answers
		for what, n := range r.Seen {
			seen[what] += n
		}
		if r.Err != nil {
			failed = append(failed, r)
			fmt.Fprintf(s.Out, "seed %d FAILED: %v\n", r.Seed, r.Err)
		}
		if done%progressEvery == 0 {
			fmt.Fprintf(s.Out, "%d of %d seeds, %d failed\n", done, s.Seeds, len(failed))
		}
	}
	for range max(1, s.Workers) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for seed, ok := take(); ok; seed, ok = take() {
				note(Run(Options{Seed: seed}))
			}
		}()
	}
	wg.Wait()
	fmt.Fprintf(s.Out, "%d seeds from %d: %d failed; %d transactions, %d answers\n", done, s.First, len(failed), commits, answers)
	WriteSeen(s.Out, seen)
	for _, what := range Unreached(seen) {
		fmt.Fprintf(s.Out, "never reached: %s\n", what)
	}
	return failed
}
