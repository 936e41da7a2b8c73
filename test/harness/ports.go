package harness

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// Ports come from a range that no system gives to outgoing connections (T1).
const (
	firstPort = 20000
	portCount = 10000
)

var ports struct {
	sync.Mutex
	next int
}

// FreeAddr returns an address on loopback that nobody listens on. Test processes
// that run side by side begin at different places of the range.
func FreeAddr() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.next == 0 {
		ports.next = os.Getpid() * 131
	}
	for range portCount {
		ports.next++
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+ports.next%portCount)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("harness: %w", err)
		}
		return addr, nil
	}
	return "", fmt.Errorf("harness: no free port in %d..%d", firstPort, firstPort+portCount-1)
}
