package txnlog

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/quorumd/quorumd/zab"
)

// errNoRoom is ErrNoSpace of an append.
var errNoRoom = fmt.Errorf("txnlog: append: %w", ErrNoSpace)

// spaceOut is which part of a segment is left when the server proposes nothing
// any more (zab.SpaceOut): room for what is under way then.
const spaceOut = 8

// outOfSpace reports whether the file system, or the user's share of it, is
// full.
func outOfSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// noSpare takes note that there is no space for the next segment, and gives
// back the part of it that there was. Whether that is durable matters to nobody:
// a start removes what it finds.
func (s *Store) noSpare(partial bool) error {
	s.low = true
	s.count(&s.stats.SegmentsUnreserved)
	if !partial {
		return nil
	}
	if err := s.fs.Remove(s.logPath(spareName)); err != nil {
		return fmt.Errorf("give back what was reserved of the next segment: %w", err)
	}
	return nil
}

// reserve sees that the segment may be written up to end without a block that is
// not its own. Beyond what was reserved as it was made go a record that is larger
// than a segment, and a segment that goes on for want of a descriptor.
func (s *Store) reserve(end int64) error {
	w := &s.w
	if end <= w.room {
		return nil
	}
	end = max(end, w.room+s.opt.SegmentSize/spaceOut)
	err := w.f.Preallocate(end)
	if outOfSpace(err) {
		return errNoRoom
	}
	if err != nil {
		return fmt.Errorf("reserve %s up to %d bytes: %w", w.seg.path, end, err)
	}
	w.room = end
	return nil
}

// Space returns what the disk has left for the log. It has the same caller as Do.
func (s *Store) Space() zab.Space {
	switch {
	case s.stuck:
		return zab.SpaceOut
	case s.spare != nil || !s.low:
		return zab.SpaceAmple
	case s.left() < s.opt.SegmentSize/spaceOut:
		return zab.SpaceOut
	}
	return zab.SpaceLow
}

// left is how many bytes the log may grow by without a block of the file system.
func (s *Store) left() int64 {
	var n int64
	if s.w.seg != nil {
		n = max(0, s.w.room-s.w.next())
	}
	if s.spare != nil {
		n += s.opt.SegmentSize
	}
	return n
}

// noteSpace lets Stats tell what Space is now.
func (s *Store) noteSpace() {
	low, left := s.Space() != zab.SpaceAmple, s.left()
	s.mu.Lock()
	s.stats.SpaceLow, s.stats.ReservedBytes = low, left
	s.mu.Unlock()
}
