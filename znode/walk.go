package znode

import (
	"slices"
	"strings"

	"github.com/quorumd/quorumd/jute"
)

// Node is a znode as a walk shows it.
type Node struct {
	Path      string
	Data      string
	Null      bool // the data is null, which is not the empty data
	Container bool
	TTL       int64 // ms to live; 0 is for ever
	Stat      jute.Stat
	ACL       []jute.ACL
}

// Walk shows every znode to visit: the root, then each one's children below
// it, sorted by name. The first error of visit ends the walk and is returned.
// The owner's read lock is to be held.
func (t *Tree) Walk(visit func(*Node) error) error {
	todo := []nodeID{rootID}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if err := visit(t.show(id)); err != nil {
			return err
		}
		below := len(todo)
		for c := t.node(id).first; c != 0; c = t.node(c).next {
			todo = append(todo, c)
		}
		// The last is taken first.
		slices.SortFunc(todo[below:], func(a, b nodeID) int { return strings.Compare(t.name(b), t.name(a)) })
	}
	return nil
}

func (t *Tree) show(id nodeID) *Node {
	n := t.node(id)
	r := jute.NewReader([]byte(t.acls.get(n.acl).text))
	out := &Node{
		Path: t.path(id), Data: t.data(id), Null: n.null(), Stat: t.stat(id), ACL: r.ACLs(),
		Container: n.meta&metaContainer != 0,
	}
	if n.meta&metaTTL != 0 {
		out.TTL = n.owner
	}
	return out
}
