package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/sim"
)

// crashOptions are those of `quorumd sim --crash-sweep`.
type crashOptions struct {
	sweep    bool
	every    uint64
	scenario string
	point    string
}

func (o *crashOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.sweep, "crash-sweep", false, "crash servers at every point of scripted scenarios")
	f.Uint64Var(&o.every, "every", 1, "with --crash-sweep: one in so many points")
	f.StringVar(&o.scenario, "scenario", "", "with --crash-sweep: this scenario only")
	f.StringVar(&o.point, "point", "", "with --crash-sweep and --scenario: this point only, with its story")
}

// runCrashSweep plays the scenarios with a crash at each of their points.
func runCrashSweep(cmd *cobra.Command, o simOptions) error {
	if o.crash.every == 0 || o.workers < 1 {
		return invalid("nothing to run; --every and --workers are at least 1")
	}
	out := cmd.OutOrStdout()
	begun := time.Now()
	t, err := sim.CrashSweep{
		Scenario: o.crash.scenario, Point: o.crash.point, Seed: o.run.Seed, Every: o.crash.every,
		Workers: o.workers, Out: out, Stop: cmd.Context().Done(),
	}.Run()
	if err != nil {
		return err
	}
	t.WriteStories(out)
	sim.WriteSeen(out, t.Seen)
	planned := t.Planned()
	fmt.Fprintf(out, "%d of %d points in %s, %d failed\n", t.Runs, planned, time.Since(begun).Round(time.Millisecond), t.Failed)
	switch {
	case t.Failed > 0:
		return fmt.Errorf("%d of %d crashes broke a promise", t.Failed, t.Runs)
	case t.Interrupted:
		return fmt.Errorf("interrupted after %d of %d points", t.Runs, planned)
	}
	return nil
}
