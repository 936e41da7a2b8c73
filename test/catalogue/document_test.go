package catalogue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func someRows() []Row {
	return []Row{
		{ID: "ZK-1", Section: "3.1", About: "a|b", Rule: "S1", Tests: []Test{{Package: "./sim", Name: "TestZK1"}},
			Mutants: []Mutant{{What: "one"}, {What: "two"}}},
		{ID: "ZK-2", Section: "3.3", About: "c", NotApplicable: "no reads"},
		{ID: "ZK-3", Section: "3.3", About: "c", Rule: "T1", NotSimulated: "no sockets", Tests: []Test{{Package: "./txnlog", Name: "TestZK3"}},
			Mutants: []Mutant{{What: "three"}}},
	}
}

func TestTable(t *testing.T) {
	table := Table(someRows(), []Detection{{"ZK-1", 1, "37", "one"}, {"ZK-1", 2, ">99", "was another"}})
	for _, want := range []string{
		"### Synchronisation and commit\n",
		"| ZK-1 | a\\|b | S1 | `TestZK1` in `sim` | 1. one<br>2. two | 1. 37<br>2. not measured |\n",
		"### Log, snapshots, purge, disk\n",
		"| ZK-2 | c | not applicable: no reads | | | |\n",
		"| ZK-3 | c | T1 | `TestZK3` in `txnlog` | three | none: no sockets |\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}

func TestWriteDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.md")
	rows := someRows()
	if err := CheckDocument(path, rows, nil); err == nil || !strings.Contains(err.Error(), "write the document") {
		t.Error(err)
	}
	for _, text := range []string{"no marks\n", documentBegin + "\n", documentEnd + "\n" + documentBegin + "\n",
		strings.Repeat(documentBegin+"\n"+documentEnd+"\n", 2)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := CheckDocument(path, rows, nil); err == nil || !strings.Contains(err.Error(), "is not marked once") {
			t.Errorf("%q: %v", text, err)
		}
		if err := WriteDocument(path, rows, nil); err == nil {
			t.Errorf("%q: written", text)
		}
	}
	if err := os.WriteFile(path, []byte("above\n"+documentBegin+"\nold\n"+documentEnd+"\nbelow\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckDocument(path, rows, nil); err == nil || !strings.Contains(err.Error(), "not up to date") {
		t.Error(err)
	}
	for range 2 {
		if err := WriteDocument(path, rows, nil); err != nil {
			t.Fatal(err)
		}
		if err := CheckDocument(path, rows, nil); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), "above\n") || !strings.HasSuffix(string(b), "\nbelow\n") || strings.Contains(string(b), "old") {
		t.Errorf("%q %v", b, err)
	}
}

func TestRecord(t *testing.T) {
	rows := someRows()
	record, err := parseRecord("r", "ZK-1 1 37 one\nZK-1 2 >99 was another\nZK-9 1 5 gone\n")
	if err != nil || len(record) != 3 {
		t.Fatal(record, err)
	}
	results := []Result{{Row: &rows[0], Number: 2, Seeds: 50, Beyond: true}, {Row: &rows[2], Number: 1}}
	record = Update(record, rows, results)
	path := filepath.Join(t.TempDir(), "detect.txt")
	if none, err := ReadRecord(path); none != nil || err != nil {
		t.Error(none, err)
	}
	if err := WriteRecord(path, record); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "ZK-1 1 37 one\nZK-1 2 >50 two\n" {
		t.Errorf("%q %v", b, err)
	}
	if again, err := ReadRecord(path); err != nil || len(again) != 2 {
		t.Error(again, err)
	}
	for _, line := range []string{"ZK-1 0 3 x", "ZK-1 1 x y", "ZK-1 1 3", "ZK-1 1 >0 x"} {
		if _, err := parseRecord("r", "\n"+line+"\n"); err == nil || !strings.HasPrefix(err.Error(), "r:2: ") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
