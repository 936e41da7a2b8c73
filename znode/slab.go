package znode

import "github.com/quorumd/quorumd/zab"

// nodeID addresses a slot of the slab. 0 is no node.
type nodeID uint32

// rootID is the slot of "/".
const rootID nodeID = 1

// A chunk holds 1024 slots and never moves, so that growing the slab copies
// nothing but the list of chunks. It is small because the first one is all that
// a small tree costs, and 13 whole pages, which the allocator does not round up.
const (
	chunkBits  = 10
	chunkNodes = 1 << chunkBits
)

// node is the fixed part of a znode: 104 bytes without a Go pointer, which the
// garbage collector never looks into. Name and data lie in the slot's blob.
type node struct {
	key                 uint64 // hash of the full path
	czxid, mzxid, pzxid zab.Zxid
	ctime, mtime        int64 // ms since 1970
	owner               int64 // session of an ephemeral, ms to live of a TTL node, else 0

	parent nodeID
	first  nodeID // child
	next   nodeID // sibling, 0 for the last; next free slot of a free one
	prev   nodeID // sibling; of the first child: the last
	chain  nodeID // next in the same bucket of the index

	children int32
	meta     uint32 // flags and length of the name
	acl      aclID
	version  int32
	cversion int32 // as stored: counts creations only
	aversion int32
	pos      uint32 // place in the nodeSet the node is in, if any
}

// Flags of node.meta; the bits below them are the length of the name.
const (
	metaLive      = 1 << 31
	metaNull      = 1 << 30 // the data is null, which is not the empty data
	metaEphemeral = 1 << 29
	metaContainer = 1 << 28
	metaTTL       = 1 << 27
	metaName      = 1<<27 - 1
	metaKind      = metaEphemeral | metaContainer | metaTTL
)

// maxName bounds the bytes of one path component.
const maxName = metaName

func (n *node) live() bool { return n.meta&metaLive != 0 }
func (n *node) null() bool { return n.meta&metaNull != 0 }

// slab is the memory of all nodes. Blobs are immutable strings, name first and
// data after it, so whoever keeps a blob keeps a consistent name and data.
type slab struct {
	nodes []*[chunkNodes]node
	blobs []*[chunkNodes]string
	free  nodeID // list of freed slots through next
	end   nodeID // lowest slot that was never used
	live  int
}

func (s *slab) node(id nodeID) *node {
	return &s.nodes[id>>chunkBits][id&(chunkNodes-1)]
}

func (s *slab) blob(id nodeID) string {
	return s.blobs[id>>chunkBits][id&(chunkNodes-1)]
}

func (s *slab) setBlob(id nodeID, b string) {
	s.blobs[id>>chunkBits][id&(chunkNodes-1)] = b
}

// name returns the node's last path component, "" for the root.
func (s *slab) name(id nodeID) string {
	return s.blob(id)[:s.node(id).meta&metaName]
}

// data returns the node's data; null reads as "".
func (s *slab) data(id nodeID) string {
	return s.blob(id)[s.node(id).meta&metaName:]
}

// peek returns the slot that alloc will return next.
func (s *slab) peek() nodeID {
	if s.free != 0 {
		return s.free
	}
	return s.end
}

// alloc takes a slot. What is in it is undefined but for being not live.
func (s *slab) alloc() nodeID {
	s.live++
	if id := s.free; id != 0 {
		s.free = s.node(id).next
		return id
	}
	if s.end == 0 {
		s.end = rootID // slot 0 stays unused
	}
	id := s.end
	if int(id>>chunkBits) == len(s.nodes) {
		s.nodes = append(s.nodes, new([chunkNodes]node))
		s.blobs = append(s.blobs, new([chunkNodes]string))
	}
	s.end++
	return id
}

// release gives a slot back. The last slot released is the next one taken,
// which is what lets an undo find every node where it was.
func (s *slab) release(id nodeID) {
	*s.node(id) = node{next: s.free}
	s.setBlob(id, "")
	s.free = id
	s.live--
}
