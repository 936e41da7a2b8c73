package admin

import (
	"strconv"
	"time"
)

// javaDate is the layout of a date in ZooKeeper's outputs.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// date writes a wall clock time in UTC: the answer is the same wherever the
// server stands.
func date(ms int64) string { return time.UnixMilli(ms).UTC().Format(javaDate) }

// appendDump writes sessions, ephemerals and connections.
func appendDump(dst []byte, src Source) []byte {
	s := src.Sessions()
	dst = line(dst, "SessionTracker dump:")
	if s.Leader {
		dst = appendExpiry(dst, s.Expiry)
	} else {
		dst = line(dst, "Global Sessions(", itoa(int64(len(s.Global))), "):")
		for _, g := range s.Global {
			dst = line(dst, g.ID.String(), "\t", itoa(g.Timeout), "ms")
		}
	}
	dst = line(dst, "ephemeral nodes dump:")
	dst = line(dst, "Sessions with Ephemerals (", itoa(int64(len(s.Ephemerals))), "):")
	for _, o := range s.Ephemerals {
		dst = line(dst, o.Session.String(), ":")
		for _, p := range o.Paths {
			dst = line(dst, "\t", p)
		}
	}
	return appendConnExpiry(dst, s.Conns)
}

func appendExpiry(dst []byte, sets []ExpirySet) []byte {
	total := 0
	for _, set := range sets {
		total += len(set.Sessions)
	}
	dst = line(dst, "Session Sets (", itoa(int64(len(sets))), ")/(", itoa(int64(total)), "):")
	for _, set := range sets {
		dst = line(dst, itoa(int64(len(set.Sessions))), " expire at ", date(set.At), ":")
		for _, id := range set.Sessions {
			dst = line(dst, "\t", id.String())
		}
	}
	return dst
}

func appendConnExpiry(dst []byte, sets []ConnExpirySet) []byte {
	total := 0
	for _, set := range sets {
		total += len(set.Conns)
	}
	dst = line(dst, "Connections dump:")
	dst = line(dst, "Connections Sets (", itoa(int64(len(sets))), ")/(", itoa(int64(total)), "):")
	for _, set := range sets {
		dst = line(dst, itoa(int64(len(set.Conns))), " expire at ", date(set.At), ":")
		for i := range set.Conns {
			c := &set.Conns[i]
			dst = line(dst, "\tip: /", c.Remote, " sessionId: ", c.Session.String())
		}
	}
	return dst
}

// appendHash lists the kept digests: zxid in hex, digest in decimal.
func appendHash(dst []byte, src Source) []byte {
	for _, d := range src.Digests() {
		dst = line(dst, strconv.FormatUint(uint64(d.Zxid), 16), ": ", strconv.FormatUint(d.Digest, 10))
	}
	return dst
}
