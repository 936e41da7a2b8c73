package leader

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestEtcd20418: a clock may stand while much happens. The answers to a ping
// that was sent before a barrier was asked for say nothing about the time after
// it, even when both happened at the same instant of the clock.
func TestEtcd20418(t *testing.T) {
	for _, link := range []zab.LinkID{0, 1} {
		b := newBench(t, Config{Self: 3, Ensemble: zab.NewEnsemble([]zab.ServerID{1, 2, 3}, nil)},
			Standing{Epochs: zab.Epochs{Accepted: 1, AcceptedBy: 3, Current: 1}}, 1)
		b.follow(1, 1)
		b.do(func() { b.l.Applied(b.now, &b.out) })
		b.now += benchTick / 2
		b.do(func() { b.l.Tick(b.now, 0, &b.out) }) // pings
		ask := func(seq uint64) {
			if link == 0 {
				b.do(func() { b.l.Sync(zab.SyncAsk{Seq: seq}, b.now, &b.out) })
			} else {
				b.packet(link, zab.KindSync, 0, &zab.SyncAsk{Seq: seq})
			}
		}
		answered := func() int {
			n := b.count("own barrier") + b.count("SYNCDONE")
			b.text.Reset()
			return n
		}
		ask(1)
		b.packet(1, zab.KindPong, zab.Zxid(b.l.liveness.nonce-1), &zab.Pong{}) // to the ping before
		if n := answered(); n != 0 {
			t.Fatalf("link %d: answered by the answer to an earlier ping", link)
		}
		ask(2)
		ask(3)
		b.packet(1, zab.KindPong, zab.Zxid(b.l.liveness.nonce), &zab.Pong{})
		if n := answered(); n != 1 {
			t.Fatalf("link %d: %d barriers answered, want the first alone", link, n)
		}
		rounds := b.l.liveness.nonce
		ask(4)
		b.packet(1, zab.KindPong, zab.Zxid(b.l.liveness.nonce), &zab.Pong{})
		if n := answered(); n != 2 {
			t.Fatalf("link %d: %d barriers answered, want the two that shared a round", link, n)
		}
		if b.l.liveness.nonce != rounds+1 {
			t.Errorf("link %d: %d rounds for one barrier", link, b.l.liveness.nonce-rounds)
		}
		b.now += time.Millisecond
		b.packet(1, zab.KindPong, zab.Zxid(b.l.liveness.nonce), &zab.Pong{})
		if n := answered(); n != 1 || len(b.l.barriers) != 0 {
			t.Fatalf("link %d: %d barriers answered, %d wait", link, n, len(b.l.barriers))
		}
	}
}
