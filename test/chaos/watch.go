package chaos

import (
	"context"
	"fmt"
	"strings"

	"github.com/quorumd/quorumd/client"
)

// watch is a watch that was set and has not been seen to fire.
type watch struct {
	session int64
	path    string
	zxid    int64 // of the node when the watch was set
	events  <-chan client.Event
}

// look sets a watch, unless there is one.
func (w *worker) look(ctx context.Context, g *generation, path string) error {
	if w.watch != nil && !w.watch.fired() && strings.HasPrefix(w.watch.path, g.dir()+"/") {
		return w.get(ctx, g, w.watch.path)
	}
	own, ok := w.session.(*ownClient)
	if !ok {
		return nil
	}
	w.watch = nil
	st, events, err := own.getW(ctx, path)
	if err != nil {
		return err
	}
	w.saw(g, path, st)
	w.load.watches.Add(1)
	w.watch = &watch{session: own.id(), path: path, zxid: st.mzxid, events: events}
	return nil
}

// fired tells whether the event has come, or the watch has ended otherwise.
func (w *watch) fired() bool {
	select {
	case <-w.events:
		w.events = nil // nothing more comes
		return true
	default:
		return w.events == nil
	}
}

// passed is told of every answer: one that shows a newer state of the node than
// the watch was set at must come after the event (H7).
func (w *watch) passed(g *generation, path string, zxid int64) {
	if w == nil || path != w.path || zxid <= w.zxid || w.fired() {
		return
	}
	g.violate(fmt.Sprintf("H7: session %#x read %s of zxid %#x, and the watch that it set at %#x has not fired", w.session, path, zxid, w.zxid))
}
