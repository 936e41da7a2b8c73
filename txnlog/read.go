package txnlog

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// view is where to begin reading a segment, and how far one may.
type view struct {
	seg  *segment
	from place
	end  int64
	last zab.Position
}

// view finds the segment that holds the first record after z. ok is false
// when the log ends at or before z, and when a purge has taken what is there
// since the read began, which ReadLog notices. s.mu is held.
func (s *Store) view(z zab.Zxid) (view, bool) {
	if z >= s.end.Zxid {
		return view{}, false
	}
	i := sort.Search(len(s.segs), func(i int) bool { return s.segs[i].base.Zxid > z })
	if i == 0 {
		return view{}, false
	}
	seg := s.segs[i-1]
	return view{seg: seg, from: seg.before(z), end: seg.end, last: seg.last}, true
}

// logReader is what a read needs besides the store.
type logReader struct {
	fr  frameReader
	dec *wire.Decoder
}

func newLogReader() any { return &logReader{dec: wire.NewDecoder()} }

// ReadLog reads records that were written, durable or not. It may be called
// concurrently with Do and with itself. An error that wraps ErrCorrupt names
// file and offset of what cannot be read.
func (s *Store) ReadLog(q zab.LogRead) (zab.LogReadResult, error) {
	lr := s.readers.Get().(*logReader)
	defer s.readers.Put(lr)
	for {
		s.mu.Lock()
		gen, base, err := s.gen, s.base, s.failed
		s.mu.Unlock()
		if err != nil {
			return zab.LogReadResult{}, err
		}
		res, err := s.readLog(lr, q)
		s.mu.Lock()
		same := gen == s.gen && base == s.base
		s.mu.Unlock()
		if !same {
			continue // the log was cut or purged under the reader: it may have seen anything
		}
		if err != nil {
			return zab.LogReadResult{}, fmt.Errorf("txnlog: %w", err)
		}
		return res, nil
	}
}

func (s *Store) readLog(lr *logReader, q zab.LogRead) (zab.LogReadResult, error) {
	res := zab.LogReadResult{ID: q.ID}
	s.mu.Lock()
	if q.After < s.base.Zxid {
		s.mu.Unlock()
		res.Gone = true
		return res, nil
	}
	v, ok := s.view(q.After)
	res.At = s.end
	s.mu.Unlock()
	if !ok {
		return res, nil
	}
	budget := int64(q.MaxBytes)
	after := q.After
	for {
		at, used, err := s.readSegment(lr, v, after, budget, &res.Records)
		if err != nil {
			return res, err
		}
		if after == q.After {
			res.At = at
		}
		budget -= used
		if n := len(res.Records); n > 0 && res.Records[n-1].Zxid < v.last.Zxid || budget <= 0 {
			return res, nil
		}
		after = v.last.Zxid
		s.mu.Lock()
		v, ok = s.view(after)
		s.mu.Unlock()
		if !ok {
			return res, nil
		}
	}
}

// readSegment appends the records of v after z to recs, at most budget bytes
// of them, but one if recs is empty. It returns the position at or before z,
// and the bytes that the records take.
func (s *Store) readSegment(lr *logReader, v view, z zab.Zxid, budget int64, recs *[]zab.Record) (zab.Position, int64, error) {
	f, err := s.acquire(v.seg, z > v.seg.base.Zxid)
	if err != nil {
		return zab.Position{}, 0, fmt.Errorf("read %s: %w", v.seg.path, err)
	}
	defer s.release(v.seg)
	at, off, n, err := lr.seek(f, v, z)
	if err != nil {
		return at, 0, frameError(v.seg.path, off, err)
	}
	if n == 0 {
		return at, 0, nil // cannot be: view promises a record
	}
	if len(*recs) == 0 {
		budget = max(budget, n)
	}
	// The records keep this memory, so it is new, and as large as they are.
	b := make([]byte, min(budget, v.end-off))
	if err := readFull(f, b, off); err != nil {
		return at, 0, fmt.Errorf("read %s at offset %d: %w", v.seg.path, off, err)
	}
	used, err := lr.parse(b, at.CRC, recs)
	if err != nil {
		return at, 0, frameError(v.seg.path, off+used, err)
	}
	return at, used, nil
}

// seek finds the first record after z: its offset and its length in bytes, and
// the position before it.
func (lr *logReader) seek(f io.ReaderAt, v view, z zab.Zxid) (zab.Position, int64, int64, error) {
	lr.fr.reset(f, v.from.off, v.end)
	at := v.from.pos
	for {
		off := lr.fr.off
		h, frame, err := lr.fr.next()
		if err == io.EOF {
			return at, off, 0, nil
		}
		if err != nil {
			return at, off, 0, err
		}
		if h.Kind != uint8(zab.KindTxn) {
			continue
		}
		if h.Prev != at.CRC {
			return at, off, 0, errChain
		}
		if h.Zxid > z {
			return at, off, int64(len(frame)), nil
		}
		at = zab.At(h.Zxid, h.CRC)
	}
}

// frameError says where a frame could not be read, and tells damage from a
// failure to read.
func frameError(path string, off int64, err error) error {
	if errors.Is(err, errDamaged) || errors.Is(err, errChain) || errors.Is(err, wire.ErrCorrupt) {
		return fmt.Errorf("%w: %s at offset %d: %w", ErrCorrupt, path, off, err)
	}
	return fmt.Errorf("read %s at offset %d: %w", path, off, err)
}

// parse appends the whole records in b, which follow the one whose checksum is
// prev, to recs, decoded.
func (lr *logReader) parse(b []byte, prev uint32, recs *[]zab.Record) (int64, error) {
	var used int64
	for int64(len(b)) > used {
		rest := b[used:]
		if len(rest) < wire.HeaderSize || int64(wire.ParseHeader(rest).Length) > int64(len(rest)-wire.HeaderSize) {
			return used, nil // cut off by the budget
		}
		h, body, n, err := wire.ParseFrame(rest, wire.MaxLength)
		if err != nil {
			return used, err
		}
		if h.Kind == uint8(zab.KindTxn) {
			if h.Prev != prev {
				return used, errChain
			}
			prev = h.CRC
			t, err := lr.dec.Txn(body)
			if err != nil {
				return used, err
			}
			*recs = append(*recs, zab.Record{Zxid: h.Zxid, Prev: h.Prev, CRC: h.CRC, Bytes: rest[:n:n], Txn: t})
		}
		used += int64(n)
	}
	return used, nil
}

// locate returns the position at or before z and the offset behind it in seg,
// which holds it.
func (s *Store) locate(v view, z zab.Zxid) (zab.Position, int64, error) {
	lr := s.readers.Get().(*logReader)
	defer s.readers.Put(lr)
	f, err := s.acquire(v.seg, false)
	if err != nil {
		return zab.Position{}, 0, fmt.Errorf("read %s: %w", v.seg.path, err)
	}
	defer s.release(v.seg)
	lr.fr.reset(f, v.from.off, v.end)
	at, off := v.from.pos, v.from.off
	for {
		h, _, err := lr.fr.next()
		if err == io.EOF || err == nil && h.Kind == uint8(zab.KindTxn) && h.Zxid > z {
			return at, off, nil
		}
		if err != nil {
			return at, off, frameError(v.seg.path, lr.fr.off, err)
		}
		if h.Kind == uint8(zab.KindTxn) {
			at, off = zab.At(h.Zxid, h.CRC), lr.fr.off
		}
	}
}
