package sim

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed only, and print its story")
	seedsFlag = flag.Int("seeds", 40, "how many seeds to run")
)

// TestSeeds runs the seeds 1, 2, ...; with -seed one of them, with its story.
func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		r := Run(Options{Seed: *seedFlag, Trace: os.Stdout})
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		return
	}
	for seed := uint64(1); seed <= uint64(*seedsFlag); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if r := Run(Options{Seed: seed}); r.Err != nil {
				t.Fatalf("seed %d: %v\nto see its story: go test ./sim -run TestSeeds -seed %d", seed, r.Err, seed)
			}
		})
	}
}

// TestSameSeedSameTrace: a seed is its run.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := Run(Options{Seed: seed}), Run(Options{Seed: seed})
		if a.Hash != b.Hash || a.Tasks != b.Tasks {
			t.Errorf("seed %d: trace %016x of %d tasks, then %016x of %d", seed, a.Hash, a.Tasks, b.Hash, b.Tasks)
		}
	}
}
