package peer

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/zab"
)

func TestHelloBytes(t *testing.T) {
	h := hello{channel: electionChannel, verdict: refusedMembers, from: 1, to: 255, members: 0x0102030405060708}
	b := h.append(nil)
	want := "QRMD\x03\x02\x05\x1c" +
		"\x01\x00\x00\x00\x00\x00\x00\x00" + "\xff\x00\x00\x00\x00\x00\x00\x00" + "\x08\x07\x06\x05\x04\x03\x02\x01"
	if string(b[:len(b)-4]) != want {
		t.Errorf("bytes %q", b)
	}
	got, err := readHello(bytes.NewReader(b))
	h.version = helloVersion
	if err != nil || got != h {
		t.Errorf("read %+v, %v", got, err)
	}
	for i := range b {
		flipped := bytes.Clone(b)
		flipped[i] ^= 1
		got, err := readHello(bytes.NewReader(flipped))
		if err == nil && got.version == helloVersion {
			t.Errorf("byte %d changed: %+v", i, got)
		}
		if _, err := readHello(bytes.NewReader(b[:i])); err == nil {
			t.Errorf("%d bytes are enough", i)
		}
	}
}

// TestHelloRefused: whoever is refused is told why, and the log says it to
// people; a real peer goes on unharmed (P3).
func TestHelloRefused(t *testing.T) {
	valid := hello{channel: quorumChannel, from: 1, to: 2, members: digest}
	cases := map[string]struct {
		change func(*hello)
		want   verdict
		text   string
	}{
		"channel":    {func(h *hello) { h.channel = electionChannel }, refusedChannel, "wants the election port"},
		"address":    {func(h *hello) { h.to = 3 }, refusedAddress, "wants server 3"},
		"stranger":   {func(h *hello) { h.from = 4 }, refusedStranger, "server 4 is not a peer"},
		"itself":     {func(h *hello) { h.from = 2 }, refusedStranger, "server 2 is not a peer"},
		"membership": {func(h *hello) { h.members++ }, refusedMembers, "another membership"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			var log bytes.Buffer
			b, rb := open(t, m, 2, func(cfg *Config) { cfg.Log = zerolog.New(zerolog.SyncWriter(&log)) })
			honest := join(t, m, "quorum2", quorumChannel, 3, 2)
			h := valid
			c.change(&h)
			nc := call(t, m, "quorum2")
			if answer := greet(t, nc, h); answer.verdict != c.want || answer.from != 2 {
				t.Errorf("answer %+v", answer)
			}
			closedSoon(t, nc)
			if _, err := honest.Write(frame(t, zab.Packet{Kind: zab.KindPing, Body: &zab.Ping{}})); err != nil {
				t.Fatal(err)
			}
			rb.nth(1, zab.EvPacket, 3)
			b.Close()
			if !strings.Contains(log.String(), c.text) || b.Figures().Refused != 1 {
				t.Errorf("log %s", log.String())
			}
		})
	}
}

func TestHelloOtherVersion(t *testing.T) {
	m := newMemory()
	open(t, m, 2, nil)
	nc := call(t, m, "quorum2")
	if _, err := nc.Write([]byte("QRMD\x09\x01\x00\x02")); err != nil {
		t.Fatal(err)
	}
	if answer, err := readHello(nc); err != nil || answer.verdict != refusedVersion {
		t.Errorf("answer %+v, %v", answer, err)
	}
	closedSoon(t, nc)
}

// TestStrangers: port scans, browsers, ZooKeeper's own peers and silence are
// closed without an answer.
func TestStrangers(t *testing.T) {
	for name, bytes := range map[string]string{
		"http":      "GET / HTTP/1.1\r\n",
		"tls":       "\x16\x03\x01\x02\x00\x01\x00\x01",
		"zookeeper": "\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
		"zeros":     "\x00\x00\x00\x00\x00\x00\x00\x00",
		"silence":   "",
		"slow":      "QR",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			_, rb := open(t, m, 2, func(c *Config) { c.HelloTimeout = 50 * time.Millisecond })
			for _, address := range []string{"quorum2", "election2"} {
				nc := call(t, m, address)
				if len(bytes) > 0 {
					_, _ = nc.Write([]byte(bytes)) // cut off after the fourth byte
				}
				closedSoon(t, nc)
			}
			if n := rb.count(zab.EvLinkUp); n != 0 {
				t.Errorf("%d links", n)
			}
		})
	}
}

// TestManyStrangers: connections beyond the limit are closed at once.
func TestManyStrangers(t *testing.T) {
	m := newMemory()
	b, _ := open(t, m, 2, func(c *Config) { c.HelloTimeout = time.Minute })
	for range MaxStrangers {
		call(t, m, "quorum2")
	}
	closedSoon(t, call(t, m, "quorum2"))
	b.Close()
}

// TestAcceptSurvives: running out of descriptors is waited out; a connection
// that was gone before it was accepted is nothing (P5).
func TestAcceptSurvives(t *testing.T) {
	m := newMemory()
	b, rb := open(t, m, 2, nil)
	ln := m.listener("quorum2")
	for _, err := range []error{syscall.EMFILE, syscall.ECONNABORTED, syscall.ENFILE, syscall.EPROTO, syscall.ENOMEM} {
		ln.errs <- err
	}
	join(t, m, "quorum2", quorumChannel, 1, 2)
	rb.nth(1, zab.EvLinkUp, 1)
	if f := b.Figures(); f.AcceptFails != 3 {
		t.Errorf("figures %+v", f)
	}
	if rb.failed != nil {
		t.Errorf("failed: %v", rb.failed)
	}
}

// TestListenerDies: a server that has become deaf must end.
func TestListenerDies(t *testing.T) {
	m := newMemory()
	_, rb := open(t, m, 2, nil)
	m.listener("election2").errs <- syscall.EBADF
	rb.await("the failure", func([]zab.Event) bool { return rb.failed != nil })
	if !strings.Contains(rb.failed.Error(), "election port") {
		t.Errorf("failed: %v", rb.failed)
	}
}
