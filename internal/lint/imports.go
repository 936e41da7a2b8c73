package lint

import (
	"slices"
	"strings"
)

// layer is one floor of the house. A package imports packages of lower floors
// only, and only those that edges lists.
type layer struct {
	name     string
	packages []string
}

// layers draws the house from the ground up. Packages of one floor do not know
// each other: a phase never imports a phase, the leader never the follower.
var layers = []layer{
	{"tools", []string{"internal/must", "internal/ranked", "internal/transcript"}},
	{"words", []string{"zab", "jute", "internal/vfs", "internal/fourletter"}},
	{"formats", []string{"wire", "config"}},
	{"history", []string{"history"}},
	{"state", []string{"znode", "session"}},
	{"phases", []string{"election", "sync", "broadcast"}},
	{"roles", []string{"leader", "follower"}},
	{"replica", []string{"replica"}},
	{"disk", []string{"txnlog"}},
	{"surfaces", []string{"admin", "client"}},
	{"server's ports", []string{"server/clientport", "server/peer"}},
	{"shells", []string{"server", "sim"}},
	{"local ensembles", []string{"internal/ensemble"}},
	{"offline tools", []string{"internal/datadir"}},
	{"program", []string{"cmd/quorumd"}},
	{"test harness", []string{"test/harness"}},
	{"tests of processes", []string{"test/clients", "test/clients/gozk", "test/failover", "test/malformed", "test/badinput", "test/descriptors", "test/compare", "test/compat", "test/chaos"}},
	{"catalogue", []string{"test/catalogue"}},
	{"commands of tests", []string{"test/failover/cmd", "test/catalogue/cmd", "test/chaos/cmd"}},
}

// edges lists every import that is allowed between packages of the module,
// internal/must aside, which everybody may import. An edge is added when it is
// needed and points down, in the same change as the import.
var edges = map[string][]string{
	"wire":               {"zab"},
	"config":             {"zab"},
	"history":            {"zab", "wire"},
	"znode":              {"zab", "wire", "jute", "history", "internal/ranked"},
	"session":            {"zab", "wire", "jute", "history"},
	"election":           {"zab", "wire", "history"},
	"sync":               {"zab", "wire", "history"},
	"broadcast":          {"zab", "wire", "history"},
	"leader":             {"zab", "wire", "jute", "history", "session", "znode", "sync", "broadcast"},
	"follower":           {"zab", "wire", "jute", "history", "session", "znode", "sync", "broadcast"},
	"replica":            {"zab", "wire", "jute", "history", "znode", "session", "election", "sync", "broadcast", "leader", "follower"},
	"txnlog":             {"zab", "wire", "history", "internal/vfs"},
	"admin":              {"zab"},
	"client":             {"jute"},
	"server/clientport":  {"zab", "jute", "znode", "session", "replica", "admin", "internal/ranked"},
	"server/peer":        {"zab", "wire", "internal/ranked"},
	"server":             {"zab", "wire", "jute", "history", "znode", "session", "replica", "txnlog", "config", "admin", "server/clientport", "server/peer", "internal/vfs", "internal/ranked"},
	"sim":                {"zab", "wire", "jute", "history", "znode", "session", "replica", "txnlog", "internal/vfs"},
	"internal/ensemble":  {"zab", "config", "internal/fourletter"},
	"internal/datadir":   {"zab", "wire", "jute", "znode", "replica", "txnlog", "internal/vfs"},
	"cmd/quorumd":        {"zab", "config", "server", "replica", "txnlog", "admin", "client", "sim", "internal/datadir", "internal/ensemble", "internal/fourletter", "internal/vfs"},
	"test/clients":       {"test/harness"},
	"test/clients/gozk":  {"test/harness"},
	"test/failover":      {"test/harness"},
	"test/failover/cmd":  {"test/harness", "test/failover"},
	"test/catalogue/cmd": {"test/catalogue"},
	"test/malformed":     {"test/harness"},
	"test/badinput":      {"test/harness"},
	"test/descriptors":   {"test/harness"},
	"test/compare":       {"test/harness"},
	"test/compat":        {"test/harness"},
	"test/chaos":         {"client", "test/harness"},
	"test/chaos/cmd":     {"test/chaos"},
}

// testEdges lists further imports that tests of a package may have.
var testEdges = map[string][]string{
	"election":          {"internal/transcript"},
	"leader":            {"internal/transcript"},
	"follower":          {"internal/transcript"},
	"server/clientport": {"wire"},
}

// floor returns the number of the layer that holds pkg, -1 for none.
func floor(pkg string) int {
	return slices.IndexFunc(layers, func(l layer) bool { return slices.Contains(l.packages, pkg) })
}

// checkImports holds a file's imports inside the module to the list of edges.
func checkImports(s *source) []finding {
	var found []finding
	from := s.pkg()
	for _, spec := range s.ast.Imports {
		to, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
		if !ok || to == "internal/must" {
			continue
		}
		allowed := slices.Contains(edges[from], to)
		if s.isTest() {
			// A test may be of the package it imports (package x_test).
			allowed = allowed || to == from || slices.Contains(testEdges[from], to)
		}
		if !allowed {
			found = append(found, s.finding("imports", spec.Pos(), "%s -> %s is no edge of the list; "+
				"move what is needed down to a package both may import, or, if the edge points down and belongs, add it to edges in internal/lint/imports.go",
				from, to))
		}
		if name := spec.Name; to == "sync" && name != nil && name.Name != "zabsync" {
			found = append(found, s.finding("imports", spec.Pos(), "import %s/sync under its own name, zabsync, so that nobody takes it for the standard library's", module))
		}
	}
	return found
}
