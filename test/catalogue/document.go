package catalogue

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// DocumentFile holds the table, relative to the module's root.
const DocumentFile = "docs/RELIABILITY.md"

// The table stands between these lines of the document.
const (
	documentBegin = "<!-- catalogue -->"
	documentEnd   = "<!-- /catalogue -->"
)

// sections names the parts of the catalogue.
var sections = map[string]string{
	"3.1": "Synchronisation and commit",
	"3.2": "Election, epochs, membership",
	"3.3": "Log, snapshots, purge, disk",
	"3.4": "Threads, locks, shutdown",
	"3.5": "Sessions, watches, clients, wire",
	"3.7": "Gaps read in ZooKeeper's storage",
}

// Table renders rows, which are sorted, for the document.
func Table(rows []Row, record []Detection) string {
	var b strings.Builder
	section := ""
	for i := range rows {
		r := &rows[i]
		if r.Section != section {
			section = r.Section
			title := sections[section]
			if title == "" {
				title = "Section " + section + " of the reference"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| Bug | What went wrong there | What excludes it here | Test | Mutant | Seeds |\n|---|---|---|---|---|---|\n", title)
		}
		if r.NotApplicable != "" {
			fmt.Fprintf(&b, "| %s | %s | not applicable: %s | | | |\n", r.ID, cell(r.About), cell(r.NotApplicable))
			continue
		}
		var tests, mutants, seeds []string
		for _, t := range r.Tests {
			tests = append(tests, fmt.Sprintf("`%s` in `%s`", t.Name, strings.TrimPrefix(t.Package, "./")))
		}
		for m := range r.Mutants {
			mutants = append(mutants, cell(r.Mutants[m].What))
			if why := r.Mutants[m].NotSimulated; why != "" {
				seeds = append(seeds, cell("none: "+why))
			} else {
				seeds = append(seeds, r.seedsOf(m+1, record))
			}
		}
		if r.NotSimulated != "" {
			seeds = []string{cell("none: " + r.NotSimulated)}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, cell(r.About), cell(r.Rule),
			strings.Join(tests, "<br>"), list(mutants), list(seeds))
	}
	return b.String()
}

// seedsOf is what the record says of a mutant, as long as it is the same one.
func (r *Row) seedsOf(number int, record []Detection) string {
	for _, d := range record {
		if d.ID == r.ID && d.Number == number && d.What == r.Mutants[number-1].What {
			return d.Seeds
		}
	}
	return "not measured"
}

// list numbers entries where there are several.
func list(entries []string) string {
	if len(entries) == 1 {
		return entries[0]
	}
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteString("<br>")
		}
		fmt.Fprintf(&b, "%d. %s", i+1, e)
	}
	return b.String()
}

// cell keeps text from ending a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// errMarks: there is no place for the table.
var errMarks = errors.New("the table's place is not marked once; put the lines " + documentBegin + " and " + documentEnd + " where it belongs")

// Replaced returns the document with table between its marks.
func Replaced(document, table string) (string, error) {
	before, rest, ok := strings.Cut(document, documentBegin+"\n")
	if !ok {
		return "", errMarks
	}
	_, after, ok := strings.Cut(rest, documentEnd+"\n")
	if !ok || strings.Contains(before+after, documentBegin) || strings.Contains(before+after, documentEnd) {
		return "", errMarks
	}
	return before + documentBegin + "\n" + table + "\n" + documentEnd + "\n" + after, nil
}

// WriteDocument renews the table in the document.
func WriteDocument(path string, rows []Row, record []Detection) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	text, err := Replaced(string(b), Table(rows, record))
	if err != nil {
		return fmt.Errorf("catalogue: %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	return nil
}

// CheckDocument fails when the document's table is not that of rows and record.
func CheckDocument(path string, rows []Row, record []Detection) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("catalogue: %w; write the document, with the lines %s and %s", err, documentBegin, documentEnd)
	}
	text, err := Replaced(string(b), Table(rows, record))
	if err != nil {
		return fmt.Errorf("catalogue: %s: %w", path, err)
	}
	if text != string(b) {
		return fmt.Errorf("catalogue: the table in %s is not up to date; run: go run ./test/catalogue/cmd -run - -write %s", path, DocumentFile)
	}
	return nil
}
