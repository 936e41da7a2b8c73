// Package server is one running server: it gives a replica sockets, a disk, a
// clock and clients.
//
//	               ┌───────────── inbox ──────────────┐
//	peers ──▶ peer lane │ client lane ◀── client port  │
//	               └────────────────┬─────────────────┘
//	                                ▼
//	 tick ──────────▶ loop: Step, Step, Step, then hand on:
//	                   │      │       │           │         │
//	                  disk   links  readers   records,     notes
//	                   │               │      answers       │
//	                store.Do        ReadLog       │      log lines
//	                   │            SnapRead      ▼
//	                   └──────▶ inbox ◀┘       applier: state (write lock)
//	                              ▲               │  │
//	                              └── EvApplied ──┘  └─▶ client port
//
// # Goroutines
//
//	loop         owns the replica; pings, counts, decides           never waits
//	applier      applies records, answers clients, opens the port
//	disk         performs disk operations in order, a batch at a time
//	log reader   reads the log for apply and for learners that lag
//	snap reader  reads snapshots for learners
//	snapshotter  writes snapshots and purges, one at a time
//	chores       says when to purge; asks a leader's tree what is due;
//	             sees that the server's files are still there, and that the
//	             segments open for reading suffice
//	notes        turns notes into log lines
//	watchdog     one for the disk, one for the applier: ends the process when
//	             what it watches does not come back
//	supervisor   waits for the end and sees to its order
//
// and those of packages peer and clientport. Each is waited for by Close.
//
// # Invariants
//
//	Y1  Disk operations are performed in the order in which the replica asked
//	    for them, and their completions are fed to it in that order.
//	Y2  Of one output, records are applied before its answers are given and
//	    before the port is told that the server serves; and everything of one
//	    output before anything of the next. One queue, from the loop to the
//	    applier, holds it all.
//	Y3  The tree is replaced only between two outputs: everything that was to be
//	    applied to the old one has been. The new one stands in the same queue.
//	Y4  The loop waits for nobody: every effect is put into a queue whose bound
//	    is a window of the replica or of the client port. Of locks it takes only
//	    leaves: those of queues and tables, held for a few instructions. It
//	    never takes the state's (CockroachDB#10206): heartbeats go on, and
//	    nobody is taken for dead, while the state is held, the disk is stuck or
//	    a snapshot is written.
//	Y5  The first failure of the disk or of a listener, and the first time that a
//	    watchdog's patience ends, ends the server; its cause is the last line
//	    logged. Nothing is retried, and nobody is told that anything succeeded
//	    after it. A full disk is no failure (txnlog, T11): an append for which there
//	    is no space waits, with all that was asked for behind it.
//	Y6  A watchdog shares no lock with what it watches. There is one for the disk
//	    (DiskStall for an operation of a file, whoever performs it, from before
//	    the first look at the disk until after the last) and one for the applier
//	    (ApplyStall for a run of records): since the loop waits for neither (Y4),
//	    nobody else would notice that a server can do nothing for its clients any
//	    more, or that a learner waits for ever.
//
// Locks are ranked, and their order is in package internal/ranked.
package server
