package replica

import (
	"errors"
	"fmt"
	"io"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// ErrNewer is wrapped by the refusal of a snapshot that a newer version wrote.
// Nothing is wrong with it.
var ErrNewer = errors.New("replica: snapshot of a newer version")

// Frame is a frame of a snapshot, decoded and not yet part of a state.
type Frame struct {
	kind     uint8
	meta     snapshotMeta
	acls     []byte // decoded by the loader: they are few
	sessions sessionBatch
	nodes    znode.Nodes
	trailer  snapshotTrailer
}

// FrameDecoder decodes the frames of one snapshot, in order. It shares nothing
// with the Loader that takes them: one can run ahead of the other, and decoding
// is half of the work.
type FrameDecoder struct {
	dec     *wire.Decoder
	version uint16
}

// NewFrameDecoder makes a FrameDecoder.
func NewFrameDecoder() *FrameDecoder { return &FrameDecoder{dec: wire.NewDecoder()} }

// Decode decodes a frame, which keeps nothing of body. Errors wrap ErrSnapshot,
// ErrNewer or wire.ErrCorrupt.
func (d *FrameDecoder) Decode(kind uint8, body []byte) (Frame, error) {
	f := Frame{kind: kind}
	var err error
	switch kind {
	case wire.FrameSnapMeta:
		if err = d.dec.Body(body, &f.meta); err == nil {
			d.version = f.meta.Version
			err = f.meta.check()
		}
	case wire.FrameSnapACLs:
		f.acls = append(f.acls, body...)
	case wire.FrameSnapSessions:
		f.sessions, err = d.sessions(body)
	case wire.FrameSnapNodes:
		f.nodes, err = znode.DecodeNodes(d.dec, body)
	case wire.FrameSnapTrailer:
		err = d.dec.Body(body, &f.trailer)
	default:
		err = fmt.Errorf("%w: frame of the unknown kind %d", ErrSnapshot, kind)
	}
	return f, err
}

func (m *snapshotMeta) check() error {
	switch {
	case m.Version == 0:
		return fmt.Errorf("%w: it is of format 0", ErrSnapshot)
	case m.Version > snapshotVersion || m.Level > zab.FeatureLevel:
		return fmt.Errorf("%w: format %d, feature level %d; this server knows %d and %d",
			ErrNewer, m.Version, m.Level, snapshotVersion, zab.FeatureLevel)
	}
	return nil
}

func (d *FrameDecoder) sessions(body []byte) (batch sessionBatch, err error) {
	if d.version > 1 {
		err = d.dec.Body(body, &batch)
		return batch, err
	}
	var old sessionBatch1
	err = d.dec.Body(body, &old)
	for _, e := range old.Sessions {
		batch.Sessions = append(batch.Sessions, zab.Session{ID: e.ID, Timeout: e.Timeout, Owner: zab.NoServer})
	}
	return batch, err
}

// Loader builds a state from the frames of a snapshot.
type Loader struct {
	s     *State
	nodes *znode.Loader
	stage uint8 // the lowest kind that may come next, 0 when over
}

// NewLoader makes a Loader.
func NewLoader() *Loader {
	s := NewState()
	return &Loader{s: s, nodes: znode.NewLoader(s.sessions.has), stage: wire.FrameSnapMeta}
}

// LoadState builds a state from the frames of a snapshot, as next returns them
// up to io.EOF; body need only be valid until the next call. Errors wrap
// ErrSnapshot, ErrNewer, znode.ErrImage, wire.ErrCorrupt or what next returned.
func LoadState(next func() (kind uint8, body []byte, err error)) (*State, error) {
	d, l := NewFrameDecoder(), NewLoader()
	for {
		kind, body, err := next()
		if err == io.EOF {
			return l.State()
		}
		var f Frame
		if err == nil {
			f, err = d.Decode(kind, body)
		}
		if err == nil {
			err = l.Add(f)
		}
		if err != nil {
			return nil, fmt.Errorf("replica: load snapshot: %w", err)
		}
	}
}

// Add takes the next frame. Errors wrap ErrSnapshot, znode.ErrImage or
// wire.ErrCorrupt.
func (l *Loader) Add(f Frame) error {
	first := l.stage == wire.FrameSnapMeta
	if l.stage == 0 || f.kind < l.stage || first != (f.kind == wire.FrameSnapMeta) {
		return fmt.Errorf("%w: frame of kind %d out of order", ErrSnapshot, f.kind)
	}
	l.stage = f.kind
	switch f.kind {
	case wire.FrameSnapMeta:
		l.stage = wire.FrameSnapACLs
		s := l.s
		s.applied, s.level, s.ensemble, s.secret = f.meta.At, f.meta.Level, f.meta.Ensemble, f.meta.Secret
	case wire.FrameSnapACLs:
		return l.nodes.ACLs(f.acls)
	case wire.FrameSnapSessions:
		return l.sessions(f.sessions)
	case wire.FrameSnapNodes:
		return l.nodes.Nodes(f.nodes)
	case wire.FrameSnapTrailer:
		l.stage = 0
		return l.finish(f.trailer)
	}
	return nil
}

// State returns the state when the last frame was taken.
func (l *Loader) State() (*State, error) {
	if l.stage != 0 {
		return nil, fmt.Errorf("%w: it ends without its last frame", ErrSnapshot)
	}
	return l.s, nil
}

func (l *Loader) sessions(batch sessionBatch) error {
	for _, e := range batch.Sessions {
		if l.s.sessions.has(e.ID) {
			return fmt.Errorf("%w: session %s is there twice", ErrSnapshot, e.ID)
		}
		l.s.sessions.add(e)
	}
	return nil
}

// finish makes the tree and holds the state against what was written.
func (l *Loader) finish(want snapshotTrailer) error {
	tree, err := l.nodes.Finish()
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
