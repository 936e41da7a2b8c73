package history

import (
	"sort"

	"github.com/quorumd/quorumd/zab"
)

// Bounds of the ring of recent records. A learner or an apply that lags by
// more than this reads the log instead.
const (
	RecentRecords = 16384
	RecentBytes   = 32 << 20
)

// ring holds the newest records of the log in order.
type ring struct {
	floor zab.Position // where the oldest record begins
	buf   []zab.Record // length is a power of two
	head  int          // index of the oldest
	n     int
	bytes int
	most  int // records
}

func (r *ring) at(i int) *zab.Record { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// push adds the newest record, and drops old ones that are durable: a record
// that may not be on the disk yet can be read nowhere else (H5).
func (r *ring) push(rec zab.Record, synced zab.Zxid) {
	for r.n > 0 && r.at(0).Zxid <= synced && (r.n >= r.most || r.bytes+len(rec.Bytes) > RecentBytes) {
		r.drop()
	}
	if r.n == len(r.buf) {
		r.grow()
	}
	r.n++
	*r.at(r.n - 1) = rec
	r.bytes += len(rec.Bytes)
}

func (r *ring) grow() {
	buf := make([]zab.Record, max(64, 2*len(r.buf)))
	for i := range r.n {
		buf[i] = *r.at(i)
	}
	r.buf, r.head = buf, 0
}

func (r *ring) drop() {
	oldest := r.at(0)
	r.floor = oldest.Position()
	r.bytes -= len(oldest.Bytes)
	*oldest = zab.Record{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
}

// reset empties the ring of a log that ends at end now.
func (r *ring) reset(end zab.Position) {
	for r.n > 0 {
		r.drop()
	}
	r.floor = end
}

// index returns how many records of the ring are not after z.
func (r *ring) index(z zab.Zxid) int {
	return sort.Search(r.n, func(i int) bool { return r.at(i).Zxid > z })
}

func (r *ring) find(z zab.Zxid) (zab.Position, bool) {
	i := r.index(z)
	switch {
	case i > 0:
		return r.at(i - 1).Position(), true
	case z >= r.floor.Zxid:
		return r.floor, true
	}
	return zab.Position{}, false
}

// after needs the record at z itself, or the one before the ring's first, to
// be sure that nothing between z and the first is missing: it compares the
// zxid of a record, so it asks for an exact element.
func (r *ring) after(z zab.Zxid, maxBytes int, dst []zab.Record) ([]zab.Record, bool) {
	i := r.index(z)
	if at, known := r.find(z); !known || at.Zxid != z {
		return dst, false
	}
	for size := 0; i < r.n; i++ {
		rec := r.at(i)
		if size > 0 && size+len(rec.Bytes) > maxBytes {
			break
		}
		size += len(rec.Bytes)
		dst = append(dst, *rec)
	}
	return dst, true
}
