package server

import (
	"os"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/server/clientport"
	"github.com/quorumd/quorumd/server/peer"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// Defaults of a Config.
const (
	// DefaultDiskStall is how long the disk may take for one operation of a
	// file or directory before the process is ended.
	DefaultDiskStall = 30 * time.Second
	// DefaultApplyStall is how long the applier may take for one run of
	// records, most of it waiting for the state's lock, before the process is
	// ended. Far more than the slowest honest reader: whoever is late only
	// delays this server's clients.
	DefaultApplyStall = time.Minute
	// DefaultStopLimit is how long a server that has failed may take to end in
	// good order before the process is ended all the same.
	DefaultStopLimit = 5 * time.Second

	standaloneInitLimit = 10 // ticks; a server alone waits for nobody but its disk
	standaloneSyncLimit = 5
)

// Config is everything that a server needs to know.
type Config struct {
	Self     zab.ServerID
	Ensemble *zab.Ensemble
	Members  []peer.Member // this server included; empty for a server without peers
	Digest   uint64        // of the membership, the same on all servers

	DataDir     string // snapshots and epochs
	LogDir      string // DataDir if empty
	SegmentSize int64  // bytes, 0 is the log's default

	Tick      time.Duration
	InitLimit int // ticks
	SyncLimit int // ticks
	Flags     zab.TxnFlags

	ListenOnAll    bool          // peers' ports on every address
	BindAttempts   int           // of peers' ports; see peer.Config
	ConnectTimeout time.Duration // to a peer

	// Client configures the client port. Open fills in Self, Budget, Grace,
	// CatchUp, Admin and Log.
	Client clientport.Config

	SnapCount     int           // records between snapshots, about
	SnapBytes     int64         // bytes of log between snapshots, about; 0 is off
	SnapRate      int64         // bytes a second of a snapshot written or read back, as long as nobody waits; 0 is off
	KeepSnapshots int           // by a purge
	PurgeInterval time.Duration // 0 never purges

	ReapInterval  time.Duration // between two looks for containers and TTL nodes that are due
	ReapPerMinute int           // at most so many are deleted

	DiskStall  time.Duration // 0 is DefaultDiskStall
	ApplyStall time.Duration // 0 is DefaultApplyStall
	StopLimit  time.Duration // 0 is DefaultStopLimit

	// SkipDescriptorCheck lets the server start with fewer file descriptors than
	// it needs.
	SkipDescriptorCheck bool

	Version    string // as after "Zookeeper version: "
	Membership string // text of the word conf, empty without peers
	Conf       []admin.Pair

	FS     vfs.FS // nil is the operating system's
	Logger zerolog.Logger
	// Abort ends the process when the server cannot end in good order. Nil
	// logs the cause and exits with 1.
	Abort func(cause error)
	// Network connects servers; nil is TCP.
	Network peer.Network
}

// FromConfig takes over a configuration that was read. Version, FS, Logger and
// Abort are left to the caller.
func FromConfig(c *config.Config) Config {
	s := Config{
		Self: c.ServerID, Ensemble: c.Ensemble(),
		DataDir: c.DataDir, LogDir: c.DataLogDir, SegmentSize: segmentSize(c.Storage),
		Tick: c.TickTime, InitLimit: c.InitLimit, SyncLimit: c.SyncLimit, Flags: flags(c.Tree),
		ListenOnAll: c.Peer.ListenOnAllIPs, BindAttempts: c.Peer.ElectionBindRetry, ConnectTimeout: c.Peer.CnxTimeout,
		Client: clientport.Config{
			Listen:        c.ClientAddr.String(),
			MaxPerAddress: c.Client.MaxPerAddress, MaxConnections: c.Client.MaxConnections,
			MinTimeout: c.MinSessionTimeout, MaxTimeout: c.MaxSessionTimeout,
			MaxBuffer: c.Client.MaxBuffer, OutstandingLimit: outstandingLimit(c),
			Sessionless: c.Client.SessionlessTimeout, KeepAlive: c.Client.TCPKeepAlive,
			SkipACL: c.Tree.SkipACL, DigestDisabled: c.Auth.DigestDisabled, SuperDigest: c.Auth.SuperDigest,
			Words: c.Words,
		},
		SnapCount: c.Storage.SnapCount, SnapBytes: c.Storage.SnapSizeLimit, SnapRate: c.Storage.SnapRateLimit,
		KeepSnapshots: c.Storage.SnapRetainCount, PurgeInterval: c.Storage.PurgeInterval,
		ReapInterval: c.Tree.ContainerCheckInterval, ReapPerMinute: c.Tree.ContainerMaxPerMinute,
		SkipDescriptorCheck: c.SkipDescriptorCheck,
		Conf:                confPairs(c), Membership: c.MembershipText(),
	}
	s.Digest = xxhash.Sum64String(s.Membership)
	if c.Standalone {
		s.Membership = ""
		if s.InitLimit == 0 {
			s.InitLimit = standaloneInitLimit
		}
		if s.SyncLimit == 0 {
			s.SyncLimit = standaloneSyncLimit
		}
		return s
	}
	for _, m := range c.Servers {
		s.Members = append(s.Members, peer.Member{
			ID: m.ID, Quorum: m.Quorum.String(), Election: m.Election.String(), Voter: m.Role == config.Participant,
		})
	}
	return s
}

// segmentSize is where the log rolls: ZooKeeper's limit if one is set, else
// the step by which it grows its file.
func segmentSize(s config.Storage) int64 {
	size := s.PreAllocSize
	if s.TxnLogSizeLimit > 0 {
		size = s.TxnLogSizeLimit
	}
	return max(size, txnlog.MinSegmentSize)
}

// outstandingLimit is this server's part of the limit: the leader's clients and
// what other servers forward to it come to the whole.
func outstandingLimit(c *config.Config) int {
	limit, voters := c.Client.GlobalOutstandingLimit, len(c.Ensemble().Voters())
	if voters > 2 {
		limit = max(limit/(voters-1), 1) // 0 would be no limit
	}
	return limit
}

func flags(t config.Tree) zab.TxnFlags {
	var f zab.TxnFlags
	if t.SkipACL {
		f |= zab.FlagSkipACL
	}
	if t.ExtendedTypes {
		f |= zab.FlagExtendedTypes
	}
	if t.EnforceQuota {
		f |= zab.FlagEnforceQuota
	}
	return f
}

func (c *Config) setDefaults() {
	if c.DiskStall == 0 {
		c.DiskStall = DefaultDiskStall
	}
	if c.ApplyStall == 0 {
		c.ApplyStall = DefaultApplyStall
	}
	if c.StopLimit == 0 {
		c.StopLimit = DefaultStopLimit
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = config.DefaultCnxTimeout
	}
	if c.SnapCount < 2 {
		c.SnapCount = config.DefaultSnapCount
	}
	if c.FS == nil {
		c.FS = vfs.OS
	}
	if c.Abort == nil {
		log := c.Logger
		c.Abort = func(cause error) {
			log.Error().Err(cause).Msg("server aborted")
			os.Exit(1)
		}
	}
}

// standalone reports whether the server has no peers.
func (c *Config) standalone() bool { return len(c.Members) == 0 }
