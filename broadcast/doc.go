// Package broadcast is the phase in which transactions are committed: it
// counts what the voters hold durably and says how far the history is
// committed, and it keeps each learner's place in the leader's log.
//
//	learner's cursor     acked ─── in flight ───▶ sent ─── lag ───▶ end of log
//	                           bounded window        bounded by the disk only
//
// A learner is a cursor over the log. Bringing it up to date and keeping it so
// are one mechanism: records leave in order while the window has room, from
// the ring of recent records when it reaches back far enough, otherwise from
// the disk. A slow learner lags; it never makes the leader's memory grow.
//
// Acknowledgements are cumulative: one says that everything through a zxid is
// durable there. So is the commit point: the largest zxid that a quorum holds.
//
// Invariants
//
//	B1  The commit point never falls.
//	B2  The commit point of an epoch moves only once the epoch's history is
//	    adopted by a quorum, and then covers all of that history: no record of
//	    an older epoch is committed by counting its own acknowledgements.
//	B3  Records in flight to one learner are at most WindowRecords, and
//	    WindowBytes unless a single record is larger.
//	B4  What one learner is sent is one run without a hole, from where it stood
//	    on: each record follows the one before it by its checksum.
package broadcast
