package zabsync

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/zab"
)

// chain makes n records that follow at.
func chain(at zab.Position, n int) []zab.Record {
	var recs []zab.Record
	for range n {
		rec := zab.Record{Zxid: at.Zxid + 1, Prev: at.CRC, CRC: at.CRC*31 + 7, Bytes: []byte("x")}
		recs, at = append(recs, rec), rec.Position()
	}
	return recs
}

// bench is a learner or a source on a log whose disk is moved by hand.
type bench struct {
	t   *testing.T
	log *history.Log
	out zab.Output
	ops []zab.DiskOp // asked for, not done
}

// take renders and empties the output.
func (b *bench) take() string {
	var words []string
	for _, s := range b.out.Sends {
		w := s.Packet.Kind.String()
		if s.Packet.Zxid != 0 {
			w += " " + s.Packet.Zxid.String()
		}
		switch body := s.Packet.Body.(type) {
		case *zab.Ready:
			w += fmt.Sprintf(" at=%s snap=%v", body.At.Zxid, body.NeedSnap)
		case *zab.SnapChunk:
			w += fmt.Sprintf(" off=%d n=%d last=%v", body.Off, len(body.Data), body.Last)
		}
		words = append(words, w)
	}
	for _, op := range b.out.Disk {
		b.ops = append(b.ops, op)
		words = append(words, fmt.Sprintf("disk-%d", op.Kind))
	}
	for _, r := range b.out.SnapReads {
		switch {
		case r.Open:
			words = append(words, "open")
		case r.Close:
			words = append(words, "close")
		default:
			words = append(words, fmt.Sprintf("read %d+%d", r.Off, r.Len))
		}
	}
	b.out.Reset()
	return strings.Join(words, ", ")
}

func (b *bench) want(what, want string) {
	b.t.Helper()
	if got := b.take(); got != want {
		b.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

type learnerBench struct {
	bench
	l *Learner
}

// newLearnerBench stands at a log of n records, of which applied are applied,
// having promised epoch 2 to server 3 while epoch 1 is adopted.
func newLearnerBench(t *testing.T, n int, applied zab.Zxid) (*learnerBench, []zab.Record) {
	recs := chain(zab.Position{}, n+20)
	var last zab.Position
	if n > 0 {
		last = recs[n-1].Position()
	}
	b := &learnerBench{bench: bench{t: t, log: history.New(last)}}
	b.l = NewLearner(9, 3, zab.Epochs{Accepted: 2, AcceptedBy: 3, Current: 1}, b.log, applied)
	return b, recs
}

func (b *learnerBench) packet(k zab.PacketKind, z zab.Zxid, body any) error {
	return b.l.Packet(&zab.Packet{Kind: k, Zxid: z, Body: body}, &b.out)
}

func (b *learnerBench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *learnerBench) record(rec zab.Record) error {
	return b.l.Packet(&zab.Packet{Kind: zab.KindTxn, Zxid: rec.Zxid, Record: rec}, &b.out)
}

func (b *learnerBench) newLeader(end zab.Position) error {
	return b.packet(zab.KindNewLeader, end.Zxid, &zab.NewLeader{Epoch: 2, End: end})
}

// disk completes the oldest operation; change spoils the answer.
func (b *learnerBench) disk(change ...func(*zab.DiskDone)) error {
	b.t.Helper()
	b.ops = slices.Concat(b.ops, b.out.Disk)
	b.out.Disk = nil
	if len(b.ops) == 0 {
		b.t.Fatal("no disk operation is under way")
	}
	op := b.ops[0]
	b.ops = b.ops[1:]
	d := zab.DiskDone{Op: op.Op, Kind: op.Kind, OK: true, Epochs: op.Epochs, At: op.At, Off: op.Off + int64(len(op.Data))}
	if n := len(op.Records); n > 0 {
		d.Synced = op.Records[n-1].Zxid
	}
	for _, f := range change {
		f(&d)
	}
	b.log.Completed(&d)
	return b.l.DiskDone(&d, &b.out)
}
