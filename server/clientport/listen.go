package clientport

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"
)

// acceptFrom takes connections until the port is closed. An error of the system,
// such as running out of descriptors, is waited out: the connections that are
// open are served meanwhile, and one warning says so for as long as it lasts.
func (p *Port) acceptFrom(ln net.Listener) {
	defer p.wg.Done()
	wait := time.Duration(0)
	warned, failed := false, time.Duration(0)
	for {
		nc, err := ln.Accept()
		if err == nil {
			// One place that became free and is taken is no end of the shortage.
			if warned && p.now()-failed > acceptRetryMax {
				p.log.Info().Msg("client connections are accepted again")
				warned = false
			}
			wait = 0
			p.admit(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if aborted(err) {
			continue
		}
		if !passing(err) {
			p.host.Fail(fmt.Errorf("clientport: connections cannot be accepted any more: %w", err))
			return
		}
		if outOfDescriptors(err) {
			p.figures.noDescriptor.Add(1)
		}
		if failed = p.now(); !warned {
			warned = true
			p.log.Warn().Err(err).Int("connections", p.table.len()).
				Msg("client connections cannot be accepted; raise the limit of open files or close clients")
		}
		wait = min(max(2*wait, acceptRetryMin), acceptRetryMax)
		if !p.pause(wait) {
			return
		}
	}
}

// aborted reports whether only the connection to be accepted is at fault: it was
// gone before it was accepted, or its network is.
func aborted(err error) bool {
	return oneOf(err, syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EPERM)
}

// passing reports whether the system may be able to accept again. A port that
// cannot is deaf, and a server that is deaf must end: it would go on to vote
// and even to lead, and no client could reach it (ClickHouse#118416).
func passing(err error) bool {
	return oneOf(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN)
}

func oneOf(err error, numbers ...syscall.Errno) bool {
	return slices.ContainsFunc(numbers, func(n syscall.Errno) bool { return errors.Is(err, n) })
}

// pause waits and reports whether the port is still open.
func (p *Port) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.done:
		return false
	}
}

// admit starts a connection's goroutines, or closes it without a word.
func (p *Port) admit(nc net.Conn) {
	c := newConn(p, nc)
	if refusal := p.table.add(c, &p.cfg); refusal != "" {
		nc.Close()
		p.turnedAway(c, refusal)
		return
	}
	p.wg.Add(2)
	go c.serve()
	go c.write()
}

// turnedAway counts a client that is not let in.
func (p *Port) turnedAway(c *conn, reason string) {
	p.figures.refused.Add(1)
	if reason == noDescriptors {
		p.figures.noDescriptor.Add(1)
	}
	p.noisy.Warn().Str("client", c.remote).Str("reason", reason).Msg("client connection refused")
}
