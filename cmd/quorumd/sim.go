package main

import (
	"fmt"
	"runtime"
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
	crash   crashOptions
}

func newSim() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:     "sim",
		GroupID: groupServer,
		Short:   "Run simulated ensembles and check their promises",
		Long: `Run whole ensembles in this process, under a clock, a network and disks that are
drawn from a seed, with crashes, partitions, stalls and losses, and check after
every step that no promise is broken. A seed gives the same run, always. At the
end it is told how often each fault and each phase was reached.

With --crash-sweep, scenarios are played instead that reach every way to bring a
server up to date and every change of a disk, and a server crashes in each run at
another point: before a change of its disk, keeping nothing, a part, a torn part
or all of what was not synced, or before a step of its pipeline.`,
		Example: `  quorumd sim --seeds 2000
  quorumd sim --seed 4711 --trace
  quorumd sim --seed 4711 --twice
  quorumd sim --crash-sweep --every 20`,
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
	o.crash.flags(cmd)
	return cmd
}

func runSim(cmd *cobra.Command, o simOptions) error {
	if o.crash.sweep {
		return runCrashSweep(cmd, o)
	}
	if o.crash.scenario != "" || o.crash.point != "" || o.crash.every != 1 {
		return invalid("--scenario, --point and --every belong to --crash-sweep")
	}
	if o.seeds == 0 || o.workers < 1 || o.servers < 0 || o.servers > 7 {
		return invalid("nothing to run; --seeds and --workers are at least 1, --servers is 0 to 7")
	}
	if o.trace && o.seeds > 1 {
		return invalid("the stories of several seeds would mix; use --trace with one --seed")
	}
	out := cmd.OutOrStdout()
	sweep := sim.Sweep{
		Options: sim.Options{Seed: o.seed, Servers: o.servers, Chaos: o.chaos},
		Seeds:   o.seeds, Workers: o.workers, Twice: o.twice, Out: out, Stop: cmd.Context().Done(),
	}
	if o.trace {
		sweep.Options.Trace = out
	}
	begun := time.Now()
	t := sweep.Run()
	fmt.Fprintf(out, "%d seeds from %d in %s: %d commits, %d answered writes, %s of the ensembles' time, %d failed\n",
		t.Runs, o.seed, time.Since(begun).Round(time.Millisecond), t.Commits, t.Answers, t.Virtual.Round(time.Second), t.Failed)
	sim.WriteSeen(out, t.Seen)
	if o.seeds > 1 {
		for _, what := range sim.Unreached(t.Seen) {
			fmt.Fprintf(out, "never reached: %s\n", what)
		}
	}
	switch {
	case t.Failed > 0:
		return fmt.Errorf("%d of %d seeds broke a promise", t.Failed, t.Runs)
	case t.Runs < o.seeds:
		return fmt.Errorf("interrupted after %d of %d seeds", t.Runs, o.seeds)
	}
	return nil
}
