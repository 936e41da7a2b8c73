package ensemble

import (
	"fmt"
	"net"
)

// Quorum and election ports lie at a fixed distance from the client ports, so
// that they are easy to tell from each other.
const (
	quorumOffset   = 100
	electionOffset = 200

	firstBase = 2181 // ZooKeeper's client port
	baseStep  = 1000
	baseTries = 29 // stays below the ports that systems give to outgoing connections
)

// choosePorts returns a first client port such that all ports of n servers
// are free. With base 0 it looks for one, beginning at 2181.
func choosePorts(base, n int) (int, error) {
	if base != 0 {
		if base < 1 || base+electionOffset+n > 65535 {
			return 0, fmt.Errorf("ensemble: %w: base port %d leaves no room for %d servers; choose one from 1024 to %d", ErrArgument, base, n, 65535-electionOffset-n)
		}
		if busy := busyPort(base, n); busy != 0 {
			return 0, fmt.Errorf("ensemble: port %d is in use; choose another --base-port, or 0 to let a free one be found", busy)
		}
		return base, nil
	}
	for i := range baseTries {
		if b := firstBase + i*baseStep; busyPort(b, n) == 0 {
			return b, nil
		}
	}
	return 0, fmt.Errorf("ensemble: no free ports found from %d on; choose some with --base-port", firstBase)
}

// busyPort returns a port of the n servers at base that cannot be listened
// on, 0 when all can.
func busyPort(base, n int) int {
	for i := range n {
		for _, port := range []int{base + i, base + quorumOffset + i, base + electionOffset + i} {
			if !portFree(port) {
				return port
			}
		}
	}
	return 0
}

// portFree reports whether a server could listen on the loopback port now.
func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
