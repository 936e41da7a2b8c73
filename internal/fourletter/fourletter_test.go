package fourletter

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// serve answers one connection with what answer says and returns its address.
func serve(t *testing.T, answer func(word string, c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		word := make([]byte, 4)
		if _, err := io.ReadFull(c, word); err == nil {
			answer(string(word), c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestAsk(t *testing.T) {
	addr := serve(t, func(word string, c net.Conn) { io.WriteString(c, "Mode: leader\nyou said "+word) })
	got, err := Ask(context.Background(), addr, "srvr", 5*time.Second)
	if err != nil || got != "Mode: leader\nyou said srvr" || Field(got, "Mode") != "leader" || Field(got, "Zxid") != "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	for answer, want := range map[string]bool{
		"mntr is not executed because it is not in the whitelist.\n": true,
		"Mode: leader\n": false,
		"":               false,
	} {
		if got := Refused(answer); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}

func TestAskFails(t *testing.T) {
	ctx := context.Background()
	if _, err := Ask(ctx, "127.0.0.1:1", "toolong", time.Second); !errors.Is(err, ErrWord) {
		t.Errorf("long word: %v", err)
	}
	closing := serve(t, func(string, net.Conn) {})
	if _, err := Ask(ctx, closing, "ruok", 5*time.Second); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("closed connection: %v", err)
	}
	release := make(chan struct{})
	silent := serve(t, func(string, net.Conn) { <-release })
	defer close(release)
	if _, err := Ask(ctx, silent, "ruok", 50*time.Millisecond); err == nil {
		t.Error("a silent server: no error")
	}
}
