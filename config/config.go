package config

import (
	"time"

	"github.com/quorumd/quorumd/zab"
)

// FlagSource is the Problem.File of a property that came by --set.
const FlagSource = "--set"

// The defaults that are ZooKeeper's.
const (
	DefaultTickTime               = 3000 * time.Millisecond
	DefaultMaxClientCnxns         = 60
	DefaultSnapCount              = 100000
	DefaultSnapSizeLimit          = int64(4194304) << 10
	DefaultSnapRateLimit          = int64(32768) << 10
	DefaultPreAllocSize           = int64(65536) << 10
	DefaultSnapRetainCount        = 3
	DefaultMaxBuffer              = 1048575
	DefaultGlobalOutstandingLimit = 1000
	DefaultSessionlessTimeout     = 10000 * time.Millisecond
	DefaultCnxTimeout             = 5000 * time.Millisecond
	DefaultElectionBindRetry      = 3
	DefaultContainerCheckInterval = 60000 * time.Millisecond
	DefaultContainerMaxPerMinute  = 10000
)

// Config is one server's configuration with every default filled in.
type Config struct {
	Path string // the file it was read from; "" for a built-in configuration

	// ServerID is the content of myid. A standalone server without a myid has
	// the id of its only server line, or 0.
	ServerID   zab.ServerID
	Standalone bool // an ensemble of this server alone, without peers
	Servers    []Server
	Groups     []Group // hierarchical quorums; empty for majorities
	Weights    []Weight
	Version    zab.Zxid // of the membership, from the dynamic file's name; else 0

	DataDir           string // snapshots, epochs, myid
	DataLogDir        string // transaction logs; DataDir unless given
	ClientAddr        Endpoint
	DynamicConfigFile string // "" when the membership is in the static file

	TickTime          time.Duration
	InitLimit         int // ticks to connect and synchronise; 0 only when Standalone
	SyncLimit         int // ticks without contact; 0 only when Standalone
	MinSessionTimeout time.Duration
	MaxSessionTimeout time.Duration

	Client  ClientLimits
	Storage Storage
	Peer    Peer
	Tree    Tree
	Auth    Auth

	// SkipDescriptorCheck lets a server start though the limit of open files is
	// below what it needs; descriptorCheckEnabled=false.
	SkipDescriptorCheck bool

	// Words holds the four-letter words that are answered, sorted.
	Words []string
}

// ClientLimits bounds what clients may use of a server.
type ClientLimits struct {
	MaxPerAddress          int // connections from one address; 0 is unlimited
	MaxConnections         int // connections of all clients; 0 is unlimited
	ListenBacklog          int // reported by the word conf; the system's own is used
	MaxBuffer              int // bytes of a request, jute.maxbuffer
	GlobalOutstandingLimit int // queued requests before reading stops
	SessionlessTimeout     time.Duration
	TCPKeepAlive           bool
}

// Storage says how a server keeps its log and snapshots.
type Storage struct {
	SnapCount       int           // transactions between snapshots, at least 2
	SnapSizeLimit   int64         // bytes of log between snapshots; 0 is off
	SnapRateLimit   int64         // bytes a second of writing a snapshot and reading it back; 0 is off
	TxnLogSizeLimit int64         // bytes at which the log rolls; 0 is off
	PreAllocSize    int64         // bytes by which the log grows
	SnapRetainCount int           // snapshots kept by a purge, at least 3
	PurgeInterval   time.Duration // 0 is off
}

// Peer says how a server talks to its ensemble.
type Peer struct {
	ListenOnAllIPs    bool
	CnxTimeout        time.Duration // to connect for election
	ElectionBindRetry int           // attempts to bind the election port; 0 is endless
}

// Tree holds the settings that change what applying a transaction does or
// which transactions are made. They must be the same on every server.
type Tree struct {
	SkipACL                bool
	EnforceQuota           bool
	ExtendedTypes          bool // TTL nodes may be made
	ContainerCheckInterval time.Duration
	ContainerMaxPerMinute  int
}

// Auth configures the digest scheme.
type Auth struct {
	DigestDisabled bool
	SuperDigest    string // "super:<base64 SHA-1>"; "" means nobody is super
}

// InitTimeout is InitLimit as a duration.
func (c *Config) InitTimeout() time.Duration { return time.Duration(c.InitLimit) * c.TickTime }

// SyncTimeout is SyncLimit as a duration.
func (c *Config) SyncTimeout() time.Duration { return time.Duration(c.SyncLimit) * c.TickTime }

// WordAllowed reports whether the four-letter word is answered.
func (c *Config) WordAllowed(word string) bool {
	for _, w := range c.Words {
		if w == word {
			return true
		}
	}
	return false
}

// Default is the configuration of a server that was given none: standalone on
// 127.0.0.1:2181 with its data in dataDir, answering every four-letter word,
// since only this machine can ask.
func Default(dataDir string) *Config {
	c := withDefaults()
	c.TickTime = 2000 * time.Millisecond
	c.DataDir, c.DataLogDir = dataDir, dataDir
	c.ClientAddr = Endpoint{Host: "127.0.0.1", Port: 2181}
	c.Standalone = true
	c.Words = knownWords()
	c.deriveTimeouts()
	return c
}

// DefaultSets is Default as properties, for Load to put others on top of.
func DefaultSets(dataDir string) []string {
	return []string{"dataDir=" + dataDir, "clientPort=2181", "clientPortAddress=127.0.0.1", "tickTime=2000", "4lw.commands.whitelist=*"}
}

// withDefaults returns a Config with ZooKeeper's defaults and nothing else.
func withDefaults() *Config {
	return &Config{
		TickTime: DefaultTickTime,
		// -1 asks for the multiples of TickTime that deriveTimeouts computes.
		MinSessionTimeout: -1, MaxSessionTimeout: -1,
		Words: []string{"srvr"},
		Client: ClientLimits{
			MaxPerAddress:          DefaultMaxClientCnxns,
			ListenBacklog:          -1,
			MaxBuffer:              DefaultMaxBuffer,
			GlobalOutstandingLimit: DefaultGlobalOutstandingLimit,
			SessionlessTimeout:     DefaultSessionlessTimeout,
		},
		Storage: Storage{
			SnapCount:       DefaultSnapCount,
			SnapSizeLimit:   DefaultSnapSizeLimit,
			SnapRateLimit:   DefaultSnapRateLimit,
			PreAllocSize:    DefaultPreAllocSize,
			SnapRetainCount: DefaultSnapRetainCount,
		},
		Peer: Peer{
			CnxTimeout:        DefaultCnxTimeout,
			ElectionBindRetry: DefaultElectionBindRetry,
		},
		Tree: Tree{
			ContainerCheckInterval: DefaultContainerCheckInterval,
			ContainerMaxPerMinute:  DefaultContainerMaxPerMinute,
		},
	}
}

// deriveTimeouts replaces the -1 of a session limit by its multiple of TickTime.
func (c *Config) deriveTimeouts() {
	if c.MinSessionTimeout < 0 {
		c.MinSessionTimeout = 2 * c.TickTime
	}
	if c.MaxSessionTimeout < 0 {
		c.MaxSessionTimeout = 20 * c.TickTime
	}
}
