package chaos

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	r := &Report{Seed: 42, Wrong: []string{"H1: something"}}
	for i, gap := range []time.Duration{time.Second, 9 * time.Second, 2 * time.Second} {
		r.episodes = append(r.episodes, episode{number: i, kind: "kill-leader", gap: gap, recovery: gap / 2})
	}
	text := r.String()
	for _, want := range []string{"kill-leader           3      2.00s     9.00s       1.00s     4.50s", "WRONG: H1: something", "seed 42"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestGaps(t *testing.T) {
	var g gaps
	if g.gap() != 0 || g.count() != 0 {
		t.Error("a gap before the first write")
	}
	g.ack()
	g.last = g.last.Add(-time.Minute)
	g.ack()
	if g.gap() < time.Minute || g.count() != 2 {
		t.Errorf("gap %v of %d writes", g.gap(), g.count())
	}
	g.mark()
	if g.gap() > 30*time.Second {
		t.Errorf("gap %v after a mark", g.gap())
	}
	g.last = g.last.Add(-time.Minute)
	if g.gap() < time.Minute {
		t.Errorf("the gap that lasts counts as %v", g.gap())
	}
}
