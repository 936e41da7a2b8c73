package sim

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestStories: every story goes as it is told, with several timings.
func TestStories(t *testing.T) {
	for _, st := range allStories() {
		if st.group != "" {
			continue // TestZK4685
		}
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 5; seed++ {
				if r := play(Options{Seed: seed}, st.voters, st.observers, st.tell); r.Err != nil {
					if *seedFlag == seed {
						play(Options{Seed: seed, Trace: os.Stdout}, st.voters, st.observers, st.tell)
					}
					t.Fatalf("seed %d: %v\nto see it: go test ./sim -run '%s' -seed %d", seed, r.Err, t.Name(), seed)
				}
			}
		})
	}
}

// TestCrashSweep crashes servers at some of the points of every story; all of
// them are for the command (quorumd sim --crash-sweep).
func TestCrashSweep(t *testing.T) {
	out := &strings.Builder{}
	total, err := CrashSweep{Seed: 1, Every: 1500, Workers: runtime.GOMAXPROCS(0), Out: out,
		pick: func(st story) bool { return st.group == "" }}.Run()
	if err != nil || total.Failed > 0 {
		t.Fatalf("%d of %d failed: %v\n%s", total.Failed, total.Runs, err, out)
	}
	for _, told := range total.Scenarios {
		if told.Reached < told.Runs {
			t.Errorf("%s: only %d of %d runs reached their point", told.Name, told.Reached, told.Runs)
		}
	}
	for _, what := range []string{"DIFF", "TRUNC", "SNAP", "crash at point"} {
		if total.Seen[what] == 0 {
			t.Errorf("%s was not reached", what)
		}
	}
}

// TestSamePointSameTrace: a point's run is always the same.
func TestSamePointSameTrace(t *testing.T) {
	for _, point := range []string{"1:disk:70:subset:again", "3:step:100:prefix:without"} {
		b, err := parseCrashPoint(point)
		if err != nil || b.String() != point {
			t.Fatalf("%s is read as %s: %v", point, b, err)
		}
		first, _ := perform(Options{Seed: 7}, 3, 0, &b, func(s *script) { tellSnapDiff(s, 1) })
		second, _ := perform(Options{Seed: 7}, 3, 0, &b, func(s *script) { tellSnapDiff(s, 1) })
		if first.Err != nil || first.Hash != second.Hash {
			t.Errorf("%s: %v, traces %016x and %016x", point, first.Err, first.Hash, second.Hash)
		}
	}
}

// TestPointsAreChecked: what names no point is refused.
func TestPointsAreChecked(t *testing.T) {
	for _, text := range []string{"", "1:disk:3:all", "1:disc:3:all:all", "1:disk:x:all:all", "1:disk:3:some:all", "1:disk:3:all:gone", "400:disk:3:all:all"} {
		if b, err := parseCrashPoint(text); err == nil {
			t.Errorf("%q is read as %s", text, b)
		}
	}
	for _, sweep := range []CrashSweep{{Scenario: "nothing"}, {Scenario: "diff", Point: "1:disk:3:all:all"}, {Scenario: "diff/follower", Point: "1:disk:999999:all:all"}} {
		sweep.Out = &strings.Builder{}
		if _, err := sweep.Run(); err == nil {
			t.Errorf("%+v is taken", sweep)
		}
	}
}
