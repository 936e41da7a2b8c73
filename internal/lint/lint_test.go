package lint

import (
	"slices"
	"strings"
	"testing"
)

// checks are all the rules, each a function of one file.
var checks = []func(*source) []finding{checkImports, checkCore, checkMapOrder, checkSize, checkSleep, checkLeftover}

func checkAll(s *source) []finding {
	var found []finding
	for _, check := range checks {
		found = append(found, check(s)...)
	}
	return found
}

// TestHouseRules is the lint: it reads the whole module.
func TestHouseRules(t *testing.T) {
	sources, err := load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 20 {
		t.Fatalf("only %d files found; is the module's root two folders up?", len(sources))
	}
	for _, s := range sources {
		for _, f := range checkAll(s) {
			t.Error(f)
		}
	}
}

// TestEdgesPointDown checks the list itself: every edge goes to a lower floor.
func TestEdgesPointDown(t *testing.T) {
	for from, tos := range edges {
		for _, to := range slices.Concat(tos, testEdges[from]) {
			if floor(from) < 0 || floor(to) < 0 {
				t.Errorf("%s -> %s: a package without a layer", from, to)
			} else if floor(to) >= floor(from) {
				t.Errorf("%s -> %s does not point down: %s is in layer %s, %s in %s",
					from, to, from, layers[floor(from)].name, to, layers[floor(to)].name)
			}
		}
	}
	for _, core := range corePackages {
		for _, to := range edges[core] {
			locks := to == "internal/ranked" && slices.Contains(lockedPackages, core)
			if to != "jute" && !locks && !slices.Contains(corePackages, to) {
				t.Errorf("%s -> %s leaves the core", core, to)
			}
		}
	}
	if slices.Contains(edges["client"], "server") || len(edges["client"]) != 1 {
		t.Errorf("client imports jute only, not %v", edges["client"])
	}
}

// TestChecksCanFail gives every rule a source that breaks it.
func TestChecksCanFail(t *testing.T) {
	long := "package p\nfunc f() {\n" + strings.Repeat("\t_ = 1\n", 69) + "}\n"
	cases := []struct {
		name, text, want string
	}{
		{"zab/a.go", `package zab; import _ "github.com/quorumd/quorumd/wire"`, "zab -> wire is no edge"},
		{"election/a.go", `package election; import _ "github.com/quorumd/quorumd/broadcast"`, "election -> broadcast is no edge"},
		{"leader/a.go", `package leader; import _ "github.com/quorumd/quorumd/follower"`, "leader -> follower is no edge"},
		{"leader/a_test.go", `package leader; import _ "github.com/quorumd/quorumd/follower"`, "leader -> follower is no edge"},
		{"leader/a.go", `package leader; import _ "github.com/quorumd/quorumd/internal/transcript"`, "leader -> internal/transcript is no edge"},
		{"newcomer/a.go", `package newcomer; import _ "github.com/quorumd/quorumd/zab"`, "newcomer -> zab is no edge"},
		{"leader/a.go", `package leader; import sync "github.com/quorumd/quorumd/sync"`, "under its own name, zabsync"},
		{"leader/a.go", "package leader\nfunc f() { go f() }", "a.go:2: core: go statement"},
		{"leader/a.go", "package leader\nvar c chan int", "channel type"},
		{"leader/a.go", "package leader\nfunc f() { select {} }", "select"},
		{"leader/a.go", `package leader; import "sync"`, "import of sync"},
		{"leader/a.go", `package leader; import "sync/atomic"`, "import of sync/atomic"},
		{"leader/a.go", `package leader; import "os"`, "import of os"},
		{"leader/a.go", `package leader; import "net/netip"`, "import of net/netip"},
		{"leader/a.go", `package leader; import "github.com/rs/zerolog"`, "import of github.com/rs/zerolog"},
		{"leader/a.go", `package leader; import "math/rand"`, "import of math/rand:"},
		{"leader/a.go", `package leader; import "math/rand/v2"; var x = rand.IntN(3)`, "rand.IntN draws"},
		{"leader/a.go", `package leader; import "time"; var x = time.Now()`, "time.Now"},
		{"leader/a.go", `package leader; import clock "time"; var x = clock.After`, "time.After"},
		{"leader/a.go", "package leader\ntype t struct{ m map[int]int }\nfunc f(x t) { for range x.m {} }", "a.go:3: order: range over the map m"},
		{"leader/a.go", "package leader\nfunc f(m map[int]int) { for range m {} }", "range over the map m"},
		{"leader/a.go", "package leader\nfunc f() { m := map[int]int{}; for range m {} }", "range over the map m"},
		{"leader/a.go", "package leader\nfunc f() { m := make(map[int]int); for range m {} }", "range over the map m"},
		{"server/a.go", long, "function f has 71 lines"},
		{"server/a.go", "package p\n" + strings.Repeat("\n", 500), "the file has 501 lines"},
		{"server/a_test.go", `package p; import "time"; func f() { time.Sleep(1) }`, "time.Sleep in a test"},
		{"server/a.go", "package p\n// TO" + "DO: all of it\n", "a.go:2: leftover"},
	}
	for _, c := range cases {
		s, err := parse(c.name, c.text)
		if err != nil {
			t.Fatal(err)
		}
		shareMapNames([]*source{s})
		if !slices.ContainsFunc(checkAll(s), func(f finding) bool { return strings.Contains(f.String(), c.want) }) {
			t.Errorf("%s %.60q: no finding with %q, only %v", c.name, c.text, c.want, checkAll(s))
		}
	}
}

// TestChecksCanPass gives sources that come close to breaking a rule.
func TestChecksCanPass(t *testing.T) {
	for name, text := range map[string]string{
		"leader/a.go":      `package leader; import "time"; import "math/rand/v2"; func f(r *rand.Rand) time.Duration { return time.Second }`,
		"leader/b.go":      "package leader\nfunc f(m map[int]int) int {\n\tn := 0\n\t// A sum: the order does not show.\n\tfor _, v := range m {\n\t\tn += v\n\t}\n\treturn n\n}",
		"leader/d.go":      "package leader\nimport \"slices\"\nfunc f(m map[int]int) (l []int) {\n\tfor k := range m {\n\t\tl = append(l, k)\n\t}\n\tslices.Sort(l)\n\treturn l\n}",
		"leader/e.go":      "package leader\ntype a struct{ m map[int]int }\ntype b struct{ m []int }\nfunc f(x b) { for range x.m {} }",
		"leader/c.go":      "package leader\nfunc f(m []int) { for range m {} }",
		"znode/a.go":       `package znode; import "sync"; var m sync.Mutex`,
		"leader/a_test.go": "package leader\nimport \"os\"\nfunc f() { go f() }",
		"leader/b_test.go": `package leader; import _ "github.com/quorumd/quorumd/internal/transcript"`,
		"server/a.go":      "package p\nfunc f() {\n" + strings.Repeat("\t_ = 1\n", 68) + "}\n",
		"replica/a.go":     `package replica; import zabsync "github.com/quorumd/quorumd/sync"`,
		"server/b.go":      `package p; import "time"; var s = "TO` + `DO"; func f() { time.Sleep(1) }`,
	} {
		s, err := parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		shareMapNames([]*source{s})
		if found := checkAll(s); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}
