package txnlog

import (
	"path/filepath"
	"sort"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// indexEvery is the distance in bytes between two entries of a segment's
// index, and so about what a read has to skip.
const indexEvery = 64 << 10

// segment is one file of the log, as far as it is written.
type segment struct {
	path string
	base zab.Position // before the first record
	id   uint64       // vfs.Info.ID of the file; set when it becomes the one to append to
	mark int64        // as Open found it: where its last batch begins

	// What follows is guarded by Store.mu.
	last zab.Position // of the last record written
	end  int64        // bytes written
	// index holds places to begin reading at, the first record's among them.
	index []place

	file    vfs.File // open, or nil
	refs    int      // readers that use file
	used    uint64   // Store.uses at the last use
	removed bool     // close file with the last reader
}

// place is a point of a segment: the position reached and the offset of the
// frame that follows.
type place struct {
	pos zab.Position
	off int64
}

// segmentHeader is the body of a segment's first frame, whose zxid and prev
// are the base.
type segmentHeader struct {
	_struct bool `codec:",toarray"`

	Version int64
	Server  zab.ServerID
}

func (s *Store) appendSegmentHeader(dst []byte, base zab.Position) ([]byte, error) {
	h := segmentHeader{Version: formatVersion, Server: s.opt.Server}
	return s.enc.AppendStruct(dst, wire.FrameSegment, base.Zxid, base.CRC, &h)
}

// before returns the last place of the index that is not after z.
func (seg *segment) before(z zab.Zxid) place {
	i := sort.Search(len(seg.index), func(i int) bool { return seg.index[i].pos.Zxid > z })
	return seg.index[i-1]
}

// note adds a place to the index if the last one is far enough behind.
func (seg *segment) wantsPlace(off int64) bool {
	return off-seg.index[len(seg.index)-1].off >= indexEvery
}

// acquire opens seg for reading, or finds it open. release must follow.
func (s *Store) acquire(seg *segment) (vfs.File, error) {
	s.mu.Lock()
	s.uses++
	seg.used = s.uses
	if seg.file != nil {
		seg.refs++
		s.stats.SegmentHits++
		f := seg.file
		s.mu.Unlock()
		return f, nil
	}
	s.stats.SegmentMisses++
	s.mu.Unlock()
	f, err := s.fs.Open(seg.path)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	var surplus vfs.File
	if seg.file == nil {
		seg.file = f
	} else { // somebody was quicker
		surplus, f = f, seg.file
	}
	seg.refs++
	victim := s.evict(seg)
	s.mu.Unlock()
	closeQuietly(surplus)
	closeQuietly(victim)
	return f, nil
}

func (s *Store) release(seg *segment) {
	s.mu.Lock()
	seg.refs--
	f := s.unused(seg)
	s.mu.Unlock()
	closeQuietly(f)
}

// unused takes the file away from a removed segment that nobody reads.
func (s *Store) unused(seg *segment) vfs.File {
	if !seg.removed || seg.refs > 0 {
		return nil
	}
	f := seg.file
	seg.file = nil
	return f
}

// evict takes the file away from the segment that was not used for longest,
// when more than Options.OpenSegments are open. The active segment and those
// being read keep theirs.
func (s *Store) evict(not *segment) vfs.File {
	open := 0
	var oldest *segment
	for _, seg := range s.segs {
		if seg.file == nil {
			continue
		}
		open++
		if seg == not || seg == s.segs[len(s.segs)-1] || seg.refs > 0 {
			continue
		}
		if oldest == nil || seg.used < oldest.used {
			oldest = seg
		}
	}
	if open <= s.opt.OpenSegments || oldest == nil {
		return nil
	}
	s.stats.SegmentEvicts++
	f := oldest.file
	oldest.file = nil
	return f
}

// dropSegment takes seg, which must be the first or the last, out of the index
// of segments and removes its file durably. The order of removals is durable
// too: a crash must not leave a hole.
func (s *Store) dropSegment(seg *segment) error {
	s.mu.Lock()
	switch {
	case len(s.segs) > 0 && s.segs[0] == seg:
		s.segs = s.segs[1:]
	case len(s.segs) > 0 && s.segs[len(s.segs)-1] == seg:
		s.segs = s.segs[:len(s.segs)-1]
	}
	seg.removed = true
	f := s.unused(seg)
	s.mu.Unlock()
	closeQuietly(f)
	if err := s.fs.Remove(seg.path); err != nil {
		return err
	}
	return s.syncDir(s.logDir)
}

func (s *Store) segmentPath(first zab.Zxid) string {
	return filepath.Join(s.logDir, segmentName(first))
}

// closeQuietly closes a file that was only read, or whose contents no longer
// matter: nothing depends on the outcome.
func closeQuietly(f vfs.File) {
	if f != nil {
		_ = f.Close()
	}
}
