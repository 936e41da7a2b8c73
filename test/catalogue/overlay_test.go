package catalogue

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module makes a folder with files.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestApply(t *testing.T) {
	const text = "one\ntwo\nthree\ntwo and more\nfour\nfour\n"
	for _, c := range []struct{ old, new, want, wrong string }{
		{"one\n", "1\n", "1\ntwo\nthree\ntwo and more\nfour\nfour\n", ""},
		{"two\n", "2\n", "one\n2\nthree\ntwo and more\nfour\nfour\n", ""},
		{"two\nthree\n", "", "one\ntwo and more\nfour\nfour\n", ""},
		{"four\nfour\n", "4\n", "one\ntwo\nthree\ntwo and more\n4\n", ""},
		{"four\n", "4\n", "", "more than once in a.go"},
		{"ne\n", "x\n", "", "is not in a.go"},
		{"two an\n", "x\n", "", `from "two an" on, is not in a.go`},
	} {
		e := Edit{File: "a.go", Old: c.old, New: c.new}
		got, err := e.apply(text)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v, want %q", c.old, err, c.wrong)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q: %q %v, want %q", c.old, got, err, c.want)
		}
	}
}

func TestOverlay(t *testing.T) {
	root := module(t, map[string]string{"a/a.go": "one\ntwo\n", "b.go": "x\n"})
	m := Mutant{Edits: []Edit{
		{File: "a/a.go", Old: "one\n", New: "1\n"}, {File: "b.go", Old: "x\n", New: "y\n"}, {File: "a/a.go", Old: "1\ntwo\n", New: "12\n"},
	}}
	dir := t.TempDir()
	path, err := m.writeOverlay("r.row", root, dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(b, &overlay); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a/a.go": "12\n", "b.go": "y\n"} {
		got, err := os.ReadFile(overlay.Replace[filepath.Join(root, name)])
		if err != nil || string(got) != want {
			t.Errorf("%s: %q %v, want %q", name, got, err, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(root, "b.go")); err != nil || string(got) != "x\n" {
		t.Errorf("the source was changed: %q %v", got, err)
	}
	m.Edits = append(m.Edits, Edit{File: "none.go", Old: "x\n", line: 7})
	if _, err := m.writeOverlay("r.row", root, dir); err == nil || !strings.HasPrefix(err.Error(), "r.row:7: ") {
		t.Error(err)
	}
}

func TestCheckSource(t *testing.T) {
	root := module(t, map[string]string{
		"a/a.go":      "package a\n",
		"a/a_test.go": "package a\nfunc TestZK1(t *testing.T) {}\ntype x int\nfunc (x) TestZK1b() {}\n",
	})
	for _, c := range []struct {
		row  Row
		want string
	}{
		{Row{Tests: []Test{{"./a", "TestZK1", "", 3}}}, ""},
		{Row{Tests: []Test{{"./a", "TestZK1b", "", 3}}}, "r:3: package ./a has no test TestZK1b"},
		{Row{Tests: []Test{{"./b", "TestZK1", "", 3}}}, "holds no tests"},
		{Row{Mutants: []Mutant{{Edits: []Edit{{"a/a.go", "package b\n", "", 9}}}}}, "r:9: the replaced text"},
	} {
		c.row.Path = "r"
		err := c.row.CheckSource(root)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	root := module(t, map[string]string{Dir + "/ZK-1.row": goodRow, Dir + "/detect.txt": "ignored"})
	if rows, err := Load(root); err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	root = module(t, map[string]string{Dir + "/ZK-1.row": goodRow, Dir + "/ZK-2.row": "id: ZK-2\n", Dir + "/ZK-3.row": goodRow})
	_, err := Load(root)
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), Dir+"/ZK-3.row:1: id ZK-1 in a file") {
		t.Error(err)
	}
}
