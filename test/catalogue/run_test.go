package catalogue

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	const run, runB = "=== RUN   TestA\n", "=== RUN   TestB\n"
	for _, c := range []struct {
		out       string
		failed    bool
		name, how string
		wrong     string
	}{
		{run + "--- PASS: TestA (0.00s)\n" + runB + "--- PASS: TestB (0.00s)\nok\n", false, "", "", ""},
		{run + "--- PASS: TestA (0.00s)\nok\n", false, "", "", "TestB did not run"},
		{run + "--- PASS: TestA (0.00s)\n" + runB + "--- FAIL: TestB (0.00s)\n", true, "TestB", "failed", ""},
		{run + "--- PASS: TestA (0.00s)\n" + runB + "\npanic: T1\n", true, "TestB", "panicked", ""},
		{run + "    a.go:1: no\n--- FAIL: TestA (0.00s)\nFAIL\n", true, "TestA", "failed", ""},
		{run + "panic: test timed out after 2s\n", true, "TestA", "hung", ""},
		{run + "--- FAIL: TestA (0.00s)\npanic: T1\n", true, "TestA", "panicked", ""},
		{run + "\nfatal error: all goroutines are asleep\n", true, "TestA", "panicked", ""},
		{"FAIL\tx [build failed]\n", true, "", "", "does not build"},
		{"panic: in init\n", true, "", "", "did not run"},
		{"ok x [no tests to run]\n", false, "", "", "did not run"},
		{run + "--- SKIP: TestA (0.00s)\n", false, "", "", "was skipped"},
		{run + "--- PASS: TestA (0.00s)\nFAIL\n", true, "", "", "the tests did not"},
	} {
		name, how, err := judge(c.out, []string{"TestA", "TestB"}, c.failed)
		if name != c.name || how != c.how || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: %q %q %v, want %q %q %q", c.out, name, how, err, c.name, c.how, c.wrong)
		}
	}
}

// TestRun runs mutants of a module of its own: one is killed, one survives, one
// does not build, one hangs.
func TestRun(t *testing.T) {
	root := module(t, map[string]string{
		"go.mod":      "module example\n\ngo 1.25\n",
		"a/a.go":      "package a\n\nfunc f() int {\n\treturn 1\n}\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestX1(t *testing.T) {\n\tif f() != 1 {\n\t\tt.Fatal()\n\t}\n}\n\nfunc TestX2(t *testing.T) {\n\tif f() != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
	})
	mutant := func(text string) Mutant {
		return Mutant{Edits: []Edit{{File: "a/a.go", Old: "\treturn 1\n", New: text}}}
	}
	rows := []Row{{ID: "X-1", Path: "r", NotSimulated: "none", Tests: []Test{{Package: "./a", Name: "TestX1"}},
		Mutants: []Mutant{mutant("\treturn 3\n"), mutant("\treturn 2 - 1\n"), mutant("\treturn x\n"), mutant("\tselect {}\n")}}}
	r := Runner{Root: root, Workers: 2, Timeout: 5 * time.Second, Tests: true, Logf: t.Logf}
	results, err := r.Run(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"(failed)", "SURVIVED", "error", "(hung)"} {
		if got := results[i].killedIn(); !strings.HasSuffix(got, want) && got != want {
			t.Errorf("mutant %d: %s (%v), want %s", i+1, got, results[i].Err, want)
		}
	}
	rows[0].Tests[0].Name = "TestX2"
	rows[0].Mutants = rows[0].Mutants[:1]
	if _, err := r.Run(context.Background(), rows[:1]); err == nil || !strings.Contains(err.Error(), "./a TestX2 does not pass as the source stands") {
		t.Error(err)
	}
}

func TestLowestFailing(t *testing.T) {
	out := "seed 9: ok, trace hash 1\nseed 12: it broke\n  see it with: x\nseed 7: it broke: seed 3: no\n500 of 600\n"
	if n := lowestFailing(out); n != 7 {
		t.Error(n)
	}
	if n := lowestFailing("seed 9: ok, trace hash 1\n"); n != 0 {
		t.Error(n)
	}
}

// TestSimulate has a program in place of the simulator that fails at one seed,
// with and without a flag to stop there.
func TestSimulate(t *testing.T) {
	const program = `package main

import (
	"fmt"
	"os"
	"strconv"
)

const fails = 100

func main() {
	if os.Args[2] == "--help" {
		fmt.Println("HELP")
		return
	}
	first, _ := strconv.Atoi(os.Args[3])
	n, _ := strconv.Atoi(os.Args[5])
	for s := first; s < first+n; s++ {
		if s == fails {
			fmt.Printf("seed %d: broken\n", s)
			os.Exit(1)
		}
	}
}
`
	for _, c := range []struct {
		help string
		n    int
		want string
	}{{"HELP", 1000, "100"}, {"--until-failure", 1000, "100"}, {"HELP", 99, ">99"}, {"--until-failure", 99, ">99"}} {
		root := module(t, map[string]string{"go.mod": "module example\n\ngo 1.25\n",
			"cmd/quorumd/main.go": strings.Replace(program, "HELP", c.help, 1)})
		row := Row{ID: "X-1", Path: "r", Mutants: []Mutant{{Edits: []Edit{{File: "cmd/quorumd/main.go", Old: "import (\n", New: "import (\n\n"}}}}}
		r := Runner{Root: root, Workers: 1, Seeds: c.n, SeedTime: time.Minute, Logf: t.Logf}
		results, err := r.Run(context.Background(), []Row{row})
		if err != nil || results[0].Err != nil || results[0].seedsText() != c.want {
			t.Errorf("%s %d: %s %v, want %s", c.help, c.n, results[0].seedsText(), results[0].Err, c.want)
		}
	}
}
