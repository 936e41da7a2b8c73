package znode

import (
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Image is the tree as it was when the image was opened, read piece by piece
// while transactions go on being applied.
//
//	slots  1 ........ cursor ........ end ......
//	       │ written  │ to be written │ newer than the image
//	                     ↑
//	        a slot that changes here is first copied into kept
//
// Blobs are immutable, so a copy is the node and a reference to its blob. ACLs
// are immutable too: the image has the table of the start.
//
// Invariant N6: for every slot from cursor to end, kept, or else the slab,
// holds what the slot held when the image was opened.
//
// Reading needs the tree's read lock, opening and closing the write lock.
type Image struct {
	t           *Tree
	cursor, end nodeID
	kept        map[nodeID]keptNode
	acls        []*acl
	nextACL     int
	nodes       int
	written     int // of them

	enc   *wire.Encoder
	batch nodeBatch
}

type keptNode struct {
	node node
	blob string
}

// nodeRecord is a node in a snapshot. Slots number the nodes of one snapshot.
type nodeRecord struct {
	_struct bool `codec:",toarray"`

	Slot, Parent                uint32
	Name                        string
	Data                        []byte
	Flags                       uint32 // of node.meta: null and the kinds
	ACL                         uint32
	Czxid, Mzxid, Pzxid         zab.Zxid
	Ctime, Mtime, Owner         int64
	Version, Cversion, Aversion int32
}

// nodeBatch is the body of a frame of nodes.
type nodeBatch struct {
	_struct bool `codec:",toarray"`

	Nodes []nodeRecord
}

type aclRecord struct {
	_struct bool `codec:",toarray"`

	ID   uint32
	Text []byte // the vector in jute
}

// aclBatch is the body of a frame of ACLs.
type aclBatch struct {
	_struct bool `codec:",toarray"`

	ACLs []aclRecord
}

// Bounds of one frame of a snapshot.
const (
	frameBytes  = 256 << 10 // a frame is ended when it is that long
	frameSparse = 8         // slots looked at for each node asked for
)

// Open begins an image. At most one can be open.
func (t *Tree) Open() *Image {
	must.Hold(t.image == nil, "N6", "a second image is opened")
	t.image = &Image{
		t: t, cursor: rootID, end: t.end, nodes: t.live,
		kept: make(map[nodeID]keptNode),
		acls: append([]*acl(nil), t.acls.list...),
		enc:  wire.NewEncoder(),
	}
	return t.image
}

// Close ends the image, read to its end or not.
func (im *Image) Close() {
	if im.t.image == im {
		im.t.image = nil
	}
	im.kept = nil
}

// Nodes returns how many nodes the image holds.
func (im *Image) Nodes() int { return im.nodes }

// Written returns how many of them AppendNodes has appended.
func (im *Image) Written() int { return im.written }

// keep saves a slot that is about to change.
func (im *Image) keep(t *Tree, id nodeID) {
	if id < im.cursor || id >= im.end {
		return
	}
	if _, ok := im.kept[id]; !ok {
		im.kept[id] = keptNode{*t.node(id), t.blob(id)}
	}
}

// AppendACLs appends a frame body with the next ACLs; more is false when it
// has the last of them.
func (im *Image) AppendACLs(dst []byte) (body []byte, more bool, err error) {
	var batch aclBatch
	for size := 0; im.nextACL < len(im.acls) && size < frameBytes; im.nextACL++ {
		if a := im.acls[im.nextACL]; a != nil && im.nextACL != int(aclOpen) {
			batch.ACLs = append(batch.ACLs, aclRecord{ID: uint32(im.nextACL), Text: []byte(a.text)})
			size += len(a.text)
		}
	}
	body, err = im.enc.AppendBody(dst, &batch)
	return body, im.nextACL < len(im.acls), err
}

// AppendNodes appends a frame body with the next nodes, at most limit of them;
// more is false when it has the last of them. A body may hold no node.
func (im *Image) AppendNodes(dst []byte, limit int) (body []byte, more bool, err error) {
	limit = max(limit, 1)
	im.batch.Nodes = im.batch.Nodes[:0]
	size := 0
	for slots := 0; im.cursor < im.end && slots < limit*frameSparse; slots++ {
		if len(im.batch.Nodes) == limit || size >= frameBytes {
			break
		}
		id := im.cursor
		n, blob := im.t.node(id), im.t.blob(id)
		if k, ok := im.kept[id]; ok {
			n, blob = &k.node, k.blob
			delete(im.kept, id)
		}
		im.cursor++
		if n.live() {
			im.batch.Nodes = append(im.batch.Nodes, recordOf(id, n, blob))
			size += len(blob)
		}
	}
	body, err = im.enc.AppendBody(dst, &im.batch)
	im.written += len(im.batch.Nodes)
	clear(im.batch.Nodes)
	return body, im.cursor < im.end, err
}

func recordOf(id nodeID, n *node, blob string) nodeRecord {
	name, data := blob[:n.meta&metaName], blob[n.meta&metaName:]
	return nodeRecord{
		Slot: uint32(id), Parent: uint32(n.parent), Name: name, Data: bytesOf(data),
		Flags: n.meta & (metaNull | metaKind), ACL: uint32(n.acl),
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid,
		Ctime: n.ctime, Mtime: n.mtime, Owner: n.owner,
		Version: n.version, Cversion: n.cversion, Aversion: n.aversion,
	}
}
