package replica

import (
	"slices"

	"github.com/quorumd/quorumd/zab"
)

// pendingRequest is a write of one of this server's clients that has not been
// applied here.
type pendingRequest struct {
	req  *zab.Request
	sent bool // to the leader of now
	dead bool // its connection is gone: not to be sent again
}

// pendingQueue holds the pending requests in the order of their Seq. Its bound
// is the client port's: a request is taken from a client only while the
// server's outstanding limit has room.
type pendingQueue struct {
	items []pendingRequest
	head  int // items before head are done
	next  int // first item that may not have been sent
}

func (q *pendingQueue) len() int { return len(q.items) - q.head }

func (q *pendingQueue) push(req *zab.Request) {
	if q.head > 1024 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items = q.items[:n]
		q.next = max(0, q.next-q.head)
		q.head = 0
	}
	q.items = append(q.items, pendingRequest{req: req})
}

// unsent returns the next request to send and marks it sent; dead ones that
// were not sent are dropped.
func (q *pendingQueue) unsent() *zab.Request {
	q.next = max(q.next, q.head)
	for q.next < len(q.items) {
		p := &q.items[q.next]
		if p.dead {
			q.items = slices.Delete(q.items, q.next, q.next+1)
			continue
		}
		q.next++
		if p.sent {
			continue
		}
		p.sent = true
		return p.req
	}
	return nil
}

// unsend makes every request unsent: the leader it was sent to is gone.
func (q *pendingQueue) unsend() {
	q.next = q.head
	for i := q.head; i < len(q.items); i++ {
		q.items[i].sent = false
	}
}

// abandon marks the requests of a session dead.
func (q *pendingQueue) abandon(id zab.SessionID) {
	for i := q.head; i < len(q.items); i++ {
		if q.items[i].req.Session == id {
			q.items[i].dead = true
		}
	}
}

// applied takes the request seq off the head. It returns the requests before
// it, which by R4 can only be ones that nobody will ever apply.
func (q *pendingQueue) applied(seq uint64, skipped []*zab.Request) []*zab.Request {
	if q.len() == 0 || seq < q.items[q.head].req.Seq || seq > q.items[len(q.items)-1].req.Seq {
		return skipped // of an earlier life of this server, or already given up
	}
	for q.len() > 0 && q.items[q.head].req.Seq <= seq {
		if q.items[q.head].req.Seq < seq {
			skipped = append(skipped, q.items[q.head].req)
		}
		q.items[q.head] = pendingRequest{}
		q.head++
	}
	return skipped
}

// remove takes a request out of the queue: the leader has refused it.
func (q *pendingQueue) remove(seq uint64) bool {
	for i := q.head; i < len(q.items); i++ {
		if q.items[i].req.Seq == seq {
			q.items = slices.Delete(q.items, i, i+1)
			if q.next > i {
				q.next--
			}
			return true
		}
	}
	return false
}

// takeAll empties the queue.
func (q *pendingQueue) takeAll() []pendingRequest {
	all := q.items[q.head:]
	*q = pendingQueue{}
	return all
}

// ask is a question of a client to the leader that leaves no record.
type ask struct {
	attach *zab.Attach
	sync   *zab.SyncAsk
	sent   bool
}

func (a *ask) seq() uint64 {
	if a.attach != nil {
		return a.attach.Seq
	}
	return a.sync.Seq
}

func (a *ask) session() zab.SessionID {
	if a.attach != nil {
		return a.attach.Session
	}
	return a.sync.Session
}

func (r *Replica) ask(a ask, out *zab.Output) {
	r.asks = append(r.asks, a)
	if r.open {
		r.sendAsks(out)
	}
}

// sendPending sends the requests that wait, in order.
func (r *Replica) sendPending(out *zab.Output) {
	for req := r.pending.unsent(); req != nil; req = r.pending.unsent() {
		if r.leader != nil {
			r.leader.Request(req, r.now, r.wall, out)
		} else {
			r.follower.Forward(req, out)
		}
	}
	r.takeRefused(out)
}

// takeRefused forgets requests that this server refused as leader, at once or
// after it had held them.
func (r *Replica) takeRefused(out *zab.Output) {
	for i := range out.Answers {
		if k := out.Answers[i].Kind; k == zab.AnswerMoved || k == zab.AnswerNoSpace {
			r.pending.remove(out.Answers[i].Seq)
		}
	}
}

// sendAsks puts the waiting questions to the leader.
func (r *Replica) sendAsks(out *zab.Output) {
	for i := 0; i < len(r.asks); i++ {
		a := &r.asks[i]
		if a.sent {
			continue
		}
		a.sent = true
		switch {
		case r.follower != nil && a.attach != nil:
			r.follower.Attach(a.attach, out)
		case r.follower != nil:
			r.follower.Sync(a.sync, out)
		case a.attach != nil:
			if at, lives := r.leader.Attach(a.attach, r.now, out); lives {
				r.attached(a.attach.Seq, at, true, out)
				i--
			}
		default:
			r.leader.Sync(*a.sync, r.now, out)
		}
	}
}

// takeAsk removes the question seq and reports whether it was waiting.
func (r *Replica) takeAsk(seq uint64) (ask, bool) {
	i := slices.IndexFunc(r.asks, func(a ask) bool { return a.seq() == seq })
	if i < 0 {
		return ask{}, false
	}
	a := r.asks[i]
	r.asks = slices.Delete(r.asks, i, i+1)
	return a, true
}
