package client

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/quorumd/quorumd/jute"
)

// place is where a call is.
type place uint8

const (
	placeNew      place = iota
	placeUnsent         // in Client.unsent
	placeInFlight       // written; in conn.inFlight or conn.auths
	placeFinished
)

// call is one request and its outcome. Until it is finished its fields belong
// to Client.mu, then to the caller who has received from done.
type call struct {
	op    jute.Op
	name  string // for errors
	path  string // the caller's, for errors
	frame []byte // the whole frame; the xid is filled in when it is written
	done  chan struct{}

	xid       int32
	place     place
	slotted   bool // holds a token of Client.slots
	abandoned bool // nobody waits any more
	resent    bool // a credential that was accepted before
	auth      *credential
	watch     *oneShot // to be armed by the reply
	watcher   *Watcher // the same

	code jute.Code
	err  error // of the connection or client; comes before code
	body []byte
}

var callPool = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

func newCall(op jute.Op, name, path string) *call {
	k := callPool.Get().(*call)
	k.op, k.name, k.path = op, name, path
	return k
}

// maxPooledFrame bounds the buffer that a call keeps for the next.
const maxPooledFrame = 16 << 10

// recycle gives a call back that its only holder is done with.
func (k *call) recycle() {
	frame := k.frame[:0]
	if cap(frame) > maxPooledFrame {
		frame = nil
	}
	*k = call{done: k.done, frame: frame}
	callPool.Put(k)
}

// appender is a record of the protocol.
type appender interface{ Append(dst []byte) []byte }

// encode makes the frame; rec may be nil.
func (k *call) encode(rec appender) {
	b := jute.BeginFrame(k.frame[:0])
	b = (&jute.RequestHeader{Op: k.op}).Append(b)
	if rec != nil {
		b = rec.Append(b)
	}
	k.frame = jute.EndFrame(b, 0)
}

// setXid fills the xid in.
func (k *call) setXid(xid int32) {
	k.xid = xid
	binary.BigEndian.PutUint32(k.frame[jute.FrameHeader:], uint32(xid))
}

// failure is why the call failed, nil if it did not.
func (k *call) failure() error {
	if k.err != nil {
		return k.err
	}
	return k.code.Err()
}

// wrap names the call in an error; nil stays nil.
func (k *call) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: k.name, Path: k.path, Err: err}
}

// do encodes and makes a call and waits for its outcome. It returns what kept
// it from being answered; the server's own answer is in k.code. If it returns
// an error, k must not be used any more.
func (c *Client) do(ctx context.Context, k *call, rec appender) error {
	k.encode(rec)
	if n := len(k.frame) - jute.FrameHeader; n > c.opt.maxRequest {
		return k.wrap(fmt.Errorf("%w: a request of %d bytes, the limit is %d (WithMaxRequest, and jute.maxbuffer of the servers)",
			ErrTooLarge, n, c.opt.maxRequest))
	}
	if err := c.enqueue(ctx, k); err != nil {
		return k.wrap(err)
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		if c.abandon(k) {
			return k.wrap(ctx.Err())
		}
		<-k.done
	}
	return k.wrap(k.err)
}

// enqueue puts a call at the end of the queue, waiting for room.
func (c *Client) enqueue(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.Err()
	}
	k.slotted = true
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.err
	if err == nil && c.closing {
		err = ErrClosed
	}
	if err != nil {
		<-c.slots
		return err
	}
	k.place = placeUnsent
	c.unsent.push(k)
	c.kick()
	return nil
}

// kick tells the writer that there is something to do.
func (c *Client) kick() {
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// abandon gives a call up that its caller no longer waits for. It returns false
// if the call is finished already. A call that was not sent is taken back.
func (c *Client) abandon(k *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch k.place {
	case placeUnsent:
		c.unsent.remove(k)
		k.abandoned = true
		c.finish(k, nil)
	case placeInFlight:
		k.abandoned = true // its reply must still be matched (C2)
	default:
		return false
	}
	return true
}

// finish hands a call back to its caller. c.mu is held.
func (c *Client) finish(k *call, err error) {
	k.err = err
	k.place = placeFinished
	if k.slotted {
		<-c.slots
	}
	if k.watch != nil && k.err != nil {
		k.watch = nil
	}
	k.done <- struct{}{}
}

// fifo is a queue of calls.
type fifo struct {
	items []*call
	head  int
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(k *call) {
	// Half of it must be free, else moving costs more than growing.
	if len(q.items) == cap(q.items) && q.head >= len(q.items)/2 && q.head > 0 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, k)
}

// first returns the oldest call, nil if there is none.
func (q *fifo) first() *call {
	if q.len() == 0 {
		return nil
	}
	return q.items[q.head]
}

func (q *fifo) pop() *call {
	k := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return k
}

// remove takes a call out wherever it is. The queue holds at most maxCalls.
func (q *fifo) remove(k *call) {
	for i := q.head; i < len(q.items); i++ {
		if q.items[i] == k {
			copy(q.items[i:], q.items[i+1:])
			q.items[len(q.items)-1] = nil
			q.items = q.items[:len(q.items)-1]
			return
		}
	}
}

// drain empties the queue.
func (q *fifo) drain(f func(*call)) {
	for q.len() > 0 {
		f(q.pop())
	}
}
