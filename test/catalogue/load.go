package catalogue

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Dir holds the rows, relative to the module's root.
const Dir = "testdata/catalogue"

// rowSuffix ends the name of a row's file.
const rowSuffix = ".row"

// Load reads every row under root, in the order of the table. The error joins
// one of each file that cannot be read.
func Load(root string) ([]Row, error) {
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(Dir), "*"+rowSuffix))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	var rows []Row
	var wrong []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		row, err := Parse(path.Join(Dir, filepath.Base(name)), string(text))
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		rows = append(rows, row)
	}
	sortRows(rows)
	return rows, errors.Join(append(wrong, twice(rows)...)...)
}

// sortRows puts the table into order: sections, then ids with their numbers
// as numbers.
func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		if c := strings.Compare(a.Section, b.Section); c != 0 {
			return c
		}
		return compareIDs(a.ID, b.ID)
	})
}

func compareIDs(a, b string) int {
	ap, an := splitNumber(a)
	bp, bn := splitNumber(b)
	if c := strings.Compare(strings.ToLower(ap), strings.ToLower(bp)); c != 0 {
		return c
	}
	if len(an) != len(bn) {
		return len(an) - len(bn)
	}
	return strings.Compare(an, bn)
}

// splitNumber cuts the digits off the end of an id.
func splitNumber(id string) (string, string) {
	prefix := strings.TrimRight(id, "0123456789")
	return prefix, id[len(prefix):]
}

// twice finds ids that differ by case only: they would be one file elsewhere.
func twice(rows []Row) []error {
	var wrong []error
	seen := make(map[string]string, len(rows))
	for i := range rows {
		key := strings.ToLower(rows[i].ID)
		if other, ok := seen[key]; ok {
			wrong = append(wrong, fmt.Errorf("%s:1: id %s is also that of %s; join the two rows", rows[i].Path, rows[i].ID, other))
		}
		seen[key] = rows[i].Path
	}
	return wrong
}

// CheckSource sees that a row still fits the source under root: its tests
// exist and the texts that its mutants replace are there.
func (r *Row) CheckSource(root string) error {
	var wrong []error
	for _, t := range r.Tests {
		names, err := testNames(filepath.Join(root, filepath.FromSlash(t.Package)))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", r.Path, t.line, err))
		} else if !slices.Contains(names, t.Name) {
			wrong = append(wrong, fmt.Errorf("%s:%d: package %s has no test %s; write it, or correct the name", r.Path, t.line, t.Package, t.Name))
		}
	}
	for i := range r.Mutants {
		if _, err := r.Mutants[i].Files(r.Path, root); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// testNames lists the test functions of the package in dir.
func testNames(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no tests; correct the package's folder", filepath.ToSlash(dir))
	}
	var names []string
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names, nil
}
