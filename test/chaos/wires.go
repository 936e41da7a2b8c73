package chaos

import (
	"container/heap"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// The addresses of the private network. It exists in the namespaces of one run
// only, so that runs do not meet and nobody else's addresses matter.
const (
	subnet     = "10.213.0."
	firstHost  = 10 // of station 0, the clients
	packetSize = 1 << 16
)

func hostOf(station int) string { return fmt.Sprint(subnet, firstHost+station) }

// wires carry packets between stations. Each station is the other end of a TUN
// device: what its kernel sends is read here, and what is written here arrives
// there. A network in user space does on every kernel what netem, filters and
// firewalls do where they are compiled in, and leaves nothing behind.
type wires struct {
	*links
	ports  []io.ReadWriter
	rand   []*rand.Rand // one a reading goroutine
	late   lateQueue
	counts struct{ carried, lost atomic.Int64 }
}

func newWires(ports []io.ReadWriter, seed uint64) *wires {
	w := &wires{links: newLinks(len(ports)), ports: ports}
	w.late.changed = make(chan struct{}, 1)
	for i := range ports {
		w.rand = append(w.rand, rand.New(rand.NewPCG(seed, uint64(i))))
	}
	return w
}

// run carries packets until ctx ends. Reading ends when the ports are closed,
// which is the caller's to do.
func (w *wires) run(ctx context.Context) {
	for i := range w.ports {
		go w.read(i)
	}
	w.late.run(ctx, func(p parcel) { w.put(p.to, p.packet) })
}

func (w *wires) read(from int) {
	packet := make([]byte, packetSize)
	for {
		n, err := w.ports[from].Read(packet)
		if err != nil {
			return
		}
		w.carry(from, packet[:n])
	}
}

// carry takes one packet along its link; the buffer is the caller's.
func (w *wires) carry(from int, packet []byte) {
	last, ok := destination(packet)
	to := int(last) - firstHost
	if !ok || to < 0 || to >= len(w.ports) || to == from {
		return
	}
	l := w.at(from, to)
	if l == nil {
		w.put(to, packet)
		return
	}
	if l.reset {
		if back, on := resets(packet); back != nil {
			w.put(from, back)
			w.put(to, on)
			return
		}
	}
	arrivals := l.deliveries(w.rand[from])
	if len(arrivals) == 0 {
		w.counts.lost.Add(1)
	}
	for _, after := range arrivals {
		if after == 0 {
			w.put(to, packet)
			continue
		}
		w.late.add(parcel{at: time.Now().Add(after), to: to, packet: append([]byte(nil), packet...)})
	}
}

// put hands a packet to a station. A device whose queue is full refuses it,
// which is a loss like any other.
func (w *wires) put(to int, packet []byte) {
	if _, err := w.ports[to].Write(packet); err != nil {
		w.counts.lost.Add(1)
		return
	}
	w.counts.carried.Add(1)
}

// parcel is a packet that arrives later.
type parcel struct {
	at     time.Time
	order  int // of two at the same time the earlier one is first
	to     int
	packet []byte
}

// lateQueue delivers parcels at their times.
type lateQueue struct {
	mu      sync.Mutex
	waiting parcels
	added   int
	changed chan struct{} // holds one note that the first parcel may be another
}

func (q *lateQueue) add(p parcel) {
	q.mu.Lock()
	q.added++
	p.order = q.added
	heap.Push(&q.waiting, p)
	q.mu.Unlock()
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// next takes the first parcel that is due, or says how long to wait for one.
func (q *lateQueue) next() (p parcel, due bool, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return parcel{}, false, time.Hour
	}
	if wait = time.Until(q.waiting[0].at); wait > 0 {
		return parcel{}, false, wait
	}
	return heap.Pop(&q.waiting).(parcel), true, 0
}

func (q *lateQueue) run(ctx context.Context, deliver func(parcel)) {
	for ctx.Err() == nil {
		p, due, wait := q.next()
		if due {
			deliver(p)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-q.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// parcels is a heap, the earliest first.
type parcels []parcel

func (ps parcels) Len() int { return len(ps) }
func (ps parcels) Less(i, j int) bool {
	if ps[i].at.Equal(ps[j].at) {
		return ps[i].order < ps[j].order
	}
	return ps[i].at.Before(ps[j].at)
}
func (ps parcels) Swap(i, j int) { ps[i], ps[j] = ps[j], ps[i] }
func (ps *parcels) Push(x any)   { *ps = append(*ps, x.(parcel)) }
func (ps *parcels) Pop() any {
	old := *ps
	p := old[len(old)-1]
	*ps = old[:len(old)-1]
	return p
}
