package compat

import (
	"errors"
	"flag"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

var (
	seed    = flag.Uint64("seed", 1, "of the first stream")
	streams = flag.Int("streams", 0, "how many; 0: as many as fit into -for")
	forTime = flag.Duration("for", 6*time.Second, "how long, unless -streams says how many")
	servers = flag.Int("servers", 1, "of each ensemble")
	only    = flag.Uint64("only", 0, "run the one stream with this seed and print it")
	enough  = flag.Int("enough", 8, "kinds of differences after which to stop")
)

func TestSameAsZooKeeper(t *testing.T) {
	r := newRunner(t.TempDir(), *servers)
	err := r.start()
	t.Cleanup(r.stop)
	if errors.Is(err, harness.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if *only != 0 {
		one(t, r, *only)
		return
	}
	seen := map[string]bool{}
	begin := time.Now()
	count := 0
	for ; *streams == 0 && time.Since(begin) < *forTime || count < *streams; count++ {
		s := generate(*seed + uint64(count))
		log := newTranscript()
		d, err := r.play(s.steps, log)
		if errors.Is(err, errStalled) || errors.Is(err, errSlow) {
			t.Logf("seed %d: left, and the servers begun anew: %v", s.seed, err)
			continue
		}
		if err != nil {
			t.Errorf("seed %d: %v", s.seed, err)
			break
		}
		if d == nil || seen[signature(s.steps, d)] {
			continue
		}
		seen[signature(s.steps, d)] = true
		short, again := r.shrink(s.steps, d)
		if !again {
			t.Errorf("seed %d, once only: step %d, %v\n%s", s.seed, d.step, d, log.write(s.steps[:d.step+1]))
			logs(t, r)
			continue
		}
		t.Errorf("seed %d: %v; in %d steps: %s", s.seed, d, len(short), tell(r, short))
		if len(seen) >= *enough {
			break
		}
	}
	took := time.Since(begin)
	t.Logf("%d streams, %d requests to each side in %v: %.0f/s", count, r.ops, took.Round(time.Millisecond), float64(r.ops)/took.Seconds())
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		t.Logf("known: %6d times %s", r.known[name], name)
	}
}

// logs shows what the servers wrote last.
func logs(t *testing.T, r *runner) {
	for _, s := range r.sides {
		if s == nil {
			continue
		}
		for _, server := range s.ensemble.Servers {
			t.Logf("%s %d:\n%s", s.name, server.ID, server.LogTail(40))
		}
	}
}

// one runs the stream of a seed and shows all of it.
func one(t *testing.T, r *runner, seed uint64) {
	s := generate(seed)
	t.Log(tell(r, s.steps))
}

// tell runs a stream once more and returns it with both sides' answers.
func tell(r *runner, steps []step) string {
	log := newTranscript()
	d, err := r.play(steps, log)
	switch {
	case err != nil:
		return err.Error() + "\n" + log.write(steps)
	case d == nil:
		return "nothing differs\n" + log.write(steps)
	}
	return d.String() + "\n" + log.write(steps)
}
