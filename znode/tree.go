package znode

import (
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/quorumd/quorumd/zab"
)

// Paths of the nodes that are always there.
const (
	rootPath   = "/"
	systemPath = "/zookeeper"
	quotaPath  = "/zookeeper/quota"
	configPath = "/zookeeper/config"
)

// Tree is the data tree with everything that hangs on it: ACLs, ephemerals,
// quotas, watches. It is changed by Apply and the functions around it, under
// the owner's write lock, and looked at by Read under the read lock. Only the
// watch table may change under the read lock; it has locks of its own.
type Tree struct {
	slab
	index index
	acls  aclTable

	ephemerals map[zab.SessionID]*nodeSet
	ephemeral  int     // ephemeral nodes of all sessions
	timed      nodeSet // containers and TTL nodes
	reapAt     int     // where Reapable goes on looking in timed
	quotas     map[string]struct{}

	digest uint64
	size   int64 // bytes of all paths and data

	undo    undoLog
	image   *Image
	watches *watchTable
	reply   []byte // of the request being applied; memory is reused
	paths   []byte // scratch for paths of quota nodes
}

// New makes the tree of a fresh ensemble: the built-in nodes.
func New() *Tree {
	t := newEmpty()
	root := t.alloc()
	n := t.node(root)
	*n = node{key: xxhash.Sum64String(rootPath), meta: metaLive}
	t.digest += t.nodeDigest(root)
	t.size += int64(len(rootPath))
	t.plant(systemPath, aclOpen, 0)
	t.plant(quotaPath, aclOpen, 0)
	t.plant(configPath, t.acls.intern(aclReadOnly), -1)
	return t
}

func newEmpty() *Tree {
	return &Tree{
		index:      newIndex(),
		acls:       newACLTable(),
		ephemerals: make(map[zab.SessionID]*nodeSet),
		quotas:     make(map[string]struct{}),
		watches:    newWatchTable(),
	}
}

// plant adds a built-in node.
func (t *Tree) plant(path string, acl aclID, version int32) {
	parent, name := splitPath(path)
	n := node{key: xxhash.Sum64String(path), acl: acl, version: version, aversion: version}
	n.meta = metaLive | uint32(len(name))
	t.insert(t.lookup(parent), n, name)
}

// splitPath cuts path at its last slash; the parent of a top-level node is "".
// The path has a slash.
func splitPath(path string) (parent, name string) {
	i := len(path) - 1
	for path[i] != '/' {
		i--
	}
	return path[:i], path[i+1:]
}

// lookup returns the node at path, 0 when there is none. "" is the root, as it
// is in ZooKeeper; any other malformed path is simply not there.
func (t *Tree) lookup(path string) nodeID {
	if path == "" || path == rootPath {
		return rootID
	}
	key := xxhash.Sum64String(path)
	for id := *t.index.bucket(key); id != 0; {
		n := t.node(id)
		if n.key == key && t.isAt(id, path) {
			return id
		}
		id = n.chain
	}
	return 0
}

// isAt reports whether id's path is path. Keys are hashes that a client could
// make collide, so equal keys prove nothing.
func (t *Tree) isAt(id nodeID, path string) bool {
	for id != rootID {
		name := t.name(id)
		cut := len(path) - len(name)
		if cut < 1 || path[cut-1] != '/' || path[cut:] != name {
			return false
		}
		path = path[:cut-1]
		id = t.node(id).parent
	}
	return path == ""
}

// pathLen returns the bytes of id's path.
func (t *Tree) pathLen(id nodeID) int {
	if id == rootID {
		return len(rootPath)
	}
	size := 0
	for ; id != rootID; id = t.node(id).parent {
		size += 1 + int(t.node(id).meta&metaName)
	}
	return size
}

// appendPath appends id's path to dst.
func (t *Tree) appendPath(dst []byte, id nodeID) []byte {
	size := t.pathLen(id)
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	end := len(dst)
	if id == rootID {
		dst[start] = '/'
		return dst
	}
	for ; id != rootID; id = t.node(id).parent {
		name := t.name(id)
		end -= len(name)
		copy(dst[end:], name)
		end--
		dst[end] = '/'
	}
	return dst
}

// path returns id's path in memory of its own.
func (t *Tree) path(id nodeID) string { return view(t.appendPath(nil, id)) }

// view returns b as a string without copying. b must not change any more, or
// not as long as the string is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// makeBlob joins a name and data in one allocation.
func makeBlob(name, data string) string {
	if len(data) == 0 && len(name) == 0 {
		return ""
	}
	b := make([]byte, len(name)+len(data))
	copy(b, name)
	copy(b[len(name):], data)
	return view(b)
}

// link makes id the last child of parent.
//
// Invariant N2: a node's children are a list through next and prev that begins
// at first; the first one's prev is the last one; children counts them.
func (t *Tree) link(parent, id nodeID) {
	p, n := t.node(parent), t.node(id)
	n.parent, n.next = parent, 0
	if p.first == 0 {
		p.first, n.prev = id, id
	} else {
		first := t.node(p.first)
		n.prev = first.prev
		t.node(first.prev).next = id
		first.prev = id
	}
	p.children++
}

// unlink takes id out of its parent's list.
func (t *Tree) unlink(id nodeID) {
	n := t.node(id)
	p := t.node(n.parent)
	if p.first == id {
		p.first = n.next
	} else {
		t.node(n.prev).next = n.next
	}
	switch {
	case n.next != 0:
		t.node(n.next).prev = n.prev
	case p.first != 0:
		t.node(p.first).prev = n.prev
	}
	p.children--
}

// after returns the node that follows id in a walk of the subtree at top,
// parents first, or 0 at its end.
func (t *Tree) after(id, top nodeID) nodeID {
	if first := t.node(id).first; first != 0 {
		return first
	}
	for id != top {
		n := t.node(id)
		if n.next != 0 {
			return n.next
		}
		id = n.parent
	}
	return 0
}

// bytesOf returns s as bytes without copying. They must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
