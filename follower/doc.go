// Package follower is the learner's side of the protocol as a value, for
// followers and observers alike: it finds the leader, promises the epoch,
// takes over the history, logs and acknowledges proposals, learns what is
// committed and forwards what its own clients ask. Following one leader over
// one connection is one Follower; when it ends the value is dropped.
//
//	connecting   dial the leader                         FOLLOWERINFO
//	promising    promise the epoch, saved                LEADERINFO, ACKEPOCH
//	syncing      package zabsync, up to                  NEWLEADER, its ACK
//	serving      log, acknowledge, commit, forward       UPTODATE
//
// Invariants
//
//	F1  ACKEPOCH leaves only when the promise is durable.
//	F2  A promise is given once; only the server it was given to may have it
//	    again.
//	F3  Acknowledgements leave in the order of package zabsync, enforced by its
//	    proofs.
//	F4  A follower that hears nothing for syncLimit (initLimit before UPTODATE)
//	    leaves its leader.
package follower
