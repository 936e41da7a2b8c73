package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/sim"
)

type simOptions struct {
	run     sim.Options
	seeds   uint64
	ticks   int
	workers int
	twice   bool
	trace   bool
	until   bool
	shrink  bool
	crash   crashOptions
}

// A run leaves little behind it, and collecting it often costs a third of the
// time: the heap may grow to several times what is in use.
const (
	simGC = 800
	// simMemory is where it is collected more often: a long run may hold much.
	simMemory = 2 << 30
)

func newSim() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:     "sim",
		GroupID: groupServer,
		Short:   "Run simulated ensembles and check their promises",
		Long: `Run whole ensembles in this process, under a clock, a network and disks that are
drawn from a seed, with crashes, partitions, stalls, losses and damage, and check
after every step that no promise is broken. Then the faults end, and the ensemble
must come together. A seed gives the same run, always. At the end it is told how
often each fault and each phase was reached, and how long ensembles took to serve
again.

With --crash-sweep, scenarios are played instead that reach every way to bring a
server up to date and every change of a disk, and a server crashes in each run at
another point: before a change of its disk, keeping nothing, a part, a torn part
or all of what was not synced, or before a step of its pipeline.

With --shrink a failing run is made as small as it will go, and the command that
repeats what is left is printed. The faults are:
  ` + strings.Join(sim.Kinds(), ", "),
		Example: `  quorumd sim --seeds 2000
  quorumd sim --seed 4711 --trace
  quorumd sim --seed 4711 --ticks 50 --without "wipe,rot" --twice
  quorumd sim --seeds 100000 --until-failure
  quorumd sim --seed 4711 --shrink
  quorumd sim --crash-sweep --every 20`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSim(cmd, o) },
	}
	f := cmd.Flags()
	f.Uint64Var(&o.run.Seed, "seed", 1, "the first seed")
	f.Uint64Var(&o.seeds, "seeds", 1, "how many seeds to run, one after the other in number")
	f.IntVar(&o.run.Servers, "servers", 0, "voters of every ensemble, 1 to 7; 0 draws it from the seed")
	f.IntVar(&o.run.Clients, "clients", 0, "clients of every ensemble; 0 draws it from the seed")
	f.DurationVar(&o.run.Chaos, "chaos", 0, "how long faults happen, in the ensemble's time; 0 draws it from the seed")
	f.IntVar(&o.ticks, "ticks", 0, fmt.Sprintf("the same in ticks of %v", sim.TickTime))
	f.StringSliceVar(&o.run.Without, "without", nil, "faults that do not happen, by name")
	f.IntSliceVar(&o.run.Drop, "drop", nil, "faults that do not happen, by their numbers in the trace")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many seeds run at a time")
	f.BoolVar(&o.twice, "twice", false, "run every seed twice and compare the traces")
	f.BoolVar(&o.trace, "trace", false, "tell the story of a single seed")
	f.BoolVar(&o.until, "until-failure", false, "stop at the first seed that fails")
	f.BoolVar(&o.shrink, "shrink", false, "make the first run that fails smaller")
	o.crash.flags(cmd)
	cmd.MarkFlagsMutuallyExclusive("chaos", "ticks")
	return cmd
}

func (o *simOptions) check() error {
	if o.crash.scenario != "" || o.crash.point != "" || o.crash.every != 1 {
		return invalid("--scenario, --point and --every belong to --crash-sweep")
	}
	if o.seeds == 0 || o.workers < 1 || o.ticks < 0 {
		return invalid("nothing to run; --seeds and --workers are at least 1, --ticks is not negative")
	}
	if o.trace && o.seeds > 1 {
		return invalid("the stories of several seeds would mix; use --trace with one --seed")
	}
	if last := o.run.Seed + o.seeds - 1; last < o.run.Seed {
		return invalid("seeds end at %d; ask for fewer from %d on", uint64(math.MaxUint64), o.run.Seed)
	}
	for i, name := range o.run.Without {
		o.run.Without[i] = strings.TrimSpace(name)
	}
	if err := o.run.Check(); err != nil {
		return invalid("%v", err)
	}
	if o.ticks > 0 {
		o.run.Chaos = time.Duration(o.ticks) * sim.TickTime
	}
	return nil
}

func runSim(cmd *cobra.Command, o simOptions) error {
	if o.crash.sweep {
		if o.twice || o.trace || o.shrink || o.until {
			return invalid("--twice, --trace, --shrink and --until-failure belong to random runs; for the story of one crash use --scenario and --point")
		}
		return runCrashSweep(cmd, o)
	}
	if err := o.check(); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(simGC))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(simMemory))
	out := cmd.OutOrStdout()
	sweep := sim.Sweep{
		Options: o.run, Seeds: o.seeds, Workers: o.workers, Twice: o.twice, Until: o.until, Out: out, Stop: cmd.Context().Done(),
	}
	if o.trace {
		sweep.Options.Trace = out
	}
	begun := time.Now()
	t := sweep.Run()
	summarise(out, o, t, time.Since(begun))
	switch {
	case t.Failed > 0 && o.shrink:
		o.run.Seed = t.First
		fmt.Fprintf(out, "making seed %d smaller\n", t.First)
		small, r := sim.Shrink(o.run, out, cmd.Context().Done())
		fmt.Fprintf(out, "%d faults left: %v\n  see it with: quorumd sim %s --trace\n", r.Faults, r.Err, small.Flags())
		fallthrough
	case t.Failed > 0:
		return fmt.Errorf("%d of %d seeds broke a promise", t.Failed, t.Runs)
	case t.Runs < o.seeds:
		return fmt.Errorf("interrupted after %d of %d seeds", t.Runs, o.seeds)
	}
	return nil
}

// unreachedFrom is from how many seeds on everything should have been reached.
const unreachedFrom = 500

func summarise(out io.Writer, o simOptions, t sim.Total, took time.Duration) {
	fmt.Fprintf(out, "%d seeds from %d in %s (%.0f a second): %d faults, %d commits, %d answered writes, %s of the ensembles' time, %d failed\n",
		t.Runs, o.run.Seed, took.Round(time.Millisecond), float64(t.Runs)/took.Seconds(), t.Faults, t.Commits, t.Answers,
		t.Virtual.Round(time.Second), t.Failed)
	t.WriteLiveness(out)
	sim.WriteSeen(out, t.Seen)
	if t.Runs >= unreachedFrom {
		for _, what := range sim.Unreached(t.Seen) {
			fmt.Fprintf(out, "never reached: %s\n", what)
		}
	}
}
