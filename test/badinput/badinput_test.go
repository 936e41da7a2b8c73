package badinput

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// endLimit is how long a server that cannot start may take to say so. It tries
// ports that are in use several times, a second apart.
const endLimit = 30 * time.Second

// Exit codes.
const (
	failure    = 1
	invocation = 2
)

// attempt is one start: a directory of its own, and the configuration in it.
type attempt struct {
	*testing.T
	dir    string
	config string // path
	text   string // of the configuration; not written when empty
	port   string // that squat took
}

// file writes a file below the attempt's directory.
func (a *attempt) file(path string, data []byte) {
	a.Helper()
	path = filepath.Join(a.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		a.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		a.Fatal(err)
	}
}

// replace changes the configuration.
func (a *attempt) replace(old, with string) {
	a.Helper()
	if !strings.Contains(a.text, old) {
		a.Fatalf("no %q in the configuration:\n%s", old, a.text)
	}
	a.text = strings.ReplaceAll(a.text, old, with)
}

// noise is data that nobody wrote.
var noise = bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef, 0, 10}, 500)

// cases spoil what a fourth process with the configuration of server 1, but
// with data and ports of its own, would start from. In want, %DIR% stands for the
// attempt's directory and %PORT% for the port that was taken.
var cases = []struct {
	name  string
	spoil func(a *attempt, e *harness.Ensemble)
	code  int
	want  []string
}{
	{"no configuration", func(a *attempt, _ *harness.Ensemble) { a.text = "" }, invocation,
		[]string{"%DIR%/zoo.cfg: cannot be read: no such file", "name a zoo.cfg"}},
	{"configuration is a directory", func(a *attempt, _ *harness.Ensemble) { a.config = a.dir }, invocation,
		[]string{"%DIR%: cannot be read", "name a zoo.cfg"}},
	{"configuration is too large", func(a *attempt, _ *harness.Ensemble) { a.text += strings.Repeat("#", 1<<20) }, invocation,
		[]string{"%DIR%/zoo.cfg: has ", "the limit is 1048576"}},
	{"bad value", func(a *attempt, _ *harness.Ensemble) { a.replace("tickTime=2000", "tickTime=fast") }, invocation,
		[]string{"%DIR%/zoo.cfg:1: tickTime=fast: not a whole number", "write e.g. tickTime=2000"}},

	{"no myid", func(a *attempt, _ *harness.Ensemble) { remove(a, "data/myid") }, invocation,
		[]string{"%DIR%/data/myid: file is missing", "echo 1 >"}},
	{"myid is empty", func(a *attempt, _ *harness.Ensemble) { a.file("data/myid", nil) }, invocation,
		[]string{"%DIR%/data/myid:1: the file is empty", "server.N line"}},
	{"myid is no number", func(a *attempt, _ *harness.Ensemble) { a.file("data/myid", []byte("one\n")) }, invocation,
		[]string{"%DIR%/data/myid:1: one is no server id", "server.N line"}},
	{"myid of nobody", func(a *attempt, _ *harness.Ensemble) { a.file("data/myid", []byte("77\n")) }, invocation,
		[]string{"%DIR%/data/myid:1: the id is 77", "no server.77 line", "another server's data directory?"}},
	{"data is a file", func(a *attempt, _ *harness.Ensemble) {
		remove(a, "data/myid")
		remove(a, "data")
		a.file("data", noise)
	}, invocation,
		[]string{"%DIR%/data/myid: cannot be read", "dataDir must be a directory"}},

	{"data of a ZooKeeper", func(a *attempt, _ *harness.Ensemble) { a.file("data/version-2/log.100000001", noise) }, failure,
		[]string{"%DIR%/data holds ZooKeeper's data (version-2)", "name an empty directory"}},
	{"random file among the data", func(a *attempt, _ *harness.Ensemble) { a.file("data/quorumd-1/notes.txt", noise) }, failure,
		[]string{"%DIR%/data/quorumd-1 holds \"notes.txt\"", "move it away"}},
	{"random file instead of data", func(a *attempt, _ *harness.Ensemble) { a.file("data/quorumd-1", noise) }, failure,
		[]string{"%DIR%/data/quorumd-1 is not a directory", "move it away"}},
	{"random file named as a log", func(a *attempt, _ *harness.Ensemble) { a.file("data/quorumd-1/log.0000000100000001", noise) }, failure,
		[]string{"%DIR%/data/quorumd-1/identity is missing", "restore it, or empty the directory"}},
	{"random identity", func(a *attempt, _ *harness.Ensemble) { a.file("data/quorumd-1/identity", noise) }, failure,
		[]string{"%DIR%/data/quorumd-1/identity has ", "restore it, or empty the directory"}},
	{"short random identity", func(a *attempt, _ *harness.Ensemble) { a.file("data/quorumd-1/identity", noise[:100]) }, failure,
		[]string{"%DIR%/data/quorumd-1/identity", "restore it, or empty the directory"}},
	{"data of another server", func(a *attempt, e *harness.Ensemble) {
		identity, err := os.ReadFile(filepath.Join(e.Servers[1].DataDir(), "quorumd-1", "identity"))
		if err != nil {
			a.Fatal(err)
		}
		a.file("data/quorumd-1/identity", identity)
	}, failure, []string{"%DIR%/data/quorumd-1 belongs to server 2, this is server 1", "correct myid"}},
	{"data of a server that runs", func(a *attempt, e *harness.Ensemble) {
		a.replace("dataDir="+a.dir+"/data", "dataDir="+e.Servers[0].DataDir())
	}, failure, []string{"quorumd-1 is in use by another server", "name another directory"}},

	{"client port is taken", func(a *attempt, _ *harness.Ensemble) { a.squat("clientPort=", 0) }, failure,
		[]string{"listen tcp 127.0.0.1:%PORT%", "address already in use", "correct clientPort"}},
	{"quorum port is taken", func(a *attempt, _ *harness.Ensemble) { a.squat("server.1=", 1) }, failure,
		[]string{"listen on quorum port", "127.0.0.1:%PORT%", "address already in use", "server.1 line"}},
	{"election port is taken", func(a *attempt, _ *harness.Ensemble) { a.squat("server.1=", 2) }, failure,
		[]string{"listen on election port", "127.0.0.1:%PORT%", "address already in use", "server.1 line"}},
}

func remove(a *attempt, path string) {
	a.Helper()
	if err := os.Remove(filepath.Join(a.dir, path)); err != nil {
		a.Fatal(err)
	}
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// squat takes the port that stands at a place of a line, counted by colons.
func (a *attempt) squat(line string, place int) {
	a.Helper()
	_, rest, _ := strings.Cut(a.text, "\n"+line)
	rest, _, _ = strings.Cut(rest, "\n")
	a.port = strings.Split(rest, ":")[place]
	l, err := net.Listen("tcp", "127.0.0.1:"+a.port)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = l.Close() }) // the test is over
}

// TestBadInput makes all attempts beside one ensemble.
func TestBadInput(t *testing.T) {
	software, err := harness.Chosen()
	if err != nil {
		t.Fatal(err)
	}
	if software.Name() != "quorumd" {
		t.Skip("what is said, and how the files are named, is quorumd's")
	}
	e := harness.Run(t, harness.Options{})
	leader, err := e.Leader()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := prepare(t, e)
			c.spoil(a, e)
			if a.text != "" {
				a.file("zoo.cfg", []byte(a.text))
			}
			fill := strings.NewReplacer("%DIR%", a.dir, "%PORT%", a.port)
			code, said := start(t, software, a.config)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if len(said) != 1 {
				t.Fatalf("%d lines of errors, want one:\n%s", len(said), strings.Join(said, "\n"))
			}
			for _, text := range c.want {
				if text = fill.Replace(text); !strings.Contains(said[0], text) {
					t.Errorf("not said: %s\nsaid was: %s", text, said[0])
				}
			}
		})
	}
	harness.Unharmed(t, e, leader)
}

// prepare makes the directory of a server that could start: server 1 of the
// ensemble, at other ports and with no data yet.
func prepare(t *testing.T, e *harness.Ensemble) *attempt {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(e.Servers[0].Config())
	if err != nil {
		t.Fatal(err)
	}
	a := &attempt{T: t, dir: dir, config: filepath.Join(dir, "zoo.cfg"), text: string(text)}
	a.replace("dataDir="+e.Servers[0].DataDir(), "dataDir="+dir+"/data")
	for before, addr := range map[string]string{
		"clientPort=": e.Servers[0].Client, "server.1=127.0.0.1:": e.Servers[0].Quorum, ":": e.Servers[0].Election,
	} {
		free, err := harness.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		a.replace(before+port(addr), before+port(free))
	}
	a.file("data/myid", []byte("1\n"))
	return a
}

// start runs a server until it ends by itself. said are the lines of its output
// that tell of an error: those that are no log lines, and those of level error.
func start(t *testing.T, software harness.Software, config string) (code int, said []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), endLimit)
	defer cancel()
	command := software.Command(config)
	run := exec.CommandContext(ctx, command.Path, command.Args[1:]...)
	run.Dir = t.TempDir()
	text, err := run.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("still running after %v:\n%s", endLimit, text)
	}
	if err == nil {
		t.Fatalf("ended with exit code 0:\n%s", text)
	}
	for line := range strings.Lines(string(text)) {
		var log struct{ Level, Error string }
		switch err := json.Unmarshal([]byte(line), &log); {
		case err != nil:
			said = append(said, strings.TrimSuffix(line, "\n"))
		case log.Level == "error":
			said = append(said, log.Error)
		}
	}
	return run.ProcessState.ExitCode(), said
}
