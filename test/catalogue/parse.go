package catalogue

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// The marks around replaced text.
const (
	markOld = "<<<<"
	markNew = "===="
	markEnd = ">>>>"
)

var (
	idForm      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9.]+)+$`)
	sectionForm = regexp.MustCompile(`^[1-9]\.[1-9]$`)
	testForm    = regexp.MustCompile(`^(\./[A-Za-z0-9_/]+) (Test[A-Za-z0-9_]*)(?: -tags ([a-z]+))?$`)
)

// rowParser reads one row. An error ends it: what follows would only be noise.
type rowParser struct {
	row   Row
	lines []string
	n     int // number of the line under way
	seen  map[string]int
}

// Parse reads the text of a row. name is the file's path, for messages and
// because it holds the id.
func Parse(name, text string) (Row, error) {
	p := &rowParser{row: Row{Path: name}, lines: strings.Split(text, "\n"), seen: make(map[string]int)}
	for p.n < len(p.lines) {
		line := p.lines[p.n]
		p.n++
		if line == "" {
			continue
		}
		if err := p.line(line); err != nil {
			return p.row, err
		}
	}
	return p.row, p.whole()
}

// wrong is an error at a line of the row.
func (p *rowParser) wrong(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.row.Path, line, fmt.Sprintf(format, args...))
}

func (p *rowParser) line(line string) error {
	if line == markOld {
		return p.edit()
	}
	key, value, ok := strings.Cut(line, ": ")
	if !ok || strings.TrimSpace(value) != value || value == "" {
		return p.wrong(p.n, "%q is no line of a row; write \"key: value\" without blanks around it, or %s before replaced text", line, markOld)
	}
	if n := len(p.row.Mutants); n > 0 && key == "simulator" {
		return p.notSimulated(&p.row.Mutants[n-1], value)
	}
	if before, twice := p.seen[key]; twice && key != "test" && key != "mutant" && key != "file" {
		return p.wrong(p.n, "a second %q, the first is in line %d; keep one", key, before)
	}
	if len(p.row.Mutants) > 0 && key != "mutant" && key != "file" {
		return p.wrong(p.n, "%q after the first mutant; put it before", key)
	}
	p.seen[key] = p.n
	return p.key(key, value)
}

func (p *rowParser) key(key, value string) error {
	switch key {
	case "id":
		p.row.ID = value
		return p.id()
	case "section":
		p.row.Section = value
		if !sectionForm.MatchString(value) {
			return p.wrong(p.n, "section %q; write the reference's, as in 3.1", value)
		}
	case "about":
		p.row.About = value
	case "rule":
		p.row.Rule = value
	case "not applicable":
		p.row.NotApplicable = value
	case "test":
		m := testForm.FindStringSubmatch(value)
		if m == nil {
			return p.wrong(p.n, "test %q; write the package's folder and the test's name, as in ./sim TestZK4646, and perhaps -tags and a tag", value)
		}
		p.row.Tests = append(p.row.Tests, Test{Package: m[1], Name: m[2], Tags: m[3], line: p.n})
	case "simulator":
		reason, no := strings.CutPrefix(value, "no: ")
		if value != "yes" && !no {
			return p.wrong(p.n, "simulator %q; write yes, or no: and the reason", value)
		}
		if no {
			p.row.NotSimulated = reason
		}
	case "mutant":
		if err := p.mutantWhole(); err != nil {
			return err
		}
		p.row.Mutants = append(p.row.Mutants, Mutant{What: value, line: p.n})
	case "file":
		return p.file(value)
	default:
		return p.wrong(p.n, "unknown key %q; the keys are id, section, about, rule, test, simulator, not applicable, mutant, file", key)
	}
	return nil
}

// notSimulated takes the reason why random runs cannot find one of the mutants.
func (p *rowParser) notSimulated(m *Mutant, value string) error {
	reason, no := strings.CutPrefix(value, "no: ")
	switch {
	case !no:
		return p.wrong(p.n, "simulator %q of a mutant; write no: and the reason, or leave the line out", value)
	case p.row.NotSimulated != "":
		return p.wrong(p.n, "\"simulator\" of a mutant, in a row that has a reason for all of them; keep one")
	case m.NotSimulated != "":
		return p.wrong(p.n, "a second \"simulator\" of one mutant; keep one")
	}
	m.NotSimulated = reason
	return nil
}

func (p *rowParser) id() error {
	if !idForm.MatchString(p.row.ID) {
		return p.wrong(p.n, "id %q; write the reference's with - for # and /, as in ZK-4646 or S-3.7-a", p.row.ID)
	}
	if file := strings.TrimSuffix(path.Base(p.row.Path), rowSuffix); file != p.row.ID {
		return p.wrong(p.n, "id %s in a file named %s%s; name the file %s%s", p.row.ID, file, rowSuffix, p.row.ID, rowSuffix)
	}
	return nil
}

func (p *rowParser) file(name string) error {
	if len(p.row.Mutants) == 0 {
		return p.wrong(p.n, "file %q before the first mutant; begin it with \"mutant: <what is wrong>\"", name)
	}
	if path.Clean(name) != name || path.IsAbs(name) || strings.HasPrefix(name, "..") ||
		!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return p.wrong(p.n, "file %q; name a Go file that is no test, relative to the module's root", name)
	}
	m := &p.row.Mutants[len(p.row.Mutants)-1]
	if n := len(m.Edits); n > 0 && m.Edits[n-1].Old == "" {
		return p.wrong(m.Edits[n-1].line, "file %s has no replacement; add one, or remove the line", m.Edits[n-1].File)
	}
	m.Edits = append(m.Edits, Edit{File: name, line: p.n})
	return nil
}

// edit reads a replacement; the line with its first mark was taken.
func (p *rowParser) edit() error {
	if len(p.row.Mutants) == 0 || len(p.row.Mutants[len(p.row.Mutants)-1].Edits) == 0 {
		return p.wrong(p.n, "%s without a file; put \"file: <path>\" before it", markOld)
	}
	at := p.n
	old, err := p.until(markNew, at)
	if err != nil {
		return err
	}
	text, err := p.until(markEnd, at)
	if err != nil {
		return err
	}
	if strings.TrimSpace(old) == "" {
		return p.wrong(at, "nothing is replaced; give the lines as they stand in the source")
	}
	if old == text {
		return p.wrong(at, "the new text is the old one; write the bug")
	}
	m := &p.row.Mutants[len(p.row.Mutants)-1]
	e := &m.Edits[len(m.Edits)-1]
	if e.Old != "" { // one more replacement in the same file
		m.Edits = append(m.Edits, Edit{File: e.File})
		e = &m.Edits[len(m.Edits)-1]
	}
	e.Old, e.New, e.line = old, text, at
	return nil
}

// until takes the lines before the next mark, verbatim.
func (p *rowParser) until(mark string, begun int) (string, error) {
	var b strings.Builder
	for p.n < len(p.lines) {
		line := p.lines[p.n]
		p.n++
		switch line {
		case mark:
			return b.String(), nil
		case markOld, markNew, markEnd:
			return "", p.wrong(p.n, "%s where %s is due; the marks of one replacement are %s, %s, %s", line, mark, markOld, markNew, markEnd)
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return "", p.wrong(begun, "the replacement that begins here has no %s", mark)
}

// mutantWhole checks that the mutant under way changes something.
func (p *rowParser) mutantWhole() error {
	if len(p.row.Mutants) == 0 {
		return nil
	}
	m := &p.row.Mutants[len(p.row.Mutants)-1]
	if n := len(m.Edits); n == 0 || m.Edits[n-1].Old == "" {
		return p.wrong(m.line, "mutant %q lacks a replacement; add file, %s, %s and %s", m.What, markOld, markNew, markEnd)
	}
	return nil
}

// whole checks at the end that nothing is missing and nothing contradicts.
func (p *rowParser) whole() error {
	if err := p.mutantWhole(); err != nil {
		return err
	}
	required := []string{"id", "section", "about"}
	refused := []string{"test", "simulator", "mutant"}
	if p.row.NotApplicable == "" {
		required, refused = append(required, "rule", "test", "simulator", "mutant"), nil
	}
	for _, key := range required {
		if p.seen[key] == 0 {
			return p.wrong(1, "%q is missing; add the line \"%s: ...\"", key, key)
		}
	}
	for _, key := range refused {
		if n := p.seen[key]; n > 0 {
			return p.wrong(n, "%q in a row that is not applicable; remove one of the two", key)
		}
	}
	for _, t := range p.row.Tests {
		if !strings.Contains(strings.ToLower(t.Name), p.row.word()) {
			return p.wrong(t.line, "the name of test %s does not hold the id %s; rename it so that a failure leads here", t.Name, p.row.ID)
		}
	}
	return nil
}
