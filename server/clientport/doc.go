// Package clientport is the door for clients: it listens, speaks ZooKeeper's
// wire protocol, answers reads from the tree, hands writes to the server's
// loop and writes what comes of them to the connection that asked.
//
// # Frames
//
//	frame           int32 length │ body                    both directions
//	first, client   a four-letter word, or the frame of
//	                version i32│last zxid i64│timeout i32│session i64│password│[read only]
//	first, server   version i32│timeout i32│session i64│password 16│[read only]
//	request         xid i32│op i32│the operation's record
//	reply           xid i32│zxid i64│error i32│the operation's record, when error is 0
//
// # Who runs when
//
//	         accept ──▶ one reader and one writer for each connection
//	reader:  fill the buffer, then for everything that came with one read:
//	           reads, while nothing is pending  ─ state read-locked ─▶ out
//	           write, sync   ─ gets its Seq, joins pending ──▶ loop
//	           read behind a write ─ joins pending
//	         then one write of out
//	applier: BeforeApply, apply, Applied        ─ state write-locked ─▶ out
//	         Flush: wake the writers of the connections that were touched,
//	         and the clients that were ahead of the state and are not any more
//	writer:  reads that came to the head of pending ─ state read-locked ─▶ out
//	         then one write of out
//
// out is a buffer of encoded frames. Whoever writes it takes it whole and
// leaves another; who finds it being written leaves the rest to that one.
//
// # Invariants
//
//	C1  Replies leave in the order of the requests; auth, sasl and ping alone
//	    may overtake.
//	C2  Replies to reads, replies to writes and watch events are appended to out
//	    while the state is locked: what a reply shows and what was told about it
//	    are in out in the order in which they happened.
//	C3  When a write is applied, it is at the head of its connection's pending
//	    list: what waited before it has been answered from the state before it
//	    (BeforeApply). A read therefore never shows a later write of its own
//	    session. The obvious design, in which the writer answers reads when they
//	    reach the head and nobody else does, breaks this: the applier may have
//	    applied the next write by then.
//	C4  Entries leave the head of pending, and are executed, only under a lock of
//	    the state; only the reader appends. So the reader, having found pending
//	    empty, may answer from the state directly: nobody else can.
//	C5  The order of Seq is the order of Submit, over all connections.
//	C6  The table knows at most one connection of a session, the newest whose
//	    password was right. An EvDetach is submitted when the table loses the
//	    connection, before the EvAttach of its successor.
//	C7  After a connection has ended nothing is appended to its out and no watch
//	    is registered for it.
//	C8  Nothing here blocks the applier: it takes the locks below and never waits
//	    for a socket.
//
// Locks: package internal/ranked has their order, and which of them there are.
// dirty, touched, ahead, figures and the loop's inbox are leaves. No lock is held
// over a read or write of a socket.
//
// # Bounds
//
// Every limit has a name in limits.go. A client that sends faster than it is
// served is not read from; one that does not take its answers is closed.
package clientport
