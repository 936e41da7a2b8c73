// Package leader is the leader's side of the protocol as a value: it fixes the
// epoch, brings learners up to date, proposes, and says what is committed. A
// leadership is one Leader; when it ends the value is dropped.
//
//	discovery        a quorum says what it promised     FOLLOWERINFO
//	                 new epoch = 1 + the highest, saved
//	                 a quorum promises it               LEADERINFO, ACKEPOCH
//	synchronisation  each learner gets the history      DIFF | TRUNC | SNAP
//	                 a quorum has adopted it            NEWLEADER, its ACK
//	broadcast        the history is committed           UPTODATE
//	                 propose, count, commit             TXN, ACK, COMMIT
//
// A learner that comes later goes through the same steps on its own.
//
// Invariants
//
//	L1  The epoch is above every epoch that a quorum had promised, and the
//	    leader has promised it durably before it asks anybody.
//	L2  A promise that the learner had given to another server does not count.
//	L3  A leader whose quorum holds a later history than its own gives up.
//	L4  A server that has adopted no epoch may have lost its disk: it counts
//	    only where nobody holds anything (the amnesia rule of package
//	    election, E4).
//	L5  The leader serves once a quorum, itself included, has adopted the
//	    epoch's history. Acknowledgements of proposals that come before a
//	    learner's ACK of NEWLEADER are kept and counted after it; they never
//	    block anything (ZOOKEEPER-4685).
//	L6  Zxids of one epoch are given out in order, each once; a counter that is
//	    used up ends the leadership, and the next epoch goes on (ZOOKEEPER-1277).
//	L7  A leader that has not heard from a quorum for syncLimit gives up. One
//	    that stood still does nothing as leader before a quorum has answered a
//	    ping sent after that (etcd#20418).
//	L8  Sessions are expired only by a leader in fresh contact with a quorum,
//	    and never for a time in which the server itself stood still (etcd#15247).
//	L9  One session, one server: a request of a session through a server that
//	    does not own it is refused. A new leader knows the owners from the
//	    records it has applied and from what the servers assert before they
//	    send anything else; the last place counts (session, S4), and who
//	    asserted an earlier one is told. That a session is over is told when a
//	    quorum has confirmed the leadership.
//	L10 A server whose disk has stopped is not taken for alive because it
//	    answers pings: a leader whose own log makes no progress for syncLimit
//	    while records wait to be synced gives up, and a learner that answers
//	    pings but acknowledges no record for syncLimit is dropped (ZooKeeper's
//	    SyncLimitCheck).
//	L11 The snapshot that a learner was sent stays open until the initial history
//	    has left and the next record for the learner is in memory. With it the
//	    disk keeps the log that follows it (txnlog, T10): one that were purged
//	    meanwhile would have the learner begin again, for ever where sending
//	    takes longer than the log is kept (etcd#4055).
//	L12 initLimit bounds the time in which nothing is done for the quorum, not
//	    how long it takes: what a learner has stored or is at work to install,
//	    and the writing of the snapshot that it waits for, renew it. A disk that
//	    stands still ends by its server's watchdog.
//	L13 No client's write is proposed while no quorum has disk space: it is refused,
//	    and has not happened. Sessions begin and end, in what the logs have
//	    reserved; a leader of whose reserve little is left proposes nothing.
//	    One whose disk is full gives up, once in a while, where a quorum of others
//	    has space. Space that is back ends all that by itself.
package leader
