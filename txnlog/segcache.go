package txnlog

import (
	linked "container/list"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/quorumd/quorumd/internal/vfs"
)

// readerPatience is for how many calls of TendReaders a file that nobody reads
// is kept open.
const readerPatience = 60

// segmentCache holds segments open for reading. There are never more files than
// places: who finds none closes what was not read for longest first, and who
// finds nothing to close waits. A reader holds one segment at a time, so nobody
// waits for himself.
//
// The file that the log is appended to is its writer's and takes no place.
// Store.mu guards everything here.
type segmentCache struct {
	places int
	room   sync.Cond   // a place, or a file that was being opened, is there
	idle   linked.List // segments in places that nobody reads, longest unread first
	ticks  uint64      // calls of TendReaders
	thrash thrash
	stats  ReaderStats
}

// ReaderStats are numbers about the files open for reading the log. Counters
// count since Open.
type ReaderStats struct {
	Places  int // Options.OpenSegments
	Open    int // those being opened or closed included
	Highest int // that Open ever was
	// Wanted is how many places would have kept every segment open that was
	// being read: Places or less when they suffice.
	Wanted    int
	Hits      uint64 // reads that found their segment open
	Misses    uint64 // reads that had to open it
	Reopened  uint64 // of these: it had been closed for room while somebody read on in it
	Evictions uint64 // closed for room
	Expired   uint64 // closed because nobody read them for long
	Waits     uint64 // reads that waited for a place
	Refused   uint64 // opens for which there was no descriptor
}

func (c *segmentCache) init(mu *sync.Mutex, places int) {
	c.places, c.room.L = places, mu
	c.idle.Init()
}

// acquire opens seg for reading, or finds it open; readsOn says that the read
// begins in the middle of it. release must follow.
func (s *Store) acquire(seg *segment, readsOn bool) (vfs.File, error) {
	s.mu.Lock()
	f, victim := s.cache.take(seg, readsOn)
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	closeQuietly(victim) // before another is opened in its place
	f, err := s.openForReading(seg.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.opened(seg, f, err)
	return f, err
}

// take holds the file of seg, if it is open. If not, it gives seg a place: the
// caller closes victim, opens the file and says so to opened.
func (c *segmentCache) take(seg *segment, readsOn bool) (f, victim vfs.File) {
	for waited := false; ; waited = true {
		switch {
		case seg.file != nil:
			c.stats.Hits++
			c.thrash.read()
			c.hold(seg)
			return seg.file, nil
		case seg.opening: // by somebody else
		case c.stats.Open < c.places:
			c.stats.Open++
			c.stats.Highest = max(c.stats.Highest, c.stats.Open)
			c.missed(seg, readsOn)
			return nil, nil
		case c.idle.Len() > 0:
			c.missed(seg, readsOn)
			return nil, c.evict()
		}
		if !waited {
			c.stats.Waits++
		}
		c.room.Wait()
	}
}

func (c *segmentCache) missed(seg *segment, readsOn bool) {
	c.stats.Misses++
	c.thrash.read()
	c.thrash.opened()
	if readsOn && seg.evicted != 0 {
		c.stats.Reopened++
		c.thrash.reopened(c.places + int(c.stats.Misses-seg.evicted))
	}
	seg.opening, seg.placed, seg.evicted = true, true, 0
}

// opened is the end of what take began.
func (c *segmentCache) opened(seg *segment, f vfs.File, err error) {
	seg.opening = false
	if err != nil {
		seg.placed = false
		c.stats.Open--
	} else {
		seg.file = f
		c.hold(seg)
	}
	c.room.Broadcast()
}

// openForReading opens a segment. Where there is no descriptor for it, one that
// is kept for a later read is given up.
func (s *Store) openForReading(path string) (vfs.File, error) {
	for {
		f, err := s.fs.Open(path)
		if !outOfDescriptors(err) {
			return f, err
		}
		s.mu.Lock()
		s.cache.stats.Refused++
		var victim vfs.File
		if s.cache.idle.Len() > 0 {
			victim = s.cache.evict()
		}
		s.mu.Unlock()
		if victim == nil {
			return nil, fmt.Errorf("%w: %w", ErrNoDescriptor, err)
		}
		s.vacate(victim)
	}
}

// outOfDescriptors reports whether the process, or the system, has no file
// descriptor left.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func (c *segmentCache) hold(seg *segment) {
	if seg.idle != nil {
		c.idle.Remove(seg.idle)
		seg.idle = nil
	}
	seg.refs++
}

// evict takes the file of the segment that was not read for longest.
func (c *segmentCache) evict() vfs.File {
	c.stats.Evictions++
	seg := c.idle.Front().Value.(*segment)
	seg.evicted = c.stats.Misses
	return c.empty(seg)
}

// empty takes the file away from a segment that nobody reads. Its place is free
// when the file is closed.
func (c *segmentCache) empty(seg *segment) vfs.File {
	if seg.idle != nil {
		c.idle.Remove(seg.idle)
		seg.idle = nil
	}
	f := seg.file
	seg.file, seg.placed = nil, false
	return f
}

// release ends a read of seg.
func (s *Store) release(seg *segment) {
	s.mu.Lock()
	seg.refs--
	f, placed := s.settle(seg)
	s.mu.Unlock()
	s.discard(f, placed)
}

// settle sees to the file of a segment that may have lost its last user. What it
// returns is to be discarded.
func (s *Store) settle(seg *segment) (f vfs.File, placed bool) {
	c := &s.cache
	if seg.refs > 0 || seg.file == nil || seg.idle != nil && !seg.removed {
		return nil, false
	}
	placed = seg.placed
	switch {
	case seg.removed:
		return c.empty(seg), placed
	case seg.active:
		return nil, false
	case !placed && c.stats.Open >= c.places:
		return c.empty(seg), false // was the writer's; no place for it
	case !placed:
		seg.placed = true
		c.stats.Open++
		c.stats.Highest = max(c.stats.Highest, c.stats.Open)
	}
	seg.tick = c.ticks
	seg.idle = c.idle.PushBack(seg)
	c.room.Broadcast()
	return nil, false
}

// discard closes a file that settle returned.
func (s *Store) discard(f vfs.File, placed bool) {
	if f != nil && placed {
		s.vacate(f)
		return
	}
	closeQuietly(f)
}

// vacate closes a file that has a place, and then frees the place.
func (s *Store) vacate(f vfs.File) {
	closeQuietly(f)
	s.mu.Lock()
	s.cache.stats.Open--
	s.cache.room.Broadcast()
	s.mu.Unlock()
}

// TendReaders is to be called about once a second. It closes what nobody has
// read for readerPatience calls, and says so when the places have become too
// few, or enough again.
func (s *Store) TendReaders() (ReaderNote, bool) {
	s.mu.Lock()
	c := &s.cache
	c.ticks++
	var old []vfs.File
	for e := c.idle.Front(); e != nil && c.ticks-e.Value.(*segment).tick >= readerPatience; e = c.idle.Front() {
		old = append(old, c.empty(e.Value.(*segment)))
		c.stats.Expired++
	}
	note, ok := c.thrash.judge(c.places)
	s.mu.Unlock()
	for _, f := range old {
		s.vacate(f)
	}
	return note, ok
}

// figures returns the numbers of the moment.
func (c *segmentCache) figures() ReaderStats {
	st := c.stats
	st.Places, st.Wanted = c.places, max(c.thrash.wanted, st.Open)
	return st
}
