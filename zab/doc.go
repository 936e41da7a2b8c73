// Package zab holds the words of the protocol: identifiers, records, packets,
// the events a server is given and the effects it asks for. It has no
// behaviour beyond arithmetic on them and imports nothing of this module.
//
// # The core is a value
//
// A server is a value that is stepped:
//
//	        events                           effects
//	peer packet      ┐                 ┌  disk operations (in order)
//	client request   │                 │  log reads
//	disk completion  ├─▶ Step(ev,out) ─┤  packets to links, notifications
//	applied, tick    │                 │  records to apply, answers to clients
//	link up or down  ┘                 └  notes (what happened, for people)
//
// Nothing in the core reads a clock, starts a goroutine or touches a file.
// Every event carries the time at which the shell took it up.
//
// # The disk is a peer
//
// Disk operations are asked for in Output.Disk and answered by later events
// (Synced, EpochsSaved, Truncated, SnapshotInstalled). They are performed in
// the order given, across passes. Nothing in one Output may depend on another
// part of the same Output having happened: an acknowledgement, the leader's
// own included, is only produced by a later completion event.
//
// Truncating the log and installing a snapshot change what positions mean, so
// each raises the log's generation (DiskOp.Gen); a completion of an older
// generation is void (ClickHouse#102629: a durable index that survived a
// truncation acknowledged records that were not on disk).
//
// # Positions and the hash chain
//
// Every record carries the CRC of the record before it, under its own CRC.
// A Position {zxid, crc} therefore names a whole history: two servers whose
// logs contain the same Position have the same records up to it. Comparing
// positions, not zxids, is what makes "is the learner's last zxid an element
// of my history" an exact question (ZOOKEEPER-1154).
package zab
