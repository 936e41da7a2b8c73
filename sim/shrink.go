package sim

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Shrink makes a failing run smaller for as long as it fails, in whatever way:
// first whole kinds of faults go, then clients, time and servers, then faults
// one by one. It returns the smallest options found, and their report; each of
// its steps is told to out.
func Shrink(o Options, out io.Writer, stop <-chan struct{}) (Options, Report) {
	o.Trace = nil
	s := &shrinker{best: o, run: Run, out: out, stop: stop}
	return s.shrink()
}

func (s *shrinker) shrink() (Options, Report) {
	if s.report = s.run(s.best); s.report.Err == nil {
		return s.best, s.report
	}
	for round := 0; round < 3; round++ {
		before := s.best.Flags()
		s.kinds()
		s.length()
		s.sizes()
		s.faults()
		if s.best.Flags() == before {
			break
		}
	}
	return s.best, s.report
}

// shrinker is the search.
type shrinker struct {
	run    func(Options) Report
	best   Options
	report Report
	out    io.Writer
	stop   <-chan struct{}
}

// try takes o over if it fails too.
func (s *shrinker) try(o Options) bool {
	select {
	case <-s.stop:
		return false
	default:
	}
	r := s.run(o)
	if r.Err == nil {
		return false
	}
	s.best, s.report = o, r
	fmt.Fprintf(s.out, "  fails with %s\n", o.Flags())
	return true
}

// kinds leaves out whole kinds of faults.
func (s *shrinker) kinds() {
	for _, name := range Kinds() {
		if !slices.Contains(s.best.Without, name) && s.matters(name) {
			o := s.best
			o.Without = append(slices.Clone(o.Without), name)
			s.try(o)
		}
	}
}

// matters reports whether leaving a kind out would change anything.
func (s *shrinker) matters(name string) bool {
	if slices.Contains(steadyFaults, name) {
		return true
	}
	for _, f := range s.plan() {
		if f.kind.name == name && !slices.Contains(s.best.Drop, f.number) {
			return true
		}
	}
	return false
}

// plan is what the best run so far has in store.
func (s *shrinker) plan() []fault {
	w := newWorld(s.best)
	return plan(s.best.Seed, w.check.faults.lone, w.opt.Chaos)
}

// length ends the faults earlier: just after what failed, if that is enough,
// then by bisection.
func (s *shrinker) length() {
	if s.best.Chaos == 0 {
		o := s.best
		o.Chaos = newWorld(o).opt.Chaos
		if !s.try(o) {
			return
		}
	}
	if at := s.report.Virtual.Truncate(time.Millisecond) + time.Millisecond; at < s.best.Chaos {
		o := s.best
		o.Chaos = at
		s.try(o)
	}
	least := time.Millisecond
	for most := s.best.Chaos; most-least > 10*time.Millisecond; {
		o := s.best
		o.Chaos = (least + (most-least)/2).Truncate(time.Millisecond)
		if s.try(o) {
			most = o.Chaos
		} else {
			least = o.Chaos
		}
	}
}

// sizes takes clients and servers away.
func (s *shrinker) sizes() {
	w := newWorld(s.best)
	for clients := 1; clients < len(w.clients); clients++ {
		o := s.best
		o.Clients = clients
		if s.try(o) {
			break
		}
	}
	voters := len(w.check.ensemble.Voters())
	for servers := 1; servers < voters; servers++ {
		o := s.best
		o.Servers = servers
		if s.try(o) {
			break
		}
	}
}

// faults leaves out single faults: halves of what is left, then quarters, and
// so on down to one.
func (s *shrinker) faults() {
	var left []int
	for _, f := range s.plan() {
		if !slices.Contains(s.best.Without, f.kind.name) && !slices.Contains(s.best.Drop, f.number) {
			left = append(left, f.number)
		}
	}
	for n := (len(left) + 1) / 2; n > 0; n /= 2 {
		for from := 0; from < len(left); {
			to := min(from+n, len(left))
			o := s.best
			o.Drop = append(slices.Clone(o.Drop), left[from:to]...)
			slices.Sort(o.Drop)
			if s.try(o) {
				left = slices.Delete(left, from, to)
			} else {
				from = to
			}
		}
	}
}
