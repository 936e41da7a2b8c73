package admin

import (
	"github.com/quorumd/quorumd/zab"
)

// Source gives the values that the words print. Every method may be called
// from any goroutine and returns a copy.
type Source interface {
	// Server returns one picture of the server's figures.
	Server() Server
	// Conns returns the open client connections, oldest first.
	Conns() []Conn
	// Conf returns the lines of the word conf.
	Conf() Conf
	// Env returns the lines of the word envi, zookeeper.version excluded.
	Env() []Pair
	// Dirs returns the bytes used by snapshots and by logs.
	Dirs() (data, logs int64)
	// Watches returns every data, exist and child watch, sorted by path and
	// then by session.
	Watches() []Watch
	// Sessions returns what the word dump prints beside the connections.
	Sessions() Sessions
	// Digests returns the kept digests of the tree, oldest first.
	Digests() []Digest
	// TraceMask and SetTraceMask are the mask of gtmk and stmk, which is kept
	// and has no effect.
	TraceMask() int64
	SetTraceMask(mask int64)
	// ResetServer forgets the server's packet counts and latencies (srst),
	// ResetConns those of every connection (crst).
	ResetServer()
	ResetConns()
	// TakeSnapshot asks for a snapshot of at least the zxid that it returns and
	// does not wait for it. ok is false while one is being written.
	TakeSnapshot() (at zab.Zxid, ok bool)
}

// Server holds the figures of one server at one moment.
type Server struct {
	Version   string // as after "Zookeeper version: "
	Serving   bool
	Mode      string // leader, follower, observer, standalone
	PeerState string // "leading - broadcast", ...; "none" for standalone
	Zxid      zab.Zxid

	Latency     Latency
	Received    int64 // packets
	Sent        int64 // packets
	Outstanding int64 // requests not answered yet
	Connections int
	AuthFailed  int64

	Nodes      int
	Ephemerals int
	DataSize   int64 // bytes of paths and data
	Sessions   int
	Watches    WatchCount

	OpenFiles, MaxFiles int64
	Uptime              int64 // ms
	LeaderUptime        int64 // ms in this leadership; leader only

	QuorumSize         int // voters
	Learners           int // connected to this leader
	SyncedFollowers    int
	SyncedNonVoting    int
	SyncedObservers    int
	PendingSyncs       int
	Proposal, Response Sizes

	// Extra are further lines of mntr, written in order after the known ones.
	Extra []Metric
}

// Latency sums the time from reading a request to having its reply, in ms.
type Latency struct {
	Min, Max int64
	Avg      float64
}

// WatchCount counts data, exist and child watches.
type WatchCount struct {
	Conns, Paths, Total int
}

// Sizes are sizes of messages in bytes, -1 before the first one.
type Sizes struct {
	Last, Min, Max int64
}

// NoSizes is Sizes before the first message.
func NoSizes() Sizes { return Sizes{-1, -1, -1} }

// Metric is one line of mntr; Name is without zk_.
type Metric struct {
	Name  string
	Value int64
	Text  string // stands for Value when it is not empty
}

// Pair is one key=value line.
type Pair struct{ Key, Value string }

// Conf is the answer to conf. Membership is empty for a standalone server.
type Conf struct {
	Pairs      []Pair
	Membership string // config text that ends in version=<hex>
}

// Conn holds the figures of one client connection.
type Conn struct {
	Remote   string // host:port
	Interest int    // 0 none, 1 reads, 4 writes, 5 both
	Queued   int    // requests read and not answered
	Received int64  // packets
	Sent     int64  // packets

	// The rest is set once there is a session.
	HasSession  bool
	Session     zab.SessionID
	LastOp      string   // a code such as GETD, NA before the first
	Established int64    // wall clock, ms since 1970
	Timeout     int64    // ms
	LastXid     int64    // of the last request
	LastZxid    zab.Zxid // of the last reply
	LastReplyAt int64    // ms since the server's start
	LastLatency int64    // ms
	Latency     Latency
}

// Watch is one watch of one session.
type Watch struct {
	Path    string
	Session zab.SessionID
}

// Sessions is what dump tells about sessions.
type Sessions struct {
	// Expiry is known to a leader only: sessions by the time of their expiry.
	Expiry []ExpirySet
	Leader bool
	// Global lists every session on a server that does not lead.
	Global []zab.Session
	// Ephemerals are the sessions that own ephemerals, with their paths.
	Ephemerals []OwnedPaths
	// Conns groups the open connections by the time at which they are closed
	// when they stay silent.
	Conns []ConnExpirySet
}

// ExpirySet are the sessions that expire at one moment.
type ExpirySet struct {
	At       int64 // wall clock, ms since 1970
	Sessions []zab.SessionID
}

// ConnExpirySet are the connections that are closed at one moment.
type ConnExpirySet struct {
	At    int64 // wall clock, ms since 1970
	Conns []Conn
}

// OwnedPaths are the ephemerals of a session.
type OwnedPaths struct {
	Session zab.SessionID
	Paths   []string
}

// Digest is the digest of the tree at a zxid.
type Digest struct {
	Zxid   zab.Zxid
	Digest uint64
}
