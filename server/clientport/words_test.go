package clientport

import (
	"regexp"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/admin"
)

func ask(t *testing.T, p *Port, word string) string {
	t.Helper()
	c := dial(t, p)
	c.send([]byte(word))
	return c.rest()
}

// TestWords looks at what the port fills in; the formats are package admin's.
func TestWords(t *testing.T) {
	h := start(t, func(c *Config) {
		c.Admin.Version = admin.Version("0.1.0", "2026-11-21 00:00 UTC")
		c.Admin.Fill = func(s *admin.Server) { s.Mode = "follower" }
		c.Admin.Env = func() []admin.Pair { return []admin.Pair{{Key: "host.name", Value: "here"}} }
		c.Admin.Dirs = func() (int64, int64) { return 5, 6 }
	})
	c := open(t, h.port)
	c.send(create(6, "/a", "x"))
	c.wantReply(6, 0)
	c.send(getData(7, "/a", false), ping())
	c.wantReply(7, 0)
	c.wantReply(-2, 0)
	for word, pattern := range map[string]string{
		"ruok": `^imok$`,
		"isro": `^rw$`,
		"srvr": `^Zookeeper version: 3\.9\.4-quorumd-0\.1\.0, built on 2026-11-21 00:00 UTC\n` +
			`Latency min/avg/max: \d+/\d+\.\d+/\d+\nReceived: \d+\nSent: \d+\nConnections: \d+\nOutstanding: 0\n` +
			`Zxid: 0x10000000[0-9a-f]\nMode: follower\nNode count: \d+\n$`,
		"cons": ` /127\.0\.0\.1:\d+\[[01]\]\(queued=0,recved=4,sent=4,sid=` + c.session.String() +
			`,lop=PING,est=\d{13},to=10000,lzxid=0x10000000[0-9a-f],lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)\n`,
		"stat": `(?s)\nClients:\n /127\.0\.0\.1:\d+\[[01]\]\(queued=0,recved=4,sent=4\)\n.*\n\nLatency min`,
		"mntr": `(?s)zk_num_alive_connections\t\d+\n.*zk_open_file_descriptor_count\t[1-9].*zk_max_file_descriptor_count\t[1-9]|zk_max_file_descriptor_count`,
		"envi": `^Environment:\nzookeeper\.version=3\.9\.4.*\nhost\.name=here\n$`,
		"dirs": `^datadir_size: 5\nlogdir_size: 6\n$`,
		"gtmk": `^306$`,
	} {
		if got := ask(t, h.port, word); !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%s answers\n%s\nwhich does not match %s", word, got, pattern)
		}
	}
	for word, want := range map[string]string{
		"crst": "Connection stats reset.\n", "srst": "Server stats reset.\n", "gtmk\r\n": "306",
	} {
		if got := ask(t, h.port, word); got != want {
			t.Errorf("%q answers %q", word, got)
		}
	}
	if got := ask(t, h.port, "stmk\x00\x00\x00\x00\x00\x00\x00\x07"); got != "7" {
		t.Errorf("stmk answers %q", got)
	}
	if got := ask(t, h.port, "gtmk"); got != "7" {
		t.Errorf("gtmk answers %q", got)
	}
}

func TestWordsWhitelist(t *testing.T) {
	h := start(t, func(c *Config) { c.Words = []string{"srvr"} })
	if got := ask(t, h.port, "ruok"); got != "ruok is not executed because it is not in the whitelist.\n" {
		t.Errorf("ruok answers %q", got)
	}
	if got := ask(t, h.port, "srvr"); !strings.HasPrefix(got, "Zookeeper version: ") {
		t.Errorf("srvr answers %q", got)
	}
}
