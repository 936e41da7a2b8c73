package sim

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestLinearSteps: the search is bounded by its steps, and so says the same on
// every machine: what is not decided is neither right nor wrong.
func TestLinearSteps(t *testing.T) {
	l := &linear{}
	for i := range 14 { // all at once, and the last contradicts: every order is tried
		l.ops = append(l.ops, &operation{
			client: i, call: time.Duration(i), ret: time.Hour, known: true, version: int32(i + 1), versioned: true,
			parts: []part{{op: jute.OpSetData, version: -1, value: string(rune('a' + i))}},
		})
	}
	l.ops[0].parts[0].op, l.ops[0].versioned = jute.OpCreate, false
	for _, o := range l.ops[1:] {
		o.versioned = false
	}
	l.ops = append(l.ops, &operation{client: 99, call: time.Hour + 1, ret: time.Hour + 2, known: true, parts: []part{{op: jute.OpCreate, version: -1}}})
	for range 3 {
		if got := l.verdict(1000); got != porcupine.Unknown {
			t.Errorf("after 1000 steps: %v", got)
		}
	}
	l.ops = append(l.ops[:1], l.ops[len(l.ops)-1])
	if got := l.verdict(1000); got != porcupine.Illegal {
		t.Errorf("two creations that both succeed: %v", got)
	}
}

// TestMissedPointFails: a run of the crash sweep that crashed nothing fails.
func TestMissedPointFails(t *testing.T) {
	list, err := storiesNamed("diff/follower")
	if err != nil {
		t.Fatal(err)
	}
	out := &strings.Builder{}
	total := CrashTotal{Scenarios: []CrashStory{{}}, Seen: map[string]uint64{}}
	CrashSweep{Seed: 1, Workers: 1, Out: out}.all([]crashRun{{story: list[0], point: crashPoint{server: 1, n: 1 << 40}}}, &total)
	if total.Failed != 1 || !strings.Contains(out.String(), errPointNotReached.Error()) {
		t.Errorf("%d failed: %s", total.Failed, out)
	}
}

// TestWipeIsMadeGood: what a lost disk excuses ends when its server serves with
// everything again, and damage is not excused on a disk that replaced it.
func TestWipeIsMadeGood(t *testing.T) {
	w, _ := healthy(t)
	s := &script{world: w}
	n := w.nodes[(leader(w).index+1)%3]
	w.guard(func() {
		s.tell(func(s *script) {
			s.crash(vfs.KeepAll, n.id)
			n.rotten = true
			n.empty()
			if n.rotten || !w.check.lost[n.index] {
				w.fail("rotten %v, lost %v after the disk was replaced", n.rotten, w.check.lost[n.index])
			}
			s.start(n.id)
			s.serve(1, 2, 3)
		})
	})
	if w.err != nil || w.check.lost[n.index] {
		t.Fatalf("lost %v: %v", w.check.lost[n.index], w.err)
	}
	for i := range w.check.logs {
		if i != n.index {
			w.check.logs[i].cut(w.check.history[0])
			w.check.durable[i].epochs.Current = 0 // so that a lost disk would excuse it
		}
	}
	if w.check.CommittedLogDurability(n); w.err == nil || !strings.Contains(w.err.Error(), "CommittedLogDurability") {
		t.Errorf("found %v", w.err)
	}
}

// TestDamageGoes: damage counts for as long as it is on the disk.
func TestDamageGoes(t *testing.T) {
	w, _ := healthy(t)
	n := w.nodes[0]
	names, err := n.fs.List("log/quorumd-1")
	if err != nil {
		t.Fatal(err)
	}
	rot := func() {
		for _, name := range names {
			if strings.HasPrefix(name, "log.0") {
				if err := n.fs.Rot("log/quorumd-1/"+name, 60, 0xff); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	rot()
	if n.rotten, n.whole = true, false; !n.stillDamaged() || !n.rotten {
		t.Error("damage is not found")
	}
	rot() // the same bits once more
	if n.stillDamaged() || n.rotten || !n.whole {
		t.Error("damage that is gone is found")
	}
}

// TestPrimaryIntegrityIsSeen: what counts is what came out of the server, not
// what it says of itself.
func TestPrimaryIntegrityIsSeen(t *testing.T) {
	finds(t, []doctored{{"PrimaryIntegrity", func(w *world, _ *client) {
		l := leader(w)
		e := w.check.end().Zxid.Epoch() + 1
		w.check.handed[l.index] = w.check.history[1].Zxid
		w.check.broadcasts(l, &zab.Record{Zxid: zab.NewZxid(e, 1)})
	}}})
}

// TestInstallWaitsItsTurn: what was handed out before a snapshot came is
// applied before that takes the place of the state.
func TestInstallWaitsItsTurn(t *testing.T) {
	w, _ := healthy(t)
	n := w.nodes[0]
	if err := n.snapshotNow(); err != nil {
		t.Fatal(err)
	}
	at, old := n.state.Applied(), n.state
	turned := false
	n.applies = append(n.applies, applyItem{gate: &turned})
	r, err := n.store.OpenSnapshot(at)
	if err == nil {
		err = errors.Join(n.load(r), r.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	n.takeUp(&zab.DiskDone{Kind: zab.DiskSnapEnd, OK: true, At: at})
	if len(n.applies) != 2 || n.state != old || n.applies[1].install == nil {
		t.Fatalf("%d things wait, the state was replaced: %v", len(n.applies), n.state != old)
	}
	for _, item := range n.applies {
		n.carry(item)
	}
	if n.state == old || n.port.serving || w.check.life[0].from != at.Zxid || w.err != nil {
		t.Errorf("replaced %v, serving %v: %v", n.state != old, n.port.serving, w.err)
	}
}
