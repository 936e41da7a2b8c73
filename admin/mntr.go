package admin

// lines gathers mntr lines: zk_<name>, a tab, the value.
type lines struct{ dst []byte }

func (l *lines) text(name, value string) { l.dst = line(l.dst, "zk_", name, "\t", value) }

func (l *lines) num(name string, value int64) { l.text(name, itoa(value)) }

// appendMntr writes one figure a line. Monitoring systems pick lines by name;
// the order is ZooKeeper's all the same.
func appendMntr(dst []byte, src Source) []byte {
	s := src.Server()
	l := &lines{dst}
	leader, ensemble := s.Mode == "leader", s.Mode != "standalone"
	l.text("version", s.Version)
	l.text("server_state", s.Mode)
	l.text("peer_state", s.PeerState)
	l.num("ephemerals_count", int64(s.Ephemerals))
	l.num("num_alive_connections", int64(s.Connections))
	l.text("avg_latency", decimals(s.Latency.Avg))
	l.num("outstanding_requests", s.Outstanding)
	l.num("znode_count", int64(s.Nodes))
	l.num("global_sessions", int64(s.Sessions))
	l.num("local_sessions", 0)
	l.num("packets_sent", s.Sent)
	l.num("packets_received", s.Received)
	if leader {
		l.num("synced_followers", int64(s.SyncedFollowers))
		l.num("synced_non_voting_followers", int64(s.SyncedNonVoting))
	}
	l.text("connection_drop_probability", "0.0")
	l.num("watch_count", int64(s.Watches.Total))
	if ensemble {
		l.num("synced_observers", int64(s.SyncedObservers))
	}
	l.num("min_latency", s.Latency.Min)
	l.num("max_file_descriptor_count", s.MaxFiles)
	l.num("approximate_data_size", s.DataSize)
	l.num("open_file_descriptor_count", s.OpenFiles)
	l.num("auth_failed_count", s.AuthFailed)
	if leader {
		l.num("pending_syncs", int64(s.PendingSyncs))
		l.num("leader_uptime", s.LeaderUptime)
	}
	l.num("uptime", s.Uptime)
	l.num("max_latency", s.Latency.Max)
	if leader {
		l.num("learners", int64(s.Learners))
	}
	if ensemble {
		l.num("quorum_size", int64(s.QuorumSize))
	}
	appendMntrRest(l, &s, leader)
	return l.dst
}

// appendMntrRest writes the gauges that ZooKeeper has and that nothing here
// ever moves, the sizes, and what the server adds of its own.
func appendMntrRest(l *lines, s *Server, leader bool) {
	l.num("non_mtls_remote_conn_count", 0)
	l.num("non_mtls_local_conn_count", 0)
	l.num("outstanding_tls_handshake", 0)
	l.num("last_client_response_size", s.Response.Last)
	l.num("min_client_response_size", s.Response.Min)
	l.num("max_client_response_size", s.Response.Max)
	if leader {
		l.num("last_proposal_size", s.Proposal.Last)
		l.num("min_proposal_size", s.Proposal.Min)
		l.num("max_proposal_size", s.Proposal.Max)
	}
	for _, m := range s.Extra {
		if m.Text != "" {
			l.text(m.Name, m.Text)
			continue
		}
		l.num(m.Name, m.Value)
	}
}
