package session

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/zab"
)

// entry is one session. Entries of a bucket form a ring through the bucket's
// own entry.
type entry struct {
	id        zab.SessionID
	timeoutMS int64 // agreed with the owner
	longest   int64 // agreed with anybody, ms (S5)
	owner     zab.ServerID
	since     zab.Place     // the last that is known of the owner: S4
	due       time.Duration // when it expires if not heard from
	heard     time.Duration // when its owner heard from it last
	bucket    *bucket       // nil: due now, closing, or removed
	state     state

	prev, next *entry
}

type state uint8

const (
	alive state = iota
	closing
	removed
)

// bucket holds the sessions to look at when due has come.
type bucket struct {
	due  time.Duration
	ring entry // sentinel
}

// Tracker tells which sessions have been silent for too long.
type Tracker struct {
	tick     time.Duration
	sessions map[zab.SessionID]*entry
	buckets  []*bucket // by due; the last looked up is likely the next

	ready    []*entry // taken out of the bucket that came due last, by id
	readyAt  int      // index of the first of ready not yet dealt with
	readyDue time.Duration
}

// NewTracker makes a Tracker that expires sessions at multiples of tick, which
// must be positive.
func NewTracker(tick time.Duration) *Tracker {
	must.Hold(tick > 0, "S1", "tick %v", tick)
	return &Tracker{tick: tick, sessions: make(map[zab.SessionID]*entry)}
}

// dueAt is the expiry time of a session heard from now.
func (t *Tracker) dueAt(now time.Duration, timeoutMS int64) time.Duration {
	const farthest = math.MaxInt64 / 4 // leaves room for now and a tick
	timeout := time.Duration(farthest)
	if timeoutMS < farthest/int64(time.Millisecond) {
		timeout = time.Duration(max(timeoutMS, 0)) * time.Millisecond
	}
	return ((now+timeout)/t.tick + 1) * t.tick
}

// Add begins to track a session, whose client attached just now. Adding one
// that is tracked already replaces its timeout and makes it alive again, but
// keeps its owner.
func (t *Tracker) Add(id zab.SessionID, timeoutMS int64, now time.Duration) {
	e := t.sessions[id]
	if e == nil {
		e = &entry{id: id, owner: zab.NoServer}
		t.sessions[id] = e
	}
	e.timeoutMS, e.longest = timeoutMS, timeoutMS
	e.state = alive
	e.due = t.dueAt(now, timeoutMS)
	t.place(e)
}

// Remove forgets a session.
func (t *Tracker) Remove(id zab.SessionID) {
	if e := t.sessions[id]; e != nil {
		e.state = removed
		t.unlink(e)
		delete(t.sessions, id)
	}
}

// SetTimeout takes the timeout in ms that a client agreed with its owner.
func (t *Tracker) SetTimeout(id zab.SessionID, timeoutMS int64) {
	if e := t.sessions[id]; e != nil {
		e.timeoutMS, e.longest = timeoutMS, max(e.longest, timeoutMS)
	}
}

// Lengthen takes a timeout in ms that a server other than the owner agreed to:
// the client may still be there.
func (t *Tracker) Lengthen(id zab.SessionID, timeoutMS int64) {
	if e := t.sessions[id]; e != nil {
		e.longest = max(e.longest, timeoutMS)
	}
}

// Heard notes that a server has heard from the session's client, and reports
// whether the session is Known (S5).
func (t *Tracker) Heard(id zab.SessionID, server zab.ServerID, now time.Duration) bool {
	e := t.sessions[id]
	if e == nil || e.state != alive {
		return false
	}
	timeoutMS := e.longest
	if e.owner == server {
		timeoutMS, e.heard = e.timeoutMS, now
	}
	e.due = max(e.due, t.dueAt(now, timeoutMS))
	return true
}

// HeardThrough returns the sessions of a server that it has heard from at since
// or later, in order of their ids.
func (t *Tracker) HeardThrough(server zab.ServerID, since time.Duration) []zab.SessionID {
	var ids []zab.SessionID
	for id, e := range t.sessions { // any order, sorted below
		if e.owner == server && e.state == alive && e.heard > 0 && e.heard >= since {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Owner returns the server that the session's client is attached to; false
// when that is not known, or the session is not.
func (t *Tracker) Owner(id zab.SessionID) (zab.ServerID, bool) {
	if e := t.sessions[id]; e != nil && e.owner != zab.NoServer {
		return e.owner, true
	}
	return zab.NoServer, false
}

// Acted notes that server acted for the session at a place in the history,
// and so owns it unless something later is known (S4). It reports whether the
// session is server's, as far as is known now.
func (t *Tracker) Acted(id zab.SessionID, server zab.ServerID, at zab.Place) bool {
	e := t.sessions[id]
	if e == nil {
		return false
	}
	if e.since.Before(at) {
		e.owner, e.since = server, at
	}
	return e.owner == server
}

// MarkClosing notes that the end of the session has been proposed.
func (t *Tracker) MarkClosing(id zab.SessionID) {
	if e := t.sessions[id]; e != nil {
		e.state = closing
		t.unlink(e)
	}
}

// Known reports whether the session is tracked and not closing.
func (t *Tracker) Known(id zab.SessionID) bool {
	e := t.sessions[id]
	return e != nil && e.state == alive
}

// Tracked reports whether the session lives, or its end is proposed and not yet
// decided.
func (t *Tracker) Tracked(id zab.SessionID) bool { return t.sessions[id] != nil }

// Len returns the number of tracked sessions, closing ones included.
func (t *Tracker) Len() int { return len(t.sessions) }

// Expired appends up to limit sessions that have expired by now to dst, marks
// them closing and returns dst. When it returns limit of them, call it again.
func (t *Tracker) Expired(now time.Duration, dst []zab.SessionID, limit int) []zab.SessionID {
	for limit > 0 {
		if t.readyAt == len(t.ready) && !t.nextBucket(now) {
			break
		}
		e := t.ready[t.readyAt]
		t.ready[t.readyAt] = nil
		t.readyAt++
		switch {
		case e.state != alive || e.bucket != nil:
			// Closed, or placed anew by Add, since its bucket came due.
		case e.due != t.readyDue:
			t.place(e) // heard from since
		default:
			e.state = closing
			dst = append(dst, e.id)
			limit--
		}
	}
	return dst
}

// nextBucket takes the sessions of the first bucket that has come due, in
// order of their ids.
func (t *Tracker) nextBucket(now time.Duration) bool {
	t.ready, t.readyAt = t.ready[:0], 0
	for len(t.ready) == 0 {
		if len(t.buckets) == 0 || t.buckets[0].due > now {
			return false
		}
		b := t.buckets[0]
		t.readyDue = b.due
		t.buckets = slices.Delete(t.buckets, 0, 1)
		for e := b.ring.next; e != &b.ring; {
			next := e.next
			e.bucket, e.prev, e.next = nil, nil, nil
			if e.due != b.due {
				t.place(e) // heard from meanwhile
			} else {
				t.ready = append(t.ready, e)
			}
			e = next
		}
		slices.SortFunc(t.ready, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	}
	return true
}

// Renew gives every session its longest timeout from now and takes back that any
// was closing: for a new leader, and for one that stood still and so may have
// missed hearing from them.
func (t *Tracker) Renew(now time.Duration) {
	t.buckets, t.ready, t.readyAt = nil, nil, 0
	for _, e := range t.sessions { // order does not show: S3 is by due time and id
		e.state, e.bucket, e.prev, e.next = alive, nil, nil, nil
		e.due = t.dueAt(now, e.longest)
		t.place(e)
	}
}

// Range calls f for every session in order of their ids, closing ones
// included.
func (t *Tracker) Range(f func(id zab.SessionID, timeoutMS int64)) {
	ids := make([]zab.SessionID, 0, len(t.sessions))
	for id := range t.sessions { // any order, sorted below
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		f(id, t.sessions[id].timeoutMS)
	}
}

// place puts e into the bucket of its due time.
func (t *Tracker) place(e *entry) {
	t.unlink(e)
	i, found := slices.BinarySearchFunc(t.buckets, e.due, func(b *bucket, due time.Duration) int {
		return cmp.Compare(b.due, due)
	})
	if !found {
		b := &bucket{due: e.due}
		b.ring.prev, b.ring.next = &b.ring, &b.ring
		t.buckets = slices.Insert(t.buckets, i, b)
	}
	b := t.buckets[i]
	e.bucket, e.prev, e.next = b, b.ring.prev, &b.ring
	e.prev.next, e.next.prev = e, e
}

// unlink takes e out of its bucket, if it is in one.
func (t *Tracker) unlink(e *entry) {
	if e.bucket == nil {
		return
	}
	b := e.bucket
	e.prev.next, e.next.prev = e.next, e.prev
	e.bucket, e.prev, e.next = nil, nil, nil
	if b.ring.next != &b.ring {
		return
	}
	// A server that follows never takes buckets out by their time.
	i, _ := slices.BinarySearchFunc(t.buckets, b.due, func(b *bucket, due time.Duration) int {
		return cmp.Compare(b.due, due)
	})
	t.buckets = slices.Delete(t.buckets, i, i+1)
}
