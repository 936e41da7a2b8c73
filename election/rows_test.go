package election

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

func of(voters ...zab.ServerID) *zab.Ensemble { return zab.NewEnsemble(voters, nil) }

// TestZK1818: the servers that follow a leader came to it in different rounds
// and by votes with different zxids. A late joiner counts them together. Votes
// of servers that still look are counted together only when all of them is the
// same.
func TestZK1818(t *testing.T) {
	begin := func() (*Election, *zab.Output) {
		e := New(Config{Self: 1, Ensemble: of(1, 2, 3, 4, 5)}, Standing{
			Round: 9, Vote: zab.Vote{Leader: 1, Epoch: 3, Zxid: 5},
		})
		out := &zab.Output{}
		e.Start(0, out)
		return e, out
	}
	e, out := begin()
	for i, n := range []zab.Notification{
		{From: 2, State: zab.Following, Round: 2, Vote: zab.Vote{Leader: 5, Epoch: 4, Zxid: 90}},
		{From: 3, State: zab.Following, Round: 7, Vote: zab.Vote{Leader: 5, Epoch: 4, Zxid: 100}},
		{From: 5, State: zab.Leading, Round: 3, Vote: zab.Vote{Leader: 5, Epoch: 4, Zxid: 110}},
	} {
		o, done := e.Notification(&n, time.Second, out)
		if done != (i == 2) || done && (o.Leader != 5 || o.Role != zab.Following) {
			t.Fatalf("after %+v: %+v, %v", n, o, done)
		}
	}
	e, out = begin()
	for _, n := range []zab.Notification{
		{From: 2, State: zab.Looking, Round: 9, Vote: zab.Vote{Leader: 5, Epoch: 4, Zxid: 90}},
		{From: 3, State: zab.Looking, Round: 9, Vote: zab.Vote{Leader: 5, Epoch: 4, Zxid: 100}},
	} {
		e.Notification(&n, time.Second, out)
	}
	if o, done := e.Tick(time.Minute, out); done {
		t.Fatalf("elected %+v with two votes of five that agree", o)
	}
	n := zab.Notification{From: 2, State: zab.Looking, Round: 9, Vote: zab.Vote{Leader: 5, Epoch: 4, Zxid: 100}}
	e.Notification(&n, 2*time.Minute, out)
	if o, done := e.Tick(3*time.Minute, out); !done || o.Leader != 5 {
		t.Fatalf("three votes of five that agree: %+v, %v", o, done)
	}
}

// TestZK1419: of any two different votes one is better, and what is better than
// the better is better; so five servers settle on the best, whoever is heard
// first.
func TestZK1419(t *testing.T) {
	var votes []zab.Vote
	for i := range 27 {
		votes = append(votes, zab.Vote{Leader: zab.ServerID(i % 3), Epoch: zab.Epoch(i / 3 % 3), Zxid: zab.Zxid(i / 9)})
	}
	for _, a := range votes {
		for _, b := range votes {
			if a.Beats(b) && b.Beats(a) || a != b && !a.Beats(b) && !b.Beats(a) {
				t.Fatalf("%+v beats %+v: %v; the other way: %v", a, b, a.Beats(b), b.Beats(a))
			}
			for _, c := range votes {
				if a.Beats(b) && b.Beats(c) && !a.Beats(c) {
					t.Fatalf("%+v beats %+v, that beats %+v, and the first does not beat the last", a, b, c)
				}
			}
		}
	}
	// Every server is the best in one of the three things that count.
	standings := []zab.Vote{{Epoch: 1, Zxid: 9}, {Epoch: 2, Zxid: 3}, {Epoch: 2, Zxid: 4}, {Epoch: 1, Zxid: 8}, {Epoch: 1, Zxid: 1}}
	for turn := range standings {
		w := newWorld(of(1, 2, 3, 4, 5), nil)
		for i := range w.nodes {
			n := w.nodes[(i+turn)%len(w.nodes)]
			v := standings[n.id-1]
			w.start(n, v.Epoch, v.Zxid)
		}
		w.settle()
		w.tick(5 * time.Second)
		w.settle()
		for _, n := range w.nodes {
			if n.settled == nil || n.outcome.Leader != 3 {
				t.Fatalf("turn %d: server 3 is the best, but %s", turn, n)
			}
		}
	}
}

// TestZK3109: a leader learns that those who elected it have gone on to a
// better one in its own round. It gives up as soon as the rest is no quorum.
func TestZK3109(t *testing.T) {
	s := NewSettled(Config{Self: 2, Ensemble: of(1, 2, 3)},
		Outcome{Leader: 2, Vote: zab.Vote{Leader: 2, Epoch: 1, Zxid: 7}, Round: 4, Role: zab.Leading}, Standing{})
	better := zab.Vote{Leader: 3, Epoch: 1, Zxid: 7}
	for i, c := range []struct {
		n    zab.Notification
		lost bool
	}{
		{zab.Notification{From: 1, State: zab.Looking, Round: 3, Vote: better}, false}, // late, will join
		{zab.Notification{From: 1, State: zab.Following, Round: 4, Vote: better}, false},
		{zab.Notification{From: 3, State: zab.Leading, Round: 4, Vote: better}, true},
	} {
		if lost := s.Notification(&c.n, &zab.Output{}); lost != c.lost {
			t.Errorf("%d: after %+v: lost %v", i, c.n, lost)
		}
	}
}
