package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the answers into testdata/*.txt")

// TestTranscripts reads testdata/*.txt. Each file is prose (lines that begin
// with #), and cases of the form
//
//	== name
//	-- zoo.cfg
//	content
//	-- d/myid
//	content
//	---- what load answers: warnings, then errors, or "ok"
func TestTranscripts(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head, cases, _ := strings.Cut(string(src), "== ")
		var out strings.Builder
		out.WriteString(head)
		for c := range strings.SplitSeq(cases, "\n== ") {
			input, _, _ := strings.Cut(c, "\n----\n")
			out.WriteString("== " + input + "\n----\n" + answer(input) + "\n")
		}
		switch {
		case *rewrite:
			if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		case out.String() != string(src):
			t.Errorf("%s differs; what load answers now:\n%s", name, out.String())
		}
	}
}

// answer loads the zoo.cfg of a case and renders the outcome.
func answer(input string) string {
	_, body, _ := strings.Cut(input, "\n")
	f := files{}
	for part := range strings.SplitSeq("\n"+body, "\n-- ") {
		if name, text, _ := strings.Cut(part, "\n"); name != "" {
			f[name] = text
		}
	}
	c, warnings, err := load("zoo.cfg", nil, f.read)
	var b strings.Builder
	for _, w := range warnings {
		b.WriteString("warning: " + w.String() + "\n")
	}
	if err != nil {
		b.WriteString(err.Error() + "\n")
		return b.String()
	}
	b.WriteString("ok, server " + c.ClientAddr.String() + "\n")
	return b.String()
}
