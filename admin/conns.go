package admin

// appendCons writes every connection in full and an empty line.
func appendCons(dst []byte, src Source) []byte {
	for _, c := range src.Conns() {
		dst = appendConn(dst, &c, true)
	}
	return append(dst, '\n')
}

// appendConn writes one connection. The short form ends after the packet
// counts; so does the long one of a connection without a session.
func appendConn(dst []byte, c *Conn, long bool) []byte {
	dst = append(dst, " /"...)
	dst = append(dst, c.Remote...)
	dst = append(dst, '[')
	dst = append(dst, itoa(int64(c.Interest))...)
	dst = append(dst, "](queued="...)
	dst = append(dst, itoa(int64(c.Queued))...)
	dst = field(dst, "recved", itoa(c.Received))
	dst = field(dst, "sent", itoa(c.Sent))
	if long && c.HasSession {
		dst = appendSession(dst, c)
	}
	return append(dst, ")\n"...)
}

func appendSession(dst []byte, c *Conn) []byte {
	dst = field(dst, "sid", c.Session.String())
	dst = field(dst, "lop", c.LastOp)
	dst = field(dst, "est", itoa(c.Established))
	dst = field(dst, "to", itoa(c.Timeout))
	// Xids below zero are the protocol's own, such as the ping's.
	if c.LastXid >= 0 {
		dst = field(dst, "lcxid", hex(c.LastXid))
	}
	dst = field(dst, "lzxid", hex(int64(c.LastZxid)))
	dst = field(dst, "lresp", itoa(c.LastReplyAt))
	dst = field(dst, "llat", itoa(c.LastLatency))
	dst = field(dst, "minlat", itoa(c.Latency.Min))
	dst = field(dst, "avglat", itoa(int64(c.Latency.Avg)))
	return field(dst, "maxlat", itoa(c.Latency.Max))
}

func field(dst []byte, key, value string) []byte {
	dst = append(dst, ',')
	dst = append(dst, key...)
	dst = append(dst, '=')
	return append(dst, value...)
}
