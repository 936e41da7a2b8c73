package config

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// Endpoint is a host and a TCP port. The zero Endpoint means none.
type Endpoint struct {
	Host string // a name or an address; IPv6 without brackets; "" is the wildcard
	Port int    // 1 to 65535
}

// String writes host:port with brackets around IPv6, or "" for none.
func (e Endpoint) String() string {
	if e.Port == 0 {
		return ""
	}
	return net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
}

// wildcard reports whether e listens on every address.
func (e Endpoint) wildcard() bool { return e.Host == "" || e.Host == "0.0.0.0" || e.Host == "::" }

var (
	errPort     = errors.New("a port is a whole number from 1 to 65535")
	errHost     = errors.New("the host is empty")
	errBrackets = errors.New("write an IPv6 address in square brackets, e.g. [::1]:2888:3888")
	errHostChar = errors.New("a host name holds no blanks, slashes or control characters")
)

func parsePort(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, errPort
	}
	return n, nil
}

// splitHost cuts "host:rest" or "[v6]:rest" after the host. Without a colon
// all of s is the host.
func splitHost(s string) (host, rest string, err error) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || net.ParseIP(withoutZone(s[1:end])) == nil {
			return "", "", errBrackets
		}
		host, rest = s[1:end], s[end+1:]
		if rest != "" && rest[0] != ':' {
			return "", "", errBrackets
		}
		return host, strings.TrimPrefix(rest, ":"), nil
	}
	host, rest, _ = strings.Cut(s, ":")
	if host == "" {
		if strings.HasPrefix(rest, ":") {
			return "", "", errBrackets
		}
		return "", "", errHost
	}
	for _, r := range host {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`/\[]|;=`, r) {
			return "", "", errHostChar
		}
	}
	return host, rest, nil
}

func withoutZone(ip string) string {
	ip, _, _ = strings.Cut(ip, "%")
	return ip
}
