package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong, or odd, with a configuration, and where.
type Problem struct {
	File  string // as the caller named it; "--set" for a flag
	Line  int    // from 1; 0 when no line is to blame
	Key   string // as written; "" when no key is to blame
	Value string // as written, after trimming
	Text  string // what is wrong and what to write instead
}

// String writes "file:line: key=value: text", leaving out what is not known.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(p.Line))
	}
	switch {
	case p.File == "":
	case p.File == FlagSource:
		b.WriteByte(' ')
	default:
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(printable(p.Key))
		if p.Value != "" {
			b.WriteByte('=')
			b.WriteString(printable(p.Value))
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is the error of a configuration: every problem found, in the order
// of the lines.
type Problems []Problem

// Error writes one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sort puts the problems of one file together, files in the order in which they
// were first met, and orders by line.
func (ps Problems) sort() {
	rank := map[string]int{}
	for _, p := range ps {
		if _, ok := rank[p.File]; !ok {
			rank[p.File] = len(rank)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.Line, b.Line))
	})
}

// printableMax bounds how much of a value an error repeats.
const printableMax = 80

// printable returns s fit for an error message: short, and quoted when it
// holds what a terminal would not show.
func printable(s string) string {
	if len(s) > printableMax {
		s = s[:printableMax] + "..."
	}
	for _, r := range s {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
