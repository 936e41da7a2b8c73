package client

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

// DefaultPort is used for servers that are given without one.
const DefaultPort = "2181"

// ParseConnectString splits the usual form "host:port,host:port/chroot" into
// servers and chroot, which is "" if there is none.
func ParseConnectString(s string) (servers []string, chroot string) {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		s, chroot = s[:i], s[i:]
	}
	for server := range strings.SplitSeq(s, ",") {
		if server = strings.TrimSpace(server); server != "" {
			servers = append(servers, server)
		}
	}
	if chroot == "/" {
		chroot = ""
	}
	return servers, chroot
}

// ServerAddress returns the "host:port" of a server that is given as that or as
// a host alone, which gets DefaultPort. The port is a number from 1 to 65535; an
// IPv6 address with a port is in brackets.
func ServerAddress(s string) (string, error) {
	if s == "" || strings.ContainsAny(s, ", /\t") {
		return "", fmt.Errorf("server %q is not of the form host:port", s)
	}
	host, port := strings.Trim(s, "[]"), DefaultPort
	// A host alone has no colon; an IPv6 address alone has several, or brackets.
	if bare := net.ParseIP(host) != nil; !bare && strings.ContainsRune(s, ':') {
		var err error
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", fmt.Errorf("server %q is not of the form host:port; an IPv6 address goes in brackets", s)
		}
	}
	if host == "" {
		return "", fmt.Errorf("server %q has no host; write host:port", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("server %q: the port %q is not a number from 1 to 65535", s, port)
	}
	return net.JoinHostPort(host, port), nil
}

// serverList goes round the servers in an order that differs from client to
// client, so that clients which lose a server spread over the others.
type serverList struct {
	addrs []string
	next  int
	tries int // since the last that was good
}

func makeServerList(servers []string) (serverList, error) {
	if len(servers) == 0 {
		return serverList{}, ErrNoServers
	}
	addrs := make([]string, len(servers))
	for i, s := range servers {
		addr, err := ServerAddress(s)
		if err != nil {
			return serverList{}, err
		}
		addrs[i] = addr
	}
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	return serverList{addrs: addrs}, nil
}

const (
	firstBackoff = 20 * time.Millisecond
	lastBackoff  = time.Second
)

// pick returns the server to try and how long to wait before: not at all while
// there are servers that were not tried since the last good connection, then
// longer with every round, with jitter.
func (l *serverList) pick() (addr string, wait time.Duration) {
	addr = l.addrs[l.next%len(l.addrs)]
	l.next = (l.next + 1) % len(l.addrs)
	if round := l.tries / len(l.addrs); round > 0 {
		wait = min(firstBackoff<<min(round-1, 10), lastBackoff)
		wait = wait/2 + rand.N(wait/2)
	}
	l.tries++
	return addr, wait
}

// good is told that a connection was of use.
func (l *serverList) good() { l.tries = 0 }
