package replica

import (
	"errors"
	"fmt"
	"io"
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

// LoadState builds a state from the frames of a snapshot, as next returns them
// up to io.EOF; body need only be valid until the next call. Errors wrap
// ErrSnapshot, znode.ErrImage, wire.ErrCorrupt or what next returned.
func LoadState(next func() (kind uint8, body []byte, err error)) (*State, error) {
	l := stateLoader{s: NewState(), nodes: znode.NewLoader(), dec: wire.NewDecoder(), stage: wire.FrameSnapMeta}
	for {
		kind, body, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("replica: load snapshot: %w", err)
		}
		if err := l.frame(kind, body); err != nil {
			return nil, fmt.Errorf("replica: load snapshot: %w", err)
		}
	}
	if l.stage != 0 {
		return nil, fmt.Errorf("%w: it ends without its last frame", ErrSnapshot)
	}
	return l.s, nil
}

// stateLoader takes the frames of a snapshot.
type stateLoader struct {
	s     *State
	nodes *znode.Loader
	dec   *wire.Decoder
	stage uint8 // the lowest kind that may come next, 0 when over

	version uint16
}

func (l *stateLoader) frame(kind uint8, body []byte) error {
	first := l.stage == wire.FrameSnapMeta
	if l.stage == 0 || kind < l.stage || first != (kind == wire.FrameSnapMeta) {
		return fmt.Errorf("%w: frame of kind %d out of order", ErrSnapshot, kind)
	}
	l.stage = kind
	switch kind {
	case wire.FrameSnapMeta:
		l.stage = wire.FrameSnapACLs
		return l.meta(body)
	case wire.FrameSnapACLs:
		return l.nodes.ACLs(body)
	case wire.FrameSnapSessions:
		return l.sessions(body)
	case wire.FrameSnapNodes:
		return l.nodes.Nodes(body)
	case wire.FrameSnapTrailer:
		l.stage = 0
		return l.trailer(body)
	}
	return fmt.Errorf("%w: frame of the unknown kind %d", ErrSnapshot, kind)
}

func (l *stateLoader) meta(body []byte) error {
	var m snapshotMeta
	if err := l.dec.Body(body, &m); err != nil {
		return err
	}
	l.version = m.Version
	if m.Version == 0 || m.Version > snapshotVersion || m.Level > zab.FeatureLevel {
		return fmt.Errorf("%w: format %d, feature level %d; this server knows %d and %d, a newer one wrote it",
			ErrSnapshot, m.Version, m.Level, snapshotVersion, zab.FeatureLevel)
	}
	s := l.s
	s.applied, s.level, s.ensemble, s.secret = m.At, m.Level, m.Ensemble, m.Secret
	return nil
}

func (l *stateLoader) sessions(body []byte) error {
	batch, err := l.sessionBatch(body)
	if err != nil {
		return err
	}
	for _, e := range batch.Sessions {
		if l.s.sessions.has(e.ID) {
			return fmt.Errorf("%w: session %s is there twice", ErrSnapshot, e.ID)
		}
		l.s.sessions.add(e)
	}
	return nil
}

func (l *stateLoader) sessionBatch(body []byte) (batch sessionBatch, err error) {
	if l.version > 1 {
		err = l.dec.Body(body, &batch)
		return batch, err
	}
	var old sessionBatch1
	err = l.dec.Body(body, &old)
	for _, e := range old.Sessions {
		batch.Sessions = append(batch.Sessions, zab.Session{ID: e.ID, Timeout: e.Timeout, Owner: zab.NoServer})
	}
	return batch, err
}

func (l *stateLoader) trailer(body []byte) error {
	var want snapshotTrailer
	if err := l.dec.Body(body, &want); err != nil {
		return err
	}
	tree, err := l.nodes.Finish(l.s.sessions.has)
	if err != nil {
		return err
	}
	l.s.tree = tree
	got := snapshotTrailer{
		Nodes: int64(tree.Figures().Nodes), Sessions: int64(l.s.SessionCount()), Digest: l.s.Digest(),
	}
	if got != want {
		return fmt.Errorf("%w: %d nodes, %d sessions, digest %#x were written; %d, %d, %#x were read",
			ErrSnapshot, want.Nodes, want.Sessions, want.Digest, got.Nodes, got.Sessions, got.Digest)
	}
	return nil
}
