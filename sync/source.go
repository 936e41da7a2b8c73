package zabsync

import (
	"fmt"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/zab"
)

// Bounds of a snapshot on its way to one learner.
const (
	snapChunkBytes = 512 << 10
	snapWindow     = 8 // pieces

	// findBytes bounds the log read that looks for a learner's last position:
	// only the position is wanted.
	findBytes = 1
)

// Source is the leader's side of one learner's synchronisation, up to the
// point where records are streamed from a cursor.
type Source struct {
	link   zab.LinkID
	server zab.ServerID
	last   zab.Position // of the learner's log, as it said
	log    *history.Log

	mode    Mode
	finding uint64       // log read under way, 0 for none
	cut     zab.Position // sent in TRUNC

	piece  int64    // bytes of the snapshot sent at a time
	snap   zab.Snap // being sent
	read   int64    // bytes asked of the disk
	sent   int64
	acked  int64
	whole  bool // its last piece was sent
	opened bool // a snapshot is open and must be closed

	from  zab.Position // where streaming starts, once started
	ready bool
}

// NewSource starts to bring a learner up to date whose log ends at last.
func NewSource(link zab.LinkID, server zab.ServerID, last zab.Position, log *history.Log, out *zab.Output) *Source {
	s := &Source{link: link, server: server, last: last, log: log, piece: snapChunkBytes}
	if at, known := log.Find(last.Zxid); known {
		s.choose(at, false, out)
	} else {
		s.finding = log.Read(last.Zxid, findBytes, out)
	}
	return s
}

// Pieces sets how many bytes of a snapshot are sent at a time.
func (s *Source) Pieces(bytes int) { s.piece = int64(bytes) }

// From returns the position from which to stream records, and whether the
// learner is ready for them.
func (s *Source) From() (zab.Position, bool) { return s.from, s.ready }

// Read takes the answer to a log read; it reports whether it was this source's.
func (s *Source) Read(res *zab.LogReadResult, out *zab.Output) bool {
	if s.finding == 0 || res.ID != s.finding {
		return false
	}
	s.finding = 0
	s.choose(res.At, res.Gone, out)
	return true
}

func (s *Source) choose(at zab.Position, gone bool, out *zab.Output) {
	s.mode = Choose(s.last, at, gone)
	switch s.mode {
	case Diff:
		s.note(at.Zxid, out)
		out.Send(s.link, zab.Packet{Kind: zab.KindDiff, Zxid: at.Zxid})
		s.from, s.ready = at, true
	case Trunc:
		s.note(at.Zxid, out)
		s.cut = at
		out.Send(s.link, zab.Packet{Kind: zab.KindTrunc, Zxid: at.Zxid, Body: &zab.Trunc{To: at}})
	case Snap:
		s.openSnapshot(out)
	}
}

func (s *Source) note(z zab.Zxid, out *zab.Output) {
	out.Note(zab.Note{Kind: zab.NoteSyncChosen, Peer: s.server, Zxid: z, Text: s.mode.String()})
}

func (s *Source) openSnapshot(out *zab.Output) {
	s.mode = Snap
	s.opened = true
	out.SnapReads = append(out.SnapReads, zab.SnapRead{ID: uint64(s.link), Open: true})
}

// Opened takes the snapshot that the disk opened for this learner.
func (s *Source) Opened(res *zab.SnapReadResult, out *zab.Output) error {
	if res.Failed {
		return fmt.Errorf("no snapshot to send")
	}
	s.snap = zab.Snap{At: res.At, Size: res.Size}
	s.note(res.At.Zxid, out)
	snap := s.snap
	out.Send(s.link, zab.Packet{Kind: zab.KindSnap, Zxid: res.At.Zxid, Body: &snap})
	s.readMore(out)
	return nil
}

// readMore keeps at most snapWindow pieces between what was asked of the disk
// and what the learner has written.
func (s *Source) readMore(out *zab.Output) {
	for s.read < s.snap.Size && s.read-s.acked < snapWindow*s.piece {
		n := min(s.piece, s.snap.Size-s.read)
		out.SnapReads = append(out.SnapReads, zab.SnapRead{ID: uint64(s.link), Off: s.read, Len: int(n)})
		s.read += n
	}
}

// Chunk takes a piece of the snapshot that the disk has read.
func (s *Source) Chunk(res *zab.SnapReadResult, out *zab.Output) error {
	if res.Failed || res.Off != s.sent || len(res.Data) == 0 {
		return fmt.Errorf("snapshot unreadable at byte %d", s.sent)
	}
	s.sent += int64(len(res.Data))
	s.whole = s.sent == s.snap.Size
	out.Send(s.link, zab.Packet{Kind: zab.KindSnapChunk, Body: &zab.SnapChunk{Off: res.Off, Data: res.Data, Last: s.whole}})
	return nil
}

// Acked takes the learner's word on how much of the snapshot it has written.
func (s *Source) Acked(bytes int64, out *zab.Output) {
	s.acked = max(s.acked, min(bytes, s.sent))
	s.readMore(out)
}

// Ready takes the learner's answer to TRUNC or SNAP.
func (s *Source) Ready(r *zab.Ready, out *zab.Output) error {
	switch {
	case s.mode == Trunc && r.NeedSnap:
		s.openSnapshot(out)
		return nil
	case s.mode == Trunc && r.At == s.cut, s.mode == Snap && s.whole && !r.NeedSnap && r.At == s.snap.At:
		s.from, s.ready = r.At, true
		return nil
	}
	return fmt.Errorf("%s answered by READY at %s", s.mode, r.At)
}

// Progress returns how many bytes of a snapshot the learner has, and of how many;
// 0 of 0 when none is being sent.
func (s *Source) Progress() (acked, size int64) { return s.acked, s.snap.Size }

// Waiting reports whether a snapshot was asked for and is not open yet: the
// disk may have to write it first.
func (s *Source) Waiting() bool { return s.opened && s.snap.Size == 0 }

// Close gives the open snapshot back. While it is open, the log that follows it
// stays on the disk, so it is kept until the learner no longer needs that (L11 of
// package leader).
func (s *Source) Close(out *zab.Output) {
	if s.opened {
		s.opened = false
		out.SnapReads = append(out.SnapReads, zab.SnapRead{ID: uint64(s.link), Close: true})
	}
}
