package ranked

// Rank is a place in the order of locks. A goroutine takes locks of rising
// ranks only, so no two goroutines can wait for each other.
type Rank struct {
	Order int
	Name  string
}

// Place is a type that stands for one place in the order; a mutex names its
// place in its type, so that a build without checks costs nothing.
type Place interface{ Rank() Rank }

// The order of all locks of the server, outermost first:
//
//	state -> submit -> table -> watch shard -> watch list -> conn -> leaf
//
// A leaf is held for a few instructions; nothing is locked under it. Queues
// between goroutines are leaves, and so is every counter. No lock at all is
// held over a read or write of a socket or a file.
type (
	// State is over the tree and over which tree it is.
	State struct{}
	// Submit is over taking a number for a request and submitting it.
	Submit struct{}
	// Table is over the client connections.
	Table struct{}
	// WatchShard is over a part of the watched paths.
	WatchShard struct{}
	// WatchList is over the connections that watch.
	WatchList struct{}
	// Conn is over one client connection.
	Conn struct{}
	// Leaf is over a queue, a list or a counter.
	Leaf struct{}
)

// The ranks. There is room between them.
func (State) Rank() Rank      { return Rank{10, "state"} }
func (Submit) Rank() Rank     { return Rank{20, "submit"} }
func (Table) Rank() Rank      { return Rank{30, "table"} }
func (WatchShard) Rank() Rank { return Rank{40, "watch shard"} }
func (WatchList) Rank() Rank  { return Rank{50, "watch list"} }
func (Conn) Rank() Rank       { return Rank{60, "conn"} }
func (Leaf) Rank() Rank       { return Rank{100, "leaf"} }
