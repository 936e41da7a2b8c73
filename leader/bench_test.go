package leader

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// bench is one leader whose disk, clock and learners are moved by hand.
type bench struct {
	t     *testing.T
	l     *Leader
	log   *history.Log
	recs  []zab.Record // everything in the log
	now   time.Duration
	out   zab.Output
	ops   []zab.DiskOp
	reads []zab.LogRead
	snaps []zab.SnapRead
	text  *strings.Builder
}

const benchTick = time.Second

// newBench makes a leader on a log of n records of epoch 1, the last of them
// numbered n.
func newBench(t *testing.T, cfg Config, st Standing, n int) *bench {
	b := &bench{t: t, text: &strings.Builder{}, recs: records(n)}
	var last zab.Position
	if n > 0 {
		last = b.recs[n-1].Position()
	}
	cfg.Tick, cfg.InitLimit, cfg.SyncLimit = benchTick, 10, 5
	b.log = history.New(last)
	b.l = New(cfg, st, b.log, session.NewTracker(benchTick), wire.NewEncoder())
	b.do(func() { b.l.Start(b.now, &b.out) })
	return b
}

// records makes the first n records of epoch 1.
func records(n int) []zab.Record {
	var recs []zab.Record
	enc, prev := wire.NewEncoder(), uint32(0)
	for i := range n {
		rec, err := enc.EncodeRecord(prev, zab.NewZxid(1, uint32(i+1)), &zab.Txn{Body: []byte("x")})
		if err != nil {
			panic(err)
		}
		recs, prev = append(recs, rec), rec.CRC
	}
	return recs
}

// do lets one event happen, as the replica does it, and tells what it brought.
func (b *bench) do(event func()) {
	b.l.Wake(b.now, 0, &b.out)
	event()
	o := &b.out
	for _, s := range o.Sends {
		b.printf("to link %d: %s\n", s.Link, packetWords(&s.Packet))
	}
	for _, op := range o.Disk {
		b.ops = append(b.ops, op)
		b.recs = append(b.recs, op.Records...)
		b.printf("disk: %s\n", diskWords(&op))
	}
	b.reads = append(b.reads, o.LogReads...)
	for _, r := range o.LogReads {
		b.printf("log read after %s\n", r.After)
	}
	b.snaps = append(b.snaps, o.SnapReads...)
	for _, r := range o.SnapReads {
		b.printf("snapshot for link %d: open=%v close=%v %d+%d\n", r.ID, r.Open, r.Close, r.Off, r.Len)
	}
	for _, id := range o.Closes {
		b.printf("close link %d\n", id)
	}
	for _, a := range o.Answers {
		b.printf("answer %d to %s\n", a.Kind, a.Session)
	}
	for _, id := range b.l.Refused() {
		b.printf("refused %s\n", id)
	}
	for _, due := range b.l.Barriers() {
		b.printf("own barrier %d due at %s\n", due.Ask.Seq, due.Zxid)
	}
	for _, n := range o.Notes {
		b.printf("* %s\n", n)
	}
	o.Reset()
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(b.text, format, args...) }

func packetWords(p *zab.Packet) string {
	w := p.Kind.String()
	if p.Zxid != 0 {
		w += " " + p.Zxid.String()
	}
	switch body := p.Body.(type) {
	case *zab.NewLeader:
		w += fmt.Sprintf(" epoch=%d", body.Epoch)
	case *zab.Attached:
		w += fmt.Sprintf(" ok=%v", body.OK)
	case *zab.Reject:
		w += fmt.Sprintf(" seq=%d", body.Seq)
		if body.Reason == zab.RejectNoSpace {
			w += " no space"
		}
	case *zab.SnapChunk:
		w += fmt.Sprintf(" %d+%d last=%v", body.Off, len(body.Data), body.Last)
	}
	return w
}

func diskWords(op *zab.DiskOp) string {
	switch op.Kind {
	case zab.DiskEpochs:
		return fmt.Sprintf("save promise %d to server %d, adopted %d", op.Epochs.Accepted, op.Epochs.AcceptedBy, op.Epochs.Current)
	case zab.DiskAppend:
		var words []string
		for _, r := range op.Records {
			words = append(words, r.Zxid.String())
		}
		return "append " + strings.Join(words, " ")
	}
	return fmt.Sprintf("operation %d", op.Kind)
}

// disk completes the oldest operation.
func (b *bench) disk() {
	op := b.ops[0]
	b.ops = b.ops[1:]
	d := zab.DiskDone{Op: op.Op, Kind: op.Kind, OK: true, Epochs: op.Epochs, At: op.At}
	if n := len(op.Records); n > 0 {
		d.Synced = op.Records[n-1].Zxid
	}
	b.log.Completed(&d)
	b.do(func() { b.l.DiskDone(&d, b.now, &b.out) })
}

// read answers the oldest read of the log.
func (b *bench) read(gone bool) {
	r := b.reads[0]
	b.reads = b.reads[1:]
	res := &zab.LogReadResult{ID: r.ID, Gone: gone}
	for _, rec := range b.recs {
		if rec.Zxid <= r.After {
			res.At = rec.Position()
		} else if !gone {
			res.Records = append(res.Records, rec)
		}
	}
	b.do(func() { b.l.LogRead(res, &b.out) })
}

// snap answers the oldest read of a snapshot, which stands at record 1.
func (b *bench) snap() {
	r := b.snaps[0]
	b.snaps = b.snaps[1:]
	res := &zab.SnapReadResult{ID: r.ID, At: b.recs[0].Position(), Size: 10, Off: r.Off, Data: make([]byte, r.Len)}
	if !r.Close {
		b.do(func() { b.l.SnapRead(r.Open, res, &b.out) })
	}
}

// pass lets time go by with a tick every 100 ms.
func (b *bench) pass(d time.Duration) {
	for end := b.now + d; b.now < end; {
		b.now += 100 * time.Millisecond
		b.do(func() { b.l.Tick(b.now, 0, &b.out) })
	}
}

func (b *bench) packet(link zab.LinkID, k zab.PacketKind, z zab.Zxid, body any) {
	b.do(func() { b.l.Packet(link, &zab.Packet{Kind: k, Zxid: z, Body: body}, b.now, 0, &b.out) })
}

func (b *bench) status() {
	why, _ := b.l.Lost()
	b.printf("phase %d, epoch %d, committed %s, %d learners, floor %d, lost %q\n",
		b.l.phase, b.l.epoch, b.l.Committed(), len(b.l.learners), b.l.Floor(), why)
}

// count tells how often what is in the output since the last reset of it.
func (b *bench) count(what string) int { return strings.Count(b.text.String(), what) }
