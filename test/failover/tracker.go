package failover

import (
	"sync"
	"time"
)

// tracker measures the longest time between two acknowledged writes.
type tracker struct {
	mu    sync.Mutex
	acks  int
	last  time.Time
	worst time.Duration
}

// ack is told about each acknowledged write.
func (t *tracker) ack() {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acks++
	t.worst = max(t.worst, now.Sub(t.last))
	t.last = now
}

// mark begins a new measurement, from the last acknowledged write on.
func (t *tracker) mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.worst = 0
	if t.last.IsZero() {
		t.last = time.Now()
	}
}

// gap is the longest time without a write since mark, the present one included.
func (t *tracker) gap() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.worst, time.Since(t.last))
}

func (t *tracker) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acks
}
