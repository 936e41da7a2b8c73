package client

import (
	"context"

	"github.com/quorumd/quorumd/jute"
)

// Identity is who the connection is to the server, without the secret.
type Identity = jute.ClientInfo

// WhoAmI returns the identities of the connection.
func (c *Client) WhoAmI(ctx context.Context) ([]Identity, error) {
	var p jute.WhoAmIResponse
	err := c.call(ctx, request{op: jute.OpWhoAmI, name: "who am i"}, &p)
	return p.Clients, err
}

// Ephemerals returns the paths of the session's ephemeral nodes that begin with
// prefix; "/" for all of them.
func (c *Client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	var p jute.GetEphemeralsResponse
	err := c.call(ctx, request{
		op: jute.OpGetEphemerals, name: "ephemerals", path: prefix,
		rec: &jute.NullablePath{Path: c.outbound(prefix)},
	}, &p)
	for i := range p.Ephemerals {
		p.Ephemerals[i] = c.inbound(p.Ephemerals[i])
	}
	return p.Ephemerals, err
}

// CountBelow returns the number of nodes below a node, at any depth.
func (c *Client) CountBelow(ctx context.Context, path string) (int, error) {
	if err := checkPath("count", path); err != nil {
		return 0, err
	}
	var p jute.GetAllChildrenNumberResponse
	err := c.call(ctx, request{
		op: jute.OpGetAllChildrenNumber, name: "count", path: path,
		rec: &jute.PathRequest{Path: c.outbound(path)},
	}, &p)
	return int(p.Total), err
}

// configPath is the node that holds the ensemble's configuration, whatever the
// chroot.
const configPath = "/zookeeper/config"

// Config returns the text of the ensemble's configuration.
func (c *Client) Config(ctx context.Context) (string, error) {
	var p jute.GetDataResponse
	err := c.call(ctx, request{
		op: jute.OpGetData, name: "config", path: configPath,
		rec: &jute.PathWatchRequest{Path: configPath},
	}, &p)
	return string(p.Data), err
}

// Reconfiguration is a change of the ensemble's members: either Joining and
// Leaving, or Members.
type Reconfiguration struct {
	Joining string // "server.4=host:2888:3888:participant;2181", separated by commas
	Leaving string // "2,3"
	Members string // all members, one a line or separated by commas
	From    int64  // the version that the ensemble must have now, -1 for any
}

// Reconfigure changes the ensemble's members and returns the text of the new
// configuration.
func (c *Client) Reconfigure(ctx context.Context, change Reconfiguration) (string, error) {
	var p jute.GetDataResponse
	err := c.call(ctx, request{
		op: jute.OpReconfig, name: "reconfigure",
		rec: &jute.ReconfigRequest{
			Joining: change.Joining, JoiningNull: change.Joining == "",
			Leaving: change.Leaving, LeavingNull: change.Leaving == "",
			NewMembers: change.Members, NewMembersNull: change.Members == "",
			CurConfigID: change.From,
		},
	}, &p)
	return string(p.Data), err
}
