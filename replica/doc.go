// Package replica is one server as a value. It picks the role (electing,
// leading, following), owns what outlives a role (the log's end, the promised
// epochs, the requests of its own clients that are not yet answered) and says
// which records are to be applied. Beside it, State is what a server serves:
// the tree, the sessions, the watches.
//
//	          Step(event, out)
//	                │
//	   ┌────────────┼─────────────┐
//	election     leader        follower      at most one of the three exists
//	   └────────────┼─────────────┘
//	                │ committed
//	  log ── synced ┴─▶ Apply ──▶ State      applied <= committed <= ... and
//	                                         applied <= synced, always
//
// # Applying is not waited for
//
// The shell applies what is handed out in its own time, in order, together with
// the answers to clients. "Applied" means handed out here: what follows from it
// (an answer, a request sent again, the opening of the client port) stands
// behind the records in the same queue. Only how much is in that queue matters
// to the replica, and EvApplied tells it.
//
// # A change of role
//
// Leaving a role drops its value and closes its links. The next election
// begins only when every disk operation asked for has been answered: until
// then nobody knows what this server holds (ZOOKEEPER-4712). The tree holds
// committed transactions only, so nothing is ever taken back.
//
// # Clients outlive leaders
//
// A write of one of this server's clients waits in the pending queue until its
// record is applied here. When a leader is lost, the requests under way are
// neither failed nor blindly repeated: once this server has applied everything
// that the next leader began with, a request that is not among it can no
// longer be committed from its first sending, and is sent again. The client
// sees nothing but a pause.
//
// Invariants
//
//	R1  Applied records follow each other without a hole, each once.
//	R2  Nothing is applied that is not committed and durable here
//	    (ZOOKEEPER-4882, -2845).
//	R3  No election begins while a disk operation is under way.
//	R4  Requests of this server are applied in the order of their Seq.
//	R5  A request is sent again only when everything its first leader could
//	    have committed is applied.
//	R6  After a snapshot was installed, requests under way are answered by
//	    closing their connections: whether the snapshot holds them cannot be
//	    told (ClickHouse#110179).
//	R7  A record of a feature level that this build does not know is never
//	    evaluated: the server stops.
//	R8  At most one image of a state is open, and it is read while it is.
//	R9  A write of a session through one server is never followed by one that
//	    an earlier server of the session still held: the owner is known from the
//	    records applied, those in a snapshot included, and from the attaches that
//	    the servers repeat to a new leader (session, S4). A server whose
//	    repeated attach is refused closes that client's connection.
//	R10 A client that was heard from is told to the leader, or to the next one,
//	    again and again until a leader has confirmed it: losing the connection
//	    costs nobody a session, whatever was on its way.
//	R11 What is handed out and not yet applied is bounded by a window. What it
//	    has no room for waits in the log.
package replica
