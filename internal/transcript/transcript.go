// Package transcript is for tests that are written down as transcripts: prose,
// commands, and what came of each command when it was last accepted.
//
// A line that starts with "> " is a command. The lines behind it that are
// indented by four spaces are all of its output. The rest is prose. What the
// commands are is each package's own affair.
package transcript

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts anew; commit the changes only if you understand each of them")

// Run carries out a command and returns its output.
type Run func(command string) string

// Test plays every transcript of the package's testdata, each with a Run of its
// own, and compares the outputs with those written down.
func Test(t *testing.T, begin func(t *testing.T) Run) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(string(b), begin(t))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(b) {
				t.Errorf("%s tells another story now; see the difference with -rewrite and git diff\n%s", file, got)
			}
		})
	}
}

// play carries out the commands of a transcript and returns it with their
// outputs of this time.
func play(text string, run Run) string {
	var out strings.Builder
	afterCommand := false
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(strings.TrimRight(line, "\n"), "> ")
		if !isCommand && afterCommand && strings.HasPrefix(line, "    ") {
			continue // the output of last time
		}
		out.WriteString(line)
		afterCommand = isCommand
		if !isCommand {
			continue
		}
		for l := range strings.Lines(run(command)) {
			out.WriteString("    " + l)
		}
	}
	return out.String()
}
