package server

import (
	"fmt"
	"net"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/server/peer"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// portHost is the server as the client port sees it.
type portHost struct{ s *Server }

func (h portHost) Submit(ev zab.Event) { h.s.inbox.fromClient(ev) }
func (h portHost) State() (*replica.State, *ranked.RWMutex[ranked.State]) {
	return h.s.state, &h.s.stateMu
}
func (h portHost) Status() *replica.Status { return h.s.status.Load() }
func (h portHost) Fail(err error)          { h.s.fail(fmt.Errorf("server: %w", err)) }

// peerHost is the server as the peers' transport sees it.
type peerHost struct{ s *Server }

func (h peerHost) Post(ev zab.Event)                       { h.s.inbox.fromPeer(ev) }
func (h peerHost) PostPacket(ev zab.Event, bytes int) bool { return h.s.inbox.packet(ev, bytes) }
func (h peerHost) Fail(err error)                          { h.s.fail(fmt.Errorf("server: %w", err)) }

// noPeers is the transport of a server without peers.
type noPeers struct{}

func (noPeers) Send([]zab.Send)       {}
func (noPeers) Notify(zab.Notify)     {}
func (noPeers) Dial(zab.ServerID)     {}
func (noPeers) CloseLink(zab.LinkID)  {}
func (noPeers) Figures() peer.Figures { return peer.Figures{} }
func (noPeers) Close()                {}

// noClients is the port of a server that no client connects to (clientPort=0):
// a member that only votes and keeps the data.
type noClients struct{}

func (noClients) BeforeApply(*zab.Record)                 {}
func (noClients) Applied(*zab.Record, znode.Result)       {}
func (noClients) Answer(zab.Answer)                       {}
func (noClients) SetServing(bool)                         {}
func (noClients) CloseAll(string)                         {}
func (noClients) Touched([]zab.SessionID) []zab.SessionID { return nil }
func (noClients) Flush()                                  {}
func (noClients) NoDescriptor() int64                     { return 0 }
func (noClients) Addr() net.Addr                          { return nil }
func (noClients) Close()                                  {}
