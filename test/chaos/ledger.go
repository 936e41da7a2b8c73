package chaos

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// ledger knows all sessions that ever had ephemeral nodes, and which nodes those
// are, for the comparison with the servers at the end (H6).
type ledger struct {
	mu       sync.Mutex
	sessions map[int64]*account
}

// account is one session's.
type account struct {
	ended   bool
	endedAt time.Time         // when it was closed, abandoned or found expired
	closed  bool              // the servers said that it has ended
	nodes   map[string]holder // by path
}

// holder is what is known of one ephemeral node.
type holder uint8

const (
	certain holder = iota // acknowledged, and not deleted
	perhaps               // the outcome of its creation or deletion is unknown
)

func newLedger() *ledger { return &ledger{sessions: make(map[int64]*account)} }

func (l *ledger) begin(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[id] = &account{nodes: make(map[string]holder)}
}

// end notes that a session is over; closed says that the servers confirmed it.
func (l *ledger) end(id int64, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.sessions[id]
	a.ended, a.closed, a.endedAt = true, closed, time.Now()
}

func (l *ledger) set(id int64, path string, h holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[id].nodes[path] = h
}

func (l *ledger) remove(id int64, path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions[id].nodes, path)
}

// compare holds the ephemeral nodes that one server has, path to owner, against
// the ledger. Sessions that ended without the servers' word have timeout to go.
func (l *ledger) compare(there map[string]int64, now time.Time, timeout time.Duration) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(there)) {
		a := l.sessions[there[path]]
		switch {
		case a == nil:
			wrong = append(wrong, fmt.Sprintf("H6: %s is of session %#x, which nobody knows", path, there[path]))
		case a.ended && (a.closed || now.Sub(a.endedAt) > timeout):
			wrong = append(wrong, fmt.Sprintf("H6: %s is there, but its session %#x ended %v ago", path, there[path], now.Sub(a.endedAt).Round(time.Millisecond)))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.sessions)) {
		a := l.sessions[id]
		for _, path := range slices.Sorted(maps.Keys(a.nodes)) {
			if owner := there[path]; !a.ended && a.nodes[path] == certain && owner != id {
				wrong = append(wrong, fmt.Sprintf("H6: %s of session %#x, which lives, is missing (owner there %#x)", path, id, owner))
			}
		}
	}
	return wrong
}
