package clientport

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestCHK118416 gives accept every error that concerns one connection only, and
// those of a system that is short of something: the port goes on to accept. One
// that it cannot recover from is reported, so that the server ends: it would
// vote, and be deaf.
func TestCHK118416(t *testing.T) {
	h := start(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	one := []syscall.Errno{
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, syscall.EHOSTUNREACH,
		syscall.ENETDOWN, syscall.EPERM, syscall.ENFILE, syscall.ENOBUFS,
	}
	s := &scarce{Listener: ln, fail: make(chan error)}
	h.port.wg.Add(1)
	go h.port.acceptFrom(s)
	give := func(err error) {
		select {
		case s.fail <- err:
		case err := <-h.failed:
			t.Fatalf("the port gave up: %v", err)
		case <-time.After(patience):
			t.Fatal("the port does not accept any more")
		}
	}
	for _, errno := range one {
		give(&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", errno)})
	}
	give(&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EBADF)})
	select {
	case <-h.failed:
	case <-time.After(patience):
		t.Fatal("a port that is deaf was not reported")
	}
}
