// Package znode is the state that the ensemble agrees on: the data tree, its
// ACLs, ephemerals, quotas, and, of this server alone, the watches on it.
//
// # One evaluation
//
// Tree.Apply evaluates a stamped request, once, on every server, against the
// tree as all earlier transactions left it. What it does follows from the
// request and the tree alone: the time, the caller's identities and the
// ensemble's settings come with the request. There is nothing speculative,
// and only a multi ever takes anything back.
//
//	Request ─▶ decode ─▶ checks, in the order of the protocol ─▶ edits ─▶ reply
//	                        │ first failure                       │
//	                        ▼                                     ▼
//	                     code, nothing changed            watches fire
//
// # A node
//
// The tree is made for little memory and little work for the garbage
// collector. A node is a slot of 104 bytes without pointers, and one string.
//
//	slab     chunk of 1024 slots, never moved        chunk of 1024 blobs
//	         ┌──────────────────────────────┐        ┌───────────┐
//	slot id ▶│ key  czxid mzxid pzxid ...   │        │ name data │
//	         │ parent first next prev chain │        └───────────┘
//	         └──────────────────────────────┘
//
//	children  a list through first and next, in no promised order
//	index     linear hash table: hash of the path -> slot, through chain;
//	          it grows by a bucket at a time and so never stalls
//	ACLs      interned: a node has a number, 0 for world:anyone:cdrwa
//
// Blobs are immutable. Replacing data makes a new one; an image, an undo log
// or a reader that holds the old one goes on seeing it whole.
//
// Measured with 1,000,000 nodes of 12-character names and 100 bytes of data:
// 238 bytes a node, all told; BenchmarkMemory. Slots of deleted nodes are used
// again but their chunks are not given back before a restart.
//
// # Watches
//
// A watch is a mark of a connection on a path. The table (watchtable.go) is
// the one thing that changes under the read lock, and has its own locks. An
// event is encoded once and handed to every connection that may see it, before
// Apply returns.
//
// # Images
//
// An Image is the tree at one point, read out in pieces while transactions go
// on: a slot that changes before its turn is copied first (image.go). Loader
// makes a tree of it again.
//
// # Invariants
//
//	N1  A request that fails changes nothing: no node, no ACL, no watch.
//	N2  A node's children are a list from first through next; the prev of the
//	    first is the last; children counts them.
//	N3  digest and size are those of the nodes as they are (digest.go).
//	N4  Every change of a node goes through insert, remove, edit or write,
//	    which keep the open image, the undo log, the digest and the sets.
//	N5  An ACL is in the table as long as a node has it, and refs counts them.
//	N6  An open image together with the slots that have not changed since is
//	    the tree as it was.
//	N7  A connection is told of an event at most once, and only if it may read
//	    the node: the ACL that decides is the one the node had at the event.
//	N8  An ephemeral is in the set of its session; a container or TTL node in
//	    the set of timed nodes; other nodes in none.
package znode
