package sim

import (
	"maps"
	"slices"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/znode"
)

// treeMatches compares a server's whole tree with the model's: what was
// answered OK is there, and nothing else is (O6).
func (k *checker) treeMatches(n *node) {
	z := k.end().Zxid
	for _, path := range slices.Sorted(maps.Keys(k.model.nodes)) {
		body := (&jute.PathWatchRequest{Path: path}).Append(nil)
		for _, op := range []jute.Op{jute.OpGetData, jute.OpGetChildren} {
			reply, code := k.model.read(op, body, z)
			got, gotCode := n.state.Read(op, body, znode.Caller{}, nil)
			if code != gotCode || code == jute.CodeOK && !sameReply(op, got, reply) {
				k.w.fail("%v: %s %s gives %v %x, the model says %v %x", n, op, path, gotCode, got, code, reply)
				return
			}
		}
	}
	k.countMatches(n)
}

// countMatches finds znodes that the model does not have.
func (k *checker) countMatches(n *node) {
	there := int32(0)
	for path := range k.model.nodes {
		if k.model.now(path) != nil {
			there++
		}
	}
	got, _ := n.state.Read(jute.OpGetAllChildrenNumber, (&jute.PathRequest{Path: "/"}).Append(nil), znode.Caller{}, nil)
	r := jute.NewReader(got)
	if count := r.Int32() + 1; count != there {
		k.w.fail("%v has %d znodes, the model has %d", n, count, there)
	}
}
