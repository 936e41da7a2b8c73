package sim

import (
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
)

// withSnapshots is a server of a healthy ensemble that has so many snapshots.
func withSnapshots(t *testing.T, count int) *node {
	t.Helper()
	w, c := healthy(t)
	n := w.nodes[0]
	s := &script{world: w}
	w.guard(func() {
		s.tell(func(s *script) {
			for range count {
				s.write(c, 2)
				s.serve(1, 2, 3)
				s.snapshot(n.id)
			}
		})
	})
	if got := len(n.snapshots()); w.err != nil || got != count {
		t.Fatalf("%d snapshots, want %d: %v", got, count, w.err)
	}
	return n
}

// rotSnapshot damages a snapshot.
func rotSnapshot(t *testing.T, n *node, name string) {
	t.Helper()
	if err := n.fs.Rot(diskDirs[1]+"/"+name, 40, 1); err != nil {
		t.Fatal(err)
	}
	n.rotten = true
}

// TestPurgeCheck: a purge that leaves too few intact snapshots is found, by what
// is on the disk, whether anything there is damaged or not. What is doctored is
// the disk: with the first file that a purge removes there goes another one.
func TestPurgeCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		rotten bool // the newest snapshot is
		greedy bool // the disk removes too much
	}{
		{"sound", false, false},
		{"sound, one damaged", true, false},
		{"too much", false, true},
		{"too much, one damaged", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := withSnapshots(t, 5)
			names := n.snapshots()
			if c.rotten {
				rotSnapshot(t, n, names[4])
			}
			if c.greedy {
				n.fs.Hook(func(op vfs.Op) {
					if op.Kind != vfs.OpRemove {
						return
					}
					n.fs.Hook(nil)
					if err := n.fs.Remove(diskDirs[1] + "/" + names[3]); err != nil {
						t.Error(err)
					}
				})
			}
			if err := n.purge(2); err != nil {
				t.Fatal(err)
			}
			if left := len(n.snapshots()); left == len(names) {
				t.Error("nothing was purged")
			}
			if found := n.w.err != nil; found != c.greedy {
				t.Errorf("found %v, %d intact snapshots are left", n.w.err, n.intact())
			}
		})
	}
}

// TestIntactSnapshots: a damaged snapshot does not count, whatever else is found
// about it.
func TestIntactSnapshots(t *testing.T) {
	n := withSnapshots(t, 3)
	if got := n.intact(); got != 3 {
		t.Errorf("%d of 3 snapshots are intact", got)
	}
	rotSnapshot(t, n, n.snapshots()[1])
	if got := n.intact(); got != 2 {
		t.Errorf("%d of 3 snapshots are intact, one was damaged", got)
	}
	for _, fs := range [][]txnlog.Finding{
		{{File: "data/a"}, {File: "data/a", Mends: true}},
		{{File: "data/a", Mends: true}, {File: "data/a"}},
	} {
		if !beyondMending(fs)["a"] {
			t.Errorf("a file of which damage was found counts as intact: %v", fs)
		}
	}
	if beyondMending([]txnlog.Finding{{File: "data/a", Mends: true}})["a"] {
		t.Error("a file that a start mends counts as damaged")
	}
}
