package lint

import (
	"go/ast"
	"regexp"
)

// checkSleep refuses time.Sleep in tests: it is either too short on a slow
// machine or too long everywhere else.
func checkSleep(s *source) []finding {
	if !s.isTest() {
		return nil
	}
	var found []finding
	imports := s.imports()
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
			if id, ok := sel.X.(*ast.Ident); ok && imports[id.Name] == "time" {
				found = append(found, s.finding("sleep", n.Pos(), "time.Sleep in a test; wait for the event itself, with a deadline"))
			}
		}
		return true
	})
	return found
}

// leftover matches the words that announce unfinished work. They are put
// together here so that this file does not match itself.
var leftover = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

// checkLeftover refuses comments that announce unfinished work.
func checkLeftover(s *source) []finding {
	var found []finding
	for _, group := range s.ast.Comments {
		for _, c := range group.List {
			if word := leftover.FindString(c.Text); word != "" {
				found = append(found, s.finding("leftover", c.Pos(), "comment with %s; finish it, or file an issue and say what holds now", word))
			}
		}
	}
	return found
}
