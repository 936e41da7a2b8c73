package server

import (
	"fmt"
	"slices"
	"testing"

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

// TestApplierOrder: records, answers, the opening of the port and a received
// state are taken in the order in which the loop gave them (Y2, Y3), although
// passes are put together while they wait.
func TestApplierOrder(t *testing.T) {
	port := &diaryPort{}
	s := &Server{port: port, state: replica.NewState(), inbox: newInbox(), cfg: Config{SnapCount: 1 << 30}}
	a := newApplier(s)
	enc, at := wire.NewEncoder(), zab.Position{}
	records := func(n int) (recs []zab.Record) {
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
// time, so that it can hand out more before everything is done (R9).
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
