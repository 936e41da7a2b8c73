package chaos

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/client"
)

func TestSight(t *testing.T) {
	s := newSight(1)
	for _, c := range []struct {
		path  string
		zxid  int64
		wrong bool
	}{
		{"/a", 5, false}, {"/b", 9, false}, {"/a", 5, false}, {"/a", 7, false}, {"/a", 6, true}, {"/b", 8, true}, {"/b", 9, false},
	} {
		if _, wrong := s.saw(c.path, c.zxid); (wrong != "") != c.wrong {
			t.Errorf("%s of zxid %d: %q", c.path, c.zxid, wrong)
		}
	}
	if s.missing("/a") == "" || s.missing("/new") != "" {
		t.Error("a node that goes missing is not told from one that was never seen")
	}
	if g, _ := newSight(2).saw("/a", 3); g.seen != 0 {
		t.Errorf("a new session had seen %d", g.seen)
	}
}

func TestGlances(t *testing.T) {
	writes := map[string][]int64{"/a": {30, 10, 20}}
	cases := []struct {
		name       string
		zxid, seen int64
		wrong      bool
	}{
		{"old, and the session knew nothing newer", 10, 19, false},
		{"newest", 30, 99, false},
		{"a write that the session's view holds is missing", 10, 20, true},
		{"of another node's zxid", 20, 35, true},
		{"before all writes", 5, 9, false},
		{"before all writes, too old", 5, 10, true},
	}
	for _, c := range cases {
		wrong := checkGlances([]glance{{session: 1, path: "/a", zxid: c.zxid, seen: c.seen}}, writes)
		if (len(wrong) > 0) != c.wrong {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
}

func TestSequence(t *testing.T) {
	n := func(path string, call, back time.Duration) numbered {
		return numbered{path: path, call: call, back: back}
	}
	cases := []struct {
		name  string
		wrong int
		made  []numbered
	}{
		{"in order", 0, []numbered{n("q-0000000001", 0, 1), n("q-0000000002", 2, 3)}},
		{"beside each other", 0, []numbered{n("q-0000000002", 0, 5), n("q-0000000001", 1, 6)}},
		{"with a hole", 0, []numbered{n("q-0000000001", 0, 1), n("q-0000000009", 2, 3)}},
		{"twice", 1, []numbered{n("q-0000000001", 0, 5), n("q-0000000001", 1, 6)}},
		{"back", 1, []numbered{n("q-0000000002", 0, 1), n("q-0000000001", 2, 3)}},
		{"back, behind one that is in order", 1, []numbered{
			n("q-0000000005", 0, 1), n("q-0000000003", 0, 2), n("q-0000000004", 3, 4),
		}},
		{"without a number", 1, []numbered{n("q", 0, 1)}},
	}
	for _, c := range cases {
		if wrong := checkSequence(c.made); len(wrong) != c.wrong {
			t.Errorf("%s: %q, want %d", c.name, wrong, c.wrong)
		}
	}
}

func TestLedger(t *testing.T) {
	l := newLedger()
	for id := range int64(5) {
		l.begin(id + 1)
	}
	l.set(1, "/living", certain)
	l.set(2, "/closed", certain)
	l.end(2, true)
	l.set(3, "/abandoned", certain)
	l.end(3, false)
	l.set(4, "/unknown", perhaps)
	now := time.Now()
	good := map[string]int64{"/living": 1, "/abandoned": 3}
	cases := []struct {
		name  string
		there map[string]int64
		now   time.Time
		wrong int
	}{
		{"as it should be", good, now, 0},
		{"unknown one is there", map[string]int64{"/living": 1, "/unknown": 4}, now, 0},
		{"living one's is missing", map[string]int64{}, now, 1},
		{"living one's belongs to another", map[string]int64{"/living": 4}, now, 1},
		{"closed one's stays", map[string]int64{"/living": 1, "/closed": 2}, now, 1},
		{"abandoned one's stays", good, now.Add(time.Hour), 1},
		{"nobody's", map[string]int64{"/living": 1, "/x": 99}, now, 1},
	}
	for _, c := range cases {
		if wrong := l.compare(c.there, c.now, time.Minute); len(wrong) != c.wrong {
			t.Errorf("%s: %q, want %d", c.name, wrong, c.wrong)
		}
	}
}

func TestWatch(t *testing.T) {
	g := newGeneration(1)
	events := make(chan client.Event, 1)
	w := &watch{session: 1, path: "/a", zxid: 5, events: events}
	w.passed(g, "/a", 5)
	w.passed(g, "/b", 9)
	if len(g.wrong) != 0 {
		t.Fatalf("nothing happened to the node, and %q", g.wrong)
	}
	w.passed(g, "/a", 6)
	if len(g.wrong) != 1 {
		t.Fatalf("the event is missing, and %q", g.wrong)
	}
	events <- client.Event{}
	w.passed(g, "/a", 6)
	w.passed(g, "/a", 7)
	if len(g.wrong) != 1 {
		t.Fatalf("the event has come, and %q", g.wrong)
	}
	(*watch)(nil).passed(g, "/a", 1)
}
