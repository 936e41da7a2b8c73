package txnlog

import (
	linked "container/list"
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
	active  bool     // file is the writer's
	removed bool     // close file with the last reader

	// The segment cache's.
	opening bool            // somebody is at it
	placed  bool            // file has a place there
	idle    *linked.Element // has a place, and nobody reads; else nil
	tick    uint64          // of the last read
	evicted uint64          // misses when it was closed for room; 0 if it was not
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
	f, placed := s.settle(seg)
	s.mu.Unlock()
	s.discard(f, placed)
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
