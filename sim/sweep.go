package sim

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Sweep is a set of runs: the seeds that follow Options.Seed.
type Sweep struct {
	Options Options         // of every run; Trace only where there is one seed
	Seeds   uint64          // how many
	Workers int             // runs at the same time; at least 1
	Twice   bool            // run each seed twice and compare the traces
	Until   bool            // begin no further run after one that failed
	Out     io.Writer       // failures, progress and the summary
	Stop    <-chan struct{} // no further run begins once it is closed
}

// Total adds up the reports of a sweep.
type Total struct {
	Runs    uint64
	Failed  uint64
	First   uint64 // the lowest seed that failed
	Lone    uint64 // runs in which one server alone had faults
	Faults  int
	Commits int
	Answers int
	Virtual time.Duration
	Seen    map[string]uint64

	resume, gather []time.Duration
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
		return s.Options.Seed + next - 1, next <= s.Seeds && !(s.Until && total.Failed > 0)
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
	r := bounded(o)
	if !s.Twice || r.Err != nil {
		return r
	}
	o.Trace = nil
	if again := Run(o); again.Hash != r.Hash {
		r.Err = fmt.Errorf("the second run took another course: trace hash %016x, then %016x", r.Hash, again.Hash)
	}
	return r
}

// runLimit bounds a run in real time: most take some hundredths of a second,
// and one that is caught in a step that never ends would tell nobody.
const runLimit = time.Minute

// bounded performs a run, or reports that it does not end. Then it goes on in
// the background, for there is no way to stop it.
func bounded(o Options) Report {
	if o.Trace != nil {
		return Run(o) // as fast as the story is read
	}
	done := make(chan Report, 1)
	go func() { done <- Run(o) }()
	limit := time.NewTimer(runLimit)
	defer limit.Stop()
	select {
	case r := <-done:
		return r
	case <-limit.C:
		return Report{Seed: o.Seed, Err: fmt.Errorf("it has not ended within %v: a step does not end", runLimit)}
	}
}

// add counts a report and tells of it when it failed or is the only one.
func (s Sweep) add(t *Total, r Report) {
	t.Runs++
	t.Faults += r.Faults
	t.Commits += r.Commits
	t.Answers += r.Answers
	t.Virtual += r.Virtual
	for what, n := range r.Seen {
		t.Seen[what] += n
	}
	if r.Lone {
		t.Lone++
	}
	if r.Err == nil {
		t.resume, t.gather = append(t.resume, r.Resume), append(t.gather, r.Gather)
	}
	switch {
	case r.Err != nil:
		if t.Failed == 0 || r.Seed < t.First {
			t.First = r.Seed
		}
		t.Failed++
		o := s.Options
		o.Seed = r.Seed
		fmt.Fprintf(s.Out, "seed %d: %v\n  see it with: quorumd sim %s --trace\n", r.Seed, r.Err, o.Flags())
	case s.Seeds == 1:
		fmt.Fprintf(s.Out, "seed %d: ok, trace hash %016x\n", r.Seed, r.Hash)
	}
	if t.Runs%progressEvery == 0 && t.Runs < s.Seeds {
		fmt.Fprintf(s.Out, "%d of %d seeds, %d failed\n", t.Runs, s.Seeds, t.Failed)
	}
}

// Flags is the command line that gives these options.
func (o *Options) Flags() string {
	var b strings.Builder
	fmt.Fprintf(&b, "--seed %d", o.Seed)
	if o.Servers != 0 {
		fmt.Fprintf(&b, " --servers %d", o.Servers)
	}
	if o.Clients != 0 {
		fmt.Fprintf(&b, " --clients %d", o.Clients)
	}
	if o.Chaos != 0 {
		fmt.Fprintf(&b, " --chaos %v", o.Chaos)
	}
	if len(o.Without) > 0 {
		fmt.Fprintf(&b, " --without %q", strings.Join(o.Without, ","))
	}
	if len(o.Drop) > 0 {
		fmt.Fprintf(&b, " --drop %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(o.Drop), " ", ","), "[]"))
	}
	return b.String()
}

// WriteLiveness prints how long ensembles needed once the faults had ended.
func (t *Total) WriteLiveness(out io.Writer) {
	for _, d := range []struct {
		what  string
		times []time.Duration
	}{{"until the first write was answered", t.resume}, {"until every server served", t.gather}} {
		if len(d.times) == 0 {
			continue
		}
		slices.Sort(d.times)
		at := func(part float64) time.Duration { return d.times[int(part*float64(len(d.times)-1))] }
		fmt.Fprintf(out, "after the faults ended, %s: p50 %v, p90 %v, p99 %v, p99.9 %v, max %v\n", d.what,
			at(0.5), at(0.9), at(0.99), at(0.999), at(1))
	}
}
