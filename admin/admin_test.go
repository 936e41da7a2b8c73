package admin

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files instead of comparing with them")

// still is a Source whose values never change.
type still struct {
	server Server
	mask   int64
	resets []string
}

func (s *still) Server() Server { return s.server }

func (s *still) Conns() []Conn {
	return []Conn{
		{Remote: "127.0.0.1:58652", Interest: 1, Queued: 0, Received: 7, Sent: 9,
			HasSession: true, Session: 0x300000c1cba0000, LastOp: "ADDW", Established: 1795225015711,
			Timeout: 10000, LastXid: 6, LastZxid: 0x100000005, LastReplyAt: 1316890, LastLatency: 2,
			Latency: Latency{Min: 0, Avg: 8.7, Max: 33}},
		{Remote: "127.0.0.1:58654", Interest: 5, Queued: 3, Received: 2, Sent: 1,
			HasSession: true, Session: 0x300000c1cba0001, LastOp: "PING", Established: 1795225015800,
			Timeout: 4000, LastXid: -2, LastZxid: 0x100000007, LastReplyAt: 1316900},
		{Remote: "[::1]:58660", Interest: 1},
	}
}

func (s *still) Conf() Conf {
	c := Conf{Pairs: []Pair{{"clientPort", "2181"}, {"dataDir", "/var/lib/quorumd/version-2"}, {"serverId", "3"}}}
	if s.server.Mode != "standalone" {
		c.Membership = "server.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181\nversion=0"
	}
	return c
}

func (s *still) Env() []Pair { return []Pair{{"host.name", "zk3"}, {"os.name", "linux"}} }

func (s *still) Dirs() (data, logs int64) { return 457, 67108880 }

func (s *still) Watches() []Watch {
	return []Watch{{"/a", 0x10}, {"/a", 0x20}, {"/b", 0x10}}
}

func (s *still) Sessions() Sessions {
	d := Sessions{
		Leader:     s.server.Mode == "leader",
		Expiry:     []ExpirySet{{At: 1795225026000, Sessions: []zab.SessionID{0x10, 0x20}}},
		Global:     []zab.Session{{ID: 0x10, Timeout: 10000}, {ID: 0x20, Timeout: 4000}},
		Ephemerals: []OwnedPaths{{0x10, []string{"/e1", "/e2"}}},
	}
	d.Conns = []ConnExpirySet{{At: 1795225026000, Conns: s.Conns()[1:]}}
	return d
}

func (s *still) Digests() []Digest { return []Digest{{0x100000080, 1 << 63}, {0x100000100, 7}} }

func (s *still) TraceMask() int64     { return s.mask }
func (s *still) SetTraceMask(m int64) { s.mask = m }
func (s *still) ResetServer()         { s.resets = append(s.resets, "server") }
func (s *still) TakeSnapshot() (zab.Zxid, bool) {
	s.resets = append(s.resets, "snapshot")
	return s.server.Zxid, s.server.Mode != "standalone"
}
func (s *still) ResetConns() { s.resets = append(s.resets, "conns") }

// leading is the leader of ZooKeeper's captured outputs.
func leading() *still {
	return &still{mask: DefaultTraceMask, server: Server{
		Version: Version("0.1.0", "2026-11-21 00:00 UTC"), Serving: true, Mode: "leader",
		PeerState: "leading - broadcast", Zxid: 0x100000007,
		Latency: Latency{Min: 1, Avg: 8.71428571, Max: 33}, Received: 12, Sent: 13, Connections: 2,
		Nodes: 9, Ephemerals: 3, DataSize: 262, Sessions: 3, Watches: WatchCount{Conns: 1, Paths: 2, Total: 2},
		OpenFiles: 56, MaxFiles: 20000, Uptime: 523613, LeaderUptime: 523314,
		QuorumSize: 3, Learners: 3, SyncedFollowers: 2, SyncedObservers: 1,
		Proposal: Sizes{93, 48, 93}, Response: NoSizes(),
		Extra: []Metric{{Name: "commit_count", Value: 12}, {Name: "quorumd_digest", Text: "0x00000000000000ff"}},
	}}
}

func alone() *still {
	s := leading()
	s.server.Mode, s.server.PeerState = "standalone", "none"
	s.server.Latency = Latency{}
	return s
}

func stopped() *still {
	s := leading()
	s.server.Serving = false
	return s
}

const everyWord = "conf cons crst csnp dirs dump envi gtmk hash isro mntr ruok srst srvr stat stmk wchc wchp wchs"

// TestGolden compares the answer to every word in three states of a server.
func TestGolden(t *testing.T) {
	all := NewWords([]string{"*"})
	for name, src := range map[string]*still{"leader": leading(), "standalone": alone(), "notserving": stopped()} {
		var out bytes.Buffer
		for word := range strings.FieldsSeq(everyWord) {
			fmt.Fprintf(&out, "--- %s\n%s$\n", word, all.Answer(nil, word, nil, src))
		}
		file := "testdata/" + name + ".txt"
		if *rewrite {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s differs; run with -rewrite and read the difference.\n%s", file, out.Bytes())
		}
	}
}

// TestWhitelist is invariant A1.
func TestWhitelist(t *testing.T) {
	w := NewWords([]string{"srvr", "nope"})
	src := stopped()
	want := "ruok is not executed because it is not in the whitelist.\n"
	if got := string(w.Answer(nil, "ruok", nil, src)); got != want {
		t.Errorf("ruok answers %q", got)
	}
	if got := string(w.Answer(nil, "crst", nil, src)); !strings.HasPrefix(got, "crst is not executed") || src.resets != nil {
		t.Errorf("crst answers %q, resets %v", got, src.resets)
	}
	if got := string(w.Answer(nil, "srvr", nil, src)); got != NotServing {
		t.Errorf("srvr answers %q", got)
	}
	if got := string((Words{}).Answer(nil, "srvr", nil, src)); !strings.HasPrefix(got, "srvr is not executed") {
		t.Errorf("srvr without a whitelist answers %q", got)
	}
}

func TestKnown(t *testing.T) {
	for word := range strings.FieldsSeq(everyWord) {
		if !Known([4]byte([]byte(word))) {
			t.Errorf("%s is not known", word)
		}
	}
	for _, first := range [][4]byte{{0, 0, 0, 44}, {0, 0, 0, 45}, {'l', 'e', 'a', 'd'}, {'R', 'U', 'O', 'K'}} {
		if Known(first) {
			t.Errorf("%q is known", first)
		}
	}
	if !IsTelnetClose([4]byte{0xff, 0xf4, 0xff, 0xfd}) {
		t.Error("telnet's close is not recognised")
	}
}

func TestStmkSetsTheMask(t *testing.T) {
	src := stopped()
	got := string(NewWords([]string{"*"}).Answer(nil, "stmk", []byte{0, 0, 0, 0, 0, 0, 1, 2}, src))
	if got != "258" || src.mask != 258 {
		t.Errorf("answered %q, mask %d", got, src.mask)
	}
}

func TestDecimals(t *testing.T) {
	for f, want := range map[float64]string{0: "0.0", 2.5: "2.5", 61.0 / 7: "8.7143", 1e6: "1000000.0", 0.00001: "0.0"} {
		if got := decimals(f); got != want {
			t.Errorf("decimals(%v) = %s, want %s", f, got, want)
		}
	}
}
