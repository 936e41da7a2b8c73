package client

import (
	"context"
	"fmt"

	"github.com/quorumd/quorumd/jute"
)

// Types of events.
const (
	// EventNone is not about a node. With Err set it is the last event there
	// is; without, a Watcher is told that its watch was set again on another
	// connection and that events may have been missed.
	EventNone                = jute.EventNone
	EventNodeCreated         = jute.EventNodeCreated
	EventNodeDeleted         = jute.EventNodeDeleted
	EventNodeDataChanged     = jute.EventNodeDataChanged
	EventNodeChildrenChanged = jute.EventNodeChildrenChanged
)

// Event is what a watch reports.
type Event struct {
	Type EventType
	Path string // of the node that changed; for EventNone that of the watch
	Zxid int64  // of the transaction, if the server says so (ZooKeeper 3.9 on), else -1
	Err  error  // why the watch is over without an event; Type is EventNone
}

// watchKind is a list of setWatches that one-shot watches go to.
type watchKind uint8

const (
	watchData  watchKind = iota
	watchExist           // a node that does not exist
	watchChild
	watchKinds
)

// oneShot is a watch that fires once.
type oneShot struct {
	kind watchKind
	path string // the server's
	ch   chan Event
}

func (c *Client) newOneShot(kind watchKind, path string) *oneShot {
	return &oneShot{kind: kind, path: c.outbound(path), ch: make(chan Event, 1)}
}

// GetW is Get, and sets a watch: the channel carries one event when the node's
// data changes or the node is deleted, then it is closed. The channel is nil
// if there is an error.
func (c *Client) GetW(ctx context.Context, path string) ([]byte, Stat, <-chan Event, error) {
	w := c.newOneShot(watchData, path)
	data, stat, err := c.get(ctx, path, w)
	if err != nil {
		return nil, Stat{}, nil, err
	}
	return data, stat, w.ch, nil
}

// ExistsW is Exists, and sets a watch: the channel carries one event when the
// node is created, deleted or its data changes, then it is closed. The channel
// is nil if there is an error; that the node does not exist is none.
func (c *Client) ExistsW(ctx context.Context, path string) (Stat, bool, <-chan Event, error) {
	w := c.newOneShot(watchExist, path)
	stat, ok, err := c.exists(ctx, path, w)
	if err != nil {
		return Stat{}, false, nil, err
	}
	return stat, ok, w.ch, nil
}

// ChildrenW is Children, and sets a watch: the channel carries one event when
// a child is created or deleted or the node itself is deleted, then it is
// closed. The channel is nil if there is an error.
func (c *Client) ChildrenW(ctx context.Context, path string) ([]string, Stat, <-chan Event, error) {
	w := c.newOneShot(watchChild, path)
	names, stat, err := c.children(ctx, path, w)
	if err != nil {
		return nil, Stat{}, nil, err
	}
	return names, stat, w.ch, nil
}

// WatchMode is what a Watcher is told of.
type WatchMode int32

const (
	// Persistent: the node is created, deleted, changed, or a child of it is
	// created or deleted.
	Persistent = WatchMode(jute.WatchPersistent)
	// Recursive: the node or any below it is created, deleted or changed.
	Recursive = WatchMode(jute.WatchPersistentRecursive)
)

// Watcher is a watch that stays. It need not be on a node that exists.
type Watcher struct {
	c      *Client
	path   string // the server's
	mode   WatchMode
	events chan Event

	// Guarded by Client.mu.
	armed bool // the server has it, so it is set again after a loss
	ended bool
	err   error
}

// Watch sets a watch that stays until the Watcher is closed or the client
// comes to its end. It is set again after a reconnection; an event of type
// EventNone then says that others may have been missed, so whoever mirrors
// nodes should read them again.
//
// ZooKeeper 3.8 has one watch of a connection for each path: a later call of
// GetW, ExistsW or ChildrenW for the same path ends the Watcher's there.
func (c *Client) Watch(ctx context.Context, path string, mode WatchMode) (*Watcher, error) {
	if err := checkPath("watch", path); err != nil {
		return nil, err
	}
	if mode != Persistent && mode != Recursive {
		return nil, &Error{Op: "watch", Path: path, Err: fmt.Errorf("%w: watch mode %d", ErrBadArguments, mode)}
	}
	w := &Watcher{c: c, path: c.outbound(path), mode: mode, events: make(chan Event, c.opt.watchBuffer)}
	// It is entered first: an event may come before the reply is seen here.
	c.mu.Lock()
	c.watches.enter(w)
	c.mu.Unlock()
	err := c.call(ctx, request{
		op: jute.OpAddWatch, name: "watch", path: path, watcher: w,
		rec: &jute.AddWatchRequest{Path: w.path, Mode: jute.AddWatchMode(mode)},
	}, nil)
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Events returns the channel of events, in the order of their transactions. It
// is closed when the Watcher ends; Err then says why.
func (w *Watcher) Events() <-chan Event { return w.events }

// Err returns nil while the Watcher lives, then ErrWatcherClosed,
// ErrEventOverflow, or the client's error.
func (w *Watcher) Err() error {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.err
}

// Close ends the Watcher. It does not wait for the server to know.
func (w *Watcher) Close() {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.c.drop(w, ErrWatcherClosed)
}

// end closes the Watcher's channel. Client.mu is held.
func (w *Watcher) end(cause error) {
	if !w.ended {
		w.ended, w.err = true, cause
		close(w.events)
	}
}

// drop ends a Watcher and, if nobody else has the same watch, has the server
// forget it. ZooKeeper 3.8 cannot do that for one kind of watch: its events are
// ignored until the connection ends. Client.mu is held.
func (c *Client) drop(w *Watcher, cause error) {
	if w.ended {
		return
	}
	w.end(cause)
	if last := c.watches.leave(w); !last || c.conn == nil || c.closing || c.err != nil {
		return
	}
	k := newCall(jute.OpRemoveWatches, "remove watch", "")
	q := jute.CheckWatchesRequest{Path: w.path, Type: jute.WatcherPersistent}
	if w.mode == Recursive {
		q.Type = jute.WatcherPersistentRecursive
	}
	k.encode(&q)
	k.place = placeUnsent
	c.unsent.push(k)
	c.kick()
}
