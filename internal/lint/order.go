package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// checkMapOrder asks of every range over a map in a core package that the next
// statement sorts what it gathered, or that a comment on its line or the line
// above says why the order does not show ("order" must be in it). Types are not resolved: what counts as a map is what is declared
// as one in the function, or as a field or variable of the package.
func checkMapOrder(s *source) []finding {
	if !slices.Contains(corePackages, s.pkg()) || s.isTest() {
		return nil
	}
	explained := map[int]bool{}
	for _, group := range s.ast.Comments {
		if strings.Contains(group.Text(), "order") {
			explained[s.line(group.End())] = true
			explained[s.line(group.End())+1] = true
		}
	}
	var found []finding
	for _, d := range s.ast.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		locals, sorted := localMaps(f), sortedNext(f.Body)
		ast.Inspect(f.Body, func(n ast.Node) bool {
			r, ok := n.(*ast.RangeStmt)
			if !ok || explained[s.line(r.Pos())] || sorted[r.Pos()] {
				return true
			}
			var name string
			switch x := r.X.(type) {
			case *ast.Ident:
				if locals[x.Name] {
					name = x.Name
				}
			case *ast.SelectorExpr:
				if s.maps[x.Sel.Name] {
					name = x.Sel.Name
				}
			}
			if name != "" {
				found = append(found, s.finding("order", r.Pos(), "range over the map %s; its order is random: sort, or say in a comment here why the order does not show", name))
			}
			return true
		})
	}
	return found
}

// fieldKinds sorts the names of struct fields in f into maps and others.
func fieldKinds(f *ast.File) (maps, others map[string]bool) {
	maps, others = map[string]bool{}, map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		st, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, field := range st.Fields.List {
			into := others
			if _, ok := field.Type.(*ast.MapType); ok {
				into = maps
			}
			for _, name := range field.Names {
				into[name.Name] = true
			}
		}
		return true
	})
	return maps, others
}

// shareMapNames gives every file the names of the fields that are maps in its
// whole package. A name that is also a field of another kind is left out: without
// types the two cannot be told apart.
func shareMapNames(all []*source) {
	maps, others := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, s := range all {
		p := s.pkg()
		if maps[p] == nil {
			maps[p], others[p] = map[string]bool{}, map[string]bool{}
		}
		m, o := fieldKinds(s.ast)
		for name := range m {
			maps[p][name] = true
		}
		for name := range o {
			others[p][name] = true
		}
	}
	for p := range maps {
		for name := range others[p] {
			delete(maps[p], name)
		}
	}
	for _, s := range all {
		s.maps = maps[s.pkg()]
	}
}

// sortedNext collects the positions of range statements whose next statement
// sorts what they gathered.
func sortedNext(body *ast.BlockStmt) map[token.Pos]bool {
	found := map[token.Pos]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		block, ok := n.(*ast.BlockStmt)
		if !ok {
			return true
		}
		for i := range len(block.List) - 1 {
			r, isRange := block.List[i].(*ast.RangeStmt)
			if isRange && isSort(block.List[i+1]) {
				found[r.Pos()] = true
			}
		}
		return true
	})
	return found
}

// isSort reports whether st is a call into package slices or sort.
func isSort(st ast.Stmt) bool {
	e, ok := st.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := e.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && (id.Name == "sort" || id.Name == "slices" && strings.HasPrefix(sel.Sel.Name, "Sort"))
}

// localMaps collects the parameters and variables of f that are maps.
func localMaps(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	fields := f.Type.Params.List
	if f.Type.Results != nil {
		fields = append(slices.Clone(fields), f.Type.Results.List...)
	}
	for _, field := range fields {
		if _, ok := field.Type.(*ast.MapType); ok {
			for _, name := range field.Names {
				names[name.Name] = true
			}
		}
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, rhs := range n.Rhs {
				if id, ok := n.Lhs[i].(*ast.Ident); ok && isMapExpr(rhs) {
					names[id.Name] = true
				}
			}
		case *ast.ValueSpec:
			_, isMap := n.Type.(*ast.MapType)
			for i, name := range n.Names {
				if isMap || (i < len(n.Values) && isMapExpr(n.Values[i])) {
					names[name.Name] = true
				}
			}
		}
		return true
	})
	return names
}

// isMapExpr reports whether e is map[K]V{...} or make(map[K]V, ...).
func isMapExpr(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		_, ok := e.Type.(*ast.MapType)
		return ok
	case *ast.CallExpr:
		id, ok := e.Fun.(*ast.Ident)
		if !ok || id.Name != "make" || len(e.Args) == 0 {
			return false
		}
		_, ok = e.Args[0].(*ast.MapType)
		return ok
	}
	return false
}
