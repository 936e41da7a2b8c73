package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKeptSeeds runs every seed that once caught something. What a seed does
// changes with the simulator, so each file says what it was about.
func TestKeptSeeds(t *testing.T) {
	paths, err := filepath.Glob("../testdata/seeds/*.seed")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds are kept: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".seed"), func(t *testing.T) {
			o, caught := readSeed(t, path)
			if r := Run(o); r.Err != nil {
				t.Errorf("%v\nit once caught: %s\nsee it with: quorumd sim %s --trace", r.Err, caught, o.Flags())
			}
		})
	}
}

// readSeed reads a file of lines "name: value".
func readSeed(t *testing.T, path string) (o Options, caught string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "caught":
			caught = value
		case "seed":
			o.Seed, err = strconv.ParseUint(value, 10, 64)
		case "servers":
			o.Servers, err = strconv.Atoi(value)
		case "clients":
			o.Clients, err = strconv.Atoi(value)
		case "chaos":
			o.Chaos, err = time.ParseDuration(value)
		case "without":
			o.Without = strings.Split(value, ", ")
		case "drop":
			for _, number := range strings.Split(value, ", ") {
				n, nerr := strconv.Atoi(number)
				o.Drop, err = append(o.Drop, n), nerr
			}
		default:
			t.Fatalf("%s: what is %q?", path, line)
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", path, line, err)
		}
	}
	if err := o.Check(); err != nil || caught == "" || o.Seed == 0 {
		t.Fatalf("%s: it needs a seed and what it caught: %v", path, err)
	}
	return o, caught
}

// TestPlanStandsStill: leaving faults out, or ending them earlier, moves none
// of the others, else nothing could be learned from leaving them out.
func TestPlanStandsStill(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		long, short := plan(seed, false, 10*time.Second), plan(seed, false, 3*time.Second)
		if !slices.EqualFunc(long[:len(short)], short, func(a, b fault) bool {
			return a.number == b.number && a.at == b.at && a.kind.name == b.kind.name
		}) {
			t.Fatalf("seed %d: a shorter plan is another plan", seed)
		}
	}
}

// TestTraceChangesNothing: a run is the same whether it is told or not, and
// what is left out does not happen.
func TestTraceChangesNothing(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		var story bytes.Buffer
		o := Options{Seed: seed, Chaos: 3 * time.Second, Without: []string{"crash"}, Drop: []int{1, 2, 3}}
		quiet := Run(o)
		o.Trace = &story
		told := Run(o)
		if quiet.Err != nil || told.Hash != quiet.Hash || told.Tasks != quiet.Tasks {
			t.Errorf("seed %d: %v, trace %016x of %d tasks, then %016x of %d", seed, quiet.Err, quiet.Hash, quiet.Tasks, told.Hash, told.Tasks)
		}
		for _, line := range []string{"fault 1:", "fault 2:", "fault 3:", ": crash\n"} {
			if strings.Contains(story.String(), line) {
				t.Errorf("seed %d: %q in a run that goes without it", seed, line)
			}
		}
	}
}

// TestAlone: faults of one server that does not lead take nobody else's role.
func TestAlone(t *testing.T) {
	alone := 0
	for seed := uint64(1); alone < 5; seed++ {
		if newWorld(Options{Seed: seed}).check.faults.lone {
			alone++
			if r := Run(Options{Seed: seed}); r.Err != nil || !r.Lone {
				t.Errorf("seed %d: alone %v, %v", seed, r.Lone, r.Err)
			}
		}
	}
}

// TestShrink makes a run smaller that fails when anything crashes at all.
func TestShrink(t *testing.T) {
	s := &shrinker{best: Options{Seed: 3, Chaos: 4 * time.Second}, out: &bytes.Buffer{}}
	total := len(s.plan())
	fails := func(o Options) bool {
		left := 0
		s.best = o
		for _, f := range s.plan() {
			if f.number%3 == 0 && !slices.Contains(o.Drop, f.number) && !slices.Contains(o.Without, f.kind.name) {
				left++
			}
		}
		return left > 0
	}
	s.run = func(o Options) Report {
		best := s.best
		defer func() { s.best = best }()
		if fails(o) {
			return Report{Err: fmt.Errorf("a third fault is left"), Virtual: o.Chaos}
		}
		return Report{}
	}
	small, r := s.shrink()
	left := 0
	for _, f := range s.plan() {
		if !slices.Contains(small.Drop, f.number) && !slices.Contains(small.Without, f.kind.name) {
			left++
		}
	}
	if r.Err == nil || total < 6 || left != 1 {
		t.Errorf("%d of %d faults are left by %s: %v", left, total, small.Flags(), r.Err)
	}
}
