package znode

import "strings"

// ipRange is an address and the number of leading bits that count.
type ipRange struct {
	addr [16]byte
	size uint8 // bytes of addr: 4 or 16; 0 is no address
	bits uint8
}

// parseIPRange reads addr or addr/bits, addr being a dotted quad or an IPv6
// address. (The standard library's parser lives below package net, which the
// core does not import.)
func parseIPRange(text string) (r ipRange, ok bool) {
	addr, bits, cut := strings.Cut(text, "/")
	r, ok = parseIP(addr)
	if !ok {
		return ipRange{}, false
	}
	if cut {
		n, ok := parseSmall(bits, int(r.size)*8)
		if !ok {
			return ipRange{}, false
		}
		r.bits = uint8(n)
	}
	return r, true
}

// parseIP reads an address; all of its bits count. A zone (%eth0) is dropped,
// and an IPv4 address in IPv6 form becomes an IPv4 address.
func parseIP(text string) (r ipRange, ok bool) {
	if !strings.Contains(text, ":") {
		if ok = parseIPv4(text, r.addr[:4]); !ok {
			return ipRange{}, false
		}
		r.size, r.bits = 4, 32
		return r, true
	}
	text, _, _ = strings.Cut(text, "%")
	if !parseIPv6(text, &r.addr) {
		return ipRange{}, false
	}
	if [12]byte(r.addr[:12]) == [12]byte{10: 0xff, 11: 0xff} {
		copy(r.addr[:4], r.addr[12:])
		clear(r.addr[4:])
		r.size, r.bits = 4, 32
		return r, true
	}
	r.size, r.bits = 16, 128
	return r, true
}

func parseIPv4(text string, dst []byte) bool {
	for i := range 4 {
		part, rest, more := strings.Cut(text, ".")
		if more != (i < 3) {
			return false
		}
		n, ok := parseSmall(part, 255)
		if !ok {
			return false
		}
		dst[i] = byte(n)
		text = rest
	}
	return true
}

// parseIPv6 reads up to eight groups of hex digits, one run of which may be
// written "::" and the last two of which may be a dotted quad.
func parseIPv6(text string, dst *[16]byte) bool {
	head, tail, gap := strings.Cut(text, "::")
	var front, back [16]byte
	n, ok := parseGroups(head, front[:])
	if !ok {
		return false
	}
	copy(dst[:], front[:n])
	if !gap {
		return n == 16
	}
	m, ok := parseGroups(tail, back[:])
	if !ok || n+m > 14 {
		return false
	}
	copy(dst[16-m:], back[:m])
	return true
}

// parseGroups reads groups between colons into dst and returns their bytes.
func parseGroups(text string, dst []byte) (n int, ok bool) {
	for more := text != ""; more; {
		var group string
		group, text, more = strings.Cut(text, ":")
		if !more && strings.Contains(group, ".") {
			if n+4 > len(dst) || !parseIPv4(group, dst[n:n+4]) {
				return 0, false
			}
			return n + 4, true
		}
		v, ok := parseHex16(group)
		if !ok || n+2 > len(dst) {
			return 0, false
		}
		dst[n], dst[n+1] = byte(v>>8), byte(v)
		n += 2
	}
	return n, true
}

func parseHex16(s string) (v uint16, ok bool) {
	if len(s) == 0 || len(s) > 4 {
		return 0, false
	}
	for i := range len(s) {
		d := strings.IndexByte("0123456789abcdef", s[i]|0x20)
		if d < 0 || s[i] < '0' {
			return 0, false
		}
		v = v<<4 | uint16(d)
	}
	return v, true
}

// parseSmall reads a decimal number of at most limit.
func parseSmall(s string, limit int) (n int, ok bool) {
	if len(s) == 0 || len(s) > 3 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, n <= limit
}

// holds reports whether the address ip lies in r.
func (r *ipRange) holds(ip *ipRange) bool {
	if r.size == 0 || r.size != ip.size {
		return false
	}
	whole, rest := r.bits/8, r.bits%8
	for i := range whole {
		if r.addr[i] != ip.addr[i] {
			return false
		}
	}
	return rest == 0 || (r.addr[whole]^ip.addr[whole])>>(8-rest) == 0
}
