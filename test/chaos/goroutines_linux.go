package chaos

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// mostGoroutines is what a server without clients may have. It has about a dozen
// of its own, and three or four for each link to a peer.
const mostGoroutines = 150

// goroutines ends all servers by SIGQUIT, upon which the runtime writes down all
// goroutines, and counts those. It comes after everything else.
func (c *cluster) goroutines(ctx context.Context) (text string, wrong []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var counts []string
	for _, s := range c.Servers {
		before, err := os.Stat(s.LogFile())
		if err != nil {
			return "", nil, fmt.Errorf("chaos: %w", err)
		}
		if err := s.Signal(syscall.SIGQUIT); err != nil {
			return "", nil, err
		}
		if err := s.Ended(ctx); err != nil {
			return "", nil, err
		}
		log, err := os.ReadFile(s.LogFile())
		if err != nil {
			return "", nil, fmt.Errorf("chaos: %w", err)
		}
		n := strings.Count(string(log[before.Size():]), "\ngoroutine ")
		counts = append(counts, fmt.Sprint(n))
		if n == 0 || n > mostGoroutines {
			wrong = append(wrong, fmt.Sprintf("H9: server %d has %d goroutines with no client left", s.ID, n))
		}
	}
	return "goroutines of servers without clients: " + strings.Join(counts, ", "), wrong, nil
}
