package clientport

import (
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
)

// gate holds requests back while the server does not serve. It starts closed.
type gate struct {
	serving atomic.Bool

	mu     ranked.Mutex[ranked.Leaf]
	opened chan struct{} // closed when the gate opens
	grace  *time.Timer
}

func (g *gate) init() { g.opened = make(chan struct{}) }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.serving.Load() {
		return
	}
	g.stopLocked()
	g.serving.Store(true)
	close(g.opened)
}

// close shuts the gate; expired is called when it is still shut after grace.
func (g *gate) close(grace time.Duration, expired func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.serving.Load() {
		return
	}
	g.serving.Store(false)
	shut := make(chan struct{})
	g.opened = shut
	g.grace = time.AfterFunc(grace, func() {
		// The timer may have fired just before the gate opened again.
		g.mu.Lock()
		still := g.opened == shut && !g.serving.Load()
		g.mu.Unlock()
		if still {
			expired()
		}
	})
}

// stop gives up the grace timer.
func (g *gate) stop() {
	g.mu.Lock()
	g.stopLocked()
	g.mu.Unlock()
}

func (g *gate) stopLocked() {
	if g.grace != nil {
		g.grace.Stop()
		g.grace = nil
	}
}

// wait returns a channel that is closed when the gate opens.
func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}
