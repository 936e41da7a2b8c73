package znode

import (
	"errors"
	"slices"
	"testing"
)

// TestWalk: every node once, parents first, siblings by name; an error ends it.
func TestWalk(t *testing.T) {
	tree := New()
	for _, p := range []string{"/b", "/a", "/a/z", "/a/y"} {
		tree.plant(p, aclOpen, 0)
	}
	var paths []string
	err := tree.Walk(func(n *Node) error {
		paths = append(paths, n.Path)
		if len(n.ACL) == 0 {
			t.Errorf("%s has no ACL", n.Path)
		}
		return nil
	})
	want := []string{"/", "/a", "/a/y", "/a/z", "/b", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"}
	if err != nil || !slices.Equal(paths, want) {
		t.Errorf("%v, %v", paths, err)
	}
	stop := errors.New("stop")
	seen := 0
	if err := tree.Walk(func(*Node) error { seen++; return stop }); !errors.Is(err, stop) || seen != 1 {
		t.Errorf("%d nodes, %v", seen, err)
	}
}
