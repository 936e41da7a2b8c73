package peer

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/zab"
)

// The bounds of connections between servers.
const (
	// helloTimeout is how long a connection may take to say who it is and get
	// its answer.
	helloTimeout = 5 * time.Second
	// MaxStrangers is how many connections may be without a hello at a time.
	MaxStrangers = 64

	// DefaultMaxBody bounds the body of a frame on a quorum connection in
	// bytes. The largest are a client's request and the touched sessions in a
	// PONG, nine bytes each.
	DefaultMaxBody = 32 << 20
	// maxVoteBody bounds the body of a notification in bytes.
	maxVoteBody = 1 << 10

	// DefaultMaxQueue is how many bytes may wait to be written to one quorum
	// connection before it is closed. The windows of the leader (records 8 MiB,
	// snapshot 4 MiB) stay far below it.
	DefaultMaxQueue = 64 << 20
	// writeGather is the number of bytes gathered for one write, and
	// shareRecord the size from which a record is not copied for that.
	writeGather = 256 << 10
	shareRecord = 32 << 10

	// readChunk is the memory that small frames share when they are read.
	readChunk = 64 << 10
	// growBody is how much memory a frame gets before any of it has come; more
	// is reserved only as fast as the bytes arrive.
	growBody = 1 << 20

	// redialMin and redialMax bound the pause between two attempts to reach a
	// peer's election port. A connection that lived for redialMin counts as a
	// success.
	redialMin = 50 * time.Millisecond
	redialMax = time.Second

	// acceptRetryMin and acceptRetryMax bound the pause before the next attempt
	// to accept when the system lacks descriptors or memory.
	acceptRetryMin = 5 * time.Millisecond
	acceptRetryMax = time.Second

	// bindPause is the time between two attempts to listen on a port in use,
	// and bindEndless how many there are when the configuration sets no limit:
	// a server that is never going to listen ends, and says why.
	bindPause   = time.Second
	bindEndless = 60

	// warnBurst warnings of one kind are logged in every warnPeriod.
	warnBurst  = 5
	warnPeriod = 10 * time.Second
)

// Member is a server of the ensemble.
type Member struct {
	ID       zab.ServerID
	Quorum   string // host:port
	Election string // host:port
	Voter    bool
}

// Config configures a Transport. Zero limits take their defaults.
type Config struct {
	Self    zab.ServerID
	Members []Member // this server included
	Digest  uint64   // of the membership
	// ListenOnAll listens on every address of the machine, not only on the one
	// in Members.
	ListenOnAll bool
	// BindAttempts is how often a port in use is tried, a second apart; 0 is
	// for a minute.
	BindAttempts int
	// ConnectTimeout bounds a dial, name resolution included. Not zero.
	ConnectTimeout time.Duration
	// WriteTimeout bounds the time in which a write gets nowhere, and how long sent bytes may stay
	// unacknowledged by the peer's system. Not zero.
	WriteTimeout time.Duration
	MaxBody      int // bytes of a frame's body
	MaxQueue     int // bytes
	// HelloTimeout is for tests; 0 is five seconds.
	HelloTimeout time.Duration
	// Network is what connections are made of; nil is TCP.
	Network Network
	Log     zerolog.Logger
}

func (c *Config) setDefaults() {
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = DefaultMaxQueue
	}
	if c.HelloTimeout == 0 {
		c.HelloTimeout = helloTimeout
	}
	if c.BindAttempts <= 0 {
		c.BindAttempts = bindEndless
	}
	if c.Network == nil {
		c.Network = TCP(c.WriteTimeout)
	}
}

// Host takes what is heard. Its methods may be called from any goroutine.
type Host interface {
	// Post takes an event. It does not block.
	Post(ev zab.Event)
	// PostPacket takes an event that holds a packet of so many bytes. It may
	// wait while more is waiting to be taken up than the host has room for, and
	// returns false when the host takes nothing any more.
	PostPacket(ev zab.Event, bytes int) bool
	// Fail reports that the transport cannot do its job (P5).
	Fail(err error)
}
