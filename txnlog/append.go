package txnlog

import (
	"errors"
	"fmt"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// gatherSize bounds the bytes that are copied together for one write. Larger
// batches take several writes, larger records one of their own; the sync is
// shared all the same. Copying 100-byte records together costs less than the
// system's own handling of a vector of them.
const gatherSize = 256 << 10

// writer is the end of the log.
//
//	tail    the last record taken
//	Store.end  the last record written: readable
//	synced  the last record durable: reported
//
// They are positions; who waits for what is not known here.
type writer struct {
	seg    *segment // nil: the next record begins one
	f      vfs.File
	salt   uint32
	buf    []byte // gathered; goes to off
	off    int64
	room   int64 // of f, reserved: up to here a write needs nothing of the file system
	tail   zab.Position
	synced zab.Position
	marked bool // since the last sync a mark was taken, or a header
}

// next is the offset of the frame to be taken next.
func (w *writer) next() int64 { return w.off + int64(len(w.buf)) }

// append performs a run of DiskAppend: records, gathered writes, one sync. Where
// the disk is full it performs what there is room for, and returns ErrNoSpace.
func (s *Store) append(ops []zab.DiskOp) error {
	n, err := s.putAll(ops)
	if err != nil && !errors.Is(err, ErrNoSpace) {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	if n > 0 {
		last := &ops[n-1]
		s.dones = append(s.dones, zab.DiskDone{Op: last.Op, Kind: last.Kind, Synced: s.w.synced.Zxid})
	}
	return err
}

// putAll takes the records of ops, and returns how many of ops it took whole. An
// append of which it took a part goes on there the next time (T11).
func (s *Store) putAll(ops []zab.DiskOp) (int, error) {
	for i := range ops {
		recs := ops[i].Records
		for s.taken < len(recs) {
			if err := s.put(&recs[s.taken]); err != nil {
				return i, err
			}
			s.taken++
		}
		s.taken = 0
	}
	return len(ops), nil
}

// put takes one record.
func (s *Store) put(rec *zab.Record) error {
	w := &s.w
	s.checkRecord(rec)
	n := len(rec.Bytes)
	if w.seg == nil || s.full(n) {
		if err := s.roll(rec.Zxid); err != nil {
			return err
		}
	}
	if err := s.reserve(w.next() + int64(markSize+n)); err != nil {
		return err
	}
	if len(w.buf)+markSize+n > gatherSize {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if !w.marked {
		w.buf = appendMark(w.buf, w.tail, w.next(), w.salt)
		w.marked = true
	}
	if off := w.next(); w.seg.wantsPlace(off) {
		s.mu.Lock()
		w.seg.index = append(w.seg.index, place{w.tail, off})
		s.mu.Unlock()
	}
	if len(w.buf)+n <= gatherSize {
		w.buf = append(w.buf, rec.Bytes...)
		w.tail = rec.Position()
		return nil
	}
	if err := s.flush(); err != nil { // the mark
		return err
	}
	w.tail = rec.Position()
	return s.write(rec.Bytes)
}

// checkRecord is invariant T1, before the disk sees the record.
func (s *Store) checkRecord(rec *zab.Record) {
	if rec.Prev != s.w.tail.CRC || rec.Zxid <= s.w.tail.Zxid {
		must.Fail("T1", "record %s follows %08x, the log is at %s", rec.Zxid, rec.Prev, s.w.tail)
	}
	if len(rec.Bytes) < wire.HeaderSize {
		must.Fail("T1", "record %s has %d bytes", rec.Zxid, len(rec.Bytes))
	}
	h := wire.ParseHeader(rec.Bytes)
	if h.Zxid != rec.Zxid || h.Prev != rec.Prev || h.CRC != rec.CRC ||
		h.Kind != uint8(zab.KindTxn) || int(h.Length) != len(rec.Bytes)-wire.HeaderSize {
		must.Fail("T1", "record %s does not say what its bytes say", rec.Zxid)
	}
}

// full reports whether a record of n bytes belongs into a new segment. It
// compares offsets and looks at nothing that waits.
func (s *Store) full(n int) bool {
	w := &s.w
	if len(w.seg.index) == 1 && w.next() == w.seg.index[0].off {
		return false // no record yet: a segment has at least one
	}
	return w.next()+int64(markSize+n) > min(s.opt.SegmentSize, w.room) || s.rollAsked.Load()
}

// roll ends the segment and begins the next with the record at first. No
// directory is synced here: until Prepare has done that, a crash may give the
// segment its old name back, and recovery knows it by its header. No file is
// opened either, if Prepare has made one ready; if there is none because the
// descriptors or the space have run out, the roll waits.
func (s *Store) roll(first zab.Zxid) error {
	w := &s.w
	if s.spare != nil || !s.low { // when to try again is the caller's to say
		if err := s.prepare(); err != nil {
			return err
		}
	}
	if s.spare == nil {
		if w.seg == nil {
			return errNoRoom
		}
		return nil // the segment there is goes on
	}
	if err := s.sync(); err != nil {
		return err
	}
	if w.seg != nil && w.off < s.opt.SegmentSize {
		// Gives back what was reserved. Whether that is durable matters to
		// nobody: zeros at the end of a segment mean nothing.
		if err := w.f.Truncate(w.off); err != nil {
			return fmt.Errorf("trim %s: %w", w.seg.path, err)
		}
	}
	path := s.segmentPath(first)
	if err := s.fs.Rename(s.logPath(spareName), path); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	s.renamed = true
	info, err := s.spare.Info()
	if err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	header, err := s.appendSegmentHeader(w.buf[:0], w.tail)
	if err != nil {
		return err
	}
	w.buf, w.off, w.marked = header, 0, true
	w.f, w.room, s.spare = s.spare, s.opt.SegmentSize, nil
	w.salt = wire.ParseHeader(header).CRC
	before := w.seg
	w.seg = &segment{path: path, id: info.ID, base: w.tail, last: w.tail, file: w.f, active: true,
		index: []place{{w.tail, int64(len(header))}}}
	s.rollAsked.Store(false)
	s.addSegment(w.seg, before)
	return nil
}

// addSegment lets readers see seg. The one before it, if any, is not appended to
// any more: its file is the readers' if they have a place for it.
func (s *Store) addSegment(seg, before *segment) {
	var f vfs.File
	var placed bool
	s.mu.Lock()
	s.segs = append(s.segs, seg)
	if before != nil {
		before.active = false
		f, placed = s.settle(before)
	}
	s.mu.Unlock()
	s.discard(f, placed)
}

// flush writes what is gathered.
func (s *Store) flush() error {
	w := &s.w
	if len(w.buf) == 0 {
		return nil
	}
	b := w.buf
	w.buf = w.buf[:0]
	return s.write(b)
}

// write writes whole frames at the segment's end and lets readers see them.
func (s *Store) write(b []byte) error {
	w := &s.w
	if _, err := w.f.WriteAt(b, w.off); err != nil {
		return fmt.Errorf("write %s at offset %d: %w", w.seg.path, w.off, err)
	}
	w.off += int64(len(b))
	s.mu.Lock()
	w.seg.end, w.seg.last, s.end = w.off, w.tail, w.tail
	s.mu.Unlock()
	return nil
}

// sync makes everything taken durable.
func (s *Store) sync() error {
	w := &s.w
	if w.tail == w.synced {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", w.seg.path, err)
	}
	w.synced, w.marked = w.tail, false
	return nil
}

// Prepare makes the next segment ready, so that going on to it later costs no
// more than a rename. To be called by Do's caller when it has handed on what
// Do returned; it does nothing when there is nothing to do. Do calls it itself
// when it finds no segment ready. Where the process, or the system, has no
// descriptor left, or the disk no space, it puts that off: the log goes on in the
// segment it is in. Space tells; where that is low, Do tries no more by itself.
func (s *Store) Prepare() error {
	if err := s.failure(); err != nil {
		return err
	}
	defer s.noteSpace()
	if err := s.prepare(); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *Store) prepare() error {
	if err := s.settleNames(); err != nil {
		return err
	}
	if s.spare != nil {
		return nil
	}
	f, err := s.fs.Create(s.logPath(spareName))
	if s.w.seg != nil && outOfDescriptors(err) {
		s.count(&s.stats.SegmentsRefused)
		return nil // nothing was touched; the next call tries again
	}
	if outOfSpace(err) {
		return s.noSpare(false)
	}
	if err != nil {
		return fmt.Errorf("create next segment: %w", err)
	}
	if err = f.Preallocate(s.opt.SegmentSize); err == nil {
		err = f.Sync()
	}
	if err != nil {
		closeQuietly(f)
	}
	if outOfSpace(err) {
		return s.noSpare(true)
	}
	if err != nil {
		return fmt.Errorf("reserve %d bytes for the next segment: %w", s.opt.SegmentSize, err)
	}
	if err := s.syncDir(s.logDir); err != nil {
		closeQuietly(f)
		return err
	}
	s.spare, s.low = f, false
	return nil
}

// settleNames makes the name of the newest segment durable.
func (s *Store) settleNames() error {
	if !s.renamed {
		return nil
	}
	if err := s.syncDir(s.logDir); err != nil {
		return err
	}
	s.renamed = false
	return nil
}
