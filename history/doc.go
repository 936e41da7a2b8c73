// Package history is a server's knowledge of its own log: where it ends, how
// much of it is durable, which disk operations are under way, and a ring of
// its recent records. The records themselves are on the disk, which is a peer
// (package zab); this is the book-keeping on the near side.
//
//	base ─ … ─ applied ─ … ─ synced ─ … ─ appended
//	           (replica)     durable      asked of the disk
//
// Invariants
//
//	H1  A record is appended only where its Prev is the CRC of the end.
//	H2  synced <= appended, and synced never falls but by a truncation or an
//	    installed snapshot.
//	H3  A completion asked for before the last truncation or snapshot changes
//	    nothing (ClickHouse#102629).
//	H4  The ring holds a run without holes that ends at appended, or nothing,
//	    and knows the position at which that run begins.
//	H5  The ring holds every record that is not durable. What the log on the disk
//	    is asked for lies before it: a disk that stands still would be found to
//	    end early, and a learner would be told to cut what is committed.
package history
