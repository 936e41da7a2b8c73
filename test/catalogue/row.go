package catalogue

import (
	"strings"
	"unicode"
)

// Row is one known bug.
type Row struct {
	ID      string
	Section string // of the reference
	About   string // what went wrong there
	Rule    string // what excludes it here
	Tests   []Test
	Mutants []Mutant

	// NotApplicable says why nothing here could have the bug; then there are
	// neither tests nor mutants.
	NotApplicable string
	// NotSimulated says why random runs cannot find the mutants; empty when
	// they are expected to.
	NotSimulated string

	Path string // of the file, relative to the module
}

// Test names a test function.
type Test struct {
	Package string // as for the go command: ./sim
	Name    string
	line    int
}

func (t Test) String() string { return t.Package + " " + t.Name }

// Mutant is a bug as a change of the source.
type Mutant struct {
	What  string
	Edits []Edit
	line  int
}

// Edit replaces whole lines of one file.
type Edit struct {
	File     string // relative to the module, with slashes
	Old, New string // each line with its newline
	line     int
}

// word is the id as it stands in the names of tests, in small letters:
// zk4646 for ZK-4646, s37a for S-3.7-a.
func (r *Row) word() string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, r.ID)
}
