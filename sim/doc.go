// Package sim runs whole ensembles in one goroutine, under a virtual clock, a
// virtual network and virtual disks, all drawn from one seed. The servers are
// the real ones: package replica over package txnlog; only the edges differ.
//
//	task queue (time, number) ─▶ deliver a packet, complete a disk operation,
//	                             apply a record, tick, crash, heal, a client's move
//
// Every stage of a server is a task of its own: receiving, the disk doing its
// work, the completion being heard of, applying, answering. A seed therefore
// reaches interleavings that a server stepped as a whole never shows
// (ZOOKEEPER-4685). The same seed gives the same run, byte for byte; Report
// carries the hash of the trace to prove it.
//
// A run has two phases. In the first, faults happen: each seed draws which
// kinds and how often. In the second the network is whole, every server runs,
// and the ensemble must come together: all servers serve, have applied the
// same history, and every client gets its answers.
//
// Checked after every step
//
//	one history     what any server applies is the next record of, or an element
//	                of, one canonical history
//	one leader      of an epoch
//	digests         equal at equal zxids
//	durability      an acknowledgement covers only what that server's disk has
//	                confirmed; a promise likewise; NEWLEADER is acknowledged
//	                before any proposal, and after the epoch is durable
//	answers         a write that was answered is in the history, with the zxid
//	                it was answered with; each client's zxids never fall
//
// and at the end: every server's tree has the same digest, and each client
// finds what it was told had been written.
package sim
