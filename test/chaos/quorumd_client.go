package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/quorumd/quorumd/client"
)

// ownClient is a session by this module's package client.
type ownClient struct {
	dialer
	c *client.Client
}

func connectOwn(ctx context.Context, servers []string, total *atomic.Int64) (*ownClient, error) {
	o := &ownClient{dialer: dialer{total: total}}
	c, err := client.Connect(ctx, servers, client.WithSessionTimeout(sessionTimeout), client.WithDialer(o.dial))
	if err != nil {
		return nil, fmt.Errorf("chaos: connect: %w", err)
	}
	o.c = c
	return o, nil
}

func ownError(err error) error {
	for theirs, ours := range map[error]error{
		client.ErrNoNode: errNoNode, client.ErrNodeExists: errNodeExists,
		client.ErrBadVersion: errBadVersion, client.ErrSessionExpired: errExpired,
	} {
		if errors.Is(err, theirs) {
			return ours
		}
	}
	return err
}

func ownStat(st client.Stat) stat { return stat{version: st.Version, mzxid: st.Mzxid} }

func (o *ownClient) get(ctx context.Context, path string) ([]byte, stat, error) {
	data, st, err := o.c.Get(ctx, path)
	return data, ownStat(st), ownError(err)
}

// getW is get with a watch; one event comes out of the channel.
func (o *ownClient) getW(ctx context.Context, path string) (stat, <-chan client.Event, error) {
	_, st, events, err := o.c.GetW(ctx, path)
	return ownStat(st), events, ownError(err)
}

func (o *ownClient) set(ctx context.Context, path string, data []byte, version int32) (stat, error) {
	st, err := o.c.Set(ctx, path, data, version)
	return ownStat(st), ownError(err)
}

func (o *ownClient) create(ctx context.Context, path string, data []byte, how mode) (string, error) {
	var options []client.CreateOption
	switch how {
	case ephemeral:
		options = append(options, client.Ephemeral())
	case sequential:
		options = append(options, client.Sequential())
	case persistent:
	}
	made, err := o.c.Create(ctx, path, data, options...)
	return made, ownError(err)
}

func (o *ownClient) remove(ctx context.Context, path string) error {
	return ownError(o.c.Delete(ctx, path, client.AnyVersion))
}

func (o *ownClient) sync(ctx context.Context, path string) error {
	return ownError(o.c.Sync(ctx, path))
}

func (o *ownClient) id() int64 { return o.c.SessionID() }

func (o *ownClient) expired() bool { return errors.Is(o.c.Err(), client.ErrSessionExpired) }

func (o *ownClient) close(ctx context.Context) error { return ownError(o.c.Close(ctx)) }

func (o *ownClient) abandon() { o.c.Abandon() }
