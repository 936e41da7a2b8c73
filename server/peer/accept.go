package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// accept takes connections until the transport is closed (P5).
func (t *Transport) accept(ln net.Listener, ch channel) {
	defer t.wg.Done()
	wait := time.Duration(0)
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			wait = 0
			t.admit(nc, ch)
			continue
		case t.ctx.Err() != nil:
			return
		case onlyTheConnection(err):
			continue
		case !passing(err):
			t.host.Fail(fmt.Errorf("peer: %s port cannot accept connections any more: %w", ch, err))
			return
		}
		t.count(func(f *Figures) { f.AcceptFails++ })
		t.countShortage(err)
		t.warn.accept.Warn().Err(err).Stringer("port", ch).
			Msg("connections of peers cannot be accepted; raise the limit of open files")
		wait = min(max(2*wait, acceptRetryMin), acceptRetryMax)
		if !t.pause(wait) {
			return
		}
	}
}

// onlyTheConnection reports whether only the connection to be accepted is at
// fault: it was gone before it was accepted, or its network is.
func onlyTheConnection(err error) bool {
	for _, e := range []error{
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EPERM,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// passing reports whether the system may be able to accept again.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// countShortage counts err if it says that there is no file descriptor left.
func (t *Transport) countShortage(err error) {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		t.count(func(f *Figures) { f.NoDescriptor++ })
	}
}

// admit hears who it is, unless too many are being heard already.
func (t *Transport) admit(nc net.Conn, ch channel) {
	select {
	case t.places <- struct{}{}:
	default:
		nc.Close()
		t.refused(nc, ch, fmt.Errorf("%d connections wait to say who they are, the limit", MaxStrangers))
		return
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		nc.Close()
		return
	}
	t.conns[nc] = struct{}{}
	t.wg.Add(1)
	t.mu.Unlock()
	go t.receive(nc, ch)
}

// receive takes an accepted connection from its hello to its end.
func (t *Transport) receive(nc net.Conn, ch channel) {
	defer t.wg.Done()
	id, err := t.meet(nc, ch)
	<-t.places
	if err != nil {
		t.refused(nc, ch, err)
		t.closeEar(nc, id)
		t.untrack(nc)
		return
	}
	if ch == quorumChannel {
		t.runLink(nc, id, false)
		return
	}
	t.hear(nc, id)
}

// refused notes a connection that does not get beyond its hello. One that says
// nothing and goes away is a probe of its port, which is not worth a line.
func (t *Transport) refused(nc net.Conn, ch channel, err error) {
	t.count(func(f *Figures) { f.Refused++ })
	if t.ctx.Err() != nil || errors.Is(err, io.EOF) {
		return
	}
	t.warn.hello.Warn().Stringer("remote", nc.RemoteAddr()).Stringer("port", ch).Err(err).
		Msg("connection to a peer port refused")
}

// meet reads the hello and answers it.
func (t *Transport) meet(nc net.Conn, ch channel) (zab.ServerID, error) {
	if err := nc.SetDeadline(time.Now().Add(t.cfg.HelloTimeout)); err != nil {
		return zab.NoServer, err
	}
	h, err := readHello(nc)
	if err != nil {
		return zab.NoServer, err
	}
	v, err := t.judge(&h, ch)
	if err == nil && ch == electionChannel {
		// Before the peer is answered: were it to connect again on that answer,
		// the order of the two would be anybody's guess.
		t.lendEar(nc, h.from)
	}
	answer := hello{channel: ch, verdict: v, from: t.cfg.Self, to: h.from, members: t.cfg.Digest}
	if _, werr := nc.Write(answer.append(nil)); err == nil && werr != nil {
		return h.from, werr
	}
	if err != nil {
		return zab.NoServer, err
	}
	return h.from, nc.SetDeadline(time.Time{})
}

// judge decides about a hello. The error says for people what the verdict says
// to the peer.
func (t *Transport) judge(h *hello, ch channel) (verdict, error) {
	_, known := t.members[h.from]
	switch {
	case h.version != helloVersion:
		return refusedVersion, fmt.Errorf("the peer speaks version %d of the protocol, this server version %d; "+
			"run the same version of quorumd everywhere", h.version, helloVersion)
	case h.channel != ch:
		return refusedChannel, fmt.Errorf("server %d wants the %s port, this is the %s port; compare the server lines", h.from, h.channel, ch)
	case h.to != t.cfg.Self:
		return refusedAddress, fmt.Errorf("server %d wants server %d, this is server %d; compare the server lines with each myid",
			h.from, h.to, t.cfg.Self)
	case !known || h.from == t.cfg.Self:
		return refusedStranger, fmt.Errorf("server %d is not a peer of this server; compare the server lines", h.from)
	case h.members != t.cfg.Digest && ch == quorumChannel:
		// Votes are let through: the election says on both sides that the views
		// differ, and counts none of them.
		return refusedMembers, fmt.Errorf("server %d has another membership; compare the server lines", h.from)
	}
	return welcome, nil
}
