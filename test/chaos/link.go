package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
)

// link is what a packet meets on its way from one station to another. The two
// directions are two links. The zero value lets everything through at once.
type link struct {
	loss      float64 // share of packets that vanish; 1 is a cut
	duplicate float64 // share of packets that come twice
	reorder   float64 // share of packets that are held up for hold
	hold      time.Duration
	delay     time.Duration // of every packet
	jitter    time.Duration // a random time up to this on top; packets may overtake
	reset     bool          // a segment becomes two resets
}

var cut = link{loss: 1}

func (l link) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if l.loss > 0 {
		add("loss %.0f%%", l.loss*100)
	}
	if l.duplicate > 0 {
		add("%.0f%% twice", l.duplicate*100)
	}
	if l.reorder > 0 {
		add("%.0f%% late by %v", l.reorder*100, l.hold)
	}
	if l.delay > 0 || l.jitter > 0 {
		add("%v to %v late", l.delay.Round(time.Millisecond), (l.delay + l.jitter).Round(time.Millisecond))
	}
	if l.reset {
		add("reset")
	}
	return strings.Join(parts, ", ")
}

// deliveries draws when copies of one packet arrive, as times from now; none
// when it is lost.
func (l link) deliveries(r *rand.Rand) []time.Duration {
	if l.loss > 0 && r.Float64() < l.loss {
		return nil
	}
	after := l.delay
	if l.jitter > 0 {
		after += time.Duration(r.Int64N(int64(l.jitter)))
	}
	if l.reorder > 0 && r.Float64() < l.reorder {
		after += l.hold
	}
	if l.duplicate > 0 && r.Float64() < l.duplicate {
		return []time.Duration{after, after}
	}
	return []time.Duration{after}
}

// links are all directed pairs of stations; station 0 is the clients, the
// others are servers by their ids.
type links struct {
	stations int
	of       []atomic.Pointer[link] // nil is a good one
}

func newLinks(stations int) *links {
	return &links{stations: stations, of: make([]atomic.Pointer[link], stations*stations)}
}

func (ls *links) at(from, to int) *link { return ls.of[from*ls.stations+to].Load() }

// set changes one direction.
func (ls *links) set(from, to int, l link) { ls.of[from*ls.stations+to].Store(&l) }

// between changes both directions between every one of a and every one of b.
func (ls *links) between(a, b []int, l link) {
	for _, x := range a {
		for _, y := range b {
			if x != y {
				ls.set(x, y, l)
				ls.set(y, x, l)
			}
		}
	}
}

// heal makes everything good again.
func (ls *links) heal() {
	for i := range ls.of {
		ls.of[i].Store(nil)
	}
}
