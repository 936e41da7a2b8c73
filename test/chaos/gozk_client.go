package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-zookeeper/zk"
)

// zkClient is a session by github.com/go-zookeeper/zk, which makes a new one by
// itself when a session expires; this one counts as over then.
type zkClient struct {
	dialer
	c    *zk.Conn
	over atomic.Bool
	own  int64 // the session's id
}

type silent struct{}

func (silent) Printf(string, ...any) {}

func connectZK(ctx context.Context, servers []string, total *atomic.Int64) (*zkClient, error) {
	z := &zkClient{dialer: dialer{total: total}}
	ready := make(chan struct{}, 1)
	c, _, err := zk.Connect(servers, sessionTimeout, zk.WithLogger(silent{}), zk.WithDialer(z.dialTimeout),
		zk.WithEventCallback(func(e zk.Event) {
			switch e.State {
			case zk.StateExpired:
				z.over.Store(true)
			case zk.StateHasSession:
				select {
				case ready <- struct{}{}:
				default:
				}
			}
		}))
	if err != nil {
		return nil, fmt.Errorf("chaos: connect: %w", err)
	}
	z.c = c
	select {
	case <-ready:
		z.own = c.SessionID()
		return z, nil
	case <-ctx.Done():
		go c.Close() // it waits for a server
		return nil, ctx.Err()
	}
}

// call runs a call, which knows no context, until ctx ends. One that is given up
// may still be done later, as any of unknown outcome.
func call[T any](ctx context.Context, z *zkClient, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		value, err := f()
		got <- answer{value, zkError(err)}
	}()
	var none T
	select {
	case a := <-got:
		if z.expired() {
			return none, errExpired // a read may be another session's
		}
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func zkError(err error) error {
	switch {
	case errors.Is(err, zk.ErrNoNode):
		return errNoNode
	case errors.Is(err, zk.ErrNodeExists):
		return errNodeExists
	case errors.Is(err, zk.ErrBadVersion):
		return errBadVersion
	case errors.Is(err, zk.ErrSessionExpired):
		return errExpired
	}
	return err
}

func (z *zkClient) get(ctx context.Context, path string) ([]byte, stat, error) {
	type answer struct {
		data []byte
		st   stat
	}
	a, err := call(ctx, z, func() (answer, error) {
		data, st, err := z.c.Get(path)
		if err != nil {
			return answer{}, err
		}
		return answer{data, stat{version: st.Version, mzxid: st.Mzxid}}, nil
	})
	return a.data, a.st, err
}

func (z *zkClient) set(ctx context.Context, path string, data []byte, version int32) (stat, error) {
	return call(ctx, z, func() (stat, error) {
		st, err := z.c.Set(path, data, version)
		if err != nil {
			return stat{}, err
		}
		return stat{version: st.Version, mzxid: st.Mzxid}, nil
	})
}

func (z *zkClient) create(ctx context.Context, path string, data []byte, how mode) (string, error) {
	flags := map[mode]int32{ephemeral: zk.FlagEphemeral, sequential: zk.FlagSequence}[how]
	return call(ctx, z, func() (string, error) {
		return z.c.Create(path, data, flags, zk.WorldACL(zk.PermAll))
	})
}

func (z *zkClient) remove(ctx context.Context, path string) error {
	_, err := call(ctx, z, func() (struct{}, error) { return struct{}{}, z.c.Delete(path, -1) })
	return err
}

func (z *zkClient) sync(ctx context.Context, path string) error {
	_, err := call(ctx, z, func() (string, error) { return z.c.Sync(path) })
	return err
}

func (z *zkClient) id() int64 { return z.own }

func (z *zkClient) expired() bool { return z.over.Load() }

func (z *zkClient) close(ctx context.Context) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		z.c.Close()
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (z *zkClient) abandon() { go z.c.Close() } // this library cannot leave a session alone
