package znode

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// model is the tree as simply as it can be written: a map from path to node.
// It is copied before each request, so that undoing a failed one is trivial.
type model map[string]modelNode

type modelNode struct {
	data string
	null bool
	stat jute.Stat // Cversion as stored; NumChildren and DataLength not kept
}

func newModel() model {
	builtin := modelNode{}
	config := modelNode{stat: jute.Stat{Version: -1, Aversion: -1}}
	return model{"/": builtin, systemPath: builtin, quotaPath: builtin, configPath: config}
}

func (m model) children(path string) []string {
	prefix := strings.TrimSuffix(path, "/") + "/"
	names := []string{}
	for p := range m {
		if name, ok := strings.CutPrefix(p, prefix); ok && name != "" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// wire returns the Stat as a client sees it.
func (m model) wire(path string) jute.Stat {
	n := m[path]
	s := n.stat
	s.NumChildren = int32(len(m.children(path)))
	s.Cversion = 2*s.Cversion - s.NumChildren
	s.DataLength = int32(len(n.data))
	return s
}

// modelOp is one request of the generator.
type modelOp struct {
	op      jute.Op
	path    string
	data    string
	null    bool
	flags   jute.CreateFlags
	version int32
}

func (o *modelOp) request() appender {
	data := []byte(o.data)
	if o.null {
		data = nil
	}
	switch o.op {
	case jute.OpDelete:
		return &jute.DeleteRequest{Path: o.path, Version: o.version}
	case jute.OpSetData:
		return &jute.SetDataRequest{Path: o.path, Data: data, Version: o.version}
	case jute.OpCheck:
		return &jute.CheckVersionRequest{Path: o.path, Version: o.version}
	}
	return &jute.CreateRequest{Path: o.path, Data: data, ACL: open(), Flags: o.flags}
}

// apply does one operation; m is spoilt when it fails.
func (m model) apply(o *modelOp, z zab.Zxid, now int64, session zab.SessionID) jute.Code {
	switch o.op {
	case jute.OpDelete:
		return m.delete(o, z)
	case jute.OpSetData, jute.OpCheck:
		n, ok := m[o.path]
		switch {
		case !ok:
			return jute.CodeNoNode
		case o.path == configPath && o.op == jute.OpSetData:
			return jute.CodeNoAuth
		case o.version != -1 && o.version != n.stat.Version:
			return jute.CodeBadVersion
		case o.op == jute.OpCheck:
			return jute.CodeOK
		}
		n.data, n.null = o.data, o.null
		n.stat.Mzxid, n.stat.Mtime, n.stat.Version = int64(z), now, n.stat.Version+1
		m[o.path] = n
		return jute.CodeOK
	}
	return m.create(o, z, now, session)
}

func (m model) create(o *modelOp, z zab.Zxid, now int64, session zab.SessionID) jute.Code {
	dir, _, _ := jute.ParentAndName(o.path)
	parent, ok := m[dir]
	if !ok {
		return jute.CodeNoNode
	}
	if dir == configPath {
		return jute.CodeNoAuth
	}
	if o.flags.Sequential() {
		o.path += fmt.Sprintf("%010d", parent.stat.Cversion)
	}
	if _, ok := m[o.path]; ok {
		return jute.CodeNodeExists
	}
	if parent.stat.EphemeralOwner != 0 {
		return jute.CodeNoChildrenForEphemerals
	}
	n := modelNode{data: o.data, null: o.null}
	n.stat = jute.Stat{Czxid: int64(z), Mzxid: int64(z), Pzxid: int64(z), Ctime: now, Mtime: now}
	if o.flags.Ephemeral() {
		n.stat.EphemeralOwner = int64(session)
	}
	m[o.path] = n
	parent.stat.Cversion++
	parent.stat.Pzxid = int64(z)
	m[dir] = parent
	return jute.CodeOK
}

func (m model) delete(o *modelOp, z zab.Zxid) jute.Code {
	if permanent(o.path) {
		return jute.CodeBadArguments
	}
	dir, _, _ := jute.ParentAndName(o.path)
	n, ok := m[o.path]
	_, parentOK := m[dir]
	switch {
	case parentOK && dir == configPath:
		return jute.CodeNoAuth
	case !ok:
		return jute.CodeNoNode
	case o.version != -1 && o.version != n.stat.Version:
		return jute.CodeBadVersion
	case len(m.children(o.path)) > 0:
		return jute.CodeNotEmpty
	}
	m.prune(o.path, z)
	return jute.CodeOK
}

func (m model) prune(path string, z zab.Zxid) {
	delete(m, path)
	dir, _, _ := jute.ParentAndName(path)
	parent := m[dir]
	parent.stat.Pzxid = int64(z)
	m[dir] = parent
}

func (m model) clone() model {
	c := make(model, len(m))
	for p, n := range m {
		c[p] = n
	}
	return c
}

// modelPaths are few, so that requests meet each other.
var modelPaths = []string{
	"/", "/a", "/b", "/c", "/a/a", "/a/b", "/b/a", "/a/a/a", "/a/a/b", "/c/long name", "/zookeeper", "/zookeeper/config", "/zookeeper/x",
}

func drawOp(t *rapid.T, ops ...jute.Op) modelOp {
	return modelOp{
		op:      rapid.SampledFrom(ops).Draw(t, "op"),
		path:    rapid.SampledFrom(modelPaths).Draw(t, "path"),
		data:    rapid.SampledFrom([]string{"", "x", "some data", strings.Repeat("long", 30)}).Draw(t, "data"),
		null:    false,
		flags:   jute.CreateFlags(rapid.IntRange(0, 4).Draw(t, "flags")),
		version: rapid.SampledFrom([]int32{-1, -1, -1, 0, 1}).Draw(t, "version"),
	}
}

// modelRun drives a rig and the model side by side.
type modelRun struct {
	r *rig
	m model
}

// step does one random request to both and compares the outcome.
func (run *modelRun) step(t *rapid.T) {
	r := run.r
	session := zab.SessionID(rapid.IntRange(1, 3).Draw(t, "session"))
	ops := []jute.Op{jute.OpCreate, jute.OpCreate, jute.OpDelete, jute.OpSetData}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		code, _ := r.as(session, jute.OpCloseSession, nil)
		for _, p := range sortedPaths(run.m) {
			if run.m[p].stat.EphemeralOwner == int64(session) {
				run.m.prune(p, r.zxid)
			}
		}
		if code != 0 {
			t.Fatalf("close: %v", code)
		}
	case 1, 2, 3:
		run.multi(t, session, append(ops, jute.OpCheck))
	default:
		o := drawOp(t, ops...)
		code, _ := r.as(session, o.op, o.request().Append(nil))
		after := run.m.clone()
		want := after.apply(&o, r.zxid, r.now, session)
		if code != want {
			t.Fatalf("%+v: %v, want %v", o, code, want)
		}
		if want == 0 {
			run.m = after
		}
	}
}

func (run *modelRun) multi(t *rapid.T, session zab.SessionID, ops []jute.Op) {
	body := newMulti()
	list := make([]modelOp, rapid.IntRange(0, 6).Draw(t, "count"))
	for i := range list {
		list[i] = drawOp(t, ops...)
		body.add(list[i].op, list[i].request())
	}
	_, reply := run.r.as(session, jute.OpMulti, body.end())
	after := run.m.clone()
	want := jute.CodeOK
	failed := 0
	for i := range list {
		if want = after.apply(&list[i], run.r.zxid, run.r.now, session); want != 0 {
			failed = i
			break
		}
	}
	if want == 0 {
		run.m = after
		if len(reply) < 9 || len(list) > 0 && string(reply[:4]) == "\xff\xff\xff\xff" {
			t.Fatalf("%+v failed: %x", list, reply)
		}
		return
	}
	if expect := appendMultiFailure(nil, len(list), failed, want); !slices.Equal(reply, expect) {
		t.Fatalf("%+v: %x, want %x", list, reply, expect)
	}
}

func sortedPaths(m model) []string {
	paths := make([]string, 0, len(m))
	for p := range m {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return paths
}

// compare looks at every node through the reads.
func (run *modelRun) compare(t *rapid.T) {
	tree := run.r.tree
	who := &Caller{}
	for _, path := range sortedPaths(run.m) {
		req := (&jute.PathWatchRequest{Path: path}).Append(nil)
		n := run.m[path]
		var want []byte
		if n.null {
			want = jute.AppendNull(nil)
		} else {
			want = jute.AppendString(nil, n.data)
		}
		stat := run.m.wire(path)
		want = stat.Append(want)
		if got, code := tree.Read(jute.OpGetData, req, who, nil); code != 0 || !slices.Equal(got, want) {
			t.Fatalf("%s: %v %x, want %x", path, code, got, want)
		}
		got, _ := tree.Read(jute.OpGetChildren, req, who, nil)
		rd := jute.NewReader(got)
		names := rd.Strings()
		slices.Sort(names)
		if !slices.Equal(names, run.m.children(path)) {
			t.Fatalf("%s has %v, want %v", path, names, run.m.children(path))
		}
	}
	if tree.live != len(run.m) {
		t.Fatalf("%d nodes, want %d", tree.live, len(run.m))
	}
}

func TestTreeAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		run := &modelRun{r: newRig(t), m: newModel()}
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			run.step(rt)
			checkTree(rt, run.r.tree)
		}
		run.compare(rt)
	})
}

// TestDeterminism: the same requests give the same digest and the same bodies.
func TestDeterminism(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := newRig(t), newRig(t)
		for range rapid.IntRange(0, 40).Draw(rt, "steps") {
			o := drawOp(rt, jute.OpCreate, jute.OpDelete, jute.OpSetData, jute.OpCreate2)
			body := o.request().Append(nil)
			codeA, replyA := a.as(1, o.op, body)
			codeB, replyB := b.as(1, o.op, body)
			if codeA != codeB || !slices.Equal(replyA, replyB) || a.tree.Digest() != b.tree.Digest() {
				rt.Fatalf("%+v: %v %x, %v %x", o, codeA, replyA, codeB, replyB)
			}
		}
	})
}
