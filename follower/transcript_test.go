package follower

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/internal/transcript"
	"github.com/quorumd/quorumd/zab"
)

// TestTranscripts plays the stories of testdata (package transcript). Records are numbered from 1, in epoch 1, and from 2.1 on in
// epoch 2; all make one history. The commands:
//
//	follower 3 [log=2] [applied=1] [promised=1/3] [epoch=1]   follows server 3
//	up 7, down 7, down 0   the link opens, breaks; the dial fails
//	leaderinfo 2           LEADERINFO of epoch 2
//	diff 1.2, trunc 1.2, snap 1.2   the head of the initial history
//	chunk [last]           a piece of the snapshot
//	txn 1.3                a record
//	newleader 1.3 [2], uptodate 1.3, commit 1.3, ping 5
//	disk [fail]            the disk completes its oldest operation
//	touched 0x10           a client was heard from
//	tick 2s                time passes
//	status
func TestTranscripts(t *testing.T) {
	transcript.Test(t, func(t *testing.T) transcript.Run {
		b := &bench{t: t, recs: records()}
		return func(command string) string {
			args := strings.Fields(command)
			if args[0] == "follower" {
				b.begin(args[1:])
			} else {
				b.run(args)
			}
			defer b.text.Reset()
			return b.text.String()
		}
	})
}

// bench is one follower whose disk, clock and leader are moved by hand.
type bench struct {
	t    *testing.T
	f    *Follower
	log  *history.Log
	recs []zab.Record
	now  time.Duration
	out  zab.Output
	ops  []zab.DiskOp
	text strings.Builder
}

// records makes nine records of epoch 1 and nine of epoch 2 behind them.
func records() []zab.Record {
	var recs []zab.Record
	var at zab.Position
	for i := range 18 {
		rec := zab.Record{Zxid: zab.NewZxid(zab.Epoch(1+i/9), uint32(1+i%9)), Prev: at.CRC, CRC: uint32(100 + i), Bytes: []byte("x")}
		recs, at = append(recs, rec), rec.Position()
	}
	return recs
}

func (b *bench) number(s string) int64 {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bench) zxid(s string) zab.Zxid {
	epoch, counter, _ := strings.Cut(s, ".")
	return zab.NewZxid(zab.Epoch(b.number(epoch)), uint32(b.number(counter)))
}

func (b *bench) position(z zab.Zxid) (at zab.Position) {
	for i := range b.recs {
		if b.recs[i].Zxid <= z {
			at = b.recs[i].Position()
		}
	}
	return at
}

func (b *bench) begin(args []string) {
	var last zab.Position
	var applied zab.Zxid
	var epochs zab.Epochs
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "log":
			last = b.position(b.zxid(value))
		case "applied":
			applied = b.zxid(value)
		case "promised":
			epoch, by, _ := strings.Cut(value, "/")
			epochs.Accepted, epochs.AcceptedBy = zab.Epoch(b.number(epoch)), zab.ServerID(b.number(by))
		case "epoch":
			epochs.Current = zab.Epoch(b.number(value))
		}
	}
	b.log, b.ops, b.now = history.New(last), nil, 0
	cfg := Config{Self: 1, Tick: time.Second, InitLimit: 10, SyncLimit: 5}
	b.f = New(cfg, zab.ServerID(b.number(args[0])), epochs, b.log, applied, 0)
	b.do(func() { b.f.Start(b.now, &b.out) })
}

// do lets one event happen and tells what it brought.
func (b *bench) do(event func()) {
	_, before := b.f.Lost()
	event()
	for _, id := range b.out.Dials {
		b.printf("dial server %d\n", id)
	}
	for _, s := range b.out.Sends {
		b.printf("to link %d: %s\n", s.Link, packetWords(&s.Packet))
	}
	for _, op := range b.out.Disk {
		b.ops = append(b.ops, op)
		b.printf("disk: %s\n", diskWords(&op))
	}
	for _, id := range b.out.Closes {
		b.printf("close link %d\n", id)
	}
	for _, n := range b.out.Notes {
		b.printf("* %s\n", n)
	}
	if why, lost := b.f.Lost(); lost && !before {
		b.printf("leaves: %s\n", why)
	}
	b.out.Reset()
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.text, format, args...) }

func packetWords(p *zab.Packet) string {
	w := p.Kind.String()
	if p.Zxid != 0 {
		w += " " + p.Zxid.String()
	}
	switch body := p.Body.(type) {
	case *zab.FollowerInfo:
		w += fmt.Sprintf(" promised %d", body.Accepted)
	case *zab.AckEpoch:
		w += fmt.Sprintf(" adopted %d, last %s, counts %v, amnesiac %v", body.Current, body.Last.Zxid, body.Counts, body.Amnesiac)
	case *zab.Ready:
		w += fmt.Sprintf(" at %s, needs a snapshot %v", body.At.Zxid, body.NeedSnap)
	case *zab.Pong:
		w += fmt.Sprintf(" touched %v", body.Touched)
	}
	return w
}

func diskWords(op *zab.DiskOp) string {
	switch op.Kind {
	case zab.DiskEpochs:
		return fmt.Sprintf("save promise %d to server %d, adopted %d", op.Epochs.Accepted, op.Epochs.AcceptedBy, op.Epochs.Current)
	case zab.DiskAppend:
		return "append " + op.Records[0].Zxid.String()
	case zab.DiskTruncate:
		return "truncate after " + op.At.Zxid.String()
	}
	return map[zab.DiskOpKind]string{
		zab.DiskSnapBegin: "begin a snapshot", zab.DiskSnapChunk: "a piece of the snapshot", zab.DiskSnapEnd: "install the snapshot",
	}[op.Kind]
}

func (b *bench) disk(ok bool) {
	op := b.ops[0]
	b.ops = b.ops[1:]
	d := zab.DiskDone{Op: op.Op, Kind: op.Kind, OK: ok, Epochs: op.Epochs, At: op.At, Off: op.Off + int64(len(op.Data))}
	if n := len(op.Records); n > 0 {
		d.Synced = op.Records[n-1].Zxid
	}
	b.log.Completed(&d)
	b.do(func() { b.f.DiskDone(&d, &b.out) })
}

func (b *bench) run(args []string) {
	switch args[0] {
	case "up":
		b.do(func() { b.f.LinkUp(zab.LinkID(b.number(args[1])), b.now, &b.out) })
	case "down":
		b.do(func() { b.f.LinkDown(zab.LinkID(b.number(args[1])), b.now) })
	case "disk":
		b.disk(len(args) == 1)
	case "touched":
		b.f.Touched([]zab.SessionID{zab.SessionID(b.number(args[1]))})
	case "tick":
		d, err := time.ParseDuration(args[1])
		if err != nil {
			b.t.Fatal(err)
		}
		for end := b.now + d; b.now < end; {
			b.now += 100 * time.Millisecond
			b.do(func() { b.f.Tick(b.now, &b.out) })
		}
	case "status":
		b.printf("phase %d, epoch %d, committed %s, welcomed %s, initial %s\n",
			b.f.Phase(), b.f.Epoch(), b.f.Committed(), b.f.Welcomed(), b.f.Initial().Zxid)
	default:
		p := b.packet(args)
		b.do(func() { b.f.Packet(&p, b.now, &b.out) })
	}
}

func (b *bench) packet(args []string) zab.Packet {
	switch args[0] {
	case "leaderinfo":
		return zab.Packet{Kind: zab.KindLeaderInfo, Zxid: zab.NewZxid(zab.Epoch(b.number(args[1])), 0)}
	case "ping":
		ping := &zab.Ping{}
		if len(args) > 2 {
			ping.Heard = uint64(b.number(args[2]))
		}
		return zab.Packet{Kind: zab.KindPing, Zxid: zab.Zxid(b.number(args[1])), Body: ping}
	case "chunk":
		return zab.Packet{Kind: zab.KindSnapChunk, Body: &zab.SnapChunk{Data: []byte("abcd"), Last: len(args) > 1}}
	}
	at := b.position(b.zxid(args[1]))
	switch args[0] {
	case "diff":
		return zab.Packet{Kind: zab.KindDiff, Zxid: at.Zxid}
	case "trunc":
		return zab.Packet{Kind: zab.KindTrunc, Zxid: at.Zxid, Body: &zab.Trunc{To: at}}
	case "snap":
		return zab.Packet{Kind: zab.KindSnap, Zxid: at.Zxid, Body: &zab.Snap{At: at, Size: 8}}
	case "newleader":
		n := &zab.NewLeader{Epoch: 2, End: at}
		if len(args) > 2 {
			n.Epoch = zab.Epoch(b.number(args[2]))
		}
		return zab.Packet{Kind: zab.KindNewLeader, Zxid: at.Zxid, Body: n}
	case "uptodate":
		return zab.Packet{Kind: zab.KindUpToDate, Zxid: at.Zxid}
	case "commit":
		return zab.Packet{Kind: zab.KindCommit, Zxid: at.Zxid}
	case "txn":
		for _, r := range b.recs {
			if r.Zxid == at.Zxid {
				return zab.Packet{Kind: zab.KindTxn, Zxid: r.Zxid, Record: r}
			}
		}
	}
	b.t.Fatalf("unknown command %v", args)
	return zab.Packet{}
}
