package clientport

import (
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
	"github.com/rs/zerolog"
)

// Host is the server behind the port.
type Host interface {
	// Submit puts an event into the loop's client lane. It does not block and
	// takes no lock but the lane's. The loop stamps Now and Wall.
	Submit(ev zab.Event)
	// State returns the state and the lock over it. The lock is the same one
	// for ever; the state may be replaced by another under the write lock, so
	// it is asked for under the lock.
	State() (*replica.State, *ranked.RWMutex[ranked.State])
	// Status returns what the replica last published. Not nil.
	Status() *replica.Status
	// Fail reports that the port cannot do its job. It does not block.
	Fail(err error)
}

// Config configures a port. Zero limits take their defaults where one is named.
type Config struct {
	Self   zab.ServerID
	Listen string // host:port

	MaxPerAddress    int           // connections of one address, 0 is unlimited
	MaxConnections   int           // connections in all, 0 is unlimited
	Budget           int           // connections for which there are descriptors, 0 is unlimited
	MinTimeout       time.Duration // of a session
	MaxTimeout       time.Duration // of a session
	MaxBuffer        int           // bytes of a request frame
	OutstandingLimit int           // waiting requests beyond which reading stops, 0 is unlimited
	Sessionless      time.Duration // for a connection to get its session
	Grace            time.Duration // that connections outlive serving
	CatchUp          time.Duration // that a client that has seen more than the state holds may wait for it, 0 is not at all
	WriteTimeout     time.Duration // 0 is DefaultWriteTimeout
	MaxOutput        int           // bytes, 0 is DefaultMaxOutput
	KeepAlive        bool          // TCP keepalive

	SkipACL        bool   // reads are answered without looking at ACLs
	DigestDisabled bool   // the digest scheme is refused
	SuperDigest    string // "super:<base64 SHA-1>", "" is nobody

	Words []string // whitelist of four-letter words
	Admin Admin
	Log   zerolog.Logger
}

// Admin gives what four-letter words print and the port does not know. Each
// may be nil.
type Admin struct {
	Version  string // as after "Zookeeper version: "
	Fill     func(*admin.Server)
	Conf     func() admin.Conf
	Env      func() []admin.Pair
	Dirs     func() (data, logs int64)
	Sessions func(*admin.Sessions) // adds the leader's expiry times
	Digests  func() []admin.Digest
	Snapshot func() (at zab.Zxid, ok bool) // asks for one
}

func (c *Config) setDefaults() {
	if c.WriteTimeout == 0 {
		c.WriteTimeout = DefaultWriteTimeout
	}
	if c.MaxOutput == 0 {
		c.MaxOutput = DefaultMaxOutput
	}
}

// limit is how many clients are served at a time, 0 is unlimited.
func (c *Config) limit() int {
	if c.MaxConnections > 0 && (c.Budget == 0 || c.MaxConnections < c.Budget) {
		return c.MaxConnections
	}
	return c.Budget
}

// negotiate clamps the session timeout that a client wants, in ms.
func (c *Config) negotiate(wanted int32) int64 {
	return min(max(int64(wanted), c.MinTimeout.Milliseconds()), c.MaxTimeout.Milliseconds())
}
