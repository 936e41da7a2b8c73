// Package failover kills servers under a steady load of writes and checks that
// nothing that was acknowledged is lost, and measures how long writes stop.
//
//	writers ──▶ servers ◀── kill -9, restart    controller
//	   │  every acknowledged write: number, zxid    │
//	   ▼                                            ▼
//	 records ──────────▶ verify on every server ──▶ Report
//
// Each writer has one session, one key and one folder. Its writes are numbered
// 1, 2, 3, ...; an odd one replaces the key's data with the number, an even one
// creates a node named by the number. A number is never sent twice: what was
// under way when a connection broke is unknown, and may or may not be there. A
// writer that loses its connection takes its session to the next server.
//
// A roaming reader reads all keys in one session that changes servers all the
// time, to see that no server answers from before what the session has seen.
//
// # Verified
//
//	F1  While running: the zxids and versions of a writer's acknowledged writes rise
//	    in the order in which they were sent.
//	F2  While running: the numbers that one session reads of a key never fall.
//	F3  At the end, on every server: every acknowledged node is there with the zxid
//	    that was acknowledged; a writer's nodes were made in the order of their numbers,
//	    and none has a number that was not sent.
//	F4  At the end, on every server: a key holds its last acknowledged number, or a
//	    later one that was sent.
//	F5  At the end all servers have the same nodes with the same zxids and keys with
//	    the same data.
//	F6  No session expires, unless the ensemble was away for longer than a session's
//	    timeout.
//	F7  At the end all servers have the same digest of their state at the same
//	    zxid (only quorumd tells).
//	F8  What was killed comes back by the means that fits: a follower by DIFF; a
//	    leader by DIFF, or by TRUNC when it had logged what it could not send; with
//	    its data gone, by SNAP; with a tail that nobody else has, by TRUNC (only
//	    quorumd tells).
//	F9  A write that only a leader had when all were killed was not acknowledged, and
//	    is on no server when the others have gone on without that one.
package failover
