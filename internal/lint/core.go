package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// corePackages are stepped as values: what they do follows from their events
// alone, so that a seed gives the same trace, always.
var corePackages = []string{
	"zab", "wire", "history", "znode", "session",
	"election", "sync", "broadcast", "leader", "follower", "replica",
}

// lockedPackages are core packages that may hold mutexes: clients' readers
// look at the tree and its watches while the loop applies.
var lockedPackages = []string{"znode"}

// coreForbiddenImports maps an import the core must not have to the remedy.
// A path also stands for the packages below it.
var coreForbiddenImports = map[string]string{
	"os":                     "files belong to txnlog and the shells",
	"net":                    "sockets belong to server",
	"sync":                   "the core is stepped by one goroutine; locks belong to the shells",
	"context":                "the core never waits; deadlines are ticks",
	"crypto/rand":            "randomness comes with the event, or a seeded source is passed in",
	"github.com/rs/zerolog":  "the core returns notes; the shell turns them into log lines",
	"log":                    "the core returns notes; the shell turns them into log lines",
	"runtime":                "the core does not depend on how it is run",
	"math/rand":              "use math/rand/v2 with a source that is passed in",
	module + "/internal/vfs": "files belong to txnlog and the shells",
	module + "/txnlog":       "the disk is a peer: ask for a disk operation in the output",
	module + "/server":       "imports point down",
}

// clockNames are the functions of package time that read a clock or wait.
var clockNames = []string{
	"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep",
}

// randTypes are the names of math/rand/v2 that do not draw from the global source.
var randTypes = []string{"Rand", "New", "NewPCG", "NewChaCha8", "NewZipf", "PCG", "ChaCha8", "Source", "Zipf"}

// checkCore holds a file of a core package to the core's rules.
func checkCore(s *source) []finding {
	if !slices.Contains(corePackages, s.pkg()) || s.isTest() {
		return nil
	}
	found := checkCoreImports(s)
	imports := s.imports()
	bad := func(at token.Pos, format string, args ...any) {
		found = append(found, s.finding("core", at, format, args...))
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			bad(n.Pos(), "go statement; the core is one value stepped by one goroutine, return an effect instead")
		case *ast.ChanType:
			bad(n.Pos(), "channel type; events come through Step, effects go into the output")
		case *ast.SelectStmt:
			bad(n.Pos(), "select; its order is random, the core's is not")
		case *ast.SelectorExpr:
			id, ok := n.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch imports[id.Name] {
			case "time":
				if slices.Contains(clockNames, n.Sel.Name) {
					bad(n.Pos(), "time.%s; take the time that came with the event", n.Sel.Name)
				}
			case "math/rand/v2":
				if !slices.Contains(randTypes, n.Sel.Name) {
					bad(n.Pos(), "rand.%s draws from the global source; pass a seeded *rand.Rand in", n.Sel.Name)
				}
			}
		}
		return true
	})
	return found
}

func checkCoreImports(s *source) []finding {
	var found []finding
	for _, spec := range s.ast.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		for forbidden, remedy := range coreForbiddenImports {
			if p != forbidden && !strings.HasPrefix(p, forbidden+"/") || p == "math/rand/v2" {
				continue
			}
			if forbidden == "sync" && slices.Contains(lockedPackages, s.pkg()) {
				continue
			}
			found = append(found, s.finding("core", spec.Pos(), "import of %s: %s", p, remedy))
		}
	}
	return found
}
