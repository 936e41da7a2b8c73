package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// files is a file system of a test: path to content.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func mustLoad(t *testing.T, f files, sets ...string) *Config {
	t.Helper()
	c, _, err := load("zoo.cfg", sets, f.read)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return c
}

const threeServers = `tickTime=2000
initLimit=10
syncLimit=5
dataDir=d
clientPort=2181
server.1=a:2888:3888
server.2=b:2888:3888
server.3=c:2888:3888
`

func TestLoadEnsemble(t *testing.T) {
	c := mustLoad(t, files{"zoo.cfg": threeServers + "server.4=d:2888:3888:observer;2181\n", "d/myid": " 2\n"})
	if c.Standalone || c.ServerID != 2 || c.InitTimeout() != 20*time.Second || c.SyncTimeout() != 10*time.Second {
		t.Errorf("got standalone=%v id=%d init=%v sync=%v", c.Standalone, c.ServerID, c.InitTimeout(), c.SyncTimeout())
	}
	if c.MinSessionTimeout != 4*time.Second || c.MaxSessionTimeout != 40*time.Second {
		t.Errorf("session timeouts %v %v", c.MinSessionTimeout, c.MaxSessionTimeout)
	}
	e := c.Ensemble()
	if !slices.Equal(e.Voters(), []zab.ServerID{1, 2, 3}) || !slices.Equal(e.Observers(), []zab.ServerID{4}) {
		t.Errorf("voters %v observers %v", e.Voters(), e.Observers())
	}
	if c.ClientAddr.String() != "0.0.0.0:2181" || c.DataLogDir != "d" {
		t.Errorf("client %s log %s", c.ClientAddr, c.DataLogDir)
	}
	want := "server.1=a:2888:3888:participant\nserver.2=b:2888:3888:participant\nserver.3=c:2888:3888:participant\n" +
		"server.4=d:2888:3888:observer;0.0.0.0:2181\nversion=0"
	if got := c.MembershipText(); got != want {
		t.Errorf("membership\n%s\nwant\n%s", got, want)
	}
}

func TestDefaultsAreZooKeepers(t *testing.T) {
	c := mustLoad(t, files{"zoo.cfg": "dataDir=d\nclientPort=2181\n"})
	if !c.Standalone || c.TickTime != 3*time.Second || c.Client.MaxPerAddress != 60 || c.Storage.SnapCount != 100000 ||
		c.Storage.SnapRetainCount != 3 || c.Storage.PurgeInterval != 0 || c.Client.MaxBuffer != 0xfffff ||
		c.Storage.PreAllocSize != 64<<20 || c.Storage.SnapSizeLimit != 4<<30 || c.Storage.TxnLogSizeLimit != 0 ||
		c.Client.GlobalOutstandingLimit != 1000 || !slices.Equal(c.Words, []string{"srvr"}) {
		t.Errorf("defaults: %+v", c)
	}
	d := Default("data")
	if d.ClientAddr.String() != "127.0.0.1:2181" || !d.Standalone || d.DataLogDir != "data" || !d.WordAllowed("mntr") ||
		d.MaxSessionTimeout != 40*time.Second || d.MembershipText() != "" {
		t.Errorf("built-in: %+v", d)
	}
}

func TestKeysReachTheirFields(t *testing.T) {
	base := "dataDir=d\nclientPort=2181\n"
	for line, got := range map[string]func(*Config) any{
		"tickTime=0x10":                            func(c *Config) any { return c.TickTime == 16*time.Millisecond },
		"zookeeper.snapCount=1":                    func(c *Config) any { return c.Storage.SnapCount == 2 },
		"preAllocSize=64":                          func(c *Config) any { return c.Storage.PreAllocSize == 64<<10 },
		"autopurge.purgeInterval=2":                func(c *Config) any { return c.Storage.PurgeInterval == 2*time.Hour },
		"autopurge.purgeInterval=90s":              func(c *Config) any { return c.Storage.PurgeInterval == 90*time.Second },
		"autopurge.purgeInterval=5 ms":             func(c *Config) any { return c.Storage.PurgeInterval == 5*time.Millisecond },
		"autopurge.snapRetainCount=1":              func(c *Config) any { return c.Storage.SnapRetainCount == 3 },
		"4lw.commands.whitelist=ruok, mntr,nope":   func(c *Config) any { return slices.Equal(c.Words, []string{"mntr", "ruok"}) },
		"4lw.commands.whitelist=*":                 func(c *Config) any { return len(c.Words) == 19 },
		"maxClientCnxns=0":                         func(c *Config) any { return c.Client.MaxPerAddress == 0 },
		"descriptorCheckEnabled=false":             func(c *Config) any { return c.SkipDescriptorCheck },
		"descriptorCheckEnabled=true":              func(c *Config) any { return !c.SkipDescriptorCheck },
		"skipACL=yes":                              func(c *Config) any { return c.Tree.SkipACL },
		"extendedTypesEnabled=TRUE":                func(c *Config) any { return c.Tree.ExtendedTypes },
		"znode.container.checkIntervalMs=500":      func(c *Config) any { return c.Tree.ContainerCheckInterval == 500*time.Millisecond },
		"DigestAuthenticationProvider.enabled=no":  nil,
		"zookeeper.skipACL=no":                     func(c *Config) any { return !c.Tree.SkipACL },
		"clientPortAddress=::1":                    func(c *Config) any { return c.ClientAddr.String() == "[::1]:2181" },
		"clientPortAddress=[::1]":                  func(c *Config) any { return c.ClientAddr.String() == "[::1]:2181" },
		"minSessionTimeout=-1":                     func(c *Config) any { return c.MinSessionTimeout == 6*time.Second },
		"txnLogSizeLimitInKb=-1":                   func(c *Config) any { return c.Storage.TxnLogSizeLimit == 0 },
		"DigestAuthenticationProvider.superDigest": nil,
	} {
		c, _, err := load("zoo.cfg", nil, files{"zoo.cfg": base + line + "\n"}.read)
		switch {
		case got == nil && err == nil:
			t.Errorf("%s: accepted", line)
		case got != nil && err != nil:
			t.Errorf("%s: %v", line, err)
		case got != nil && got(c) != true:
			t.Errorf("%s: has not arrived: %+v", line, c)
		}
	}
}

func TestSetOverridesTheFile(t *testing.T) {
	c := mustLoad(t, files{"zoo.cfg": "dataDir=d\nclientPort=2181\ntickTime=1\n"}, "tickTime=500", "zookeeper.skipACL=yes")
	if c.TickTime != 500*time.Millisecond || !c.Tree.SkipACL {
		t.Errorf("got %v %v", c.TickTime, c.Tree.SkipACL)
	}
	_, _, err := load("zoo.cfg", []string{"tickTime=x", "lonely"}, files{"zoo.cfg": "dataDir=d\nclientPort=1\n"}.read)
	want := "--set lonely: not key=value; write e.g. --set tickTime=2000\n" +
		"--set tickTime=x: not a whole number of milliseconds; write e.g. tickTime=2000"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestStandaloneIdentity(t *testing.T) {
	cfg := "dataDir=d\nclientPort=2181\n"
	if c := mustLoad(t, files{"zoo.cfg": cfg}); c.ServerID != 0 {
		t.Errorf("no line, no myid: id %d", c.ServerID)
	}
	if c := mustLoad(t, files{"zoo.cfg": cfg, "d/myid": "7"}); c.ServerID != 7 || !c.Ensemble().IsVoter(7) {
		t.Errorf("no line, myid 7: id %d", c.ServerID)
	}
	one := cfg + "server.3=h:2888:3888\n"
	c := mustLoad(t, files{"zoo.cfg": one})
	if c.ServerID != 3 || !c.Standalone {
		t.Errorf("one line: id %d standalone %v", c.ServerID, c.Standalone)
	}
	c = mustLoad(t, files{"zoo.cfg": one + "standaloneEnabled=false\ninitLimit=1\nsyncLimit=1\n", "d/myid": "3"})
	if c.Standalone {
		t.Error("standaloneEnabled=false is standalone")
	}
}

func TestDynamicFile(t *testing.T) {
	static := "dataDir=d\ninitLimit=10\nsyncLimit=5\ndynamicConfigFile=zoo.cfg.dynamic.100000002\n"
	dynamic := "server.2=b:1:2;h2:9\nserver.1=a:1:2:participant;h1:9\nserver.3=c:1:2\n"
	c := mustLoad(t, files{"zoo.cfg": static, "zoo.cfg.dynamic.100000002": dynamic, "d/myid": "1"})
	if c.Version != 0x100000002 || c.ClientAddr.String() != "h1:9" || c.DynamicConfigFile == "" {
		t.Errorf("version %s client %s", c.Version, c.ClientAddr)
	}
	if !strings.HasSuffix(c.MembershipText(), "server.3=c:1:2:participant\nversion=100000002") {
		t.Errorf("membership:\n%s", c.MembershipText())
	}
}

func TestHierarchy(t *testing.T) {
	c := mustLoad(t, files{"zoo.cfg": threeServers + "group.1=2:1\ngroup.2=3\nweight.1=0\n", "d/myid": "1"})
	if c.Ensemble().Weight(1) != 0 || c.Ensemble().Weight(2) != 1 {
		t.Errorf("weights %d %d", c.Ensemble().Weight(1), c.Ensemble().Weight(2))
	}
	if !strings.Contains(c.MembershipText(), "group.1=1:2\ngroup.2=3\nweight.1=0\nversion=0") {
		t.Errorf("membership:\n%s", c.MembershipText())
	}
}

func TestServerLinesRoundTrip(t *testing.T) {
	for line, want := range map[string]string{
		"h:1:2":                       "h:1:2:participant",
		"h:1:2:OBSERVER":              "h:1:2:observer",
		"[::1]:1:2;[::1]:3":           "[::1]:1:2:participant;[::1]:3",
		"[fe80::1%eth0]:1:2;3":        "[fe80::1%eth0]:1:2:participant;0.0.0.0:3",
		"h:1:2:participant;127.1:3; ": "h:1:2:participant;127.1:3",
		"h:1:2;":                      "h:1:2:participant",
	} {
		s, err := parseServer(1, line)
		if err != nil || s.String() != want {
			t.Errorf("%s: %s, %v; want %s", line, s, err, want)
			continue
		}
		if again, err := parseServer(1, s.String()); err != nil || again != s {
			t.Errorf("%s does not read back: %v, %v", s, again, err)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	_, _, err := load("zoo.cfg", nil, files{}.read)
	if err == nil || err.Error() != "zoo.cfg: cannot be read: file does not exist; name a zoo.cfg that this user may read" {
		t.Errorf("got %v", err)
	}
	_, _, err = load("zoo.cfg", nil, files{"zoo.cfg": strings.Repeat("#", maxFileBytes+1)}.read)
	if err == nil || !strings.Contains(err.Error(), "the limit is 1048576") {
		t.Errorf("got %v", err)
	}
}

func TestProblemsIsTheErrorType(t *testing.T) {
	_, _, err := load("zoo.cfg", nil, files{"zoo.cfg": ""}.read)
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestMyID(t *testing.T) {
	for text, want := range map[string]zab.ServerID{"1": 1, " 255\r\n": 255, "0\n": 0, "007": 7} {
		if id, err := parseMyID([]byte(text)); err != nil || id != want {
			t.Errorf("%q: %d, %v", text, id, err)
		}
	}
	for _, text := range []string{"", " \n", "one", "-1", "+1", "256", "1 2", "0x1", "99999999999999999999"} {
		if id, err := parseMyID([]byte(text)); err == nil {
			t.Errorf("%q: %d", text, id)
		}
	}
	dir := t.TempDir() + "/data"
	if err := WriteMyID(dir, 9); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load("", []string{"dataDir=" + dir, "clientPort=2181"})
	if err != nil || c.ServerID != 9 {
		t.Errorf("%v, %v", c, err)
	}
}

func TestProperties(t *testing.T) {
	src := "# comment\\\n! too\n\n  a = 1 \r\nb:2\rc 3\nd\\=e=\\u0041\\tz\n" +
		"long=x,\\\n   y,\\\n  # not a comment\nempty\nslash=a\\\\\nlast=\\"
	props, problems := parseProperties("f", src)
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, p := range props {
		got = append(got, fmt.Sprintf("%d %s=%s", p.line, p.key, p.value))
	}
	want := []string{"4 a=1", "5 b=2", "6 c=3", "7 d=e=A\tz", "8 long=x,y,# not a comment", "11 empty=", `12 slash=a\`, "13 last="}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, problems = parseProperties("f", `a=\u12`); len(problems) != 1 {
		t.Errorf("malformed escape: %v", problems)
	}
}

func TestBinaryFile(t *testing.T) {
	read := func(string) ([]byte, error) {
		return []byte("tickTime=2000\n\x7fELF\x02\x01" + strings.Repeat("\x00=\xff\n", 5000)), nil
	}
	_, _, err := load("zoo.cfg", nil, read)
	if want := "zoo.cfg: holds the byte 0x7f on line 2, which no text has; is it a configuration file?"; err == nil || err.Error() != want {
		t.Errorf("%.300v", err)
	}
}

func TestManyUnknownKeys(t *testing.T) {
	src := strings.Repeat("caf\xe9", 100) + "=x\n"
	for i := range 1000 {
		src += fmt.Sprintf("unheard%d=of\n", i)
	}
	_, warnings, _ := load("zoo.cfg", nil, func(string) ([]byte, error) { return []byte(src), nil })
	for _, w := range warnings {
		if text := w.String(); len(text) > 4000 || strings.Contains(text, "\xe9") || !strings.HasSuffix(text, "and 961 more") {
			t.Errorf("%d bytes: %.300s", len(text), text)
		}
	}
}
