package server

import (
	"sync/atomic"
	"time"
)

// pacer has a snapshot written, and read back, no faster than is good for those
// who write meanwhile. It is used by the snapshotter's goroutine; hurry and
// relax by anybody.
//
//	bytes  ▁▁▁▇▇▇▁▁▁▇▇▇▁▁▁   each piece waits for the end of the time that the
//	time   └───────┘          pieces before it take at the rate
type pacer struct {
	rate int64 // bytes a second; 0 is as fast as it goes
	quit <-chan struct{}
	// now and wait are the clock; wait returns early when rush or quit does.
	now  func() time.Time
	wait func(d time.Duration, rush, quit <-chan struct{})

	next    time.Time // when the bytes so far have had their time
	hurried atomic.Bool
	rush    chan struct{} // one slot: hurried was set
}

// maxAhead is how much time a pacer that had nothing to do may make up for.
const maxAhead = 100 * time.Millisecond

func newPacer(rate int64, quit <-chan struct{}) *pacer {
	return &pacer{rate: rate, quit: quit, now: time.Now, wait: waitFor, rush: make(chan struct{}, 1)}
}

func waitFor(d time.Duration, rush, quit <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-rush:
	case <-quit:
	}
}

// spend waits until bytes have had their time. It does not when somebody waits
// for the snapshot, or for the server's end.
func (p *pacer) spend(bytes int) {
	if p.rate <= 0 || p.hurried.Load() {
		return
	}
	now := p.now()
	if early := now.Add(-maxAhead); p.next.Before(early) {
		p.next = early
	}
	p.next = p.next.Add(time.Duration(float64(bytes) / float64(p.rate) * float64(time.Second)))
	if d := p.next.Sub(now); d > 0 {
		p.wait(d, p.rush, p.quit)
	}
	select {
	case <-p.quit:
		p.hurry()
	default:
	}
}

// hurry ends all waiting until relax.
func (p *pacer) hurry() {
	p.hurried.Store(true)
	signal(p.rush)
}

// relax begins to wait again.
func (p *pacer) relax() {
	p.hurried.Store(false)
	select {
	case <-p.rush:
	default:
	}
}
