package leader

import (
	"cmp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/transcript"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestTranscripts plays the stories of testdata (package transcript). Zxids are written epoch.counter. The commands:
//
//	leader 3 voters=1,2,3 [observers=4] [weight0=2] [log=2] [epoch=1] [floor=7] [resign=2s]
//	join 1 2               server 2 opens link 1
//	down 1                 link 1 breaks
//	info 1 [accepted=4]    FOLLOWERINFO comes on link 1
//	promise 1 [last=1.2] [fork] [epoch=1] [void] [amnesiac]   ACKEPOCH; fork: of another past
//	ready 1 [at=1.2] [snap]   READY
//	adopt 1 1.2            ACK of NEWLEADER
//	ack 1 1.3, stored 1 1.3, pong 1 2 [low]   low: its disk is full
//	space low              the leader's own disk has low, out or ample space
//	follow 1 2             join to adopt in one go, for a learner that holds all
//	disk [2]               the disk completes so many operations, or all
//	read [gone], snap      answers to a read of the log, of a snapshot
//	applied                the initial history is applied
//	counter 0xfffffffd     the counter stands so high
//	open 1 0x5 4000        a client of the server at link 1, 0 being this one, opens a session
//	request 1 0x5          it writes
//	attach 1 0x5           it comes again
//	assert 1 0x5 1.3       the server repeats that it came, once, behind that record
//	sync 1                 it asks for a barrier
//	tick 2s, pause 3s      time passes, or the server stands still
//	status
func TestTranscripts(t *testing.T) {
	transcript.Test(t, func(t *testing.T) transcript.Run {
		var b *bench
		return func(command string) string {
			args := parse(t, command)
			if args.verb == "leader" {
				b = begin(t, args)
			} else {
				b.run(args)
			}
			defer b.text.Reset()
			return b.text.String()
		}
	})
}

// words is a command taken apart: the verb, what stands by itself, what is
// named.
type words struct {
	t     *testing.T
	verb  string
	plain []string
	named map[string]string
}

func parse(t *testing.T, command string) words {
	w := words{t: t, named: map[string]string{}}
	for i, f := range strings.Fields(command) {
		key, value, isNamed := strings.Cut(f, "=")
		switch {
		case i == 0:
			w.verb = f
		case isNamed:
			w.named[key] = value
		default:
			w.plain = append(w.plain, f)
		}
	}
	return w
}

func (w words) has(word string) bool {
	for _, p := range w.plain {
		if p == word {
			return true
		}
	}
	return false
}

func (w words) number(s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		w.t.Fatalf("%s: %v", w.verb, err)
	}
	return n
}

func (w words) duration(name string) time.Duration {
	d, err := time.ParseDuration(cmp.Or(w.named[name], "0"))
	if err != nil {
		w.t.Fatalf("%s: %v", w.verb, err)
	}
	return d
}

func (w words) link() zab.LinkID { return zab.LinkID(w.number(w.plain[0])) }

func (w words) zxid(s string) zab.Zxid {
	epoch, counter, _ := strings.Cut(s, ".")
	return zab.NewZxid(zab.Epoch(w.number(epoch)), uint32(w.number(counter)))
}

func (w words) ids(s string) (ids []zab.ServerID) {
	for part := range strings.SplitSeq(s, ",") {
		if part != "" {
			ids = append(ids, zab.ServerID(w.number(part)))
		}
	}
	return ids
}

func begin(t *testing.T, w words) *bench {
	weights := map[zab.ServerID]int64{}
	for _, id := range w.ids(w.named["weight0"]) {
		weights[id] = 0
	}
	voters := w.ids(w.named["voters"])
	self := zab.ServerID(w.number(w.plain[0]))
	epoch := zab.Epoch(w.number(w.named["epoch"]))
	return newBench(t, Config{
		Self:     self,
		Ensemble: zab.NewHierarchy(voters, w.ids(w.named["observers"]), [][]zab.ServerID{voters}, weights),
	}, Standing{
		Epochs: zab.Epochs{Accepted: epoch, AcceptedBy: self, Current: epoch},
		Floor:  zab.Epoch(w.number(w.named["floor"])),
		Resign: w.duration("resign"),
	}, int(w.number(w.named["log"])))
}

func (b *bench) run(w words) {
	switch w.verb {
	case "disk", "read", "snap", "tick", "pause", "applied", "counter", "space", "status":
		b.runOwn(w)
	case "open", "request", "attach", "assert", "sync":
		b.runClient(w)
	default:
		b.runLearner(w)
	}
}

func (b *bench) runOwn(w words) {
	switch w.verb {
	case "disk":
		for n := 1; len(b.ops) > 0; n++ {
			b.disk()
			if len(w.plain) > 0 && n == int(w.number(w.plain[0])) {
				break
			}
		}
	case "read":
		b.read(w.has("gone"))
	case "snap":
		b.snap()
	case "applied":
		b.do(func() { b.l.Applied(b.now, &b.out) })
	case "counter":
		b.l.counter = uint32(w.number(w.plain[0]))
	case "space":
		s := map[string]zab.Space{"low": zab.SpaceLow, "out": zab.SpaceOut}[w.plain[0]]
		b.do(func() { b.l.SetSpace(s, &b.out) })
	case "status":
		b.status()
	case "tick", "pause":
		d, err := time.ParseDuration(w.plain[0])
		if err != nil {
			b.t.Fatal(err)
		}
		if w.verb == "tick" {
			b.pass(d)
			return
		}
		b.now += d
		b.do(func() { b.l.Tick(b.now, 0, &b.out) })
	}
}

func (b *bench) runLearner(w words) {
	link := w.link()
	switch w.verb {
	case "join":
		b.do(func() { b.l.LinkUp(link, zab.ServerID(w.number(w.plain[1])), b.now, &b.out) })
	case "down":
		b.do(func() { b.l.LinkDown(link, &b.out) })
	case "info":
		if p := b.l.learner(link); p != nil {
			b.packet(link, zab.KindFollowerInfo, 0, &zab.FollowerInfo{Server: p.server, Accepted: zab.Epoch(w.number(w.named["accepted"]))})
		}
	case "promise":
		b.promise(link, w)
	case "ready":
		r := &zab.Ready{At: b.position(w.zxid(w.named["at"])), NeedSnap: w.has("snap")}
		b.packet(link, zab.KindReady, 0, r)
	case "adopt":
		b.packet(link, zab.KindAckNewLeader, w.zxid(w.plain[1]), nil)
	case "ack":
		b.packet(link, zab.KindAck, w.zxid(w.plain[1]), nil)
	case "stored":
		b.packet(link, zab.KindStored, w.zxid(w.plain[1]), nil)
	case "pong":
		b.packet(link, zab.KindPong, zab.Zxid(w.number(w.plain[1])), &zab.Pong{Low: w.has("low")})
	case "follow":
		b.follow(link, zab.ServerID(w.number(w.plain[1])))
	default:
		b.t.Fatalf("unknown command %s", w.verb)
	}
}

// position returns the position of z in the log.
func (b *bench) position(z zab.Zxid) (at zab.Position) {
	for i := range b.recs {
		if b.recs[i].Zxid <= z {
			at = b.recs[i].Position()
		}
	}
	return at
}

func (b *bench) promise(link zab.LinkID, w words) {
	z := w.zxid(w.named["last"])
	a := &zab.AckEpoch{
		Current: zab.Epoch(w.number(w.named["epoch"])), Last: b.position(z),
		Counts: !w.has("void"), Amnesiac: w.has("amnesiac"),
	}
	if w.has("fork") {
		a.Last = zab.At(z, 12345)
	}
	b.packet(link, zab.KindAckEpoch, 0, a)
}

// follow takes a learner that holds the whole log from its connection to its
// acknowledgement of NEWLEADER.
func (b *bench) follow(link zab.LinkID, server zab.ServerID) {
	b.do(func() { b.l.LinkUp(link, server, b.now, &b.out) })
	b.packet(link, zab.KindFollowerInfo, 0, &zab.FollowerInfo{Server: server})
	for len(b.ops) > 0 {
		b.disk()
	}
	b.packet(link, zab.KindAckEpoch, 0, &zab.AckEpoch{Current: b.l.standing.Epochs.Current, Last: b.log.Appended(), Counts: true})
	for len(b.ops) > 0 {
		b.disk()
	}
	if p := b.l.learner(link); p != nil && p.stage == waitAdopt {
		b.packet(link, zab.KindAckNewLeader, p.end.Zxid, nil)
	}
}

func (b *bench) runClient(w words) {
	link := w.link()
	var id zab.SessionID
	if len(w.plain) > 1 {
		id = zab.SessionID(w.number(w.plain[1]))
	}
	req := &zab.Request{Session: id, Seq: 1, Op: int32(jute.OpSetData), Body: []byte("x")}
	if w.verb == "open" {
		ms := w.number(w.plain[2])
		req.Op, req.Body = int32(jute.OpCreateSession), []byte{byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms)}
	}
	switch {
	case w.verb == "attach":
		b.packet(link, zab.KindAttach, 0, &zab.Attach{Seq: 1, Session: id, Timeout: 4000})
	case w.verb == "assert":
		a := &zab.Attach{Session: id, Timeout: 4000, At: zab.Place{Zxid: w.zxid(w.plain[2]), Count: 1}}
		if link != 0 {
			b.packet(link, zab.KindAttach, 0, a)
			return
		}
		b.do(func() { b.l.Assert(a, b.now, &b.out) })
	case w.verb == "sync" && link == 0:
		b.do(func() { b.l.Sync(zab.SyncAsk{Seq: 1}, b.now, &b.out) })
	case w.verb == "sync":
		b.packet(link, zab.KindSync, 0, &zab.SyncAsk{Seq: 1})
	case link == 0:
		b.do(func() { b.l.Request(req, b.now, 0, &b.out) })
	default:
		b.packet(link, zab.KindForward, 0, req)
	}
}
