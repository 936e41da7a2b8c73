package election

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// Defaults of Config.
const (
	DefaultMinInterval  = 200 * time.Millisecond
	DefaultFinalizeWait = 100 * time.Millisecond
	// DefaultBootstrapWait is longer than servers started together need to
	// hear of each other: one of them may hold what the others have lost.
	DefaultBootstrapWait = 2 * time.Second

	// MaxResend caps Config.MaxInterval: a notification costs next to
	// nothing, and a minute of silence is a minute without a leader.
	MaxResend = 2 * time.Second
)

// Config is what an election needs to know of its server.
type Config struct {
	Self     zab.ServerID
	Ensemble *zab.Ensemble
	// Members is the digest of this server's view of the membership (E5).
	Members uint64
	// Naming is the random name of the ensemble whose history this server
	// holds, 0 while it knows none (E7).
	Naming uint64
	// A vote is sent again after MinInterval (200 ms when zero), then after
	// twice that, up to MaxInterval (at most, and when zero, MaxResend).
	MinInterval, MaxInterval time.Duration
	// FinalizeWait (100 ms when zero) is how long a server that sees a quorum
	// waits for a better vote of a voter that has not spoken.
	FinalizeWait time.Duration
	// BootstrapWait (2 s when zero) is how long a quorum of servers that hold
	// nothing waits for the voters that have not spoken (E4).
	BootstrapWait time.Duration
}

func (c Config) withDefaults() Config {
	if c.MinInterval <= 0 {
		c.MinInterval = DefaultMinInterval
	}
	if c.MaxInterval <= 0 || c.MaxInterval > MaxResend {
		c.MaxInterval = MaxResend
	}
	c.MinInterval = min(c.MinInterval, c.MaxInterval)
	if c.FinalizeWait <= 0 {
		c.FinalizeWait = DefaultFinalizeWait
	}
	if c.BootstrapWait <= 0 {
		c.BootstrapWait = DefaultBootstrapWait
	}
	return c
}

// electable reports whether id may be voted for (E3).
func (c *Config) electable(id zab.ServerID) bool {
	return c.Ensemble.IsVoter(id) && c.Ensemble.Weight(id) > 0
}

// Standing is where a server stands when it begins to look for a leader.
type Standing struct {
	// Round to open: greater than any the server took part in.
	Round uint64
	// Vote for itself: its current epoch and the last zxid of its durable log.
	// Not used of a server that does not vote.
	Vote zab.Vote
	// Amnesiac: no adopted epoch (E4).
	Amnesiac bool
	// Blank: no transaction.
	Blank bool
	// Down are the servers known to be unreachable. It is copied.
	Down Down
}

// Outcome is the result of an election.
type Outcome struct {
	Leader zab.ServerID
	Vote   zab.Vote // what this server tells from now on
	Round  uint64   // of the vote
	Role   zab.PeerState
}

// Down is a set of servers known to be unreachable: the election connection
// broke or could not be made, and nothing was heard since. A server keeps it
// across elections.
type Down []zab.ServerID

// Set notes whether peer is reachable.
func (d *Down) Set(peer zab.ServerID, up bool) {
	i, found := slices.BinarySearch(*d, peer)
	switch {
	case up && found:
		*d = slices.Delete(*d, i, i+1)
	case !up && !found:
		*d = slices.Insert(*d, i, peer)
	}
}

// Has reports whether peer is known to be unreachable.
func (d Down) Has(peer zab.ServerID) bool {
	_, found := slices.BinarySearch(d, peer)
	return found
}
