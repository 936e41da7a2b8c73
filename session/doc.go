// Package session knows when clients were last heard from.
//
// The leader keeps a Tracker: for each session its timeout, the server its
// client is attached to, and when it expires. A Tracker reads no clock; it is
// told the time with each call.
//
// # Buckets
//
// A session that was heard from at t expires at
//
//	(floor((t + timeout) / tick) + 1) * tick
//
// so it lives for at least its timeout and for less than a tick more
// (spec/semantics.md §11). Sessions that may expire at the same tick boundary
// share a bucket, and the buckets are sorted:
//
//	buckets   6 s ── 8 s ── 10 s
//	           │      │       │
//	           a      c       b
//	           │
//	           d   heard from since: due at 10 s, moves when 6 s comes
//
// Hearing from a session only notes the new time. The session stays in its
// bucket until that comes due and is then moved to where it belongs, so a
// touch is one map look-up and one store, and a session moves at most once per
// timeout. Nothing ever looks at all sessions, but Renew and Range.
//
// Invariant S1: a session's bucket is not after its due time, so it is looked
// at no later than it expires.
//
// Invariant S2: a session is in exactly one of: a bucket, the list of those
// found due, closing.
//
// Invariant S3: the order in which sessions expire is that of (due time, id),
// the same on every run.
//
// Invariant S4: a session belongs to the server that it was last seen to act
// through, in the order of the history: an attach behind a record is later than
// that record, and earlier than the next. Every server keeps this from the
// records it applies, so a new leader knows it before it serves.
//
// # Closing
//
// Expired only proposes: the session's end is a transaction (zab.OpExpire)
// like any other, and until that is applied and Remove is called the session
// is closing. A closing session is not Known, cannot be touched and does not
// expire again.
//
// # Names and passwords
//
// IDs makes session ids, Password and CheckPassword derive and verify the
// secret that lets a client resume its session.
package session
