package server

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/server/clientport"
	"github.com/quorumd/quorumd/zab"
)

// adminHooks is what four-letter words print and the client port does not know.
func (s *Server) adminHooks() clientport.Admin {
	return clientport.Admin{
		Version: s.cfg.Version, Fill: s.fillAdmin, Conf: s.adminConf, Env: s.environment, Dirs: s.adminDirs,
		Digests: s.figures.kept, Snapshot: s.takeSnapshot,
	}
}

// fillAdmin fills in the server's part of its figures.
func (s *Server) fillAdmin(v *admin.Server) {
	status := s.status.Load()
	if !s.cfg.standalone() {
		v.Mode, v.PeerState = modeOf(status), status.State.String()+" - "+status.Phase.String()
		v.QuorumSize = len(s.cfg.Ensemble.Voters())
	}
	v.Proposal = s.figures.proposals()
	if since := s.figures.leadingSince.Load(); since != 0 {
		v.LeaderUptime = (time.Since(s.start) - time.Duration(since)).Milliseconds()
	}
	v.Learners = len(status.Learners)
	for _, l := range status.Learners {
		switch {
		case !l.UpToDate:
		case !l.Voter:
			v.SyncedObservers++
		case s.cfg.Ensemble.Weight(l.Server) == 0:
			v.SyncedNonVoting++
		default:
			v.SyncedFollowers++
		}
	}
	v.Extra = append(v.Extra, s.extraFigures(status)...)
}

// modeOf returns ZooKeeper's word for the server's role.
func modeOf(status *replica.Status) string {
	switch status.State {
	case zab.Leading:
		return "leader"
	case zab.Observing:
		return "observer"
	}
	return "follower"
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// extraFigures are lines of mntr that ZooKeeper does not have, all prefixed.
func (s *Server) extraFigures(status *replica.Status) []admin.Metric {
	st := s.store.Stats()
	p := s.peers.Figures()
	at, digest := s.Digest()
	lines := []admin.Metric{
		{Name: "quorumd_applied_zxid", Text: "0x" + strconv.FormatUint(uint64(at.Zxid), 16)},
		{Name: "quorumd_digest", Text: fmt.Sprintf("0x%016x", digest)},
		{Name: "quorumd_loop_busy_permille", Value: s.figures.busy.permille.Load()},
		{Name: "quorumd_apply_busy_permille", Value: s.figures.applyBusy.permille.Load()},
		{Name: "quorumd_apply_queue", Value: int64(s.applier.waiting())},
		{Name: "quorumd_epoch", Value: int64(status.Epoch)},
		{Name: "quorumd_pending_requests", Value: int64(status.Pending)},
		{Name: "quorumd_disk_queue", Value: int64(s.disk.ops.len())},
		{Name: "quorumd_snapshots_written", Value: s.figures.snapshots.Load()},
		{Name: "quorumd_snapshots_failed", Value: s.figures.snapErrors.Load()},
		{Name: "quorumd_snapshots_damaged", Value: int64(st.BadSnapshots)},
		{Name: "quorumd_log_segments", Value: int64(st.Segments)},
		{Name: "quorumd_disk_low", Value: oneIf(st.SpaceLow)},
		{Name: "quorumd_disk_reserved_bytes", Value: st.ReservedBytes},
		{Name: "quorumd_peer_links", Value: int64(p.Links)},
		{Name: "quorumd_peers_reachable", Value: int64(p.Reachable)},
		{Name: "quorumd_peer_queue_bytes", Value: p.QueuedBytes},
		{Name: "quorumd_peer_refused", Value: int64(p.Refused)},
		{Name: "quorumd_peer_frames_damaged", Value: int64(p.Damaged)},
		{Name: "quorumd_peer_overflows", Value: int64(p.Overflowed)},
		{Name: "quorumd_peer_accept_failures", Value: int64(p.AcceptFails)},
	}
	lines = append(lines, s.progressFigures(status)...)
	return append(lines, s.descriptorFigures(&st, &p)...)
}

func (s *Server) adminDirs() (data, logs int64) {
	st := s.store.Stats()
	return st.SnapBytes, st.LogBytes
}

// adminConf fills the sizes into the lines of the word conf.
func (s *Server) adminConf() admin.Conf {
	data, logs := s.adminDirs()
	c := admin.Conf{Membership: s.cfg.Membership}
	for _, p := range s.cfg.Conf {
		switch p.Key {
		case "dataDirSize":
			p.Value = strconv.FormatInt(data, 10)
		case "dataLogSize":
			p.Value = strconv.FormatInt(logs, 10)
		}
		c.Pairs = append(c.Pairs, p)
	}
	return c
}

// confPairs are the lines of the word conf, the sizes left open.
func confPairs(c *config.Config) []admin.Pair {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	pairs := []admin.Pair{
		{Key: "clientPort", Value: strconv.Itoa(c.ClientAddr.Port)},
		{Key: "secureClientPort", Value: "-1"},
		{Key: "dataDir", Value: filepath.Clean(c.DataDir)},
		{Key: "dataDirSize"},
		{Key: "dataLogDir", Value: filepath.Clean(c.DataLogDir)},
		{Key: "dataLogSize"},
		{Key: "tickTime", Value: n(c.TickTime.Milliseconds())},
		{Key: "maxClientCnxns", Value: strconv.Itoa(c.Client.MaxPerAddress)},
		{Key: "minSessionTimeout", Value: n(c.MinSessionTimeout.Milliseconds())},
		{Key: "maxSessionTimeout", Value: n(c.MaxSessionTimeout.Milliseconds())},
		{Key: "clientPortListenBacklog", Value: "-1"},
		{Key: "serverId", Value: n(int64(c.ServerID))},
	}
	self, ok := c.Self()
	if c.Standalone || !ok {
		return pairs
	}
	return append(pairs,
		admin.Pair{Key: "initLimit", Value: strconv.Itoa(c.InitLimit)},
		admin.Pair{Key: "syncLimit", Value: strconv.Itoa(c.SyncLimit)},
		admin.Pair{Key: "electionAlg", Value: "3"},
		admin.Pair{Key: "electionPort", Value: strconv.Itoa(self.Election.Port)},
		admin.Pair{Key: "quorumPort", Value: strconv.Itoa(self.Quorum.Port)},
		admin.Pair{Key: "peerType", Value: strconv.Itoa(int(self.Role))},
	)
}

// environment returns the lines of the word envi.
func (s *Server) environment() []admin.Pair {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = ""
	}
	pairs := []admin.Pair{
		{Key: "host.name", Value: name},
		{Key: "os.name", Value: runtime.GOOS},
		{Key: "os.arch", Value: runtime.GOARCH},
		{Key: "os.version", Value: runtime.Version()},
	}
	if u, err := user.Current(); err == nil {
		pairs = append(pairs, admin.Pair{Key: "user.name", Value: u.Username}, admin.Pair{Key: "user.home", Value: u.HomeDir})
	}
	pairs = append(pairs, admin.Pair{Key: "user.dir", Value: dir})
	return append(pairs, s.descriptorEnv()...)
}
