package catalogue

import (
	"strings"
	"testing"
)

const goodRow = `id: ZK-1
section: 3.1
about: something: with a colon
rule: S1
test: ./sim TestZK1
test: ./txnlog TestZK1Again
simulator: yes

mutant: the bug
file: a/a.go
<<<<
	one
id: not a key
====
	two
>>>>
<<<<
three
====
>>>>
file: b.go
<<<<

x
====
y
>>>>
mutant: another
file: a/a.go
<<<<
	one
====
	1
>>>>
`

func TestParse(t *testing.T) {
	r, err := Parse("testdata/catalogue/ZK-1.row", goodRow)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != "ZK-1" || r.Section != "3.1" || r.About != "something: with a colon" || r.Rule != "S1" || r.NotSimulated != "" {
		t.Errorf("%+v", r)
	}
	if len(r.Tests) != 2 || r.Tests[1].String() != "./txnlog TestZK1Again" {
		t.Errorf("tests %v", r.Tests)
	}
	if len(r.Mutants) != 2 || len(r.Mutants[0].Edits) != 3 || len(r.Mutants[1].Edits) != 1 {
		t.Fatalf("mutants %+v", r.Mutants)
	}
	want := []Edit{
		{File: "a/a.go", Old: "\tone\nid: not a key\n", New: "\ttwo\n", line: 11},
		{File: "a/a.go", Old: "three\n", New: "", line: 17},
		{File: "b.go", Old: "\nx\n", New: "y\n", line: 22},
	}
	for i, e := range r.Mutants[0].Edits {
		if e != want[i] {
			t.Errorf("edit %d: %+v, want %+v", i, e, want[i])
		}
	}
}

func TestParseNotApplicable(t *testing.T) {
	r, err := Parse("ZK-1.row", "id: ZK-1\nsection: 3.1\nabout: a\nnot applicable: no reads\n")
	if err != nil || r.NotApplicable != "no reads" {
		t.Fatal(r, err)
	}
	r, err = Parse("ZK-1.row", strings.Replace(goodRow, "simulator: yes", "simulator: no: it has no sockets", 1))
	if err != nil || r.NotSimulated != "it has no sockets" {
		t.Fatal(r, err)
	}
}

// TestParseOneNotSimulated: of a row's mutants one alone may be out of reach.
func TestParseOneNotSimulated(t *testing.T) {
	at := strings.LastIndex(goodRow, "file: ")
	text := goodRow[:at] + "simulator: no: it has no sockets\n" + goodRow[at:]
	r, err := Parse("ZK-1.row", text)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.notSimulated(&r.Mutants[0]), r.notSimulated(&r.Mutants[1]); a != "" || b != "it has no sockets" {
		t.Errorf("%q and %q", a, b)
	}
	for _, c := range []struct{ old, new, want string }{
		{"simulator: no: it has no sockets\n", "simulator: yes\n", `simulator "yes" of a mutant`},
		{"simulator: no: it has no sockets\n", "simulator: no: a\nsimulator: no: b\n", `a second "simulator" of one mutant`},
		{"simulator: yes\n", "simulator: no: never\n", "a reason for all of them"},
	} {
		if _, err := Parse("ZK-1.row", strings.Replace(text, c.old, c.new, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.new, err, c.want)
		}
	}
}

// TestParseRefuses breaks the good row in every way that is refused.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"section: 3.1\n", "section: 3.1\nsecton: 3.1\n", `ZK-1.row:3: unknown key "secton"`},
		{"section: 3.1\n", "section: three\n", `ZK-1.row:2: section "three"`},
		{"section: 3.1\n", "", `ZK-1.row:1: "section" is missing`},
		{"about: something: with a colon\n", "", `"about" is missing`},
		{"rule: S1\n", "", `"rule" is missing`},
		{"rule: S1\n", "rule: S1\nrule: S2\n", `ZK-1.row:5: a second "rule", the first is in line 4`},
		{"rule: S1\n", "rule:  S1\n", "no line of a row"},
		{"rule: S1\n", "rule: \n", "no line of a row"},
		{"rule: S1\n", "  rule: S1\n", "unknown key"},
		{"rule: S1\n", "some text\n", "no line of a row"},
		{"id: ZK-1\n", "", `"id" is missing`},
		{"id: ZK-1\n", "id: ZK#1\n", `ZK-1.row:1: id "ZK#1"`},
		{"id: ZK-1\n", "id: ZK-2\n", "id ZK-2 in a file named ZK-1.row; name the file ZK-2.row"},
		{"test: ./sim TestZK1\n", "test: sim TestZK1\n", `ZK-1.row:5: test "sim TestZK1"`},
		{"test: ./sim TestZK1\n", "test: ./sim TestZK2\n", "ZK-1.row:5: the name of test TestZK2 does not hold the id ZK-1"},
		{"simulator: yes\n", "simulator: no\n", `ZK-1.row:7: simulator "no"`},
		{"simulator: yes\n", "", `"simulator" is missing`},
		{"simulator: yes\n", "simulator: yes\nnot applicable: why\n", `ZK-1.row:6: "test" in a row that is not applicable`},
		{"mutant: the bug\n", "", "ZK-1.row:9: file \"a/a.go\" before the first mutant"},
		{"mutant: the bug\n", "mutant: none\nmutant: the bug\n", `ZK-1.row:9: mutant "none" lacks a replacement`},
		{"file: b.go\n", "file: c.go\nfile: b.go\n", "ZK-1.row:21: file c.go has no replacement"},
		{"mutant: another\nfile: a/a.go\n", "mutant: another\n", "without a file"},
		{"mutant: another\n", "rule: x\nmutant: another\n", "a second"},
		{"mutant: another\n", "not applicable: x\nmutant: another\n", `"not applicable" after the first mutant`},
		{"file: b.go\n", "file: ../b.go\n", "name a Go file that is no test"},
		{"file: b.go\n", "file: /b.go\n", "name a Go file that is no test"},
		{"file: b.go\n", "file: b_test.go\n", "name a Go file that is no test"},
		{"file: b.go\n", "file: b.txt\n", "name a Go file that is no test"},
		{"\t1\n", "\tone\n", "ZK-1.row:30: the new text is the old one"},
		{"<<<<\nthree\n", "<<<<\n\n", "ZK-1.row:17: nothing is replaced"},
		{"\ttwo\n>>>>\n", "\ttwo\n", "<<<< where >>>> is due"},
		{"====\n\ttwo\n", "\ttwo\n", ">>>> where ==== is due"},
		{"\t1\n>>>>\n", "\t1\n", "ZK-1.row:30: the replacement that begins here has no >>>>"},
	} {
		if !strings.Contains(goodRow, c.old) {
			t.Fatalf("%q is not in the good row", c.old)
		}
		_, err := Parse("ZK-1.row", strings.Replace(goodRow, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in place of %q: %v, want %q", c.new, c.old, err, c.want)
		}
	}
	if _, err := Parse("ZK-1.row", ""); err == nil {
		t.Error("an empty row is taken")
	}
}

func TestTwice(t *testing.T) {
	rows := []Row{{ID: "ZK-1a", Path: "x"}, {ID: "ZK-2", Path: "y"}, {ID: "zk-1A", Path: "z"}}
	if errs := twice(rows); len(errs) != 1 || !strings.Contains(errs[0].Error(), "z:1: id zk-1A is also that of x") {
		t.Error(errs)
	}
}

func TestOrder(t *testing.T) {
	rows := []Row{{Section: "3.3", ID: "ZK-1"}, {Section: "3.1", ID: "ZK-1000"}, {Section: "3.1", ID: "etcd-7"}, {Section: "3.1", ID: "ZK-99"}}
	sortRows(rows)
	got := ""
	for _, r := range rows {
		got += r.Section + " " + r.ID + ", "
	}
	if got != "3.1 etcd-7, 3.1 ZK-99, 3.1 ZK-1000, 3.3 ZK-1, " {
		t.Error(got)
	}
}

func TestMissing(t *testing.T) {
	if missing := Missing(nil); len(missing) != len(demanded)-len(excused) || missing[0] != "ZK-4685" {
		t.Error(missing)
	}
	if missing := Missing([]Row{{ID: "ZK-4685"}}); missing[0] == "ZK-4685" {
		t.Error(missing)
	}
	for _, id := range demanded {
		if !idForm.MatchString(id) {
			t.Errorf("id %s could not be that of a row", id)
		}
	}
}
