package txnlog

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// truncate performs DiskTruncate. It reports false, and changes nothing, when
// the log does not hold exactly at, or when no snapshot would be left from
// which to build the tree as of at.
//
// The order of its steps makes each prefix of them a state to recover from:
// snapshots beyond at go first, since a snapshot beyond the log's end would be
// taken for the newer truth; then whole segments from the newest backwards,
// each durably; the cut within a segment comes last.
func (s *Store) truncate(at zab.Position) (bool, error) {
	s.jobs.Lock()
	defer s.jobs.Unlock()
	if at == s.w.tail {
		return true, nil
	}
	off, ok, err := s.findExactly(at)
	if err != nil || !ok {
		return false, err
	}
	if !s.rebuildable(at) {
		return false, nil
	}
	if err := s.settleNames(); err != nil {
		return false, err
	}
	drop, beyond := s.cutIndex(at, off)
	for _, sn := range slices.Backward(beyond) {
		if err := s.removeSnapshot(sn); err != nil {
			return false, err
		}
	}
	if err := s.promise.advance(s.promise.rec.Epochs, at); err != nil {
		return false, err
	}
	for _, seg := range slices.Backward(drop) {
		if err := s.dropSegment(seg); err != nil {
			return false, fmt.Errorf("remove segment: %w", err)
		}
	}
	if err := s.cutFile(at); err != nil {
		return false, err
	}
	return true, nil
}

// findExactly returns the offset behind the record that at names.
func (s *Store) findExactly(at zab.Position) (int64, bool, error) {
	s.mu.Lock()
	if at == s.base {
		s.mu.Unlock()
		return 0, true, nil
	}
	if at.Zxid <= s.base.Zxid {
		s.mu.Unlock()
		return 0, false, nil
	}
	// The record at z is the first after z-1.
	v, ok := s.view(at.Zxid - 1)
	s.mu.Unlock()
	if !ok {
		return 0, false, nil
	}
	got, off, err := s.locate(v, at.Zxid)
	return off, err == nil && got == at, err
}

// rebuildable reports whether the tree can be had as of at after a cut there.
func (s *Store) rebuildable(at zab.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == (zab.Position{}) {
		return true
	}
	for _, sn := range s.snaps {
		if sn.state == snapGood && sn.at.Zxid >= s.base.Zxid && sn.at.Zxid <= at.Zxid {
			return true
		}
	}
	return false
}

// cutIndex makes at the log's end in memory, so that readers that start now
// see nothing of the rest, and those at work find the generation changed. It
// returns the segments and the snapshots to be removed.
func (s *Store) cutIndex(at zab.Position, off int64) ([]*segment, []*snapshot) {
	var closing vfs.File
	var placed bool
	defer func() { s.discard(closing, placed) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.end = at
	keep := slices.IndexFunc(s.segs, func(seg *segment) bool { return seg.base.Zxid >= at.Zxid })
	if keep < 0 {
		keep = len(s.segs)
	}
	drop := slices.Clone(s.segs[keep:])
	s.segs = s.segs[:keep]
	if keep > 0 {
		// Readers at work keep the old value, and its file until they are done.
		old := s.segs[keep-1]
		n := len(old.index)
		for n > 1 && old.index[n-1].off >= off {
			n--
		}
		s.segs[keep-1] = &segment{path: old.path, base: old.base, last: at, end: off,
			index: slices.Clone(old.index[:n])}
		old.removed = true
		closing, placed = s.settle(old)
	}
	var beyond []*snapshot
	for _, sn := range s.snaps {
		if sn.zxid > at.Zxid {
			beyond = append(beyond, sn)
		}
	}
	return drop, beyond
}

// cutFile cuts the last segment to what the index says and appends there from
// now on.
func (s *Store) cutFile(at zab.Position) error {
	w := &s.w
	w.seg, w.f, w.tail, w.synced, w.marked = nil, nil, at, at, false
	s.mu.Lock()
	if len(s.segs) == 0 {
		s.mu.Unlock()
		return nil
	}
	seg := s.segs[len(s.segs)-1]
	s.mu.Unlock()
	return s.openActive(seg, false)
}

// openActive makes seg the one to append to, with nothing behind its end, and
// durable. found says that it is as an earlier process left it: what that wrote
// and did not live to sync must be durable before it is reported, and before a
// mark says so. A sync alone would not do: one that failed there left pages that
// read well, count as written and are not on the disk (V1), so the last batch
// is written again, and the cut is made whether or not the file shows a need.
func (s *Store) openActive(seg *segment, found bool) error {
	f, err := s.fs.OpenReadWrite(seg.path)
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	if found {
		err = writeAgain(f, seg.mark, seg.end)
	}
	if err == nil {
		err = f.Truncate(seg.end)
	}
	room := max(seg.end, s.opt.SegmentSize)
	if err == nil {
		if err = f.Preallocate(s.opt.SegmentSize); outOfSpace(err) {
			room, err = seg.end, nil // what the cut gave back is somebody else's now
		}
	}
	if err == nil {
		err = f.Sync()
	}
	var salt uint32
	if err == nil {
		salt, err = segmentSalt(f)
	}
	var info vfs.Info
	if err == nil {
		info, err = f.Info()
	}
	if err != nil {
		closeQuietly(f)
		return fmt.Errorf("cut %s to %d bytes: %w", seg.path, seg.end, err)
	}
	seg = s.takeOver(seg, f, info.ID)
	s.w.seg, s.w.f, s.w.off, s.w.room, s.w.salt, s.w.marked = seg, f, seg.end, room, salt, false
	return nil
}

// takeOver makes f the file of the last segment. Who has begun to read that
// segment since it became the last has a file of his own: he keeps it, and the
// value that it belongs to, until he is done.
func (s *Store) takeOver(seg *segment, f vfs.File, id uint64) *segment {
	s.mu.Lock()
	fresh := &segment{path: seg.path, base: seg.base, id: id, mark: seg.mark, last: seg.last, end: seg.end,
		index: seg.index, file: f, active: true}
	s.segs[len(s.segs)-1] = fresh
	seg.removed = true
	old, placed := s.settle(seg)
	s.mu.Unlock()
	s.discard(old, placed)
	return fresh
}

// writeAgain writes the bytes from off to end where they are.
func writeAgain(f vfs.File, off, end int64) error {
	b := make([]byte, min(gatherSize, end-off))
	for ; off < end; off += int64(len(b)) {
		b = b[:min(int64(len(b)), end-off)]
		if err := readFull(f, b, off); err != nil {
			return err
		}
		if _, err := f.WriteAt(b, off); err != nil {
			return err
		}
	}
	return nil
}
