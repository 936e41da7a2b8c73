package client

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quorumd/quorumd/jute"
)

// fake is a server of one node, good enough to try a client on: a tree without
// ACLs, sessions that live until a test ends them, watches.
type fake struct {
	t  testing.TB
	ln net.Listener
	wg sync.WaitGroup

	mu       sync.Mutex
	zxid     int64
	nodes    map[string]*fakeNode
	sessions map[int64][]byte // passwords
	nextID   int64
	conns    map[*fakeConn]bool
	closed   bool
	silent   bool // reads and never answers
	refuse   bool // closes connections as they come
	timeout  int32
	connects []jute.ConnectRequest
	// hook, if set, sees every request first and says whether it has dealt
	// with it. It is called with mu held.
	hook func(n *fakeConn, h jute.RequestHeader, body []byte) bool
	// ops are the requests in the order of their arrival, pings aside.
	ops []jute.Op
}

type fakeNode struct {
	data []byte
	stat jute.Stat
}

// fakeConn is a connection to a fake. What is under it is guarded by fake.mu.
type fakeConn struct {
	f       *fake
	nc      net.Conn
	br      *bufio.Reader
	session int64
	auths   []string
	watches map[string]bool // "kind path"
	pings   int
}

func newFake(t testing.TB) *fake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		t: t, ln: ln, zxid: 100, nextID: 0x1000, timeout: 60000,
		nodes:    map[string]*fakeNode{"/": {}},
		sessions: map[int64][]byte{},
		conns:    map[*fakeConn]bool{},
	}
	f.wg.Add(1)
	go f.accept()
	t.Cleanup(f.stop)
	return f
}

func (f *fake) addr() string { return f.ln.Addr().String() }

func (f *fake) stop() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	_ = f.ln.Close()
	f.cut()
	f.wg.Wait()
}

// with runs a function with the fake's state locked.
func (f *fake) with(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// cut closes all connections.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.conns {
		_ = n.nc.Close()
	}
}

func (f *fake) accept() {
	defer f.wg.Done()
	for {
		nc, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		if f.refuse || f.closed {
			f.mu.Unlock()
			_ = nc.Close()
			continue
		}
		n := &fakeConn{f: f, nc: nc, br: bufio.NewReader(nc), watches: map[string]bool{}}
		f.conns[n] = true
		f.wg.Add(1)
		f.mu.Unlock()
		go n.serve()
	}
}

func (n *fakeConn) serve() {
	f := n.f
	defer f.wg.Done()
	defer func() {
		_ = n.nc.Close()
		f.mu.Lock()
		delete(f.conns, n)
		f.mu.Unlock()
	}()
	if !n.handshake() {
		return
	}
	for {
		b, err := jute.ReadFrame(n.br, nil, 1<<24)
		if err != nil {
			return
		}
		var h jute.RequestHeader
		r := jute.NewReader(b)
		h.Decode(&r)
		f.mu.Lock()
		ok := f.silent || n.request(h, r.Rest())
		f.mu.Unlock()
		if !ok {
			return
		}
	}
}

func (n *fakeConn) handshake() bool {
	f := n.f
	b, err := jute.ReadFrame(n.br, nil, 1<<16)
	if err != nil {
		return false
	}
	var q jute.ConnectRequest
	r := jute.NewReader(b)
	q.Decode(&r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connects = append(f.connects, q)
	if f.silent {
		return true
	}
	p := jute.ConnectResponse{Timeout: min(q.Timeout, f.timeout), SessionID: q.SessionID, Password: q.Password, HasReadOnly: q.HasReadOnly}
	switch pw, ok := f.sessions[q.SessionID]; {
	case q.SessionID == 0:
		f.nextID++
		p.SessionID, p.Password = f.nextID, fmt.Appendf(nil, "password%08d", f.nextID)
		f.sessions[p.SessionID] = p.Password
	case !ok || !bytes.Equal(pw, q.Password):
		p = jute.ConnectResponse{Password: make([]byte, 16), HasReadOnly: q.HasReadOnly}
	}
	n.session = p.SessionID
	n.write(p.Append(jute.BeginFrame(nil)))
	return p.Timeout > 0
}

// write sends a frame begun by BeginFrame.
func (n *fakeConn) write(b []byte) { _, _ = n.nc.Write(jute.EndFrame(b, 0)) }

func (n *fakeConn) reply(xid int32, zxid int64, code jute.Code, rec appender) {
	b := (&jute.ReplyHeader{Xid: xid, Zxid: zxid, Err: code}).Append(jute.BeginFrame(nil))
	if rec != nil && code == jute.CodeOK {
		b = rec.Append(b)
	}
	n.write(b)
}

// request handles one request and says whether the connection goes on.
func (n *fakeConn) request(h jute.RequestHeader, body []byte) bool {
	f := n.f
	if h.Op == jute.OpPing {
		n.pings++
		n.reply(jute.XidPing, f.zxid, 0, nil)
		return true
	}
	f.ops = append(f.ops, h.Op)
	if f.hook != nil && f.hook(n, h, body) {
		return true
	}
	r := jute.NewReader(body)
	switch h.Op {
	case jute.OpAuth:
		var q jute.AuthRequest
		q.Decode(&r)
		if q.Scheme == "bad" {
			n.reply(h.Xid, 0, jute.CodeAuthFailed, nil)
			return false
		}
		n.auths = append(n.auths, q.Scheme+" "+string(q.Auth))
		n.reply(h.Xid, 0, 0, nil)
	case jute.OpCloseSession:
		delete(f.sessions, n.session)
		f.zxid++
		n.reply(h.Xid, f.zxid, 0, nil)
		return false
	case jute.OpSetWatches, jute.OpSetWatches2:
		n.setWatches(h, &r)
	default:
		rec, code := n.op(h.Op, &r)
		if r.Err() != nil {
			code = jute.CodeMarshallingError
		}
		n.reply(h.Xid, f.zxid, code, rec)
	}
	return true
}

func (n *fakeConn) op(op jute.Op, r *jute.Reader) (appender, jute.Code) {
	switch op {
	case jute.OpCreate:
		return n.create(r)
	case jute.OpSetData:
		return n.set(r)
	case jute.OpDelete:
		return n.remove(r)
	case jute.OpExists, jute.OpGetData, jute.OpGetChildren2:
		return n.read(op, r)
	case jute.OpSync:
		p := new(jute.NullablePath)
		p.Decode(r)
		return p, 0
	case jute.OpAddWatch:
		var q jute.AddWatchRequest
		q.Decode(r)
		n.watches[[]string{"persistent ", "recursive "}[q.Mode]+q.Path] = true
		return &jute.ErrorResponse{}, 0
	case jute.OpRemoveWatches:
		var q jute.CheckWatchesRequest
		q.Decode(r)
		delete(n.watches, map[jute.WatcherType]string{4: "persistent ", 5: "recursive "}[q.Type]+q.Path)
		return nil, 0
	}
	return nil, jute.CodeUnimplemented
}

func (n *fakeConn) create(r *jute.Reader) (appender, jute.Code) {
	f := n.f
	var q jute.CreateRequest
	q.Decode(r)
	f.zxid++
	if q.Flags.Sequential() {
		q.Path += fmt.Sprintf("%010d", f.zxid)
	}
	parent, _, _ := jute.ParentAndName(q.Path)
	switch {
	case f.nodes[parent] == nil:
		return nil, jute.CodeNoNode
	case f.nodes[q.Path] != nil:
		return nil, jute.CodeNodeExists
	}
	f.nodes[q.Path] = &fakeNode{bytes.Clone(q.Data), jute.Stat{Czxid: f.zxid, Mzxid: f.zxid, Pzxid: f.zxid}}
	f.nodes[parent].stat.Pzxid = f.zxid
	f.fire(q.Path, jute.EventNodeCreated)
	f.fire(parent, jute.EventNodeChildrenChanged)
	return &jute.CreateResponse{Path: q.Path}, 0
}

func (n *fakeConn) set(r *jute.Reader) (appender, jute.Code) {
	f := n.f
	var q jute.SetDataRequest
	q.Decode(r)
	f.zxid++
	node := f.nodes[q.Path]
	switch {
	case node == nil:
		return nil, jute.CodeNoNode
	case q.Version != -1 && q.Version != node.stat.Version:
		return nil, jute.CodeBadVersion
	}
	f.change(q.Path, bytes.Clone(q.Data))
	return &jute.StatResponse{Stat: node.stat}, 0
}

// change sets the data of a node in the current transaction.
func (f *fake) change(path string, data []byte) {
	node := f.nodes[path]
	node.data = data
	node.stat.Version++
	node.stat.Mzxid = f.zxid
	f.fire(path, jute.EventNodeDataChanged)
}

func (n *fakeConn) remove(r *jute.Reader) (appender, jute.Code) {
	f := n.f
	var q jute.DeleteRequest
	q.Decode(r)
	f.zxid++
	if f.nodes[q.Path] == nil {
		return nil, jute.CodeNoNode
	}
	if len(f.children(q.Path)) > 0 {
		return nil, jute.CodeNotEmpty
	}
	delete(f.nodes, q.Path)
	parent, _, _ := jute.ParentAndName(q.Path)
	f.nodes[parent].stat.Pzxid = f.zxid
	f.fire(q.Path, jute.EventNodeDeleted)
	f.fire(parent, jute.EventNodeChildrenChanged)
	return nil, 0
}

func (n *fakeConn) read(op jute.Op, r *jute.Reader) (appender, jute.Code) {
	var q jute.PathWatchRequest
	q.Decode(r)
	node := n.f.nodes[q.Path]
	kind := "data "
	switch {
	case op == jute.OpGetChildren2:
		kind = "child "
	case op == jute.OpExists && node == nil:
		kind = "exist "
	}
	if q.Watch && (node != nil || op == jute.OpExists) {
		n.watches[kind+q.Path] = true
	}
	if node == nil {
		return nil, jute.CodeNoNode
	}
	switch op {
	case jute.OpGetData:
		return &jute.GetDataResponse{Data: node.data, Stat: node.stat}, 0
	case jute.OpGetChildren2:
		return &jute.GetChildren2Response{Children: n.f.children(q.Path), Stat: node.stat}, 0
	}
	return &jute.StatResponse{Stat: node.stat}, 0
}

func (f *fake) children(path string) []string {
	names := []string{}
	for p := range f.nodes {
		if parent, name, _ := jute.ParentAndName(p); parent == path && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fire notifies every connection at most once.
func (f *fake) fire(path string, typ jute.EventType) {
	kinds := map[jute.EventType]string{1: "data exist persistent", 2: "data exist child persistent", 3: "data persistent", 4: "child persistent"}[typ]
	for n := range f.conns {
		hit := false
		for kind := range strings.FieldsSeq(kinds) {
			key := kind + " " + path
			hit = hit || n.watches[key]
			if kind != "persistent" {
				delete(n.watches, key)
			}
		}
		for p := path; typ != jute.EventNodeChildrenChanged; p, _, _ = jute.ParentAndName(p) {
			if hit = hit || n.watches["recursive "+p]; p == "/" {
				break
			}
		}
		if hit {
			n.notify(path, typ)
		}
	}
}

func (n *fakeConn) notify(path string, typ jute.EventType) {
	_, _ = n.nc.Write(jute.AppendNotification(nil, n.f.zxid, jute.WatcherEvent{Type: typ, State: jute.StateSyncConnected, Path: path}))
}

func (n *fakeConn) setWatches(h jute.RequestHeader, r *jute.Reader) {
	var q jute.SetWatches2Request
	if h.Op == jute.OpSetWatches {
		q.SetWatchesRequest.Decode(r)
	} else {
		q.Decode(r)
	}
	for _, p := range q.Data {
		switch node := n.f.nodes[p]; {
		case node == nil:
			n.notify(p, jute.EventNodeDeleted)
		case node.stat.Mzxid > q.RelativeZxid:
			n.notify(p, jute.EventNodeDataChanged)
		default:
			n.watches["data "+p] = true
		}
	}
	for _, p := range q.Exist {
		if n.f.nodes[p] != nil {
			n.notify(p, jute.EventNodeCreated)
		} else {
			n.watches["exist "+p] = true
		}
	}
	for _, p := range q.Child {
		switch node := n.f.nodes[p]; {
		case node == nil:
			n.notify(p, jute.EventNodeDeleted)
		case node.stat.Pzxid > q.RelativeZxid:
			n.notify(p, jute.EventNodeChildrenChanged)
		default:
			n.watches["child "+p] = true
		}
	}
	for _, p := range q.Persistent {
		n.watches["persistent "+p] = true
	}
	for _, p := range q.PersistentRecursive {
		n.watches["recursive "+p] = true
	}
	n.reply(h.Xid, n.f.zxid, 0, nil)
}
