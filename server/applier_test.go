package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// diaryPort writes down what the applier does.
type diaryPort struct {
	noClients
	said []string
}

func (p *diaryPort) note(format string, args ...any) {
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

func (p *diaryPort) Applied(rec *zab.Record, _ znode.Result) {
	p.note("applied %d", rec.Zxid.Counter())
}
func (p *diaryPort) Answer(a zab.Answer) { p.note("answer %d", a.Seq) }
func (p *diaryPort) SetServing(on bool)  { p.note("serving %t", on) }
func (p *diaryPort) CloseAll(string)     { p.note("install") }

// recordsOf returns a maker of records, each following the one before.
func recordsOf(t *testing.T) func(n int) []zab.Record {
	enc, at := wire.NewEncoder(), zab.Position{}
	return func(n int) (recs []zab.Record) {
		for range n {
			rec, err := enc.EncodeRecord(at.CRC, zab.NewZxid(1, at.Zxid.Counter()+1), &zab.Txn{Op: zab.OpConfig, Body: []byte("x"), Level: zab.FeatureLevel})
			if err != nil {
				t.Fatal(err)
			}
			at = rec.Position()
			recs = append(recs, rec)
		}
		return recs
	}
}

// TestApplierOrder: records, answers, the opening of the port and a received
// state are taken in the order in which the loop gave them (Y2, Y3), although
// passes are put together while they wait.
func TestApplierOrder(t *testing.T) {
	port := &diaryPort{}
	s := &Server{port: port, state: replica.NewState(), inbox: newInbox(), cfg: Config{SnapCount: 1 << 30}}
	a := newApplier(s)
	records := recordsOf(t)
	answer := func(seq uint64) []zab.Answer { return []zab.Answer{{Seq: seq}} }
	received := replica.NewState()
	a.put(records(1), nil, thenNothing, nil)
	a.put(records(1), answer(1), thenNothing, nil)
	a.put(nil, answer(2), thenServe, nil)
	a.put(records(2), nil, thenNothing, nil)
	a.put(nil, nil, thenShut, nil)
	a.put(nil, answer(3), thenNothing, nil)
	a.put(nil, nil, thenInstall, received)
	a.put(nil, answer(4), thenNothing, nil)
	a.carryOut(a.take(applyBox{}))
	want := []string{"applied 1", "applied 2", "answer 1", "answer 2", "serving true", "applied 3", "applied 4",
		"serving false", "answer 3", "install", "answer 4"}
	if !slices.Equal(port.said, want) {
		t.Errorf("%q\nwant %q", port.said, want)
	}
	if s.state != received {
		t.Error("the received state is not in place")
	}
	if n := a.waiting(); n != 0 {
		t.Errorf("%d records wait", n)
	}
}

// TestApplierTells: the loop hears of what is applied a part of the window at a
// time, so that it can hand out more before everything is done (R11).
func TestApplierTells(t *testing.T) {
	s := &Server{inbox: newInbox()}
	a := newApplier(s)
	z := zab.Zxid(0)
	for range replica.WindowRecords {
		z++
		a.tell(z, 1, 100)
	}
	events, _ := s.inbox.take(nil, nil)
	if len(events) != replica.WindowRecords/tellRecords || events[len(events)-1].Applied != z {
		t.Fatalf("%d events for a window", len(events))
	}
	for i, ev := range events {
		if ev.Kind != zab.EvApplied || ev.Applied != zab.Zxid((i+1)*tellRecords) {
			t.Errorf("event %d: %s", i, ev.Applied)
		}
	}
}

// flushPort counts what is done for connections that have not been woken.
type flushPort struct {
	noClients
	waiting, most, flushes int
}

func (p *flushPort) did() {
	p.waiting++
	p.most = max(p.most, p.waiting)
}

func (p *flushPort) Applied(*zab.Record, znode.Result) { p.did() }
func (p *flushPort) Answer(zab.Answer)                 { p.did() }
func (p *flushPort) Flush()                            { p.waiting, p.flushes = 0, p.flushes+1 }

// TestApplierFlushes: a box may hold thousands of steps of one record each, when
// the applier was held up. Those whom the first of them concern need not wait
// for the last; and not every step costs a look at the connections.
func TestApplierFlushes(t *testing.T) {
	port := &flushPort{}
	s := &Server{port: port, state: replica.NewState(), inbox: newInbox(), cfg: Config{SnapCount: 1 << 30}}
	a := newApplier(s)
	const steps = 8 * applyRun
	for i, rec := range recordsOf(t)(steps) {
		a.put([]zab.Record{rec}, []zab.Answer{{Seq: uint64(i)}}, thenNothing, nil)
	}
	a.carryOut(a.take(applyBox{}))
	if port.most > applyRun+1 || port.waiting != 0 {
		t.Errorf("%d records and answers before connections were woken, %d at the end", port.most, port.waiting)
	}
	if port.flushes > 2*steps/applyRun+1 {
		t.Errorf("connections were woken %d times for %d steps", port.flushes, steps)
	}
}

// slowPort takes its time for each answer.
type slowPort struct {
	noClients
	takes time.Duration
}

func (p *slowPort) Answer(zab.Answer) { <-time.After(p.takes) }

// TestApplyStall: patience is for one piece of work, not for all that waits. The
// watchdog barks, and once, when a piece does not end.
func TestApplyStall(t *testing.T) {
	for _, takes := range []time.Duration{40 * time.Second, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var aborted []error
			s := &Server{port: &slowPort{takes: takes}, state: replica.NewState(), inbox: newInbox(), cfg: Config{
				SnapCount: 1 << 30, ApplyStall: time.Minute, Abort: func(err error) { aborted = append(aborted, err) },
			}}
			a := newApplier(s)
			for i := range 10 {
				a.put(nil, []zab.Answer{{Seq: uint64(i)}}, thenNothing, nil)
			}
			a.start()
			<-time.After(20 * time.Minute) // idle for most of it
			a.stop()
			if takes < time.Minute && len(aborted) != 0 {
				t.Errorf("aborted although every piece of work ended in time: %v", aborted)
			}
			if takes > time.Minute && (len(aborted) != 1 || !strings.Contains(aborted[0].Error(), "applied for more than 1m0s")) {
				t.Errorf("a piece of work took %v; aborted with %v", takes, aborted)
			}
		})
	}
}

// TestWatchdogStandstill: a process that was stopped, or whose machine slept,
// finds that a long time has passed; what is watched could not run in it.
func TestWatchdogStandstill(t *testing.T) {
	w := newWatchdog(time.Minute, nil)
	defer w.begin("it did not end", "").end()
	for _, step := range []struct {
		now  time.Duration
		late bool
	}{
		{20 * time.Second, false}, {50 * time.Second, false}, {10 * time.Minute, false},
		{10*time.Minute + 30*time.Second, false}, {11 * time.Minute, false}, {11*time.Minute + time.Second, true},
	} {
		if late := w.late(step.now) != nil; late != step.late {
			t.Errorf("after %v: late %t", step.now, late)
		}
	}
}
