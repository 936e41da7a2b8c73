package chaos

import (
	"context"
	"errors"
	"fmt"
)

// hold creates an ephemeral node, or deletes one when there are enough.
func (w *worker) hold(ctx context.Context) error {
	id := w.session.id()
	if len(w.held) >= ephemerals {
		path := w.held[0]
		w.held = w.held[1:]
		w.load.ledger.set(id, path, perhaps)
		err := w.session.remove(ctx, path)
		if err == nil {
			w.load.gaps.ack()
			w.load.ledger.remove(id, path)
		}
		return err
	}
	path := fmt.Sprintf("%s/%s", ephemRoot, w.value())
	w.load.ledger.set(id, path, perhaps)
	_, err := w.session.create(ctx, path, nil, ephemeral)
	if err == nil {
		w.load.gaps.ack()
		w.load.ledger.set(id, path, certain)
		w.held = append(w.held, path)
	}
	return err
}

// leave closes the session. When the servers confirm it, the session's ephemeral
// nodes are gone for everybody who asks the leader (H6).
func (w *worker) leave(ctx context.Context, g *generation) error {
	held := w.held
	err := w.session.close(ctx)
	w.over(err == nil)
	if err := w.reconnect(ctx); err != nil {
		return err
	}
	if err != nil || len(held) == 0 {
		return nil
	}
	dials := w.session.dials()
	if err := w.session.sync(ctx, root); err != nil {
		return err
	}
	_, st, err := w.session.get(ctx, held[0])
	if err == nil && w.session.dials() == dials {
		g.violate(fmt.Sprintf("H6: %s (zxid %#x) is there after its session was closed", held[0], st.mzxid))
	}
	if errors.Is(err, errNoNode) {
		return nil
	}
	return err
}

// errLater says that there is no session at the moment.
var errLater = errors.New("no session")

// reconnect makes the next session at once; steps need one to be there.
func (w *worker) reconnect(ctx context.Context) error {
	for !w.connect(ctx) {
		if ctx.Err() != nil {
			return errLater
		}
	}
	return nil
}
