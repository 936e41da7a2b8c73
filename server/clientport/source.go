package clientport

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// source gives the four-letter words their values.
type source struct{ p *Port }

// Server fills in what the port knows and leaves the rest to Config.Admin.
func (s source) Server() admin.Server {
	p := s.p
	v := admin.Server{
		Version: p.cfg.Admin.Version, Serving: p.gate.serving.Load(),
		Mode: "standalone", PeerState: "none",
		Received: p.figures.received.Load(), Sent: p.figures.sent.Load(),
		Outstanding: p.outstanding.Load(), Connections: p.table.len(),
		AuthFailed: p.figures.authFailed.Load(),
		Uptime:     p.now().Milliseconds(),
		Proposal:   admin.NoSizes(), Response: admin.NoSizes(),
	}
	p.figures.mu.Lock()
	v.Latency = p.figures.latency.figures()
	p.figures.mu.Unlock()
	v.OpenFiles, v.MaxFiles = Descriptors()
	v.Extra = []admin.Metric{
		{Name: "connection_rejected", Value: p.figures.refused.Load()},
		{Name: "quorumd_client_connections_limit", Value: int64(p.cfg.limit())},
		{Name: "quorumd_descriptors_refused_client", Value: p.figures.noDescriptor.Load()},
	}
	p.state.RLock()
	fillState(&v, p.current())
	p.state.RUnlock()
	if p.cfg.Admin.Fill != nil {
		p.cfg.Admin.Fill(&v)
	}
	return v
}

func (s source) Conns() []admin.Conn {
	conns := s.p.table.all()
	list := make([]admin.Conn, 0, len(conns))
	for _, c := range conns {
		list = append(list, c.describe())
	}
	return list
}

// describe returns the connection's figures.
func (c *conn) describe() admin.Conn {
	const reads, writes = 1, 4
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.figures
	d := admin.Conn{Remote: c.remote, Queued: c.pending.len(), Received: f.received, Sent: f.sent}
	if c.reading.Load() || c.phase == phaseFresh {
		d.Interest |= reads
	}
	if c.waiting() > 0 {
		d.Interest |= writes
	}
	if c.phase != phaseEstablished {
		return d
	}
	d.HasSession, d.Session, d.Timeout = true, c.session, c.timeout
	d.LastOp, d.LastXid, d.LastZxid = jute.Op(f.lastOp).Lop(), int64(f.lastXid), f.lastZxid
	d.Established, d.LastReplyAt, d.LastLatency = f.established, f.lastReply.Milliseconds(), f.lastLatency
	d.Latency = f.latency.figures()
	return d
}

func (s source) Conf() admin.Conf {
	if f := s.p.cfg.Admin.Conf; f != nil {
		return f()
	}
	return admin.Conf{}
}

func (s source) Env() []admin.Pair {
	if f := s.p.cfg.Admin.Env; f != nil {
		return f()
	}
	return nil
}

func (s source) Dirs() (data, logs int64) {
	if f := s.p.cfg.Admin.Dirs; f != nil {
		return f()
	}
	return 0, 0
}

// Watches lists the watches of this server's connections.
func (s source) Watches() []admin.Watch {
	s.p.state.RLock()
	watches := s.p.current().Watches()
	s.p.state.RUnlock()
	list := make([]admin.Watch, 0, len(watches))
	for _, w := range watches {
		if c, ok := w.Watcher.(*conn); ok {
			list = append(list, admin.Watch{Path: w.Path, Session: c.session})
		}
	}
	slices.SortStableFunc(list, func(a, b admin.Watch) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Session, b.Session))
	})
	return list
}

// Sessions lists sessions, ephemerals and connections. Only a leader knows
// when sessions expire: Config.Admin adds that.
func (s source) Sessions() admin.Sessions {
	var d admin.Sessions
	s.p.state.RLock()
	st := s.p.current()
	d.Global = st.Sessions()
	for _, id := range st.EphemeralSessions() {
		d.Ephemerals = append(d.Ephemerals, admin.OwnedPaths{Session: id, Paths: st.Ephemerals(id)})
	}
	s.p.state.RUnlock()
	d.Conns = s.expiring()
	if f := s.p.cfg.Admin.Sessions; f != nil {
		f(&d)
	}
	return d
}

// expiring groups the connections by the sweep that closes them when they stay
// silent.
func (s source) expiring() []admin.ConnExpirySet {
	p := s.p
	step := max(p.sweepInterval().Milliseconds(), 1)
	bySweep := map[int64][]admin.Conn{}
	for _, c := range p.table.all() {
		d := c.describe()
		at := time.Duration(c.heardAt.Load()) + time.Duration(d.Timeout)*time.Millisecond
		if !d.HasSession {
			at = c.opened + p.cfg.Sessionless
		}
		sweep := (p.start.UnixMilli()+at.Milliseconds())/step + 1
		bySweep[sweep] = append(bySweep[sweep], d)
	}
	var sets []admin.ConnExpirySet
	for _, sweep := range slices.Sorted(maps.Keys(bySweep)) {
		sets = append(sets, admin.ConnExpirySet{At: sweep * step, Conns: bySweep[sweep]})
	}
	return sets
}

func (s source) Digests() []admin.Digest {
	if f := s.p.cfg.Admin.Digests; f != nil {
		return f()
	}
	return nil
}

func (s source) TraceMask() int64        { return s.p.traceMask.Load() }
func (s source) SetTraceMask(mask int64) { s.p.traceMask.Store(mask) }
func (s source) ResetServer()            { s.p.figures.reset() }

// TakeSnapshot asks the server for a snapshot.
func (s source) TakeSnapshot() (zab.Zxid, bool) {
	if f := s.p.cfg.Admin.Snapshot; f != nil {
		return f()
	}
	return 0, false
}

func (s source) ResetConns() {
	for _, c := range s.p.table.all() {
		c.mu.Lock()
		c.figures.reset()
		c.mu.Unlock()
	}
}

// fillState fills in the figures of the state, which is locked.
func fillState(v *admin.Server, st *replica.State) {
	f := st.Figures()
	v.Zxid = st.Applied().Zxid
	v.Nodes = f.Nodes + 1 // ZooKeeper counts the root twice
	v.Ephemerals, v.DataSize = f.Ephemerals, f.Bytes
	v.Sessions = st.SessionCount()
	v.Watches = admin.WatchCount{Conns: f.Watches.Connections, Paths: f.Watches.Paths, Total: f.Watches.Watches}
}
