package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// healthy is an ensemble of three that serves and has answered some writes, for
// checks to be shown what is not so.
func healthy(t *testing.T) (*world, *client) {
	t.Helper()
	w := &world{rng: rand.New(rand.NewPCG(1, 2)), trace: newTrace(nil), knobs: defaultKnobs()}
	w.setUp(3, 0, faults{})
	s := &script{world: w}
	var c *client
	w.guard(func() {
		s.tell(func(s *script) {
			s.start(1, 2, 3)
			s.serve(1, 2, 3)
			c = s.visit(1)
			s.write(c, 3)
			s.serve(1, 2, 3)
		})
	})
	if w.err != nil {
		t.Fatal(w.err)
	}
	return w, c
}

// doctored is a case in which something is not as it must be.
type doctored struct {
	want string // part of what the check says
	do   func(w *world, c *client)
}

// finds runs each case on a healthy ensemble of its own.
func finds(t *testing.T, cases []doctored) {
	t.Helper()
	for _, d := range cases {
		t.Run(d.want, func(t *testing.T) {
			w, c := healthy(t)
			d.do(w, c)
			switch {
			case w.err == nil:
				t.Error("nothing was found")
			case !strings.Contains(w.err.Error(), d.want):
				t.Errorf("found %v", w.err)
			}
		})
	}
}

// TestHealthy: the ensemble that the other tests doctor passes every check.
func TestHealthy(t *testing.T) {
	w, _ := healthy(t)
	if w.check.final(); w.err != nil {
		t.Fatal(w.err)
	}
}

func beyond(w *world, n uint32) zab.Position {
	z := w.check.end().Zxid
	return zab.At(zab.NewZxid(z.Epoch(), z.Counter()+n), 7)
}

func leader(w *world) *node {
	for _, n := range w.nodes {
		if n.replica.Status().State == zab.Leading {
			return n
		}
	}
	return nil
}

// TestEphemeralOutlivesSession: an ephemeral whose session is over is found.
func TestEphemeralOutlivesSession(t *testing.T) {
	finds(t, []doctored{{"which is over", func(w *world, c *client) {
		s := &script{world: w}
		w.guard(func() {
			s.tell(func(s *script) {
				c.ask(&call{op: jute.OpCreate, path: "/e", body: createBody("/e", nil, 1)})
				s.answered(c)
				s.serve(1, 2, 3)
			})
		})
		delete(w.check.model.sessions, c.session)
		w.check.sessionsMatch(w.nodes[0])
	}}})
}

// TestEndChecks: what is judged when all has come together.
func TestEndChecks(t *testing.T) {
	forget := func(w *world, path string) {
		e := w.check.model.nodes[path]
		n := *e[len(e)-1].node
		n.data = []byte("else")
		e[len(e)-1].node = &n
	}
	finds(t, []doctored{
		{"the model says", func(w *world, c *client) {
			forget(w, c.path())
			w.check.treeMatches(w.nodes[0])
		}},
		{"znodes, the model has", func(w *world, c *client) {
			delete(w.check.model.nodes, c.path())
			w.check.countMatches(w.nodes[0])
		}},
		{"on its disk", func(w *world, _ *client) {
			n := w.nodes[0]
			names, err := n.fs.List("log/quorumd-1")
			if err != nil {
				w.fail("%v", err)
			}
			for _, name := range names {
				if strings.HasPrefix(name, "log.0") {
					if err := n.fs.Rot("log/quorumd-1/"+name, 60, 0xff); err != nil {
						w.fail("%v", err)
					}
				}
			}
			w.check.fsck(n)
		}},
		{"its disk has", func(w *world, _ *client) {
			w.check.durable[0].epochs.Current++
			w.check.fsck(w.nodes[0])
		}},
		{"its disk replays to", func(w *world, _ *client) {
			w.check.history = append(w.check.history, beyond(w, 1))
			w.check.complete(w.nodes[0], w.nodes[0].state)
		}},
		{"its disk gives digest", func(w *world, _ *client) {
			w.check.digests[w.check.end().Zxid]++
			w.check.fsck(w.nodes[0])
		}},
		{"was told", func(w *world, c *client) {
			c.promised += 100
			w.check.final()
		}},
		{"does not hold of the whole run", func(w *world, _ *client) {
			l := w.check.lives[0]
			l.seq[0], l.seq[1] = l.seq[1], l.seq[0]
			w.check.final()
		}},
		{"not linearizable", func(w *world, _ *client) {
			w.check.lin.ops = []*operation{
				{call: 1, ret: 2, known: true, parts: []part{{op: jute.OpCreate, version: -1}}},
				{call: 3, ret: 4, known: true, parts: []part{{op: jute.OpCreate, version: -1}}},
			}
			w.check.final()
		}},
	})
}
