package failover

import (
	"flag"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/test/harness"
)

var (
	kills = flag.Int("kills", 3, "rounds of the leader's death; the other faults get a third")
	prove = flag.Bool("prove", false, "prove with ZooKeeper that lost writes are seen")
)

// TestFaults runs each fault on an ensemble of its own.
func TestFaults(t *testing.T) {
	cases := []struct {
		name  string
		fault Fault
		kills int
	}{
		{"leader killed", KillLeader, *kills},
		{"leader killed and emptied", KillLeaderAndWipe, max(1, *kills/3)},
		{"follower killed", KillFollower, max(1, *kills/3)},
		{"all killed at once", KillAll, max(1, *kills/3)},
		{"leader killed with a tail", KillWithTail, max(1, *kills/3)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := harness.Run(t, harness.Options{Settings: c.fault.Settings()})
			report, err := Run(t.Context(), e, Config{
				Fault: c.fault, Kills: c.kills, Writers: 4, Rate: 200, Window: 16, Logf: t.Logf,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(report)
			if len(report.Wrong) > 0 {
				t.Errorf("%d things wrong", len(report.Wrong))
			}
		})
	}
}

// TestLossIsSeen makes ZooKeeper lose writes, by emptying a majority while the
// one server that stays had been down: the checks have to notice.
func TestLossIsSeen(t *testing.T) {
	if !*prove {
		t.Skip("a proof of the checks with ZooKeeper; run it with -prove")
	}
	software, err := harness.Named("zookeeper")
	if err != nil {
		t.Fatal(err)
	}
	e := harness.RunSoftware(t, software, harness.Options{})
	r := newRun(e, Config{Writers: 2, Rate: 200, Window: 16, Logf: t.Logf})
	writers, reader, err := r.prepare()
	if err != nil {
		t.Fatal(err)
	}
	leader, err := e.Leader()
	if err != nil {
		t.Fatal(err)
	}
	stop := load(t.Context(), writers, reader)
	emptied := []*harness.Server{leader, e.Followers(leader)[0]}
	steps := []func() error{
		r.steady, e.Followers(leader)[1].Kill, r.steady,
		emptied[0].Kill, emptied[1].Kill,
		func() error { stop(); return nil },
		emptied[0].Wipe, emptied[1].Wipe,
		e.Servers[0].Start, e.Servers[1].Start, e.Servers[2].Start, e.WaitServing,
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	report, err := r.conclude(writers, reader)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(report.Wrong, "\n")
	for _, rule := range []string{"F3", "F4"} {
		if !strings.Contains(all, rule) {
			t.Errorf("acknowledged writes were lost, and %s was not seen to be broken; found only:\n%s", rule, all)
		}
	}
}

// TestCompareCanFail gives verification views that break each rule.
func TestCompareCanFail(t *testing.T) {
	w := &writer{sent: 6, set: 3, created: map[int]int64{2: 20, 4: 40}}
	good := func() view { return view{number: 3, nodes: map[int]int64{2: 20, 4: 40, 6: 60}} }
	cases := []struct {
		name  string
		spoil func(*view)
		wrong int
	}{
		{"all is well", func(*view) {}, 0},
		{"unknown write of the key is there", func(v *view) { v.number = 5 }, 0},
		{"unknown node is not there", func(v *view) { delete(v.nodes, 6) }, 0},
		{"key is old", func(v *view) { v.number = 1 }, 1},
		{"key was never sent", func(v *view) { v.number = 7 }, 1},
		{"node is lost", func(v *view) { delete(v.nodes, 4) }, 1},
		{"node has another zxid", func(v *view) { v.nodes[4] = 41 }, 1},
		{"nodes are out of order", func(v *view) { v.nodes[6] = 30 }, 1},
		{"node was never sent", func(v *view) { v.nodes[8] = 80 }, 1},
	}
	for _, c := range cases {
		v := good()
		c.spoil(&v)
		if got := w.compare(v); len(got) != c.wrong {
			t.Errorf("%s: found %q, want %d", c.name, got, c.wrong)
		}
	}
	other := good()
	other.nodes[6] = 61
	if differ(good(), other) == "" || differ(good(), good()) != "" {
		t.Error("differ does not tell different views from equal ones")
	}
}
