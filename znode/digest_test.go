package znode

import (
	"testing"

	"github.com/quorumd/quorumd/jute"
)

// TestDigestSeesEverything changes one thing at a time.
func TestDigestSeesEverything(t *testing.T) {
	build := func(change func(tree *Tree, n *node)) uint64 {
		r := newRig(t)
		r.create("/a", "data")
		r.create("/b", "data")
		if change != nil {
			n := r.tree.node(r.tree.lookup("/a"))
			change(r.tree, n)
		}
		digest, _ := r.tree.recount()
		return digest
	}
	plain := build(nil)
	if plain != build(nil) {
		t.Fatal("the digest of equal trees differs")
	}
	acl := string(jute.AppendACLs(nil, digestACL(31, ann)))
	seen := map[uint64]string{plain: "nothing"}
	for name, change := range map[string]func(tree *Tree, n *node){
		"czxid":     func(_ *Tree, n *node) { n.czxid++ },
		"mzxid":     func(_ *Tree, n *node) { n.mzxid++ },
		"pzxid":     func(_ *Tree, n *node) { n.pzxid++ },
		"ctime":     func(_ *Tree, n *node) { n.ctime++ },
		"mtime":     func(_ *Tree, n *node) { n.mtime++ },
		"owner":     func(_ *Tree, n *node) { n.owner++ },
		"version":   func(_ *Tree, n *node) { n.version++ },
		"cversion":  func(_ *Tree, n *node) { n.cversion++ },
		"aversion":  func(_ *Tree, n *node) { n.aversion++ },
		"ephemeral": func(_ *Tree, n *node) { n.meta |= metaEphemeral },
		"container": func(_ *Tree, n *node) { n.meta |= metaContainer },
		"ttl":       func(_ *Tree, n *node) { n.meta |= metaTTL },
		"acl":       func(tree *Tree, n *node) { n.acl = tree.acls.intern(acl) },
		"path":      func(_ *Tree, n *node) { n.key++ },
		"data":      func(tree *Tree, n *node) { tree.setBlob(tree.lookup("/a"), "aDATA") },
		"no data":   func(tree *Tree, n *node) { tree.setBlob(tree.lookup("/a"), "a") },
		"null data": func(tree *Tree, n *node) { tree.setBlob(tree.lookup("/a"), "a"); n.meta |= metaNull },
		"swapped": func(tree *Tree, n *node) {
			b := tree.node(tree.lookup("/b"))
			n.czxid, b.czxid = b.czxid, n.czxid
		},
	} {
		got := build(change)
		if other, twice := seen[got]; twice {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[got] = name
	}
}
