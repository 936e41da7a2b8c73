package admin

// appendSrvr writes the figures of the server without its connections.
func appendSrvr(dst []byte, src Source) []byte {
	s := src.Server()
	dst = line(dst, "Zookeeper version: ", s.Version)
	return appendFigures(dst, &s)
}

// appendStat is srvr with a line for every connection.
func appendStat(dst []byte, src Source) []byte {
	s := src.Server()
	dst = line(dst, "Zookeeper version: ", s.Version)
	dst = line(dst, "Clients:")
	for _, c := range src.Conns() {
		dst = appendConn(dst, &c, false)
	}
	dst = append(dst, '\n')
	return appendFigures(dst, &s)
}

// appendFigures writes what srvr and stat share. Only a leader has proposals.
func appendFigures(dst []byte, s *Server) []byte {
	l := s.Latency
	dst = line(dst, "Latency min/avg/max: ", itoa(l.Min), "/", decimals(l.Avg), "/", itoa(l.Max))
	dst = line(dst, "Received: ", itoa(s.Received))
	dst = line(dst, "Sent: ", itoa(s.Sent))
	dst = line(dst, "Connections: ", itoa(int64(s.Connections)))
	dst = line(dst, "Outstanding: ", itoa(s.Outstanding))
	dst = line(dst, "Zxid: ", s.Zxid.String())
	dst = line(dst, "Mode: ", s.Mode)
	dst = line(dst, "Node count: ", itoa(int64(s.Nodes)))
	if s.Mode == "leader" {
		p := s.Proposal
		dst = line(dst, "Proposal sizes last/min/max: ", itoa(p.Last), "/", itoa(p.Min), "/", itoa(p.Max))
	}
	return dst
}
