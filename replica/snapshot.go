package replica

import (
	"errors"
	"slices"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// ErrSnapshot is wrapped by every refusal of a snapshot whose frames are
// intact but which does not hold together.
var ErrSnapshot = errors.New("replica: snapshot does not hold together")

// A snapshot is a stream of frames in this order:
//
//	FrameSnapMeta      1     snapshotMeta
//	FrameSnapACLs      1..   the ACLs that nodes refer to
//	FrameSnapSessions  1..   sessionBatch, sorted by id
//	FrameSnapNodes     1..   nodes, in the order of their slots
//	FrameSnapTrailer   1     snapshotTrailer: counts and digest
//
// The trailer's digest is the state's when the image was begun, so a reader
// finds out not only that what was written was read but also that what was
// written is the point in time it claims to be.
type snapshotMeta struct {
	_struct bool `codec:",toarray"`

	Version  uint16
	At       zab.Position
	Level    uint16
	Ensemble uint64
	Secret   []byte
}

// snapshotVersion is the version of the frames' bodies. Version 1 is still
// read; its sessions are nobody's until the next record of each.
const snapshotVersion = 2

type sessionBatch struct {
	_struct bool `codec:",toarray"`

	Sessions []zab.Session
}

type sessionBatch1 struct {
	_struct bool `codec:",toarray"`

	Sessions []struct {
		ID      zab.SessionID
		Timeout int64
	}
}

type snapshotTrailer struct {
	_struct bool `codec:",toarray"`

	Nodes    int64
	Sessions int64
	Digest   uint64
}

// sessionsPerFrame bounds a frame of sessions.
const sessionsPerFrame = 4096

// Image is the state at one point of its history, to be written out piece by
// piece while further records are applied.
type Image struct {
	s        *State
	tree     *znode.Image
	enc      *wire.Encoder
	meta     snapshotMeta
	trailer  snapshotTrailer
	sessions []zab.Session
	stage    uint8 // kind of the next frame, 0 when over
	sorted   bool
}

// Snapshot begins an image of the state as it is now. It copies the list of
// sessions and of ACLs, nothing of the nodes. At most one image may be open,
// Release ends it.
func (s *State) Snapshot() *Image {
	must.Hold(s.image == nil, "R8", "a second image is begun at %s", s.applied)
	im := &Image{
		s: s, tree: s.tree.Open(), enc: wire.NewEncoder(), stage: wire.FrameSnapMeta,
		sessions: slices.Clone(s.sessions.list),
		meta: snapshotMeta{
			Version: snapshotVersion, At: s.applied, Level: s.level,
			Ensemble: s.ensemble, Secret: s.secret,
		},
	}
	im.trailer = snapshotTrailer{
		Nodes: int64(im.tree.Nodes()), Sessions: int64(len(im.sessions)), Digest: s.Digest(),
	}
	s.image = im
	return im
}

// At returns the position the image is of.
func (im *Image) At() zab.Position { return im.meta.At }

// Nodes returns how many nodes the image holds.
func (im *Image) Nodes() int64 { return im.trailer.Nodes }

// Written returns how many of them Next has returned.
func (im *Image) Written() int64 { return int64(im.tree.Written()) }

// Release ends the image, whether it was read to its end or not. Doing it
// twice does nothing.
func (im *Image) Release() {
	if im.s.image == im {
		im.tree.Close()
		im.s.image = nil
	}
}

// Next appends the body of the next frame, with at most maxNodes nodes, to
// dst. done is true with the last frame.
func (im *Image) Next(dst []byte, maxNodes int) (frame []byte, kind uint8, done bool) {
	must.Hold(im.s.image == im, "R8", "an image is read after it was released")
	kind = im.stage
	more := false
	var err error
	switch kind {
	case wire.FrameSnapMeta:
		frame, err = im.enc.AppendBody(dst, &im.meta)
		im.stage = wire.FrameSnapACLs
	case wire.FrameSnapACLs:
		frame, more, err = im.tree.AppendACLs(dst)
		im.step(more, wire.FrameSnapSessions)
	case wire.FrameSnapSessions:
		frame, more, err = im.appendSessions(dst)
		im.step(more, wire.FrameSnapNodes)
	case wire.FrameSnapNodes:
		frame, more, err = im.tree.AppendNodes(dst, maxNodes)
		im.step(more, wire.FrameSnapTrailer)
	case wire.FrameSnapTrailer:
		frame, err = im.enc.AppendBody(dst, &im.trailer)
		im.stage, done = 0, true
	default:
		must.Fail("R8", "an image is read beyond its end")
	}
	// Encoding fails for types that have no encoding; these have one.
	must.Hold(err == nil, "R8", "snapshot frame of kind %d: %v", kind, err)
	return frame, kind, done
}

func (im *Image) step(more bool, next uint8) {
	if !more {
		im.stage = next
	}
}

func (im *Image) appendSessions(dst []byte) (body []byte, more bool, err error) {
	if !im.sorted { // here, since Snapshot is called where time is short
		sortSessions(im.sessions)
		im.sorted = true
	}
	n := min(len(im.sessions), sessionsPerFrame)
	body, err = im.enc.AppendBody(dst, &sessionBatch{Sessions: im.sessions[:n]})
	im.sessions = im.sessions[n:]
	return body, len(im.sessions) > 0, err
}
