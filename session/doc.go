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
// timeout. Nothing ever looks at all sessions, but Renew, HeardThrough and
// Range.
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
// # Whose a session is
//
// A session belongs to the server through which its client acted last. What
// shows that is its records, each made through one server, and attaches, which
// leave no record: a leader agrees to them, and the server repeats them to the
// next leader. All of them have a place (zab.Place) in one order:
//
//	the record z                     (z, 0)
//	decided by the leader of epoch   (max(z, e<<32), n)   its n-th decision
//	e, whose log ends at z
//
//	leader of epoch 1     1.40 ── attach ── attach ── 1.41 ── 1.42 ── attach
//	                     (1.40,0) (1.40,1)  (1.40,2) (1.41,0)(1.42,0)(1.42,3)
//	                       │
//	                       │ all that its successor has; 1.41 and 1.42 are cut
//	                       │
//	leader of epoch 2      └──────────────── attach ── attach ── 2.1 ── attach
//	                                         (2.0,1)   (2.0,2)  (2.1,0) (2.1,3)
//
// Under one leader this is the order in which it decided. Between leaders the
// epoch decides, as it does for records: what a deposed leader agreed to is
// earlier than everything of its successor, even behind records that nobody else
// will ever have, and even if it happened later by the clock. That may cost the
// client a reconnection, but never mixes its writes: whoever owns a session, the
// others are refused. No two leaders have the same epoch and no leader decides
// twice at the same place, so there are no ties.
//
// Invariant S4: a session belongs to the server that acted at the last place
// known, in whatever order the acts are heard of. Every server keeps this from
// the records it applies, and begins with what its snapshot has from the records
// before, so a new leader knows it before it serves.
//
// Invariant S5: to hear of a session never brings its end nearer, and what its
// owner hears counts for the timeout agreed with it, what any other server hears
// for the longest that was ever agreed. The places of attaches are the order in
// which the leader hears of them, not that in which the client went: one may wait
// at a server without a leader, or come over a slow link, until its client is
// with another server, under a longer timeout. That server is not the owner then.
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
