package main

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/sim"
)

type simOptions struct {
	seed    uint64
	seeds   uint64
	servers int
	chaos   time.Duration
	workers int
	twice   bool
	trace   bool
}

func newSim() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:     "sim",
		GroupID: groupServer,
		Short:   "Run simulated ensembles and check their promises",
		Long: `Run whole ensembles in this process, under a clock, a network and disks that are
drawn from a seed, with crashes, partitions, stalls and losses, and check after
every step that no promise is broken. A seed gives the same run, always.`,
		Example: `  quorumd sim --seeds 2000
  quorumd sim --seed 4711 --trace
  quorumd sim --seed 4711 --twice`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSim(cmd, o) },
	}
	f := cmd.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "the first seed")
	f.Uint64Var(&o.seeds, "seeds", 1, "how many seeds to run, one after the other in number")
	f.IntVar(&o.servers, "servers", 0, "voters of every ensemble, 1 to 7; 0 draws it from the seed")
	f.DurationVar(&o.chaos, "chaos", 0, "how long faults happen, in the ensemble's time; 0 draws it from the seed")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many seeds run at a time")
	f.BoolVar(&o.twice, "twice", false, "run every seed twice and compare the traces")
	f.BoolVar(&o.trace, "trace", false, "tell the story of a single seed")
	return cmd
}

func runSim(cmd *cobra.Command, o simOptions) error {
	if o.seeds == 0 || o.workers < 1 || o.servers < 0 || o.servers > 7 {
		return fmt.Errorf("nothing to run; --seeds and --workers are at least 1, --servers is 0 to 7")
	}
	if o.trace && o.seeds > 1 {
		return fmt.Errorf("the stories of several seeds would mix; use --trace with one --seed")
	}
	out := cmd.OutOrStdout()
	begun := time.Now()
	t := simTotal{}
	t.run(o, out, cmd.Context().Done())
	fmt.Fprintf(out, "%d seeds from %d in %s: %d commits, %d answered writes, %s of the ensembles' time, %d failed\n",
		t.runs, o.seed, time.Since(begun).Round(time.Millisecond), t.commits, t.answers, t.virtual.Round(time.Second), t.failed)
	switch {
	case t.failed > 0:
		return fmt.Errorf("%d of %d seeds broke a promise", t.failed, t.runs)
	case t.runs < o.seeds:
		return fmt.Errorf("interrupted after %d of %d seeds", t.runs, o.seeds)
	}
	return nil
}

// simTotal adds up the reports of many seeds.
type simTotal struct {
	mu      sync.Mutex
	runs    uint64
	failed  uint64
	commits int
	answers int
	virtual time.Duration
}

// run runs every seed of o, o.workers at a time, until stop is closed.
func (t *simTotal) run(o simOptions, out io.Writer, stop <-chan struct{}) {
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range o.workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < o.seeds; i = next.Add(1) - 1 {
				select {
				case <-stop:
					return
				default:
					t.one(o, o.seed+i, out)
				}
			}
		})
	}
	wg.Wait()
}

// one runs one seed and reports it when it failed or is the only one.
func (t *simTotal) one(o simOptions, seed uint64, out io.Writer) {
	so := sim.Options{Seed: seed, Servers: o.servers, Chaos: o.chaos}
	if o.trace {
		so.Trace = out
	}
	r := sim.Run(so)
	if o.twice && r.Err == nil {
		so.Trace = nil
		if again := sim.Run(so); again.Hash != r.Hash {
			r.Err = fmt.Errorf("the second run took another course: trace hash %016x, then %016x", r.Hash, again.Hash)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs++
	t.commits += r.Commits
	t.answers += r.Answers
	t.virtual += r.Virtual
	if r.Err != nil {
		t.failed++
		fmt.Fprintf(out, "seed %d: %v\n  see it with: quorumd sim --seed %d --trace\n", seed, r.Err, seed)
	} else if o.seeds == 1 {
		fmt.Fprintf(out, "seed %d: ok, trace hash %016x\n", seed, r.Hash)
	}
}
