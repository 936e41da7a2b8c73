package sim

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/quorumd/quorumd/internal/vfs"
)

// CrashSweep plays every story once undisturbed, and then once for each point
// at which a server can crash: before every change of its disk, with each
// thing a power failure may leave of what was not synced, and before every
// step of its pipeline. After the crash the server stays down or starts again,
// or all servers lose their power with it. Then everything heals, and every
// checker must be content.
type CrashSweep struct {
	Scenario string // only this story
	Point    string // only this point of it, with its story told
	Seed     uint64 // draws the timings that the stories leave open
	Every    uint64 // of the points, one in so many; 0 and 1 are all
	Workers  int    // runs at the same time; at least 1
	Out      io.Writer
	Stop     <-chan struct{} // no further run begins once it is closed

	pick func(story) bool // tests: these stories; nil is all
}

// CrashTotal adds up a crash sweep.
type CrashTotal struct {
	Scenarios []CrashStory
	Runs      uint64
	Failed    uint64
	Seen      map[string]uint64

	Interrupted bool // by Stop
}

// CrashStory tells of one story.
type CrashStory struct {
	Name    string
	Disk    uint64 // changes of disks in it
	Steps   uint64 // of pipelines
	Points  uint64 // with all that is kept and all that follows
	Runs    uint64
	Failed  uint64
	Reached uint64 // runs that reached their point
}

// errPointNotReached fails a run that was to crash a server and did not: the story
// up to there is the undisturbed one's, so the point must come. A run that
// passes without it has tested nothing.
var errPointNotReached = errors.New("the story does not reach the point")

// crashRun is one run of a sweep.
type crashRun struct {
	story story
	of    int // index of where it is told of
	point crashPoint
}

// Run performs the sweep.
func (c CrashSweep) Run() (CrashTotal, error) {
	t := CrashTotal{Seen: make(map[string]uint64)}
	list := allStories()
	if c.Scenario != "" {
		var err error
		if list, err = storiesNamed(c.Scenario); err != nil {
			return t, err
		}
	}
	if c.Point != "" {
		err := c.single(&t, list)
		return t, err
	}
	var runs []crashRun
	for _, st := range list {
		if c.pick != nil && !c.pick(st) {
			continue
		}
		r, s := perform(Options{Seed: c.Seed}, st.voters, st.observers, nil, st.tell)
		if r.Err != nil {
			return t, fmt.Errorf("scenario %s fails undisturbed: %w", st.name, r.Err)
		}
		if k := len(t.Scenarios); k == 0 || t.Scenarios[k-1].Name != st.title() {
			t.Scenarios = append(t.Scenarios, CrashStory{Name: st.title()})
		}
		runs = append(runs, c.points(st, s, &t)...)
	}
	c.all(runs, &t)
	return t, nil
}

// points lists the runs of a story.
func (c CrashSweep) points(st story, s *script, t *CrashTotal) []crashRun {
	var runs []crashRun
	of := len(t.Scenarios) - 1
	told := &t.Scenarios[of]
	add := func(p crashPoint) {
		for p.then = 0; p.then < aftermaths; p.then++ {
			told.Points++
			if mix(c.Seed+uint64(of)<<32+told.Points)%max(1, c.Every) == 0 {
				runs = append(runs, crashRun{st, of, p})
			}
		}
	}
	for i, n := range s.nodes {
		if st.only != 0 && st.only != n.id {
			continue
		}
		for k := s.from[i][atDisk] + 1; k <= s.to[i][atDisk]; k++ {
			told.Disk++
			for i, keep := range vfs.Keeps {
				if st.group == "" || k%uint64(len(vfs.Keeps)) == uint64(i) { // the group has many of the same
					add(crashPoint{server: n.id, at: atDisk, n: k, keep: keep})
				}
			}
		}
		for k := s.from[i][atStep] + 1; k <= s.to[i][atStep]; k++ {
			told.Steps++
			add(crashPoint{server: n.id, at: atStep, n: k, keep: vfs.Keeps[k%uint64(len(vfs.Keeps))]})
		}
	}
	return runs
}

// mix spreads numbers, so that one in so many of them follows no pattern.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// all performs runs, several at a time. They are independent worlds.
func (c CrashSweep) all(runs []crashRun, t *CrashTotal) {
	var (
		mu   sync.Mutex
		next int
		wg   sync.WaitGroup
	)
	take := func() (crashRun, bool) {
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-c.Stop:
			t.Interrupted = true
			return crashRun{}, false
		default:
		}
		if next == len(runs) {
			return crashRun{}, false
		}
		next++
		return runs[next-1], true
	}
	for range max(1, c.Workers) {
		wg.Go(func() {
			for run, ok := take(); ok; run, ok = take() {
				st := run.story
				r, s := perform(Options{Seed: c.Seed}, st.voters, st.observers, &run.point, st.tell)
				mu.Lock()
				c.add(t, run, r, s.pointReached)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func (c CrashSweep) add(t *CrashTotal, run crashRun, r Report, reached bool) {
	told := &t.Scenarios[run.of]
	t.Runs++
	told.Runs++
	if reached {
		told.Reached++
	}
	for what, n := range r.Seen {
		t.Seen[what] += n
	}
	err := r.Err
	if err == nil && !reached {
		err = errPointNotReached
	}
	if err != nil {
		t.Failed++
		told.Failed++
		fmt.Fprintf(c.Out, "%s %s: %v\n  see it with: quorumd sim --crash-sweep --seed %d --scenario %s --point %s\n",
			run.story.name, run.point, err, c.Seed, run.story.name, run.point)
	}
}

// single performs one run and tells its story.
func (c CrashSweep) single(t *CrashTotal, list []story) error {
	p, err := parseCrashPoint(c.Point)
	if err == nil && len(list) != 1 {
		err = errors.New("a point is one of a scenario's: name that one too")
	}
	if err != nil {
		return err
	}
	st := list[0]
	r, s := perform(Options{Seed: c.Seed, Trace: c.Out}, st.voters, st.observers, &p, st.tell)
	t.Scenarios = []CrashStory{{Name: st.name, Points: 1}}
	c.add(t, crashRun{st, 0, p}, r, s.pointReached)
	if !s.pointReached {
		return fmt.Errorf("scenario %s, point %s: %w", st.name, p, errPointNotReached)
	}
	return nil
}

// Planned returns how many points there are in all, taken or not.
func (t CrashTotal) Planned() uint64 {
	var sum uint64
	for _, s := range t.Scenarios {
		sum += s.Points
	}
	return sum
}

// WriteStories prints a line for each story of a crash sweep.
func (t CrashTotal) WriteStories(out io.Writer) {
	fmt.Fprintf(out, "%-22s %9s %9s %9s %9s %9s %9s\n", "scenario", "disk", "steps", "points", "runs", "reached", "failed")
	for _, s := range t.Scenarios {
		fmt.Fprintf(out, "%-22s %9d %9d %9d %9d %9d %9d\n", s.Name, s.Disk, s.Steps, s.Points, s.Runs, s.Reached, s.Failed)
	}
}
