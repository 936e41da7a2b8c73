package server

import (
	"sync"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/zab"
)

// inboxPeerBytes is how many bytes of peers' packets may wait for the loop.
// Beyond it the readers of the links wait, and their peers with them.
const inboxPeerBytes = 64 << 20

// inboxKeep is the size in items beyond which a lane's memory is not kept
// once it has been emptied.
const inboxKeep = 8 << 10

// inbox is where events wait for the loop, in two lanes. What is in the client
// lane is bounded by the client port's outstanding limit; the peer lane also
// holds the server's own events: the disk's completions, one for each operation,
// answers to reads, and what the applier has applied, a few for each window.
type inbox struct {
	wake chan struct{} // one slot

	mu     ranked.Mutex[ranked.Leaf]
	room   sync.Cond // for readers of links; on mu
	closed bool
	peer   []zab.Event
	client []zab.Event
	bytes  int // of packets in the peer lane
}

func newInbox() *inbox {
	in := &inbox{wake: make(chan struct{}, 1)}
	in.room.L = &in.mu
	return in
}

// fromPeer puts an event into the peer lane. It does not block.
func (in *inbox) fromPeer(ev zab.Event) {
	in.mu.Lock()
	in.peer = append(in.peer, ev)
	in.mu.Unlock()
	signal(in.wake)
}

// packet puts an event that holds bytes of a peer into the peer lane, when
// there is room. It reports false when the inbox is closed.
func (in *inbox) packet(ev zab.Event, bytes int) bool {
	in.mu.Lock()
	for !in.closed && in.bytes > 0 && in.bytes+bytes > inboxPeerBytes {
		in.room.Wait()
	}
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.peer = append(in.peer, ev)
	in.bytes += bytes
	in.mu.Unlock()
	signal(in.wake)
	return true
}

// fromClient puts an event into the client lane. It does not block.
func (in *inbox) fromClient(ev zab.Event) {
	in.mu.Lock()
	in.client = append(in.client, ev)
	in.mu.Unlock()
	signal(in.wake)
}

// take exchanges both lanes for empty ones, made of what is given back.
func (in *inbox) take(peer, client []zab.Event) (peers, clients []zab.Event) {
	peer, client = emptied(peer), emptied(client)
	in.mu.Lock()
	defer in.mu.Unlock()
	peers, clients = in.peer, in.client
	in.peer, in.client = peer, client
	if in.bytes > 0 {
		in.bytes = 0
		in.room.Broadcast()
	}
	return peers, clients
}

// emptied lets go of what the items refer to, and of the memory of a queue that
// was unusually long.
func emptied[T any](events []T) []T {
	if cap(events) > inboxKeep {
		return nil
	}
	clear(events)
	return events[:0]
}

// close lets nobody wait any more.
func (in *inbox) close() {
	in.mu.Lock()
	in.closed = true
	in.room.Broadcast()
	in.mu.Unlock()
}

// signal wakes the one goroutine that waits for ch, now or next.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
