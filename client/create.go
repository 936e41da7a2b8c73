package client

import (
	"context"
	"fmt"
	"time"

	"github.com/quorumd/quorumd/jute"
)

// CreateOption says what kind of node to create.
type CreateOption func(*creation)

// creation gathers what the options say.
type creation struct {
	ephemeral, sequential, container bool
	hasTTL                           bool
	ttl                              time.Duration
	acl                              []ACL
}

// Ephemeral makes a node that is deleted when the session ends. It cannot have
// children.
func Ephemeral() CreateOption { return func(n *creation) { n.ephemeral = true } }

// Sequential puts a number of ten digits at the end of the name, higher than
// that of all earlier children of the parent.
func Sequential() CreateOption { return func(n *creation) { n.sequential = true } }

// Container makes a node that the servers delete some time after its last
// child was deleted.
func Container() CreateOption { return func(n *creation) { n.container = true } }

// TTL makes a node that the servers delete when it has no children and was not
// changed for d, between 1 ms and about 34 years. ZooKeeper needs
// extendedTypesEnabled for it.
func TTL(d time.Duration) CreateOption {
	return func(n *creation) { n.hasTTL, n.ttl = true, d }
}

// WithACL gives the node an access control list. Without it everybody may do
// everything.
func WithACL(acl ...ACL) CreateOption { return func(n *creation) { n.acl = acl } }

// OpenACL is the list that allows everybody everything.
func OpenACL() []ACL { return jute.WorldACL(jute.PermAll) }

// ReadOnlyACL is the list that allows everybody to read.
func ReadOnlyACL() []ACL { return jute.WorldACL(jute.PermRead) }

// CreatorACL is the list that allows everything to whoever creates the node,
// as proved by WithAuth or AddAuth, and nothing to others.
func CreatorACL() []ACL {
	return []ACL{{Perms: jute.PermAll, ID: ID{Scheme: jute.SchemeAuth}}}
}

// encodeCreate makes the record that creates a node. The error, if any, wraps
// ErrBadArguments.
func (c *Client) encodeCreate(path string, data []byte, opts []CreateOption) (jute.Op, appender, error) {
	n := creation{acl: jute.OpenACL}
	for _, opt := range opts {
		opt(&n)
	}
	valid := path
	server := c.outbound(path)
	if n.sequential {
		// The number comes before the path is judged, so it may end in '/'.
		valid += "0"
		if path == "/" {
			server = c.opt.chroot + "/"
		}
	}
	if err := jute.ValidatePath(valid); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrBadArguments, err)
	}
	q := jute.CreateRequest{Path: server, Data: data, ACL: n.acl}
	if n.sequential {
		q.Flags = jute.FlagPersistentSequential
	}
	switch {
	case n.ephemeral && n.container, n.ephemeral && n.hasTTL, n.container && n.hasTTL:
		return 0, nil, fmt.Errorf("%w: Ephemeral, Container and TTL exclude each other", ErrBadArguments)
	case n.ephemeral:
		q.Flags |= jute.FlagEphemeral
	case n.container:
		if !n.sequential {
			q.Flags = jute.FlagContainer
		}
		return jute.OpCreateContainer, &q, nil
	case n.hasTTL:
		ms := n.ttl.Milliseconds()
		if ms < 1 || ms > jute.MaxTTL {
			return 0, nil, fmt.Errorf("%w: a TTL of %v is not between 1 ms and %d ms", ErrBadArguments, n.ttl, int64(jute.MaxTTL))
		}
		q.Flags = jute.FlagPersistentTTL
		if n.sequential {
			q.Flags = jute.FlagPersistentSequentialTTL
		}
		return jute.OpCreateTTL, &jute.CreateTTLRequest{CreateRequest: q, TTL: ms}, nil
	}
	return jute.OpCreate, &q, nil
}

// Create makes a node and returns its path, which differs from the one given
// if Sequential is. Without options the node stays until it is deleted.
func (c *Client) Create(ctx context.Context, path string, data []byte, opts ...CreateOption) (string, error) {
	op, rec, err := c.encodeCreate(path, data, opts)
	if err != nil {
		return "", &Error{Op: "create", Path: path, Err: err}
	}
	// All create replies begin with the path.
	var p jute.CreateResponse
	if err := c.call(ctx, request{op: op, name: "create", path: path, rec: rec}, &p); err != nil {
		return "", err
	}
	return c.inbound(p.Path), nil
}
