package txnlog

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/zab"
)

// Purge removes what is not needed any more: it keeps the newest `keep`
// snapshots (at least 1) that it has read to the end now and found intact, and
// the log from the oldest of them on, or from a snapshot before it that is
// being sent (T10). When there are fewer, nothing is removed: a damaged
// snapshot never counts (ZOOKEEPER-3231), and one that was intact when it was
// written may have rotted since. When there would be nothing to remove,
// nothing is read. It may be called concurrently with Do, and holds no lock
// while it reads. A failure to read leaves everything in place, and so does
// Stop; a failure to remove ends the store.
func (s *Store) Purge(keep int) error {
	if err := s.failure(); err != nil {
		return err
	}
	keep = max(keep, 1)
	oldest, ok, err := s.oldestKept(keep, s.believed)
	if snaps, segs := s.unneeded(oldest); ok && len(snaps)+len(segs) == 0 {
		return nil
	}
	if err == nil && ok {
		oldest, ok, err = s.oldestKept(keep, s.verified)
	}
	if err != nil {
		return fmt.Errorf("txnlog: purge: %w", err)
	}
	if !ok {
		return nil
	}
	s.jobs.Lock()
	defer s.jobs.Unlock()
	if err := s.failure(); err != nil {
		return err // closed meanwhile: the directories may be another process's
	}
	snaps, segs := s.unneeded(oldest)
	for _, sn := range snaps {
		if err := s.removeSnapshot(sn); err != nil {
			return s.fail(fmt.Errorf("purge: %w", err))
		}
	}
	for _, seg := range segs {
		s.mu.Lock()
		s.base = seg.last
		s.mu.Unlock()
		if err := s.dropSegment(seg); err != nil {
			return s.fail(fmt.Errorf("purge: remove segment: %w", err))
		}
	}
	return nil
}

// oldestKept looks at snapshots, newest first, until it has found keep that are
// good, and returns the last of them.
func (s *Store) oldestKept(keep int, isGood func(*snapshot) (bool, error)) (*snapshot, bool, error) {
	s.mu.Lock()
	snaps := slices.Clone(s.snaps)
	base := s.base
	s.mu.Unlock()
	for _, sn := range slices.Backward(snaps) {
		if sn.zxid < base.Zxid {
			break // the log does not reach back to it
		}
		good, err := isGood(sn)
		if err != nil {
			return nil, false, err
		}
		if good {
			keep--
		}
		if keep == 0 {
			return sn, true, nil
		}
	}
	return nil, false, nil
}

// believed reports whether sn was not found damaged so far.
func (s *Store) believed(sn *snapshot) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sn.state != snapBad, nil
}

// verified reads sn and reports whether it is intact. An error says that it
// could not be read, which is no verdict.
func (s *Store) verified(sn *snapshot) (bool, error) {
	if ok, _ := s.believed(sn); !ok {
		return false, nil
	}
	info, err := s.verifySlowly(sn.path)
	if err != nil && !isDamage(err) {
		return false, err
	}
	good := err == nil && info.At == sn.at
	s.mu.Lock()
	defer s.mu.Unlock()
	if !good || sn.state == snapBad { // found meanwhile by a sending
		sn.state = snapBad
		return false, nil
	}
	sn.state = snapGood
	return true, nil
}

// unneeded returns the snapshots and segments that are wholly before oldest,
// in the order in which they can go. Nothing if oldest itself went meanwhile.
func (s *Store) unneeded(oldest *snapshot) ([]*snapshot, []*segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.snaps, oldest)
	if i < 0 {
		return nil, nil
	}
	from := s.firstNeeded(oldest.at.Zxid)
	var segs []*segment
	for j, seg := range s.segs {
		if j == len(s.segs)-1 || s.segs[j+1].base.Zxid > from {
			break
		}
		segs = append(segs, seg)
	}
	return slices.Clone(s.snaps[:i]), segs
}

// firstNeeded returns z, or the oldest snapshot before it whose log is kept for
// a learner. The log grows by more than a snapshot's size, while that is sent,
// only when writes outrun the sending: such a learner never catches up, and
// keeping the log for it would fill the disk. s.mu is held.
func (s *Store) firstNeeded(z zab.Zxid) zab.Zxid {
	for _, sr := range s.reads {
		if s.bytesAfter(sr.sn.zxid) <= max(s.opt.HeldLog, sr.r.size) {
			z = min(z, sr.sn.zxid)
		}
	}
	return z
}

// bytesAfter returns how large the segments are that hold what follows z. s.mu
// is held.
func (s *Store) bytesAfter(z zab.Zxid) int64 {
	var n int64
	for j, seg := range slices.Backward(s.segs) {
		n += seg.end
		if seg.base.Zxid <= z || j == 0 {
			break
		}
	}
	return n
}

// Base returns the position before the log's first record.
func (s *Store) Base() zab.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}
