package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// scene is what a fault works on.
type scene struct {
	*cluster
	rand   *rand.Rand
	leader *harness.Server
	note   func(format string, args ...any) // says what exactly was done
}

// fault is one kind of trouble. It returns when the trouble is over: processes
// run again (if perhaps not serving yet), links are good, disks have room.
type fault struct {
	name string
	do   func(ctx context.Context, s *scene) error
}

// faults are all kinds, in the order of the report.
var faults = []fault{
	{"kill-follower", killFollower},
	{"kill-leader", killLeader},
	{"kill-two", killTwo},
	{"kill-all", killAll},
	{"crash-loop", crashLoop},
	{"terminate", terminate},
	{"pause-leader", pauseLeader},
	{"pause-follower", pauseFollower},
	{"isolate-leader", isolateLeader},
	{"isolate-follower", isolateFollower},
	{"isolate-clients", isolateClients},
	{"split", split},
	{"no-quorum", noQuorum},
	{"one-way", oneWay},
	{"partial", partial},
	{"slow-network", slowNetwork},
	{"lag", lag},
	{"loss", loss},
	{"scramble", scramble},
	{"reset", resetConnections},
	{"flap", flap},
	{"storm", storm},
	{"disk-full", diskFull},
	{"few-descriptors", fewDescriptors},
	{"emptied", emptied},
}

// FaultNames are the kinds of faults.
func FaultNames() []string {
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}

// CheckFaults tells whether a list of faults is one that Run takes.
func CheckFaults(list string) error {
	_, err := chosen(list)
	return err
}

// chosen returns the faults of a list of names, all for an empty one.
func chosen(list string) ([]fault, error) {
	if list == "" {
		return faults, nil
	}
	var some []fault
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("chaos: no fault %q; they are %s", name, strings.Join(FaultNames(), ", "))
		}
		some = append(some, faults[i])
	}
	return some, nil
}

// between draws how long a fault lasts.
func (s *scene) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rand.Int64N(int64(to-from)))
}

// follower draws one that does not lead.
func (s *scene) follower() *harness.Server {
	followers := s.Followers(s.leader)
	return followers[s.rand.IntN(len(followers))]
}

// shuffled are all servers in a random order.
func (s *scene) shuffled() []*harness.Server {
	all := slices.Clone(s.Servers)
	s.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// everybody is the clients and all servers.
func (s *scene) everybody() []int { return append([]int{0}, s.ids()...) }

// last keeps the present trouble up for a drawn time.
func (s *scene) last(ctx context.Context, from, to time.Duration) {
	d := s.between(from, to)
	s.note("for %v", d.Round(100*time.Millisecond))
	pause(ctx, d)
}
