package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// exec runs one command line as main does and returns what came of it.
func exec(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// walk calls f for every command of the tree.
func walk(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		walk(c, f)
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	walk(newRoot(), func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: no short help or no example", c.CommandPath())
		}
		args := slices.Concat(strings.Fields(c.CommandPath())[1:], []string{"--help"})
		code, out, errs := exec(t, args...)
		if code != exitOK || errs != "" || !strings.Contains(out, c.Example) || !strings.Contains(out, "Usage:") {
			t.Errorf("%v: code %d, %s%s", args, code, out, errs)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  quorumd") {
				t.Errorf("%s: example %q is no command line", c.CommandPath(), line)
			}
		}
	})
}

// TestExamplesParse holds the examples to the flags and arguments that exist.
func TestExamplesParse(t *testing.T) {
	walk(newRoot(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			words := strings.Fields(line)
			if i := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, "#|<>") }); i > 0 {
				words = words[:i]
			}
			if c.CommandPath() == "quorumd" {
				continue // a line of the overview has a remark behind it
			}
			target, rest, err := newRoot().Find(words[1:])
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			if err := target.ParseFlags(rest); err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			if err := target.ValidateArgs(target.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	})
}

func TestWrongArguments(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"nonsense", "unknown command"},
		{"serve now", "unknown command"},
		{"serve --colour", "unknown flag: --colour"},
		{"admin", "accepts 1 arg(s), received 0"},
		{"ensemble stop", "unknown command"},
		{"ensemble start-server", "accepts 1 arg(s)"},
		{"create", "arg(s)"},
		{"get", "arg(s)"},
		{"set /a", "arg(s)"},
		{"delete", "arg(s)"},
		{"stat", "arg(s)"},
		{"watch", "arg(s)"},
		{"get /a --timeout soon", "invalid argument"},
		{"sim --seed minus", "invalid argument"},
	} {
		code, out, errs := exec(t, strings.Fields(c.args)...)
		if code != exitInvocation || out != "" || !strings.Contains(errs, c.want) || !strings.Contains(errs, "--help") {
			t.Errorf("%s: code %d\n%s%s", c.args, code, out, errs)
		}
	}
}

// TestWrongValues holds what is found after parsing to the same exit code, and
// to an answer without a server.
func TestWrongValues(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"get /a --servers 127.0.0.1:abc", `the port "abc" is not a number from 1 to 65535`},
		{"get /a --servers 127.0.0.1:99999", `the port "99999" is not`},
		{"get /a --servers 127.0.0.1:2181,:2182", "has no host"},
		{"get /a --servers=", "names no server"},
		{"get /a --servers zk://127.0.0.1:2181/app", "leave out zk://"},
		{"get /a --servers 127.0.0.1:2181//app", "chroot"},
		{"get /a --timeout 0s", "--timeout 0s"},
		{"get /a --timeout=-1s", "--timeout -1s"},
		{"get /a --auth nonsense", "write e.g. --auth digest:user:password"},
		{"create /a --ttl 0s", "--ttl 0s"},
		{"create /a --ttl 10us", "--ttl 10µs"},
		{"watch /a --count=-1", "--count -1"},
		{"delete -R /zookeeper", "/zookeeper is a system node"},
		{"admin srvr --timeout 0s", "--timeout 0s"},
		{"admin srvr --server 127.0.0.1:x", "the port \"x\""},
		{"admin toolong", "no four-letter word"},
		{"sim --seeds 0", "nothing to run"},
		{"sim --servers 9", "9 servers"},
		{"sim --without plague", "there is no fault \"plague\""},
		{"ensemble --log-level loud", "no such level"},
		{"ensemble start-server two", "no server id"},
	} {
		code, out, errs := exec(t, strings.Fields(c.args)...)
		if code != exitInvocation || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d\n%s%s", c.args, code, out, errs)
		}
	}
}

func TestNoPackageNames(t *testing.T) {
	dir := t.TempDir()
	for _, args := range []string{
		"get /a --servers 127.0.0.1:1 --timeout 50ms", "admin srvr --server 127.0.0.1:1", "admin toolong",
		"ensemble status --dir " + dir, "ensemble --servers 99 --dir " + dir,
	} {
		code, _, errs := exec(t, strings.Fields(args)...)
		for _, name := range []string{"client: ", "fourletter: ", ": ensemble: "} {
			if code == exitOK || strings.Contains(errs, name) {
				t.Errorf("%s: code %d %s", args, code, errs)
			}
		}
	}
}

// TestWarningOfAWholeFile: no line is to blame, so none is named.
func TestWarningOfAWholeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "zoo.cfg")
	if err := os.WriteFile(name, []byte("clientPort=2181\nunheard=of\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, errs := exec(t, "serve", "--config", name)
	if !strings.Contains(errs, "unheard (line 2)") || strings.Contains(errs, `"line":0`) {
		t.Error(errs)
	}
}

func TestBadConfiguration(t *testing.T) {
	name := filepath.Join(t.TempDir(), "zoo.cfg")
	if err := os.WriteFile(name, []byte("tickTime=abc\nclientPort=2181\nunheard=of\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := exec(t, "serve", "--config", name)
	want := []string{
		name + ":1: tickTime=abc: not a whole number of milliseconds; write e.g. tickTime=2000\n",
		name + ": dataDir is missing", "unknown keys have no effect: unheard (line 3)",
	}
	for _, w := range want {
		if code != exitInvocation || out != "" || !strings.Contains(errs, w) {
			t.Errorf("code %d, no %q in\n%s%s", code, w, out, errs)
		}
	}
	code, _, errs = exec(t, "serve", "--config", name+".not")
	if code != exitInvocation || !strings.Contains(errs, "no such file") {
		t.Errorf("missing file: code %d\n%s", code, errs)
	}
	for _, flag := range []string{"--log-format=xml", "--log-level=loud", "--log-level="} {
		if code, _, errs = exec(t, "serve", flag); code != exitInvocation || !strings.Contains(errs, "write ") {
			t.Errorf("%s: code %d\n%s", flag, code, errs)
		}
	}
}

func TestServeConfigurations(t *testing.T) {
	c, _, err := loadConfig(serveOptions{})
	if err != nil || c.ClientAddr.String() != "127.0.0.1:2181" || c.DataDir != defaultDataDir {
		t.Errorf("no flags: %+v, %v", c, err)
	}
	c, _, err = loadConfig(serveOptions{set: []string{"clientPort=2999"}})
	if err != nil || c.ClientAddr.String() != "127.0.0.1:2999" || c.DataDir != defaultDataDir || !c.WordAllowed("mntr") {
		t.Errorf("--set alone: %+v, %v", c, err)
	}
}

func TestAdmin(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 4))
		_, _ = io.WriteString(conn, "imok")
		_ = conn.Close()
	}()
	code, out, errs := exec(t, "admin", "ruok", "--server", l.Addr().String())
	if code != exitOK || out != "imok\n" {
		t.Errorf("code %d %q %s", code, out, errs)
	}
	<-done
	_ = l.Close()
	if code, _, errs = exec(t, "admin", "ruok", "--server", l.Addr().String()); code != exitFailure || !strings.Contains(errs, "refused") {
		t.Errorf("nobody there: code %d %s", code, errs)
	}
}

func TestEnsembleHelpersWithoutEnsemble(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"status"}, {"kill-leader"}, {"start-server", "2"}} {
		code, _, errs := exec(t, append([]string{"ensemble", "--dir", dir}, args...)...)
		if code != exitFailure || !strings.Contains(errs, "quorumd ensemble --servers 3") {
			t.Errorf("%v: code %d %s", args, code, errs)
		}
	}
	if code, _, errs := exec(t, "ensemble", "--dir", dir, "--servers", "99"); code != exitInvocation || !strings.Contains(errs, "1 to 15") {
		t.Errorf("99 servers: code %d %s", code, errs)
	}
}

func TestVersion(t *testing.T) {
	if code, out, _ := exec(t, "version"); code != exitOK || !strings.HasPrefix(out, "quorumd ") || !strings.Contains(out, " UTC\n") {
		t.Errorf("code %d %q", code, out)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	logger, err := newLogger(&out, logOptions{format: "auto", level: "info"})
	if err != nil {
		t.Fatal(err)
	}
	logger.Debug().Msg("hidden")
	logger.Info().Int("peer", 2).Msg("shown")
	if line := out.String(); !strings.HasPrefix(line, `{"level":"info","peer":2,"time":"`) || !strings.HasSuffix(line, `"message":"shown"}`+"\n") {
		t.Errorf("json: %s", line)
	}
	out.Reset()
	if logger, err = newLogger(&out, logOptions{format: "console", level: "debug"}); err != nil {
		t.Fatal(err)
	}
	logger.Warn().Int("peer", 2).Msg("shown")
	if line := out.String(); !strings.Contains(line, "WRN shown peer=2") {
		t.Errorf("console: %s", line)
	}
}
