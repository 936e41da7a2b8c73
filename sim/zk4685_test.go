package sim

import (
	"runtime"
	"strings"
	"testing"
)

// TestZK4685: in every way to bring a learner up to date, and in every order in
// which its stages go on, the acknowledgement of NEWLEADER follows the disk and
// comes before that of any proposal, and there is no second election.
// ZooKeeper's learner acknowledged a proposal first, from another thread, and
// its leader waited for ever.
func TestZK4685(t *testing.T) {
	list, err := storiesNamed("order")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != (5*3+1)*24 {
		t.Fatalf("%d stories", len(list))
	}
	for _, st := range list {
		if r := play(Options{Seed: 1}, st.voters, st.observers, st.tell); r.Err != nil {
			t.Fatalf("%s: %v", st.name, r.Err)
		}
	}
}

// TestZK4685Crash: the same, with a crash of the learner at some of the points
// of some of the orders.
func TestZK4685Crash(t *testing.T) {
	out, count := &strings.Builder{}, uint64(0)
	sweep := CrashSweep{Scenario: "order", Seed: 2, Every: 150, Workers: runtime.GOMAXPROCS(0), Out: out}
	sweep.pick = func(story) bool {
		count++
		return mix(count)%12 == 0
	}
	total, err := sweep.Run()
	if err != nil || total.Failed > 0 || total.Runs == 0 {
		t.Fatalf("%d of %d failed: %v\n%s", total.Failed, total.Runs, err, out)
	}
}
