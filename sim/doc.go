// Package sim runs whole ensembles in one goroutine, under a virtual clock, a
// virtual network and virtual disks, all drawn from one seed. The servers are
// the real ones: package replica over package txnlog; only the edges differ.
//
//	task queue (time, number) ─▶ deliver a packet, complete a disk operation,
//	                             apply a record, tick, a fault, a client's move
//
// Every stage of a server is a task of its own: receiving, the disk doing its
// work, the completion being heard of, applying, answering. A seed therefore
// reaches interleavings that a server stepped as a whole never shows
// (ZOOKEEPER-4685). The same seed gives the same run, byte for byte; Report
// carries the hash of the trace to prove it.
//
// # Two phases
//
// In the first, faults happen. In the second the network is whole, the disks
// have room, every server runs, and the ensemble must come together: all
// servers serve, have applied the same history, and every client gets its
// answers.
//
// Liveness: the first write is answered, and every server serves, within two
// election timeouts of the end of the faults (resumeLimit; an election that
// comes to nothing is over after initLimit). The distribution is reported.
//
// # The plan of faults
//
// Each seed draws a part of all kinds of faults (swarm testing), so that rare
// combinations are not drowned by frequent faults, and how often each kind
// happens. The plan is drawn before the run and depends on the seed alone: each
// fault has a number and a random source of its own. So Options.Without and
// Options.Drop leave faults out without moving the others, which is what Shrink
// does to a run that fails.
//
//	process  crash of one, all, a quorum; with and without the others being
//	         told; within a disk operation; within a start; again and again;
//	         the process alone ends and the machine goes on
//	disk     an empty one; unsynced data lost by sector, the last write torn;
//	         an operation that fails, a failed sync having lost its pages and
//	         marked them clean; no space; a read error; rot; stalls
//	network  slow directions, clogs, cuts in one or both directions, of one
//	         server, of two that others see, of groups, one after the other
//	         (swizzle); resets, half-open connections, streams that stop;
//	         election messages lost, repeated, late
//	clock    rates up to a tenth off, wall clocks set by up to a day, pauses;
//	         after a pause, what has gathered is taken up in any order between
//	         connections
//	threads  a stage of a server does nothing for a while
//	leader   it ends, is cut off or stands still, for long or for less than it
//	         takes to be given up; the others see its end and it does not; it
//	         ends with a tail in its log that nobody else has
//	ambush   one of these, or a failing disk, befalls a server as it says or does
//	         one of some rare things, or the one that it speaks of (faults_aimed.go)
//
// In half of the seeds many faults are aimed at one server, or at whoever leads.
//
// Each seed also draws how its servers are made (knobs.go): small segments,
// frequent snapshots, few records in memory and snapshots sent in small pieces
// make short runs go through DIFF from the disk, SNAP and TRUNC; and what its
// clients are like: their pace, patience and timeouts, whether they only read,
// and on how few znodes they meet.
//
// The first error of a disk is final, as in package server: the server ends and
// is started again later. One that refuses to start because its data is damaged
// is given an empty disk, as its message asks.
//
// # What no protocol survives is not done
//
// At most one server's disk is damaged or empty at a time, from the damage until
// it serves again with a whole disk, and only while a quorum of the others has
// taken part in an epoch (election.E4). Rot in the log hits what a mark vouches
// for: of the last batch nothing on the disk can tell damage from a write that
// was torn (package txnlog).
//
// # One bad server
//
// In some seeds only one server that does not lead has faults, after the
// ensemble has come together. Then nobody else may lose its role or open an
// election, to the end: a stable leader is not disturbed by a server that
// rejoins, starves, or is half cut off.
//
// Besides drawn runs there are stories: scripts that hold, cut, step and crash
// at will (script). CrashSweep plays each of them with a crash before every
// change of a server's disk and before every step of its pipeline.
//
// # Clients
//
// A client reaches its server's port over a way of its own, which takes time
// and may break with something on it (conn.go). The port keeps the rules of
// package clientport: several requests of a session under way, reads behind the
// session's writes, replies and watch events in the order in which they arise.
// Clients ask for everything there is, on a few shared znodes and on their own,
// and come back to any server, with or without having said goodbye (ask.go).
// Idle ones only ping, and go away for longer than their sessions last (idle.go).
//
// # What is checked
//
//	zabcheck.go      the invariants of the published Zab specification by their
//	                 names, and durability of what is committed, as things happen
//	zabfull.go       their definitions over the whole run, at its end
//	linkcheck.go     each packet between servers, by what was said before
//	check.go         acknowledgements cover what that server's disk confirmed;
//	                 no server has reason to say that another broke the protocol;
//	                 digests and results equal the others' and the model's
//	writers.go       what a session wrote through one connection stands before
//	                 what it wrote through a later one (R9)
//	keepalive.go     without faults a session lives for as long as its client
//	                 pings, by the timeout agreed last, and no longer
//	repair.go        damage excuses what it does to a server only while it is there
//	disklog.go       what a disk must and may hold after a crash
//	model*.go        every result and every read equals that of an independent
//	                 model of the tree at the zxid it bears
//	judge.go         answers come in order, no older than what the session saw;
//	                 writes and syncs no older than what was committed when asked
//	watchview.go     every event that a watch must tell, once, in its order,
//	                 before any answer that shows the newer state; also after a
//	                 reconnect
//	sessioncheck.go  no session ends before it was silent for its timeout, as
//	                 agreed to last; a new leader, and one that stood still,
//	                 give everybody a whole one
//	leadercheck.go   a leader that stood still does nothing for clients before it
//	                 is answered (L7); it goes by what followers had to tell it
//	                 (R10); it refuses no client that has not gone elsewhere (R9)
//	purgecheck.go    a purge leaves as many intact snapshots as are to be kept
//	linear.go        porcupine finds an order of the writes to the shared znodes
//	                 that explains what the clients saw, zxids left aside
//	treematch.go     at the end, the whole tree is the model's
//	fsck.go          at the end, what the worst crash leaves of each disk is sound
//	                 and replays to the same tree
//	client.go        every request is answered, or its connection ends, also those
//	                 that were asked while there were faults
//
// check_test.go shows each of them something that is not so.
package sim
