package broadcast

import (
	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/zab"
)

// Bounds of what is in flight to one learner.
const (
	WindowRecords = 4096
	WindowBytes   = 8 << 20

	// readBytes bounds one read of the log for a learner that lags.
	readBytes = 1 << 20
)

// Cursor is a learner's place in the leader's log.
type Cursor struct {
	link zab.LinkID
	sent zab.Position // the last record sent, or where the learner stood
	// stop, when set, holds the cursor at that position until Release: what
	// follows the initial history waits for NEWLEADER to be sent.
	stop    zab.Zxid
	stopped bool

	flight  flight
	reading uint64   // number of the log read under way, 0 for none
	empty   bool     // the last read found nothing, when the log was durable
	dry     zab.Zxid // through here; it is not asked again before that changes
	lost    bool     // the log no longer reaches back to sent
	scratch []zab.Record
}

// NewCursor places a learner at a position it holds. The cursor stops at stop
// until it is released.
func NewCursor(link zab.LinkID, at zab.Position, stop zab.Zxid) *Cursor {
	return &Cursor{link: link, sent: at, stop: stop, stopped: true}
}

// Sent returns the last position sent.
func (c *Cursor) Sent() zab.Position { return c.sent }

// AtStop reports whether everything through the stop has been sent.
func (c *Cursor) AtStop() bool { return c.sent.Zxid >= c.stop }

// Release lets the cursor go beyond its stop.
func (c *Cursor) Release() { c.stopped = false }

// Lost reports that the log no longer holds what the learner needs next.
func (c *Cursor) Lost() bool { return c.lost }

// InMemory reports whether what the learner needs next is in memory: a purge of
// the log takes nothing from it.
func (c *Cursor) InMemory(log *history.Log) bool {
	_, known := log.Find(c.sent.Zxid)
	return known
}

// Acked frees the window of everything through z.
func (c *Cursor) Acked(z zab.Zxid) { c.flight.acked(z) }

// Owed returns the oldest record that was sent and not acknowledged, 0 for none.
func (c *Cursor) Owed() zab.Zxid {
	if c.flight.n == 0 {
		return 0
	}
	return c.flight.buf[c.flight.head].zxid
}

// Pump sends what the window has room for.
func (c *Cursor) Pump(log *history.Log, out *zab.Output) {
	for c.reading == 0 && !c.lost && !c.held() && c.sent.Zxid < log.Appended().Zxid && c.flight.room() > 0 {
		recs, ok := log.After(c.sent.Zxid, c.flight.room(), c.scratch[:0])
		if !ok {
			if c.empty && c.dry == log.Synced() {
				return
			}
			c.reading = log.Read(c.sent.Zxid, readBytes, out)
			return
		}
		before := c.sent
		c.send(recs, out)
		clear(recs)
		c.scratch = recs
		if c.sent == before {
			return // there is room, but not for so long a record
		}
	}
}

// Read takes the answer to a log read; it reports whether it was this cursor's.
func (c *Cursor) Read(res *zab.LogReadResult, log *history.Log, out *zab.Output) bool {
	if c.reading == 0 || res.ID != c.reading {
		return false
	}
	c.reading = 0
	if res.Gone || res.At != c.sent {
		c.lost = true
		return true
	}
	c.empty, c.dry = len(res.Records) == 0, log.Synced()
	c.send(res.Records, out)
	c.Pump(log, out)
	return true
}

func (c *Cursor) held() bool { return c.stopped && c.AtStop() }

func (c *Cursor) send(recs []zab.Record, out *zab.Output) {
	for i := range recs {
		if c.held() || !c.flight.fits(len(recs[i].Bytes)) {
			return
		}
		must.Hold(recs[i].Prev == c.sent.CRC, "B4", "record %s does not follow %s", recs[i].Zxid, c.sent)
		c.flight.add(recs[i].Zxid, len(recs[i].Bytes))
		c.sent = recs[i].Position()
		out.Send(c.link, zab.Packet{Kind: zab.KindTxn, Zxid: recs[i].Zxid, Record: recs[i]})
	}
}

// flight is what was sent and not yet acknowledged: a ring of zxids and sizes.
type flight struct {
	buf   []sentRecord // length is a power of two, at most WindowRecords
	head  int
	n     int
	bytes int
}

type sentRecord struct {
	zxid zab.Zxid
	size int
}

// room returns how many bytes may be added; at least one record may always be
// added to an empty window.
func (f *flight) room() int {
	if f.n >= WindowRecords {
		return 0
	}
	if f.n == 0 {
		return WindowBytes
	}
	return max(0, WindowBytes-f.bytes)
}

func (f *flight) fits(size int) bool {
	return f.n == 0 || f.n < WindowRecords && f.bytes+size <= WindowBytes
}

func (f *flight) add(z zab.Zxid, size int) {
	must.Hold(f.fits(size), "B3", "window full at %s", z)
	if f.n == len(f.buf) {
		buf := make([]sentRecord, max(64, 2*len(f.buf)))
		for i := range f.n {
			buf[i] = f.buf[(f.head+i)&(len(f.buf)-1)]
		}
		f.buf, f.head = buf, 0
	}
	f.buf[(f.head+f.n)&(len(f.buf)-1)] = sentRecord{z, size}
	f.n++
	f.bytes += size
}

func (f *flight) acked(z zab.Zxid) {
	for f.n > 0 && f.buf[f.head].zxid <= z {
		f.bytes -= f.buf[f.head].size
		f.head = (f.head + 1) & (len(f.buf) - 1)
		f.n--
	}
}
