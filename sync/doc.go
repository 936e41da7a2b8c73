// Package zabsync is the phase in which a learner's log becomes a copy of the
// leader's: how the leader chooses between DIFF, TRUNC and SNAP, and what the
// learner must have on its disk before it may say that it has adopted the
// history. It lives in the folder sync and is always imported as zabsync, so
// that it is never taken for the standard library's sync.
//
//	learner's last position                      leader sends
//	an element of the leader's history           DIFF, records after it
//	not an element, the log reaches that far     TRUNC to the greatest position
//	                                             before it, records after that
//	the learner does not hold that position,     SNAP, records after it
//	or the log no longer reaches back
//
// Positions are compared, so "an element of the history" is exact
// (ZOOKEEPER-1154), across epochs too.
//
// # The one order that matters
//
//	synced records (or snapshot) durable, file and directory
//	  -> current epoch durable
//	    -> ACK of NEWLEADER sent
//	      -> only then an ACK of a proposal
//	        -> UPTODATE -> serve clients
//
// It is enforced by types. Only this package can make a Durable, an Adopted or
// an Acknowledged, each from the one before it and from the disk's own answer;
// the functions that send the acknowledgements demand them.
//
// Invariants
//
//	S1  NEWLEADER is acknowledged only when everything through its end is
//	    durable and the epoch was saved after that (ZOOKEEPER-3911, -4643, -4646).
//	S2  No proposal is acknowledged before NEWLEADER is (ZOOKEEPER-4685).
//	S3  After TRUNC or SNAP nothing is appended before the disk has confirmed
//	    the position; the confirmed position, not the wished one, is reported
//	    (ZOOKEEPER-3642, -2832).
//	S4  What was applied is never cut: a learner told to truncate below what it
//	    applied asks for a snapshot (ZOOKEEPER-2845).
package zabsync
