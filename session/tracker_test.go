package session

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/zab"
)

const testTick = 2 * time.Second

func TestExpiryTime(t *testing.T) {
	for _, c := range []struct {
		now       time.Duration
		timeoutMS int64
		want      time.Duration
	}{
		{0, 0, 2 * time.Second},
		{0, 4000, 6 * time.Second},
		{1, 4000, 6 * time.Second},
		{1999 * time.Millisecond, 4000, 6 * time.Second},
		{2 * time.Second, 4000, 8 * time.Second},
		{0, 3999, 4 * time.Second},
		{5 * time.Second, -1, 6 * time.Second},
	} {
		tr := NewTracker(testTick)
		tr.Add(1, c.timeoutMS, c.now)
		if got := tr.Expired(c.want-1, nil, 9); len(got) != 0 {
			t.Errorf("timeout %d from %v: expired before %v", c.timeoutMS, c.now, c.want)
		}
		if got := tr.Expired(c.want, nil, 9); len(got) != 1 {
			t.Errorf("timeout %d from %v: not expired at %v", c.timeoutMS, c.now, c.want)
		}
	}
}

func TestLongTimeoutDoesNotOverflow(t *testing.T) {
	tr := NewTracker(testTick)
	tr.Add(1, math.MaxInt64, 1<<61)
	if got := tr.Expired(1<<61, nil, 9); len(got) != 0 {
		t.Errorf("expired %v", got)
	}
}

func TestTouchKeepsAlive(t *testing.T) {
	tr := NewTracker(testTick)
	tr.Add(1, 4000, 0)
	for now := time.Duration(0); now < time.Minute; now += time.Second {
		if !tr.Heard(1, zab.NoServer, now) {
			t.Fatalf("unknown at %v", now)
		}
		if got := tr.Expired(now, nil, 9); len(got) != 0 {
			t.Fatalf("expired at %v", now)
		}
	}
	// Last heard from at 59 s.
	if got := tr.Expired(63*time.Second, nil, 9); len(got) != 0 {
		t.Fatal("expired before its time")
	}
	if got := tr.Expired(64*time.Second, nil, 9); !slices.Equal(got, []zab.SessionID{1}) {
		t.Fatalf("expired %v", got)
	}
	if tr.Heard(1, zab.NoServer, 64*time.Second) || tr.Known(1) || tr.Len() != 1 {
		t.Fatal("an expired session can be touched, or is forgotten before its end is applied")
	}
	if got := tr.Expired(time.Hour, nil, 9); len(got) != 0 {
		t.Fatal("expired twice")
	}
}

func TestOrderAndLimit(t *testing.T) {
	tr := NewTracker(testTick)
	for id := zab.SessionID(9); id > 0; id-- {
		tr.Add(id, 4000+2000*int64(id%2), 0) // odd ones a tick later
	}
	var got []zab.SessionID
	for range 3 {
		got = tr.Expired(time.Minute, got, 2)
	}
	tr.Heard(5, zab.NoServer, time.Minute)
	tr.Remove(7)
	got = tr.Expired(time.Minute, got, 99)
	if want := []zab.SessionID{2, 4, 6, 8, 1, 3, 9}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

func TestRenew(t *testing.T) {
	tr := NewTracker(testTick)
	tr.Add(1, 4000, 0)
	tr.Add(2, 8000, 0)
	tr.Acted(1, 3, zab.Place{Zxid: 1})
	tr.Expired(6*time.Second, nil, 9)
	tr.Renew(7 * time.Second)
	if !tr.Known(1) {
		t.Fatal("still closing")
	}
	if got := tr.Expired(11*time.Second, nil, 9); len(got) != 0 {
		t.Fatalf("expired %v", got)
	}
	if got := tr.Expired(16*time.Second, nil, 9); !slices.Equal(got, []zab.SessionID{1, 2}) {
		t.Fatalf("expired %v", got)
	}
	if owner, ok := tr.Owner(1); owner != 3 || !ok {
		t.Fatal("owner lost")
	}
}

// TestQD1: whatever the order in which it is heard of, and however much of it,
// a session is of the server that acted last (S4).
func TestQD1(t *testing.T) {
	at := func(e zab.Epoch, counter uint32, n uint64) zab.Place {
		return zab.Place{Zxid: zab.NewZxid(e, counter), Count: n}
	}
	acts := []struct { // as it happened
		server zab.ServerID
		at     zab.Place
	}{
		{1, at(1, 55, 1)}, // came to server 1
		{1, at(1, 60, 0)}, // and wrote through it
		{2, at(1, 60, 2)}, // moved
		{3, at(1, 60, 3)}, // moved again, no record in between
		{2, at(1, 62, 4)}, // moved back, behind two records that come to nothing
		{3, at(2, 0, 1)},  // the next leader's log ends at 1.60
		{1, at(2, 0, 2)},
		{2, at(2, 1, 0)},
	}
	var try func(tr *Tracker, heard, last int)
	try = func(tr *Tracker, heard, last int) { // heard is the set of those heard of
		for i, a := range acts {
			if heard>>i&1 != 0 {
				continue
			}
			next := NewTracker(testTick)
			next.Add(1, 4000, 0)
			next.sessions[1].owner, next.sessions[1].since = tr.sessions[1].owner, tr.sessions[1].since
			latest := max(last, i)
			own := next.Acted(1, a.server, a.at)
			if owner, _ := next.Owner(1); owner != acts[latest].server || own != (owner == a.server) {
				t.Fatalf("heard of %b, then of %d: owned by %d, its own %v; want %d", heard, i, owner, own, acts[latest].server)
			}
			if next.sessions[1].since != acts[latest].at {
				t.Fatalf("heard of %b, then of %d: since %v", heard, i, next.sessions[1].since)
			}
			try(next, heard|1<<i, latest)
		}
	}
	tr := NewTracker(testTick)
	tr.Add(1, 4000, 0)
	try(tr, 0, -1)
}

// TestQD4: a client goes from one server to another under a longer timeout; the
// leader hears of its attach at the first, and of what that heard, only then. It
// does not expire what the second hears, before or after (S5).
func TestQD4(t *testing.T) {
	expired := func(tr *Tracker, at time.Duration) bool { return len(tr.Expired(at, nil, 9)) == 1 }
	tr := NewTracker(testTick)
	tr.Add(1, 40000, 0)
	tr.Acted(1, 5, zab.Place{Zxid: 1})
	tr.Heard(1, 5, time.Second)
	tr.Acted(1, 6, zab.Place{Zxid: 2}) // the attach that comes late
	tr.SetTimeout(1, 4000)
	tr.Heard(1, 6, 2*time.Second)
	if expired(tr, 40*time.Second) {
		t.Fatal("a shorter timeout ends what the former owner promised")
	}
	tr.Heard(1, 5, 40*time.Second)
	if expired(tr, 79*time.Second) {
		t.Fatal("what the client's server heard counts for a timeout agreed elsewhere")
	}
	tr.Lengthen(1, 60000)
	tr.Heard(1, 5, 79*time.Second)
	if expired(tr, 138*time.Second) {
		t.Fatal("a longer timeout that another server agreed to does not count")
	}
	tr.Heard(1, 6, 138*time.Second)
	if !expired(tr, 144*time.Second) {
		t.Fatal("the owner's timeout does not count for what the owner hears")
	}
}

func TestUnknownSession(t *testing.T) {
	tr := NewTracker(testTick)
	tr.Remove(1)
	tr.SetTimeout(1, 5)
	tr.MarkClosing(1)
	if _, ok := tr.Owner(1); ok || tr.Acted(1, 5, zab.Place{Zxid: 9}) || tr.Heard(1, zab.NoServer, 0) || tr.Known(1) || tr.Len() != 0 {
		t.Fatal("came into being")
	}
}

// model is the tracker without its buckets: every session is looked at.
type model map[zab.SessionID]*modelSession

type modelSession struct {
	timeoutMS, longest int64
	due                time.Duration
	owner              zab.ServerID
	closing            bool
}

func (m model) dueAt(now time.Duration, ms int64) time.Duration {
	return ((now+time.Duration(ms)*time.Millisecond)/testTick + 1) * testTick
}

func (m model) expired(now time.Duration, limit int) []zab.SessionID {
	var due []zab.SessionID
	for id, s := range m {
		if !s.closing && s.due <= now {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b zab.SessionID) int {
		return cmp.Or(cmp.Compare(m[a].due, m[b].due), cmp.Compare(a, b))
	})
	due = due[:min(limit, len(due))]
	for _, id := range due {
		m[id].closing = true
	}
	return due
}

func TestTrackerModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr, m, now := NewTracker(testTick), model{}, time.Duration(0)
		ids := rapid.Int64Range(1, 6)
		draw := func(t *rapid.T) zab.SessionID { return zab.SessionID(ids.Draw(t, "id")) }
		timeouts := rapid.Int64Range(0, 12000)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				id, ms := draw(t), timeouts.Draw(t, "timeout")
				tr.Add(id, ms, now)
				owner := zab.NoServer
				if m[id] != nil {
					owner = m[id].owner
				}
				m[id] = &modelSession{timeoutMS: ms, longest: ms, due: m.dueAt(now, ms), owner: owner}
			},
			"remove": func(t *rapid.T) { id := draw(t); tr.Remove(id); delete(m, id) },
			"hear": func(t *rapid.T) {
				id, server := draw(t), zab.ServerID(rapid.IntRange(1, 2).Draw(t, "server"))
				s := m[id]
				if want := s != nil && !s.closing; tr.Heard(id, server, now) != want {
					t.Fatalf("heard of %v: %v", id, !want)
				} else if want && server == s.owner {
					s.due = max(s.due, m.dueAt(now, s.timeoutMS))
				} else if want {
					s.due = max(s.due, m.dueAt(now, s.longest))
				}
			},
			"timeout": func(t *rapid.T) {
				id, ms := draw(t), timeouts.Draw(t, "timeout")
				tr.SetTimeout(id, ms)
				if s := m[id]; s != nil {
					s.timeoutMS, s.longest = ms, max(s.longest, ms)
				}
			},
			"lengthen": func(t *rapid.T) {
				id, ms := draw(t), timeouts.Draw(t, "timeout")
				tr.Lengthen(id, ms)
				if s := m[id]; s != nil {
					s.longest = max(s.longest, ms)
				}
			},
			"own": func(t *rapid.T) {
				id := draw(t)
				tr.Acted(id, 2, zab.Place{Zxid: 1})
				if m[id] != nil {
					m[id].owner = 2
				}
			},
			"close": func(t *rapid.T) {
				id := draw(t)
				tr.MarkClosing(id)
				if m[id] != nil {
					m[id].closing = true
				}
			},
			"renew": func(t *rapid.T) {
				tr.Renew(now)
				for _, s := range m {
					s.closing, s.due = false, m.dueAt(now, s.longest)
				}
			},
			"wait": func(t *rapid.T) {
				now += time.Duration(rapid.Int64Range(1, int64(7*time.Second)).Draw(t, "wait"))
			},
			"expire": func(t *rapid.T) {
				limit := rapid.IntRange(0, 4).Draw(t, "limit")
				want := m.expired(now, limit)
				if got := tr.Expired(now, nil, limit); !slices.Equal(got, want) {
					t.Fatalf("expired %v, want %v", got, want)
				}
			},
			"": func(t *rapid.T) { compare(t, tr, m) },
		})
	})
}

func compare(t *rapid.T, tr *Tracker, m model) {
	if tr.Len() != len(m) {
		t.Fatalf("%d sessions, want %d", tr.Len(), len(m))
	}
	var last zab.SessionID
	tr.Range(func(id zab.SessionID, ms int64) {
		s := m[id]
		if s == nil || id <= last || ms != s.timeoutMS || tr.Known(id) == s.closing {
			t.Fatalf("session %v: timeout %d, known %v, want %+v", id, ms, tr.Known(id), s)
		}
		if owner, _ := tr.Owner(id); owner != s.owner {
			t.Fatalf("session %v: owner %d, want %d", id, owner, s.owner)
		}
		last = id
	})
	for _, b := range tr.buckets { // S1
		for e := b.ring.next; e != &b.ring; e = e.next {
			if e.due < b.due || e.bucket != b || e.state != alive {
				t.Fatalf("session %v due %v in the bucket of %v, state %d", e.id, e.due, b.due, e.state)
			}
		}
	}
}

func BenchmarkTouch(b *testing.B) {
	const n = 100_000
	tr := NewTracker(testTick)
	for id := range zab.SessionID(n) {
		tr.Add(id<<16, 30_000, 0)
	}
	i := zab.SessionID(0)
	for b.Loop() {
		tr.Heard(i<<16, zab.NoServer, time.Duration(i))
		i = (i + 7919) % n
	}
}

// TestEmptyBucketsGo: a follower tracks sessions too, and never asks which have
// expired.
func TestEmptyBucketsGo(t *testing.T) {
	tr := NewTracker(time.Second)
	for i := range 1000 {
		tr.Add(zab.SessionID(i), 1000, time.Duration(i)*time.Second)
		tr.Remove(zab.SessionID(i))
	}
	if len(tr.buckets) != 0 {
		t.Errorf("%d buckets for no session", len(tr.buckets))
	}
}
