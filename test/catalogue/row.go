package catalogue

import (
	"cmp"
	"slices"
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
	Tags    string // the build needs, if not empty
	line    int
}

func (t Test) String() string {
	if t.Tags != "" {
		return t.Package + " " + t.Name + " -tags " + t.Tags
	}
	return t.Package + " " + t.Name
}

// build is what tests share that are run by one command.
type build struct{ pkg, tags string }

func (b build) String() string { return strings.TrimSpace(b.pkg + " " + b.tags) }

// builds groups the names of tests by what is built for them, in their order.
func builds(tests []Test) (order []build, names map[build][]string) {
	names = make(map[build][]string)
	for _, t := range tests {
		b := build{t.Package, t.Tags}
		if names[b] == nil {
			order = append(order, b)
		}
		if !slices.Contains(names[b], t.Name) {
			names[b] = append(names[b], t.Name)
		}
	}
	return order, names
}

// Mutant is a bug as a change of the source.
type Mutant struct {
	What  string
	Edits []Edit
	// NotSimulated says why random runs cannot find this one, though they are
	// expected to find others of the row.
	NotSimulated string
	line         int
}

// Edit replaces whole lines of one file.
type Edit struct {
	File     string // relative to the module, with slashes
	Old, New string // each line with its newline
	line     int
}

// notSimulated says why random runs are not asked for a mutant, "" if they are.
func (r *Row) notSimulated(m *Mutant) string { return cmp.Or(r.NotSimulated, m.NotSimulated) }

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
