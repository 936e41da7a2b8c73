package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPlaces: what is no data directory is refused, with the remedy.
func TestPlaces(t *testing.T) {
	empty := t.TempDir()
	zk := t.TempDir()
	if err := os.MkdirAll(filepath.Join(zk, "version-2"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(zk, "version-2", "log.1"), []byte("ZKLG"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"verify", "name the data directory"},
		{"verify /none --config zoo.cfg", "one of the two"},
		{"verify /none", "/none does not exist; name the dataDir"},
		{"verify " + empty, "holds no quorumd-1"},
		{"log ls " + zk, "ZooKeeper's data"},
		{"verify /none --output xml", "write text or json"},
		{"log dump /none --from x", "--from x: no zxid"},
		{"log truncate /none", "--to is missing"},
		{"log recover /none /none --yes", "leave out"},
		{"snapshot check /none --zxid -1", "--zxid -1: no zxid"},
		{"snapshot take --server 127.0.0.1:x", `the port "x"`},
		{"snapshot take --timeout 0s", "--timeout 0s"},
	} {
		code, out, errs := exec(t, strings.Fields(c.args)...)
		if code != exitInvocation || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: code %d\n%s%s", c.args, code, out, errs)
		}
	}
}

func TestBar(t *testing.T) {
	for done, want := range map[int64]string{
		0:       "[                              ]   0% of 3 MiB",
		1 << 20: "[##########                    ]  33% of 3 MiB",
		9 << 20: "[##############################] 100% of 3 MiB",
	} {
		if got := bar(done, 3<<20); got != want {
			t.Errorf("%q", got)
		}
	}
}

// fileStamp tells whether anything in a stopped server's directory was changed.
func fileStamp(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		out = append(out, fmt.Sprint(path, info.Size(), info.ModTime().UnixNano()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// TestStorageTools uses every tool beside a server under load, which none of
// them disturbs, and those that change once it has stopped.
func TestStorageTools(t *testing.T) {
	base := freeBase(t, 1)
	addr := fmt.Sprintf("127.0.0.1:%d", base)
	dir := filepath.Join(t.TempDir(), "data")
	server := start(t, "serve", "--set", fmt.Sprintf("clientPort=%d", base), "--set", "dataDir="+dir,
		"--set", "preAllocSize=64", "--set", "snapCount=400")
	eventually(t, "the server serves", func() bool {
		code, out, _ := exec(t, "admin", "srvr", "--server", addr)
		return code == exitOK && strings.Contains(out, "Mode: standalone")
	})
	want(t, "/load\n", "create", "/load", "x", "--servers", addr)
	quit, written := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { written <- n }()
		for ; ; n++ {
			select {
			case <-quit:
				return
			default:
			}
			if code, _, errs := exec(t, "set", "/load", fmt.Sprintf("%d %s", n, strings.Repeat("v", 4000)), "--servers", addr); code != exitOK {
				t.Errorf("the server was disturbed: %s", errs)
				return
			}
		}
	}()
	reads := [][]string{
		{"verify", dir}, {"verify", dir, "-o", "json"}, {"log", "ls", dir}, {"log", "dump", dir},
		{"log", "dump", dir, "--from", "0x100000003", "-o", "json", "--detail"}, {"snapshot", "ls", dir}, {"snapshot", "check", dir},
	}
	for range 15 {
		code, out, errs := exec(t, "snapshot", "take", "--server", addr)
		if code != exitOK && !strings.Contains(errs, "being written already") || code == exitOK && !strings.HasPrefix(out, "0x1") {
			t.Errorf("snapshot take: code %d %s%s", code, out, errs)
		}
		for _, args := range reads {
			if code, out, errs := exec(t, args...); code != exitOK || errs != "" || slices.Contains(args, "json") && !jsonLines(out) {
				t.Errorf("%v beside the server: code %d\n%s%s", args, code, out, errs)
			}
		}
	}
	for _, args := range [][]string{{"log", "truncate", dir, "--to", "0x100000003", "--yes"}, {"log", "recover", dir, "--yes"}} {
		if code, out, errs := exec(t, args...); code != exitFailure || out != "" || !strings.Contains(errs, "a server runs on this directory") {
			t.Errorf("%v beside the server: code %d\n%s%s", args, code, out, errs)
		}
	}
	close(quit)
	if n := <-written; n == 0 {
		t.Error("there was no load")
	}
	if code := server.stop(t); code != exitOK {
		t.Errorf("serve ended with code %d", code)
	}
	changeStopped(t, dir, reads)
}

// jsonLines reports whether every line is an object.
func jsonLines(text string) bool {
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) || line[0] != '{' {
			return false
		}
	}
	return text != ""
}

// changeStopped cuts and recovers the directory of a server that has stopped.
func changeStopped(t *testing.T, dir string, reads [][]string) {
	t.Helper()
	before := fileStamp(t, dir)
	for _, args := range reads {
		if code, _, errs := exec(t, args...); code != exitOK {
			t.Errorf("%v: code %d %s", args, code, errs)
		}
	}
	if code, _, errs := exec(t, "log", "truncate", dir, "--to", "0x100000003"); code != exitFailure || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("nobody said yes: code %d %s", code, errs)
	}
	if fileStamp(t, dir) != before {
		t.Error("files were changed by what only reads")
	}
	segments, err := filepath.Glob(filepath.Join(dir, "quorumd-1", "log.0*"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[200] ^= 1
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", dir}, {"log", "dump", dir}, {"log", "ls", dir}} {
		if code, out, errs := exec(t, args...); code != exitDamage || !strings.Contains(out+errs, segments[0]) {
			t.Errorf("%v of a damaged log: code %d\n%s", args, code, errs)
		}
	}
	if code, out, errs := exec(t, "log", "recover", dir, "--yes"); code != exitOK || !strings.Contains(out, "copies of what was removed") {
		t.Fatalf("recover: code %d\n%s%s", code, out, errs)
	}
	if code, out, _ := exec(t, "verify", dir); code != exitOK || !strings.Contains(out, "sound") {
		t.Errorf("recovered: code %d\n%s", code, out)
	}
	if _, err := os.Stat(segments[0]); err == nil {
		t.Errorf("%s is still there", segments[0])
	}
}
