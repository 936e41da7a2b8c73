package leader

import (
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestZK1697: a snapshot on its way to the one learner that makes the quorum
// takes a hundred times initLimit. It comes through, since it progresses; the
// leadership ends when it does not for initLimit.
func TestZK1697(t *testing.T) {
	voters := []zab.ServerID{1, 2, 3}
	b := newBench(t, Config{Self: 3, Ensemble: zab.NewEnsemble(voters, nil)},
		Standing{Epochs: zab.Epochs{Accepted: 1, AcceptedBy: 3, Current: 1}}, 2)
	initLimit := time.Duration(b.l.cfg.InitLimit) * benchTick
	b.do(func() { b.l.LinkUp(1, 1, b.now, &b.out) })
	b.packet(1, zab.KindFollowerInfo, 0, &zab.FollowerInfo{Server: 1})
	b.disk()
	b.packet(1, zab.KindAckEpoch, 0, &zab.AckEpoch{Current: 1, Counts: true})
	b.disk()
	b.read(true) // the log begins behind what the learner holds
	open := b.snaps[0]
	b.snaps = b.snaps[1:]
	const size = 100 << 20
	at := b.recs[1].Position()
	b.do(func() { b.l.SnapRead(true, &zab.SnapReadResult{ID: open.ID, At: at, Size: size}, &b.out) })
	pieces := 0
	for ; len(b.snaps) > 0; pieces++ {
		r := b.snaps[0]
		b.snaps = b.snaps[1:]
		if r.Close {
			continue
		}
		b.do(func() {
			b.l.SnapRead(false, &zab.SnapReadResult{ID: r.ID, Off: r.Off, Data: make([]byte, r.Len)}, &b.out)
		})
		b.pass(initLimit - benchTick)
		b.packet(1, zab.KindSnapAck, zab.Zxid(r.Off+int64(r.Len)), nil)
		if why, lost := b.l.Lost(); lost || len(b.l.learners) != 1 {
			t.Fatalf("after %v and %d bytes: lost %q, %d learners", b.now, r.Off, why, len(b.l.learners))
		}
	}
	if pieces < 100 {
		t.Fatalf("only %d pieces", pieces)
	}
	b.packet(1, zab.KindReady, 0, &zab.Ready{At: at})
	for range 2 * initLimit / benchTick {
		b.pass(benchTick)
		b.packet(1, zab.KindPong, zab.Zxid(b.l.liveness.nonce), &zab.Pong{})
	}
	if _, lost := b.l.Lost(); !lost {
		t.Fatal("the leadership outlives initLimit though nothing progresses")
	}
}

// needsSnapshot brings a leader to the point where it has asked for a snapshot
// for the one learner that makes the quorum, at link 1.
func needsSnapshot(t *testing.T) (b *bench, initLimit time.Duration) {
	b = newBench(t, Config{Self: 3, Ensemble: zab.NewEnsemble([]zab.ServerID{1, 2, 3}, nil)},
		Standing{Epochs: zab.Epochs{Accepted: 1, AcceptedBy: 3, Current: 1}}, 2)
	b.do(func() { b.l.LinkUp(1, 1, b.now, &b.out) })
	b.packet(1, zab.KindFollowerInfo, 0, &zab.FollowerInfo{Server: 1})
	b.disk()
	b.packet(1, zab.KindAckEpoch, 0, &zab.AckEpoch{Current: 1, Counts: true})
	b.disk()
	b.read(true) // the log begins behind what the learner holds
	return b, time.Duration(b.l.cfg.InitLimit) * benchTick
}

// lives lets five times initLimit go by, with a PONG and whatever else a tick
// brings, and reports whether the leadership outlives it.
func (b *bench) lives(initLimit time.Duration, tick func()) bool {
	for range 5 * initLimit / benchTick {
		b.pass(benchTick)
		b.packet(1, zab.KindPong, zab.Zxid(b.l.liveness.nonce), &zab.Pong{})
		tick()
	}
	_, lost := b.l.Lost()
	return !lost
}

// TestQD6Writing: the leader writes the snapshot that its learner waits for, for
// longer than initLimit. It stays for as long as the disk is at work on it.
func TestQD6Writing(t *testing.T) {
	b, initLimit := needsSnapshot(t)
	writing := func() { b.do(func() { b.l.SnapWriting(1, b.now) }) }
	if !b.lives(initLimit, writing) {
		t.Fatal("the leadership ends while the snapshot is written")
	}
	b.snap()
	if b.lives(initLimit, writing) {
		t.Fatal("the leadership outlives initLimit though the snapshot is open and nothing progresses")
	}
}

// TestQD6Installing: the learner that makes the quorum installs the snapshot for
// longer than initLimit, and says so.
func TestQD6Installing(t *testing.T) {
	b, initLimit := needsSnapshot(t)
	b.snap()
	b.snap()
	if !b.lives(initLimit, func() { b.packet(1, zab.KindSnapAck, 10, nil) }) {
		t.Fatal("the leadership ends while the learner installs")
	}
	if b.lives(initLimit, func() {}) {
		t.Fatal("the leadership outlives initLimit though the learner has stopped to install")
	}
}

// TestEtcd4055: NEWLEADER has left, and what the learner needs next is in the
// leader's log on the disk only. The snapshot that keeps it there stays open until
// it has been read.
func TestEtcd4055(t *testing.T) {
	b := newBench(t, Config{Self: 3, Ensemble: zab.NewEnsemble([]zab.ServerID{1, 2, 3}, nil)},
		Standing{Epochs: zab.Epochs{Accepted: 1, AcceptedBy: 3, Current: 1}}, 1)
	b.log.Remember(1)
	b.follow(2, 2)
	propose := func() {
		for range 3 {
			b.runClient(parse(t, "open 0 0 4000"))
			b.disk() // only what is durable leaves memory
		}
	}
	propose()
	b.do(func() { b.l.LinkUp(1, 1, b.now, &b.out) })
	b.packet(1, zab.KindFollowerInfo, 0, &zab.FollowerInfo{Server: 1})
	b.packet(1, zab.KindAckEpoch, 0, &zab.AckEpoch{Current: 1, Counts: true})
	b.read(true) // the log begins behind what the learner holds
	b.snap()
	b.snap()
	b.packet(1, zab.KindReady, 0, &zab.Ready{At: b.recs[0].Position()})
	propose() // behind the initial history, which is being read
	if b.read(false); b.count("to link 1: NEWLEADER") != 1 || len(b.reads) != 1 {
		t.Fatalf("NEWLEADER has not left, or nothing is to be read behind it: %s", b.text)
	}
	if propose(); b.count("close=true") != 0 {
		t.Fatalf("given back while the log is read: %s", b.text)
	}
	if b.read(false); b.count("close=true") != 1 {
		t.Fatalf("kept though all that follows is in memory: %s", b.text)
	}
}

// TestQD5Yet: two servers repeat their attaches, the client's former one first.
// By its records the session is the later one's, which has not spoken yet: it is
// not refused, neither then nor when it does.
func TestQD5Yet(t *testing.T) {
	var b *bench
	run := func(line string) string {
		if args := parse(t, line); b == nil {
			b = begin(t, args)
		} else {
			b.run(args)
		}
		defer b.text.Reset()
		return b.text.String()
	}
	for _, line := range []string{
		"leader 3 voters=1,2,3 log=1 epoch=1", "follow 1 1", "applied",
		"open 1 0x10 4000", "open 0 0x11 4000", "disk", "ack 1 2.2", "follow 2 2",
	} {
		run(line)
	}
	if said := run("assert 2 0x10 2.4"); said != "" {
		t.Errorf("as the former server speaks: %s", said)
	}
	if said := run("assert 1 0x10 2.5"); strings.Contains(said, "link 1: REJECT") || !strings.Contains(said, "link 2: REJECT") {
		t.Errorf("as the client's server speaks: %s", said)
	}
}
