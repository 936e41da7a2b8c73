package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// module is the path that imports inside the module begin with.
const module = "github.com/quorumd/quorumd"

// source is one parsed Go file.
type source struct {
	name string // slash-separated, relative to the module's root
	text string
	fset *token.FileSet
	ast  *ast.File
	maps map[string]bool // names of the package's fields that are maps
}

// finding is one breach of one rule.
type finding struct {
	rule string
	at   string // file:line
	text string
}

func (f finding) String() string { return f.at + ": " + f.rule + ": " + f.text }

// pkg is the file's directory relative to the module's root, "" for the root.
func (s *source) pkg() string {
	if dir := path.Dir(s.name); dir != "." {
		return dir
	}
	return ""
}

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s *source) finding(rule string, at token.Pos, format string, args ...any) finding {
	return finding{rule, fmt.Sprintf("%s:%d", s.name, s.line(at)), fmt.Sprintf(format, args...)}
}

func (s *source) line(at token.Pos) int { return s.fset.Position(at).Line }

// imports returns the paths of the file's imports by local name.
func (s *source) imports() map[string]string {
	m := make(map[string]string, len(s.ast.Imports))
	for _, spec := range s.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if p == "math/rand/v2" {
			name = "rand"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		m[name] = p
	}
	return m
}

// parse makes a source of a file's text.
func parse(name, text string) (*source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("lint: parse: %w", err)
	}
	return &source{name: name, text: text, fset: fset, ast: f}, nil
}

// load parses every Go file under root, testdata and hidden folders left out.
func load(root string) ([]*source, error) {
	var all []*source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); p != root && (n == "testdata" || strings.HasPrefix(n, ".") || strings.HasPrefix(n, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(rel), string(text))
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	shareMapNames(all)
	return all, err
}
