package transcript

import "testing"

// TestPlay: the outputs of this time take the places of those of last time, and
// prose stays, indented or not.
func TestPlay(t *testing.T) {
	said := 0
	run := func(command string) string {
		if said++; command == "two lines" {
			return "one\ntwo\n"
		}
		return ""
	}
	const before = "Prose.\n    Indented prose.\n> two lines\n    what it was\nProse.\n> nothing\n    what it was\n    and more\n\n    Prose.\n"
	const after = "Prose.\n    Indented prose.\n> two lines\n    one\n    two\nProse.\n> nothing\n\n    Prose.\n"
	if got := play(before, run); got != after || said != 2 {
		t.Errorf("%d commands, and\n%s", said, got)
	}
	if got := play(after, run); got != after {
		t.Errorf("played once more:\n%s", got)
	}
}
