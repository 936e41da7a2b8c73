package lint

import (
	"go/ast"
	"strings"
)

const (
	maxFunctionLines = 70
	maxFileLines     = 500
)

// checkSize bounds functions (outside tests) and files.
func checkSize(s *source) []finding {
	var found []finding
	if n := strings.Count(s.text, "\n"); n > maxFileLines {
		found = append(found, s.finding("size", s.ast.Package, "the file has %d lines, at most %d are allowed; split it by noun", n, maxFileLines))
	}
	if s.isTest() {
		return found
	}
	for _, d := range s.ast.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > maxFunctionLines {
			found = append(found, s.finding("size", f.Pos(), "function %s has %d lines, at most %d are allowed; give its steps names", f.Name.Name, n, maxFunctionLines))
		}
	}
	return found
}
