package server

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// loader builds states from snapshots for the store, which decides by that
// whether it takes them (txnlog.Options.Load). It belongs to whoever opens the
// store, then to the runner of disk operations.
type loader struct {
	progress *progress
	refused  error            // why the last one was not loaded; nil if it was
	loaded   []*replica.State // not taken yet: one, or one for each snapshot installed in a batch
}

// aheadFrames is how many frames of a snapshot are decoded ahead of the tree.
const aheadFrames = 8

// load reads a snapshot and builds its state on two cores: what can be done with
// a frame alone (to read it, to check and unpack it, to decode it) is done ahead,
// by another goroutine, of putting it into the tree.
func (l *loader) load(r *txnlog.SnapshotReader) error {
	frames, stop := make(chan aheadFrame, aheadFrames), make(chan struct{})
	go l.decodeAhead(r, frames, stop)
	state, err := build(frames)
	close(stop)
	for range frames { // until the reader has let go of the file
	}
	switch {
	case errors.Is(err, replica.ErrNewer):
		err = fmt.Errorf("%w: %w", txnlog.ErrForeign, err)
	case err == nil && state.Applied() != r.Info().At:
		err = fmt.Errorf("it is of %s, the file of %s", state.Applied(), r.Info().At)
	}
	if l.refused = err; err == nil {
		l.loaded = append(l.loaded, state)
	}
	return err
}

// take returns the state of the snapshot at a position. What was loaded before
// it is not asked for any more.
func (l *loader) take(at zab.Position) *replica.State {
	i := slices.IndexFunc(l.loaded, func(state *replica.State) bool { return state.Applied() == at })
	must.Hold(i >= 0, "Y1", "the snapshot at %s was taken and not loaded", at)
	state := l.loaded[i]
	l.loaded = slices.Delete(l.loaded, 0, i+1)
	return state
}

type aheadFrame struct {
	frame replica.Frame
	err   error // the last, unless it is nil; io.EOF is the end
}

func (l *loader) decodeAhead(r *txnlog.SnapshotReader, frames chan<- aheadFrame, stop <-chan struct{}) {
	defer close(frames)
	defer l.progress.loading(0, 0)
	dec := replica.NewFrameDecoder()
	for {
		var f aheadFrame
		var kind uint8
		var body []byte
		if kind, body, f.err = r.Next(); f.err == nil {
			f.frame, f.err = dec.Decode(kind, body)
			l.progress.loading(r.Offset(), r.Info().Size)
		}
		select {
		case frames <- f:
		case <-stop:
			return
		}
		if f.err != nil {
			return
		}
	}
}

func build(frames <-chan aheadFrame) (*replica.State, error) {
	l := replica.NewLoader()
	for f := range frames {
		if f.err == io.EOF {
			break
		}
		if f.err != nil {
			return nil, f.err
		}
		if err := l.Add(f.frame); err != nil {
			return nil, err
		}
	}
	return l.State()
}
