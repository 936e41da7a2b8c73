package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/quorumd/quorumd/jute"
)

// AnyVersion as an expected version turns the check off.
const AnyVersion = jute.VersionAny

// request is what a call is made of.
type request struct {
	op         jute.Op
	name, path string
	rec        appender
	watch      *oneShot
	watcher    *Watcher
}

// decoder is a record of the protocol.
type decoder interface{ Decode(*jute.Reader) }

// call makes a call and decodes the reply into p, which may be nil.
func (c *Client) call(ctx context.Context, q request, p decoder) error {
	k := newCall(q.op, q.name, q.path)
	k.watch, k.watcher = q.watch, q.watcher
	if err := c.do(ctx, k, q.rec); err != nil {
		return err
	}
	defer k.recycle()
	if k.code != jute.CodeOK {
		return k.wrap(k.code)
	}
	if p == nil {
		return nil
	}
	r := jute.NewReader(k.body)
	if p.Decode(&r); r.Err() != nil {
		return k.wrap(fmt.Errorf("%w: the reply: %w", errProtocol, r.Err()))
	}
	return nil
}

// checkPath refuses a path that no node can have, before it is sent.
func checkPath(name, path string) error {
	if err := jute.ValidatePath(path); err != nil {
		return &Error{Op: name, Path: path, Err: fmt.Errorf("%w: %w", ErrBadArguments, err)}
	}
	return nil
}

// Get returns a node's data, nil if it is null, and its Stat.
func (c *Client) Get(ctx context.Context, path string) ([]byte, Stat, error) {
	return c.get(ctx, path, nil)
}

func (c *Client) get(ctx context.Context, path string, w *oneShot) ([]byte, Stat, error) {
	if err := checkPath("get", path); err != nil {
		return nil, Stat{}, err
	}
	var p jute.GetDataResponse
	err := c.call(ctx, request{
		op: jute.OpGetData, name: "get", path: path, watch: w,
		rec: &jute.PathWatchRequest{Path: c.outbound(path), Watch: w != nil},
	}, &p)
	return p.Data, p.Stat, err
}

// Set replaces a node's data if its version is the one given, AnyVersion for
// any. nil data is null.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (Stat, error) {
	if err := checkPath("set", path); err != nil {
		return Stat{}, err
	}
	var p jute.StatResponse
	err := c.call(ctx, request{
		op: jute.OpSetData, name: "set", path: path,
		rec: &jute.SetDataRequest{Path: c.outbound(path), Data: data, Version: version},
	}, &p)
	return p.Stat, err
}

// Delete removes a node without children if its version is the one given,
// AnyVersion for any.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	if err := checkPath("delete", path); err != nil {
		return err
	}
	return c.call(ctx, request{
		op: jute.OpDelete, name: "delete", path: path,
		rec: &jute.DeleteRequest{Path: c.outbound(path), Version: version},
	}, nil)
}

// Exists returns a node's Stat and whether there is such a node.
func (c *Client) Exists(ctx context.Context, path string) (Stat, bool, error) {
	return c.exists(ctx, path, nil)
}

func (c *Client) exists(ctx context.Context, path string, w *oneShot) (Stat, bool, error) {
	if err := checkPath("exists", path); err != nil {
		return Stat{}, false, err
	}
	var p jute.StatResponse
	err := c.call(ctx, request{
		op: jute.OpExists, name: "exists", path: path, watch: w,
		rec: &jute.PathWatchRequest{Path: c.outbound(path), Watch: w != nil},
	}, &p)
	if errors.Is(err, ErrNoNode) {
		return Stat{}, false, nil
	}
	return p.Stat, err == nil, err
}

// Children returns the names of a node's children, in no order, and its Stat.
func (c *Client) Children(ctx context.Context, path string) ([]string, Stat, error) {
	return c.children(ctx, path, nil)
}

func (c *Client) children(ctx context.Context, path string, w *oneShot) ([]string, Stat, error) {
	if err := checkPath("children", path); err != nil {
		return nil, Stat{}, err
	}
	var p jute.GetChildren2Response
	err := c.call(ctx, request{
		op: jute.OpGetChildren2, name: "children", path: path, watch: w,
		rec: &jute.PathWatchRequest{Path: c.outbound(path), Watch: w != nil},
	}, &p)
	return p.Children, p.Stat, err
}

// GetACL returns a node's access control list. Digests are masked unless the
// caller has the ADMIN permission.
func (c *Client) GetACL(ctx context.Context, path string) ([]ACL, Stat, error) {
	if err := checkPath("get acl", path); err != nil {
		return nil, Stat{}, err
	}
	var p jute.GetACLResponse
	err := c.call(ctx, request{
		op: jute.OpGetACL, name: "get acl", path: path,
		rec: &jute.PathRequest{Path: c.outbound(path)},
	}, &p)
	return p.ACL, p.Stat, err
}

// SetACL replaces a node's access control list if its ACL version
// (Stat.Aversion) is the one given, AnyVersion for any.
func (c *Client) SetACL(ctx context.Context, path string, acl []ACL, version int32) (Stat, error) {
	if err := checkPath("set acl", path); err != nil {
		return Stat{}, err
	}
	var p jute.StatResponse
	err := c.call(ctx, request{
		op: jute.OpSetACL, name: "set acl", path: path,
		rec: &jute.SetACLRequest{Path: c.outbound(path), ACL: acl, Version: version},
	}, &p)
	return p.Stat, err
}

// Sync has the server catch up with the leader: what the client reads
// afterwards is at least as new as everything that was committed when the
// leader was asked.
func (c *Client) Sync(ctx context.Context, path string) error {
	if err := checkPath("sync", path); err != nil {
		return err
	}
	return c.call(ctx, request{
		op: jute.OpSync, name: "sync", path: path,
		rec: &jute.NullablePath{Path: c.outbound(path)},
	}, nil)
}

// AddAuth proves an identity, such as "digest" with "user:password", in
// addition to those the session has. It is sent again to every further server.
// ErrAuthFailed costs the connection, not the session.
func (c *Client) AddAuth(ctx context.Context, scheme string, data []byte) error {
	cred := credential{scheme: scheme, data: append([]byte{}, data...)}
	k := newCall(jute.OpAuth, "auth", "")
	k.auth = &cred
	if err := c.do(ctx, k, &jute.AuthRequest{Scheme: scheme, Auth: cred.data}); err != nil {
		return err
	}
	defer k.recycle()
	return k.wrap(k.code.Err())
}
