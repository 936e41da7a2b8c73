package znode

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

func always(zab.SessionID) bool { return true }

// frames are the bodies of an image.
type frames struct{ acls, nodes [][]byte }

func (f *frames) readACLs(t failer, im *Image) {
	for more := true; more; {
		var body []byte
		var err error
		if body, more, err = im.AppendACLs(nil); err != nil {
			t.Fatalf("%v", err)
		}
		f.acls = append(f.acls, body)
	}
}

func (f *frames) readNodes(t failer, im *Image, limit int) (more bool) {
	body, more, err := im.AppendNodes(nil, limit)
	if err != nil {
		t.Fatalf("%v", err)
	}
	f.nodes = append(f.nodes, body)
	return more
}

func (f *frames) load() (*Tree, error) {
	l := NewLoader(always)
	for _, body := range f.acls {
		if err := l.ACLs(body); err != nil {
			return nil, err
		}
	}
	for _, body := range f.nodes {
		if err := loadNodes(l, body); err != nil {
			return nil, err
		}
	}
	return l.Finish()
}

// TestImageIsAPointInTime: whatever happens while an image is read, it holds
// the tree as it was at the start.
func TestImageIsAPointInTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		run := &modelRun{r: newRig(t), m: newModel()}
		r := run.r
		r.who = []zab.Identity{ann}
		r.setQuota("/a", "count=1,bytes=1") // moves nodes behind the generator's back
		run.m = nil
		for range rapid.IntRange(0, 60).Draw(rt, "before") {
			run.wild(rt)
		}
		digest, nodes, size := r.tree.Digest(), r.tree.live, r.tree.size
		im := r.tree.Open()
		var f frames
		for range rapid.IntRange(0, 20).Draw(rt, "before the first frame") {
			run.wild(rt)
		}
		f.readACLs(rt, im)
		for more := true; more; {
			for range rapid.IntRange(0, 6).Draw(rt, "between") {
				run.wild(rt)
			}
			more = f.readNodes(rt, im, rapid.IntRange(1, 4).Draw(rt, "limit"))
			checkTree(rt, r.tree)
		}
		if len(im.kept) != 0 {
			rt.Fatalf("%d copies are left", len(im.kept))
		}
		im.Close()
		loaded, err := f.load()
		if err != nil {
			rt.Fatalf("%v", err)
		}
		checkTree(rt, loaded)
		if loaded.Digest() != digest || loaded.live != nodes || loaded.size != size || loaded.live != im.Nodes() {
			rt.Fatalf("digest %#x of %d nodes, loaded %#x of %d", digest, nodes, loaded.Digest(), loaded.live)
		}
		if len(loaded.quotas) != 1 {
			rt.Fatalf("quotas %v", loaded.quotas)
		}
	})
}

// wild does a random request without looking at the outcome.
func (run *modelRun) wild(t *rapid.T) {
	r := run.r
	session := zab.SessionID(rapid.IntRange(1, 3).Draw(t, "session"))
	o := drawOp(t, jute.OpCreate, jute.OpCreate, jute.OpCreateContainer, jute.OpDelete, jute.OpDelete, jute.OpSetData)
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		r.as(session, jute.OpCloseSession, nil)
	case 1, 2:
		acl := rapid.SampledFrom([][]jute.ACL{open(), digestACL(31, ann), {entry(31, "auth", ""), entry(1, "ip", "1.2.3.4")}}).Draw(t, "acl")
		r.as(session, jute.OpSetACL, (&jute.SetACLRequest{Path: o.path, ACL: acl, Version: -1}).Append(nil))
	case 3:
		m := newMulti()
		for range rapid.IntRange(0, 5).Draw(t, "count") {
			s := drawOp(t, jute.OpCreate, jute.OpDelete, jute.OpSetData)
			m.add(s.op, s.request())
		}
		r.as(session, jute.OpMulti, m.end())
	default:
		r.as(session, o.op, o.request().Append(nil))
	}
}

// TestLoadedTreeGoesOn: a loaded tree and the one it was taken from stay equal.
func TestLoadedTreeGoesOn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := &modelRun{r: newRig(t)}
		a.r.who = []zab.Identity{ann}
		for range rapid.IntRange(0, 60).Draw(rt, "before") {
			a.wild(rt)
		}
		im := a.r.tree.Open()
		var f frames
		f.readACLs(rt, im)
		for f.readNodes(rt, im, 7) {
		}
		im.Close()
		loaded, err := f.load()
		if err != nil {
			rt.Fatalf("%v", err)
		}
		b := newRig(t)
		b.tree, b.zxid, b.now, b.who = loaded, a.r.zxid, a.r.now, a.r.who
		for range rapid.IntRange(0, 40).Draw(rt, "after") {
			o := drawOp(rt, jute.OpCreate, jute.OpDelete, jute.OpSetData, jute.OpCloseSession)
			session := zab.SessionID(rapid.IntRange(1, 3).Draw(rt, "session"))
			codeA, replyA := a.r.as(session, o.op, o.request().Append(nil))
			codeB, replyB := b.as(session, o.op, o.request().Append(nil))
			if codeA != codeB || string(replyA) != string(replyB) || a.r.tree.Digest() != loaded.Digest() {
				rt.Fatalf("%+v: %v %x, loaded %v %x", o, codeA, replyA, codeB, replyB)
			}
		}
		checkTree(rt, loaded)
	})
}

func TestImageBounds(t *testing.T) {
	r := newRig(t)
	for i := range 100 {
		r.create(fmt.Sprintf("/n%d", i), string(make([]byte, 10_000)))
	}
	for i := range 90 {
		r.delete(fmt.Sprintf("/n%d", i))
	}
	im := r.tree.Open()
	var f frames
	f.readACLs(t, im)
	calls := 1
	for f.readNodes(t, im, 1) {
		calls++
	}
	if calls < 14 || calls > 40 {
		t.Errorf("%d calls for 14 nodes", calls)
	}
	im.Close()
	im.Close()
	big := newRig(t)
	for i := range 40 {
		big.create(fmt.Sprintf("/n%d", i), string(make([]byte, 10_000)))
	}
	im = big.tree.Open()
	body, more, err := im.AppendNodes(nil, 1000)
	if err != nil || !more || len(body) < frameBytes || len(body) > frameBytes+11_000 {
		t.Errorf("%d bytes, more %v, %v", len(body), more, err)
	}
}

func TestLoaderRefuses(t *testing.T) {
	root := nodeRecord{Slot: 1}
	kid := func(slot, parent uint32, name string) nodeRecord {
		return nodeRecord{Slot: slot, Parent: parent, Name: name}
	}
	ephemeral := kid(2, 1, "a")
	ephemeral.Flags, ephemeral.Owner = metaEphemeral, 7
	odd := kid(2, 1, "a")
	odd.Flags = metaLive
	unknownACL := kid(2, 1, "a")
	unknownACL.ACL = 5
	for name, nodes := range map[string][]nodeRecord{
		"nothing":       {},
		"no root":       {kid(2, 1, "a")},
		"two roots":     {root, kid(2, 0, "")},
		"order":         {root, kid(3, 1, "a"), kid(2, 1, "b")},
		"twice":         {root, kid(2, 1, "a"), kid(2, 1, "b")},
		"parent":        {root, kid(2, 9, "a")},
		"hole":          {root, kid(4, 3, "a")},
		"cycle":         {root, kid(2, 3, "a"), kid(3, 2, "b")},
		"self":          {root, kid(2, 2, "a")},
		"same name":     {root, kid(2, 1, "a"), kid(3, 1, "a")},
		"slash":         {root, kid(2, 1, "a/b")},
		"empty name":    {root, kid(2, 1, "")},
		"flags":         {root, odd},
		"acl":           {root, unknownACL},
		"lost session":  {root, ephemeral},
		"root has name": {{Slot: 1, Name: "x"}},
	} {
		l := NewLoader(func(zab.SessionID) bool { return false })
		body, err := wire.NewEncoder().AppendBody(nil, &nodeBatch{Nodes: nodes})
		if err != nil {
			t.Fatal(err)
		}
		if err = loadNodes(l, body); err == nil {
			_, err = l.Finish()
		}
		if !errors.Is(err, ErrImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := NewLoader(always)
	for _, text := range []string{"", "\x00\x00\x00\x00", "\x00\x00\x00\x01"} {
		body, _ := wire.NewEncoder().AppendBody(nil, &aclBatch{ACLs: []aclRecord{{ID: 1, Text: []byte(text)}}})
		if err := l.ACLs(body); !errors.Is(err, ErrImage) {
			t.Errorf("acl %q: %v", text, err)
		}
	}
	if err := loadNodes(l, []byte("garbage")); !errors.Is(err, wire.ErrCorrupt) {
		t.Error(err)
	}
}

// TestZK3306UnknownACL: a node whose ACL is not in the snapshot is refused; the
// one thing it must not become is open to everybody.
func TestZK3306UnknownACL(t *testing.T) {
	for _, id := range []uint32{2, 5, 1 << 31} {
		l := NewLoader(always)
		body, err := wire.NewEncoder().AppendBody(nil, &nodeBatch{Nodes: []nodeRecord{{Slot: 1}, {Slot: 2, Parent: 1, Name: "a", ACL: id}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := loadNodes(l, body); !errors.Is(err, ErrImage) {
			t.Errorf("acl %d: %v", id, err)
		}
	}
}

func loadNodes(l *Loader, body []byte) error {
	nodes, err := DecodeNodes(wire.NewDecoder(), body)
	if err != nil {
		return err
	}
	return l.Nodes(nodes)
}

// TestEarlyNodes: slots are used again, so that a node comes before its parent,
// and others below it.
func TestEarlyNodes(t *testing.T) {
	kid := func(slot, parent uint32, name string) nodeRecord {
		return nodeRecord{Slot: slot, Parent: parent, Name: name}
	}
	l := NewLoader(always)
	body, err := wire.NewEncoder().AppendBody(nil, &nodeBatch{Nodes: []nodeRecord{
		{Slot: 1}, kid(2, 5, "a"), kid(3, 2, "b"), kid(4, 3, "c"), kid(5, 6, "p"), kid(6, 1, "q"), kid(7, 6, "r"), kid(8, 4, "d"),
	}})
	if err == nil {
		err = loadNodes(l, body)
	}
	if err != nil || len(l.early) != 5 {
		t.Fatalf("%d came early, %v", len(l.early), err)
	}
	tree, err := l.Finish()
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, tree)
	for _, path := range []string{"/", "/q", "/q/r", "/q/p", "/q/p/a", "/q/p/a/b", "/q/p/a/b/c", "/q/p/a/b/c/d"} {
		if tree.lookup(path) == 0 {
			t.Errorf("%s is not there", path)
		}
	}
}
