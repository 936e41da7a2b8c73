package chaos

import "encoding/binary"

// A packet is IPv4 as a TUN device gives it, without any header before it.

const (
	ipHeader  = 20
	tcpHeader = 20
	protoTCP  = 6

	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// destination returns the last byte of the address that a packet goes to, by
// which the wires know their stations; false for what is not IPv4.
func destination(p []byte) (byte, bool) {
	if len(p) < ipHeader || p[0]>>4 != 4 {
		return 0, false
	}
	return p[19], true
}

// tcpOf returns the TCP part of a packet, nil for none.
func tcpOf(p []byte) []byte {
	if len(p) < ipHeader || p[0]>>4 != 4 || p[9] != protoTCP {
		return nil
	}
	n := int(p[0]&0x0f) * 4
	if n < ipHeader || len(p) < n+tcpHeader {
		return nil
	}
	return p[n:]
}

// resets makes, of a segment on its way, the two resets that end its connection
// at both sides: one back to the sender, one on to the receiver. Both carry the
// sequence number that the other side waits for; Linux takes no other. They are
// nil for what is no segment of an open connection.
func resets(p []byte) (back, on []byte) {
	tcp := tcpOf(p)
	if tcp == nil || tcp[13]&flagACK == 0 || tcp[13]&(flagRST|flagSYN) != 0 {
		return nil, nil
	}
	src, dst := p[12:16], p[16:20]
	seq, ack := binary.BigEndian.Uint32(tcp[4:]), binary.BigEndian.Uint32(tcp[8:])
	sport, dport := tcp[0:2], tcp[2:4]
	return reset(dst, src, dport, sport, ack), reset(src, dst, sport, dport, seq)
}

// reset is a packet with nothing but a reset.
func reset(src, dst, sport, dport []byte, seq uint32) []byte {
	p := make([]byte, ipHeader+tcpHeader)
	p[0] = 0x45
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p[8], p[9] = 64, protoTCP
	copy(p[12:], src)
	copy(p[16:], dst)
	binary.BigEndian.PutUint16(p[10:], checksum(0, p[:ipHeader]))
	tcp := p[ipHeader:]
	copy(tcp[0:], sport)
	copy(tcp[2:], dport)
	binary.BigEndian.PutUint32(tcp[4:], seq)
	tcp[12] = tcpHeader / 4 << 4
	tcp[13] = flagRST
	pseudo := sum(0, p[12:20]) + protoTCP + tcpHeader
	binary.BigEndian.PutUint16(tcp[16:], checksum(pseudo, tcp))
	return p
}

// sum adds up 16-bit words; the length is even.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	return s
}

// checksum is the internet checksum (RFC 1071).
func checksum(s uint32, b []byte) uint16 {
	s = sum(s, b)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}
