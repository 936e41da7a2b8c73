package peer

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// link is one quorum connection.
type link struct {
	t    *Transport
	id   zab.LinkID
	peer zab.ServerID
	nc   net.Conn
	wake chan struct{} // wakes the writer
	done chan struct{} // closed with the link

	// Send's own.
	staged []zab.Packet

	mu     ranked.Mutex[ranked.Leaf]
	queue  []zab.Packet // not taken up by the writer yet
	bytes  int          // of what is queued or being written
	closed bool
}

// packetCost is what a packet counts for in a queue besides the memory that it
// alone keeps.
const packetCost = 128

// cost returns how many bytes a queued packet counts for. A forwarded request
// counts little whatever its size: its bytes are those of the pending request,
// which waits anyway and is bounded by the client port. If they counted, many
// large requests would close the link, be sent again on the next one, and
// close that.
func cost(p *zab.Packet) int {
	if c, ok := p.Body.(*zab.SnapChunk); ok {
		return packetCost + len(c.Data)
	}
	return packetCost + len(p.Record.Bytes)
}

// runLink owns a quorum connection from the end of its hello to its end (P1).
func (t *Transport) runLink(nc net.Conn, peer zab.ServerID, dialled bool) {
	l := &link{t: t, peer: peer, nc: nc, wake: make(chan struct{}, 1), done: make(chan struct{})}
	t.mu.Lock()
	t.lastID++
	l.id = t.lastID
	t.links[l.id] = l
	t.mu.Unlock()
	t.host.Post(zab.Event{Kind: zab.EvLinkUp, Link: l.id, Peer: peer, Up: dialled})
	t.wg.Add(1)
	go l.write()
	err := l.read()
	l.close()
	t.untrack(nc)
	t.mu.Lock()
	delete(t.links, l.id)
	t.mu.Unlock()
	l.sayGoodbye(err)
	t.host.Post(zab.Event{Kind: zab.EvLinkDown, Link: l.id, Peer: peer})
}

// sayGoodbye logs what ended the link: loudly when it was a frame (P4).
func (l *link) sayGoodbye(err error) {
	ev := l.t.log.Debug()
	if damaged(err) {
		l.t.count(func(f *Figures) { f.Damaged++ })
		ev = l.t.warn.frame.Warn()
	}
	ev.Int64("peer", int64(l.peer)).Uint64("link", uint64(l.id)).Stringer("remote", l.nc.RemoteAddr()).Err(err).
		Msg("quorum connection closed")
}

// damaged reports whether a connection ended because of what came over it.
func damaged(err error) bool {
	return errors.Is(err, wire.ErrCorrupt) || errors.Is(err, wire.ErrTooLong) || errors.Is(err, wire.ErrFormat) ||
		errors.Is(err, wire.ErrUnknownKind) || errors.Is(err, errOutOfPlace)
}

// errOutOfPlace says that an intact frame has no business on its channel.
var errOutOfPlace = errors.New("frame does not belong on this connection")

// read posts the packets that come until the connection ends.
func (l *link) read() error {
	dec := wire.NewDecoder()
	frames := newFrameReader(l.nc, l.t.cfg.MaxBody, readChunk)
	for {
		h, frame, err := frames.next()
		if err != nil {
			return err
		}
		p, err := dec.Packet(h, frame)
		if err != nil {
			return err
		}
		if p.Kind == zab.KindNotification {
			return errOutOfPlace
		}
		ev := zab.Event{Kind: zab.EvPacket, Link: l.id, Peer: l.peer, Packet: p}
		if !l.t.host.PostPacket(ev, len(frame)) {
			return net.ErrClosed
		}
	}
}

// close ends the link; reader and writer come back from what they do.
func (l *link) close() {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	clear(l.queue)
	l.queue = nil
	l.mu.Unlock()
	if !closed {
		close(l.done)
		l.nc.Close()
	}
}

func (l *link) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// push queues what is staged and wakes the writer. Too much ends the link: the
// peer takes less than it asks for.
func (l *link) push() {
	size := 0
	for i := range l.staged {
		size += cost(&l.staged[i])
	}
	l.mu.Lock()
	over := !l.closed && l.bytes > 0 && l.bytes+size > l.t.cfg.MaxQueue
	if !l.closed && !over {
		l.queue = append(l.queue, l.staged...)
		l.bytes += size
	}
	waiting := l.bytes
	l.mu.Unlock()
	clear(l.staged)
	l.staged = l.staged[:0]
	if over {
		l.t.count(func(f *Figures) { f.Overflowed++ })
		l.t.log.Warn().Int64("peer", int64(l.peer)).Int("waiting_bytes", waiting).Int("limit_bytes", l.t.cfg.MaxQueue).
			Msg("peer takes too little; quorum connection closed")
		l.close()
		return
	}
	signal(l.wake)
}

// take exchanges the queue for an empty one.
func (l *link) take(spare []zab.Packet) []zab.Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := l.queue
	l.queue = spare[:0]
	return batch
}

// write is the writer goroutine.
func (l *link) write() {
	defer l.t.wg.Done()
	w := linkWriter{nc: l.nc, enc: wire.NewEncoder(), timeout: l.t.cfg.WriteTimeout}
	var batch []zab.Packet
	for {
		select {
		case <-l.wake:
		case <-l.done:
			return
		}
		batch = l.take(batch)
		size := 0
		var err error
		for i := range batch {
			size += cost(&batch[i])
			if err = w.put(&batch[i]); err != nil {
				break
			}
		}
		if err == nil {
			err = w.flush()
		}
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
				l.t.log.Info().Int64("peer", int64(l.peer)).Uint64("link", uint64(l.id)).Err(err).Msg("write to a peer failed")
			}
			l.close()
			return
		}
		clear(batch)
		l.mu.Lock()
		l.bytes -= size
		l.mu.Unlock()
	}
}

// linkWriter gathers packets for few writes.
type linkWriter struct {
	nc      net.Conn
	enc     *wire.Encoder
	timeout time.Duration
	buf     []byte
	parts   [2][]byte   // of one write
	vec     net.Buffers // what is left of them
}

// put adds a packet. Small ones are copied together; a large record is written
// from where it lies, along with what was gathered before it.
func (w *linkWriter) put(p *zab.Packet) error {
	if p.Kind == zab.KindTxn && len(p.Record.Bytes) >= shareRecord {
		err := w.write(p.Record.Bytes)
		w.buf = w.buf[:0]
		return err
	}
	var err error
	if w.buf, err = w.enc.AppendPacket(w.buf, p); err != nil {
		return err
	}
	if len(w.buf) >= writeGather {
		return w.flush()
	}
	return nil
}

func (w *linkWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.write(nil)
	w.buf = w.buf[:0]
	if cap(w.buf) > 4*writeGather { // a snapshot's piece or a large request went through
		w.buf = nil
	}
	return err
}

// write writes what was gathered, and more after it. The deadline bounds the
// time in which the peer takes nothing at all: on a slow way one piece of a
// snapshot may well take longer (ZOOKEEPER-1697).
func (w *linkWriter) write(more []byte) error {
	ranked.NoLocks("a write to a peer")
	w.parts = [2][]byte{w.buf, more}
	w.vec = w.parts[:]
	if len(more) == 0 {
		w.vec = w.parts[:1]
	}
	defer clear(w.parts[:])
	for {
		if err := w.nc.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return err
		}
		n, err := w.vec.WriteTo(w.nc)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// Send queues packets for their links, in order; those of a link that is gone
// are dropped. The packets' memory must not change any more.
func (t *Transport) Send(sends []zab.Send) {
	if len(sends) == 0 {
		return
	}
	t.mu.Lock()
	for i := range sends {
		l := t.links[sends[i].Link]
		if l == nil {
			continue
		}
		if len(l.staged) == 0 {
			t.touched = append(t.touched, l)
		}
		l.staged = append(l.staged, sends[i].Packet)
	}
	t.mu.Unlock()
	for i, l := range t.touched {
		l.push()
		t.touched[i] = nil
	}
	t.touched = t.touched[:0]
}

// CloseLink ends a link; its EvLinkDown comes.
func (t *Transport) CloseLink(id zab.LinkID) {
	t.mu.Lock()
	l := t.links[id]
	t.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// signal wakes the one goroutine that waits for ch, now or next.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
