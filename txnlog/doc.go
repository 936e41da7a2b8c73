// Package txnlog is a server's disk: the log of transactions, the snapshots,
// and the record of what the server has promised. It performs zab.DiskOp in
// order and says what is durable; it decides nothing.
//
// # The directories
//
//	dataDir/quorumd-1/                      dataLogDir/quorumd-1/ (may be the same)
//	  LOCK       held by the process          LOCK
//	  identity   whose data this is           identity
//	  epochs     promises, end of the log     log.<zxid of its first record>
//	  snapshot.<zxid>                         log.next   the next segment, reserved
//	  snapshot.install   being received
//	  snapshot.<zxid>.tmp  being written
//
// Zxids in names are 16 hex digits. Anything else in there is refused, as are
// directories of another server, of ZooKeeper, or of another version.
//
// # A segment
//
// Everything is a frame of package wire (24 bytes of header, then a body).
//
//	┌────────┬──────┬────────┬────────┬──────┬────────┬─────────────┐
//	│ header │ recs │  mark  │ recs   │ mark │ recs   │ 0 0 0 0 ... │
//	└────────┴──────┴────────┴────────┴──────┴────────┴─────────────┘
//	          batch 1         batch 2         batch 3   reserved
//
//	header  kind 129; zxid and prev are the position before the first record;
//	        body: msgpack [version, server]
//	record  kind 1: zab.Record.Bytes, verbatim
//	mark    kind 192; zxid and prev are the position reached; body: its own
//	        offset (u64) and the checksum of the header (u32), little endian
//
// A batch is what one sync made durable. The segment goes on in a new file when
// it is full, or with the first record after a snapshot. The new file was made
// and reserved before (Prepare), so that going on costs a rename and no sync of
// a directory; if a crash undoes the rename, recovery finds a segment under the
// name log.next and knows it by its header.
//
// # Where the log ends
//
// A crash may leave any part of the last batch: a record of it may be whole
// though an earlier one is not. So "a good record follows" does not tell damage
// from a torn tail. The mark does: it was written after the sync of all that is
// before it.
//
//	first bad place is followed by           it is
//	zeros to the end of the file             the clean end
//	anything but a mark of this segment      a torn tail: cut, durably
//	a mark of this segment                   damage: ErrCorrupt
//	another segment                          damage: ErrCorrupt
//
// An intact frame that does not continue the chain is damage everywhere. What
// was lost of the last batch cannot be told from what was never written (nor
// what was lost before it together with the mark between them), with one
// exception: the epochs record names a position through which the log was
// durable, written with each epoch and at Close.
//
// What can be read at a start need not be on the disk: the process before may
// have ended over a sync that failed, and its pages count as written since
// (vfs.V1). So a start writes the last batch again, from its mark on, and makes
// the cut behind it whether or not one is to be seen, before it syncs.
//
// # The epochs file
//
// Two slots, at 0 and 4096, hold the same frame: kind 128, zxid counts the
// saves, body msgpack [version, epochs, end, installing, install]. A save
// writes and syncs one, then the other, and so does every start, the slot that
// does not hold the newest record first. A crash tears one at most, and once a
// save is done either may rot; a record that only alternated between the slots
// would fall back to an older promise then, which nobody may do.
//
// # A snapshot
//
//	┌────────┬───────┬───────┬─ ─ ─┬───────┬─────┐
//	│ header │ frame │ frame │     │ frame │ end │
//	└────────┴───────┴───────┴─ ─ ─┴───────┴─────┘
//
//	header  kind 194; zxid and prev are the snapshot's position; [version]
//	frame   the state's own, kinds below 192; zxid is its number from 1
//	packed  kind 196, in place of one of these, and as numbered:
//	        its kind (u8), length of its body (u32, little endian), zstd of that
//	end     kind 195; zxid is the next number; [frames, bytes before it]
//
// From the second frame on, prev is the checksum of the frame before, so the
// end's checksum covers the whole file. Checksums are over what is on the disk:
// to send a file, or to look for rot, nothing would have to be unpacked; it is
// all the same, so that what is called intact can be read.
//
// Version 1 had no packed frames and is still read. A frame is packed if it gets
// shorter, at zstd's fastest level. 1,000,000 znodes of 100 bytes, half of them
// random and half like text, in frames of 256 znodes (158 MB):
//
//	level     size          CPU to pack   to unpack
//	fastest   90 MB (57 %)  1.1 s         0.12 s
//	default   87 MB (55 %)  2.0 s         0.14 s
//	better    85 MB (54 %)  4.9 s         0.14 s
//
// (of 100,000, times ten). BenchmarkSnapshot of package server, the best of four
// with names twice as long, on two cores that others kept busy:
//
//	1,000,000 znodes    file      write, CPU   start, CPU   start
//	version 1           173 MB    0.84 s       2.03 s       2.13 s
//	version 2            87 MB    1.53 s       1.82 s       1.96 s
//
// Version 1 was read twice and on one core. How much two cores shorten a start
// shows only where both are free, which they were not (200,000 znodes in calmer
// moments: 0.71 s and 0.48 s).
//
// Random data does not compress, so 50 MB is the floor. Frames eight times as
// large save 0.4 % more at the fastest level; they would hold the state's lock
// eight times as long.
//
// # Invariants
//
// T1: the records of the log are one chain, across segments: each one's prev is
// the checksum of the one before, and zxids rise.
//
// T2: what Do reports is durable, names and contents (but for pieces of a
// snapshot being received, which count for nothing before DiskSnapEnd).
//
// T3: all that lies before a mark was durable when the mark was written.
//
// T4: whatever a crash leaves, Open finds a prefix of what was appended and not
// cut, with everything in it that was reported durable; or it refuses, and
// changes nothing.
//
// T5: a snapshot under its final name was whole and durable when it got the
// name, and the log leads on from the one that Open chooses.
//
// T6: whether a received snapshot replaces everything is decided by one write
// of the epochs record. The old log never stands beside the new snapshot.
//
// T7: the first error of an operation is final: nothing is retried, every later
// call returns the same error (vfs.V1 says why). No error in this sense is that
// there was no descriptor to make the next segment with, to note the ensemble
// with or to read with: nothing was touched. Nor is a full disk, where it shows
// (T11).
//
// T8: who waits for a position is not known here. A roll, a sync and a
// completion compare positions and offsets, so there is nothing that could be
// reused while somebody still looks at it (HBASE-25984).
//
// T9: no piece of a snapshot is sent to a learner that was not found intact, and
// what was found damaged or cannot be read is not sent again: the next one is
// given an older snapshot, or is told that there is none.
//
// T10: while a snapshot is open for a learner, a purge leaves the log that
// follows it, up to Options.HeldLog or the size of the snapshot: the learner
// needs it next (etcd#4055).
//
// T11: a full disk ends nothing. Records are written only where blocks were
// reserved for them, and reserving fails before anybody's byte is touched: the
// segment there is, is the reserve while the next cannot be made (zab.SpaceLow),
// and at its end an append waits (ErrNoSpace), which is as if it had not been asked
// for yet. Epochs are written in place and a cut needs no block, so a server whose
// log is at its end promises, follows and truncates. A snapshot, written or
// received, is given up with its file. What is left is an error and final: no
// space for a write in a place that was reserved, as copy-on-write and thinly
// provisioned file systems have it, for the name of a file, or for a first start.
//
// T12: a packed frame takes no more memory to read than maxPacked, whatever it
// claims, and what it unpacks to follows from its bytes; what is packed follows
// from the bytes and the version of the library, on one goroutine.
//
// T13: a snapshot is relied on when its state was built: Open passes over one
// whose frames are intact and whose state is refused, and takes the next older
// one with the log from there; one that was received replaces nothing before
// its state was built (Options.Load). What a newer program wrote is neither
// passed over nor replaced.
//
// # Who may call what
//
// Do, Prepare, Space and Close have one caller. ReadLog, SnapRead, OpenSnapshot, Stats,
// Purge and Stop may be called beside them, as may one SnapshotWriter. Readers see
// what was written, durable or not. A cut of the log while they read makes them
// read again.
//
// # Bounds
//
//	gathered bytes           gatherSize, and one record
//	segments open to read    Options.OpenSegments; readers beyond it wait
//	bytes of a SnapRead      maxSnapRead
//	a packed frame, unpacked maxPacked
//	log kept for a learner   Options.HeldLog, or the snapshot's size
//	unsynced snapshot bytes  unsyncedSnap
//	index                    one place each indexEvery bytes of log
package txnlog
