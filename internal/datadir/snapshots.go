package datadir

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// ErrNoSnapshot: there is no such snapshot.
var ErrNoSnapshot = errors.New("no such snapshot")

// Snapshot describes one snapshot. What comes after Size is known once it was
// read.
type Snapshot struct {
	File string `json:"file"`
	Zxid string `json:"zxid"`
	Size int64  `json:"size"` // bytes

	Nodes      int    `json:"nodes,omitempty"`
	Ephemerals int    `json:"ephemerals,omitempty"`
	Sessions   int    `json:"sessions,omitempty"`
	Digest     string `json:"digest,omitempty"`
	Damage     string `json:"damage,omitempty"`
}

// Snapshots lists the snapshots, oldest first.
func (p *Place) Snapshots() ([]txnlog.SnapshotFile, error) {
	return txnlog.ListSnapshots(p.look, p.Options())
}

// Choose returns the snapshot of a zxid; of 0 the newest.
func (p *Place) Choose(z zab.Zxid) (txnlog.SnapshotFile, error) {
	files, err := p.Snapshots()
	if err != nil {
		return txnlog.SnapshotFile{}, err
	}
	for i := len(files) - 1; i >= 0; i-- {
		if z == 0 || files[i].Zxid == z {
			return files[i], nil
		}
	}
	dir := filepath.Join(p.DataDir, layoutDir)
	if z == 0 {
		return txnlog.SnapshotFile{}, fmt.Errorf("%w: %s holds none; a running server writes one on: quorumd snapshot take", ErrNoSnapshot, dir)
	}
	return txnlog.SnapshotFile{}, fmt.Errorf("%w: %s holds none of %s; see quorumd snapshot ls", ErrNoSnapshot, dir, z)
}

// State reads a snapshot into memory, and so proves it: its frames, its counts
// and its digest.
func (p *Place) State(path string) (*replica.State, error) {
	r, err := txnlog.ReadSnapshot(p.look, path)
	if err != nil {
		return nil, err
	}
	state, err := replica.LoadState(r.Next)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return state, err
}

// Check reads a snapshot and says what it holds, or what is wrong with it. The
// error is one of reading.
func (p *Place) Check(f txnlog.SnapshotFile) (Snapshot, error) {
	out := Snapshot{File: f.Path, Zxid: f.Zxid.String(), Size: f.Size}
	state, err := p.State(f.Path)
	switch {
	case err != nil && damaged(err):
		out.Damage = err.Error()
		return out, nil
	case err != nil:
		return out, err
	case state.Applied().Zxid != f.Zxid:
		out.Damage = fmt.Sprintf("it is of %s", state.Applied().Zxid)
	}
	fig := state.Figures()
	out.Nodes, out.Ephemerals, out.Sessions = fig.Nodes, fig.Ephemerals, state.SessionCount()
	out.Digest = fmt.Sprintf("%016x", state.Digest())
	return out, nil
}

// damaged reports whether err is about what a snapshot holds.
func damaged(err error) bool {
	for _, kind := range []error{txnlog.ErrCorrupt, txnlog.ErrForeign, replica.ErrSnapshot, replica.ErrNewer, znode.ErrImage} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Node is a znode of a snapshot.
type Node struct {
	Path      string   `json:"path"`
	Czxid     string   `json:"czxid"`
	Mzxid     string   `json:"mzxid"`
	Pzxid     string   `json:"pzxid"`
	Ctime     string   `json:"ctime"`
	Mtime     string   `json:"mtime"`
	Version   int32    `json:"version"`
	Cversion  int32    `json:"cversion"`
	Aversion  int32    `json:"aversion"`
	Children  int32    `json:"children"`
	Size      int      `json:"size"` // bytes of data
	Owner     string   `json:"owner,omitempty"`
	Container bool     `json:"container,omitempty"`
	TTL       int64    `json:"ttl,omitempty"` // ms
	ACL       []string `json:"acl,omitempty"`
	Null      bool     `json:"null,omitempty"` // the data is null, which is not the empty data
	Data      []byte   `json:"data,omitempty"`
}

func nodeOf(n *znode.Node) Node {
	s := &n.Stat
	out := Node{
		Path: n.Path, Czxid: zab.Zxid(s.Czxid).String(), Mzxid: zab.Zxid(s.Mzxid).String(),
		Pzxid: zab.Zxid(s.Pzxid).String(), Ctime: wall(s.Ctime), Mtime: wall(s.Mtime),
		Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion, Children: s.NumChildren,
		Size: len(n.Data), Container: n.Container, TTL: n.TTL, Null: n.Null, Data: []byte(n.Data),
	}
	if s.EphemeralOwner != 0 && !n.Container && n.TTL == 0 {
		out.Owner = zab.SessionID(s.EphemeralOwner).String()
	}
	for _, a := range n.ACL {
		out.ACL = append(out.ACL, a.ID.Scheme+":"+a.ID.ID+":"+letters(a.Perms))
	}
	return out
}

// letters writes permissions as ZooKeeper's shell does.
func letters(perms int32) string {
	var s string
	for _, p := range []struct {
		bit    int32
		letter string
	}{{jute.PermCreate, "c"}, {jute.PermDelete, "d"}, {jute.PermRead, "r"}, {jute.PermWrite, "w"}, {jute.PermAdmin, "a"}} {
		if perms&p.bit != 0 {
			s += p.letter
		}
	}
	return s
}

// Nodes shows every znode of a state to visit, in the order of a walk.
func Nodes(state *replica.State, visit func(Node) error) error {
	return state.Walk(func(n *znode.Node) error { return visit(nodeOf(n)) })
}

// Difference is a znode, or a session, that two snapshots do not have in
// common. Before or After is nil where it is missing.
type Difference struct {
	Path    string `json:"path,omitempty"`
	Session string `json:"session,omitempty"`
	Kind    string `json:"kind"` // added, removed, changed
	Before  *Node  `json:"before,omitempty"`
	After   *Node  `json:"after,omitempty"`
}

// Diff shows what b has that a has not, and the reverse.
func Diff(a, b *replica.State, visit func(Difference) error) error {
	old := make(map[string]Node)
	if err := Nodes(a, func(n Node) error { old[n.Path] = n; return nil }); err != nil {
		return err
	}
	err := Nodes(b, func(n Node) error {
		before, ok := old[n.Path]
		delete(old, n.Path)
		switch {
		case !ok:
			return visit(Difference{Path: n.Path, Kind: "added", After: &n})
		case !same(&before, &n):
			return visit(Difference{Path: n.Path, Kind: "changed", Before: &before, After: &n})
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What is left over is gone; a's own order.
	err = Nodes(a, func(n Node) error {
		if _, gone := old[n.Path]; !gone {
			return nil
		}
		return visit(Difference{Path: n.Path, Kind: "removed", Before: &n})
	})
	if err != nil {
		return err
	}
	return diffSessions(a, b, visit)
}

// same compares everything but the addresses of slices.
func same(a, b *Node) bool { return reflect.DeepEqual(a, b) }

func diffSessions(a, b *replica.State, visit func(Difference) error) error {
	left := make(map[zab.SessionID]int64) // timeouts
	for _, s := range a.Sessions() {
		left[s.ID] = s.Timeout
	}
	for _, s := range b.Sessions() {
		timeout, ok := left[s.ID]
		delete(left, s.ID)
		kind := "added"
		if ok && timeout == s.Timeout {
			continue
		}
		if ok {
			kind = "changed"
		}
		if err := visit(Difference{Session: s.ID.String(), Kind: kind}); err != nil {
			return err
		}
	}
	for _, s := range a.Sessions() {
		if _, gone := left[s.ID]; !gone {
			continue
		}
		if err := visit(Difference{Session: s.ID.String(), Kind: "removed"}); err != nil {
			return err
		}
	}
	return nil
}
