package compat

import "slices"

// shrinkRuns bounds how often a stream is run to make it shorter.
const shrinkRuns = 600

// shrinker looks for a shorter stream with the same difference.
type shrinker struct {
	r    *runner
	what string // the kind of the difference
	runs int
	best []step
}

// shrink returns the shortest stream it finds that differs in the same way;
// again is false if not even the whole one does so a second time.
func (r *runner) shrink(steps []step, d *difference) (short []step, again bool) {
	s := &shrinker{r: r, what: signature(steps, d), best: steps}
	for tries := 2; !s.try(steps); {
		if tries--; tries == 0 {
			return nil, false
		}
	}
	if d.step+1 < len(steps) {
		s.try(steps[:d.step+1])
	}
	s.chunks()
	s.parts()
	s.chunks()
	return s.best, true
}

// signature says of what kind a difference is: differences of the same kind
// are reported once.
func signature(steps []step, d *difference) string {
	what := d.what
	if len(what) > 10 && what[:10] == "in the end" {
		what = "in the end"
	}
	text := what
	if d.step >= 0 && d.step < len(steps) {
		text = opName(&steps[d.step]) + " " + what
	}
	if d.what == "code" || d.what == "connection" {
		text += " " + d.a + " " + d.b
	}
	return text
}

// try keeps a stream if it differs in the same way.
func (s *shrinker) try(steps []step) bool {
	if s.runs >= shrinkRuns || len(steps) == 0 {
		return false
	}
	s.runs++
	d, err := s.r.play(steps, nil)
	if err != nil || d == nil || signature(steps, d) != s.what {
		return false
	}
	s.best = steps
	return true
}

// chunks leaves out runs of steps, long ones first.
func (s *shrinker) chunks() {
	for size := len(s.best) / 2; size >= 1; size /= 2 {
		for at := 0; at < len(s.best); {
			end := min(at+size, len(s.best))
			if !s.try(slices.Concat(s.best[:at], s.best[end:])) {
				at = end
			}
		}
	}
}

// parts makes single steps simpler.
func (s *shrinker) parts() {
	for at := 0; at < len(s.best); at++ {
		for i := 0; i < len(s.best[at].subs); {
			if !s.change(at, func(q *step) { q.subs = slices.Delete(slices.Clone(q.subs), i, i+1) }) {
				i++
			}
		}
		for _, simpler := range []func(*step){
			func(q *step) { q.joined = false }, func(q *step) { q.watch = false }, func(q *step) { q.version = -1 },
			func(q *step) { q.data, q.noData = "", false }, func(q *step) { q.acl, q.noACL = openACL, false },
			func(q *step) { q.tail = "" }, func(q *step) { q.xid = 0 }, func(q *step) { q.lists[0] = []string{} },
			func(q *step) { q.lists[1] = []string{} }, func(q *step) { q.lists[2] = []string{} },
			func(q *step) { q.lists[3] = []string{} }, func(q *step) { q.lists[4] = []string{} },
		} {
			s.change(at, simpler)
		}
	}
}

// change tries the stream with one step changed.
func (s *shrinker) change(at int, f func(*step)) bool {
	steps := slices.Clone(s.best)
	f(&steps[at])
	if show(&steps[at]) == show(&s.best[at]) {
		return false
	}
	return s.try(steps)
}
