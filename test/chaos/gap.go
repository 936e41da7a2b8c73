package chaos

import (
	"sync"
	"time"
)

// gaps measures the longest time without an acknowledged write.
type gaps struct {
	mu    sync.Mutex
	acks  int
	last  time.Time
	worst time.Duration
}

func (g *gaps) ack() {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.acks++
	if !g.last.IsZero() {
		g.worst = max(g.worst, now.Sub(g.last))
	}
	g.last = now
}

// mark begins a new measurement, from the last acknowledged write on.
func (g *gaps) mark() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.worst = 0
}

// gap is the longest one since mark, the present one included.
func (g *gaps) gap() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last.IsZero() {
		return g.worst
	}
	return max(g.worst, time.Since(g.last))
}

func (g *gaps) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.acks
}
