package znode

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// The digest of a tree is the sum of two hashes per node, modulo 2^64: one of
// path and data, one of path, stat, kind and ACL. A sum can be kept up to date
// from the node that changes alone, and two hashes keep a change of a parent's
// stat from reading the parent's data.
//
// It is compared between servers that may be wrong, not between servers that
// lie: it is not a cryptographic hash.

// Constants that set apart what is hashed; odd numbers without meaning.
const (
	saltData    = 0x9e3779b97f4a7c15
	saltNull    = 0xc2b2ae3d27d4eb4f
	saltSession = 0x165667b19e3779f9
)

// mix spreads a and b over 64 bits; it is not symmetric.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^saltData, bits.RotateLeft64(b, 29)|1)
	x := hi ^ lo ^ b
	x ^= x >> 31
	x *= saltNull
	return x ^ x>>29
}

// dataDigest covers path and data.
func dataDigest(n *node, data string) uint64 {
	if n.null() {
		return mix(n.key, saltNull)
	}
	return mix(n.key, xxhash.Sum64String(data))
}

// statDigest covers path, stat, kind and ACL.
func (t *Tree) statDigest(n *node) uint64 {
	var b [88]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], n.key)
	le.PutUint64(b[8:], uint64(n.czxid))
	le.PutUint64(b[16:], uint64(n.mzxid))
	le.PutUint64(b[24:], uint64(n.pzxid))
	le.PutUint64(b[32:], uint64(n.ctime))
	le.PutUint64(b[40:], uint64(n.mtime))
	le.PutUint64(b[48:], uint64(n.owner))
	le.PutUint64(b[56:], t.acls.hash(n.acl))
	le.PutUint32(b[64:], uint32(n.version))
	le.PutUint32(b[68:], uint32(n.cversion))
	le.PutUint32(b[72:], uint32(n.aversion))
	le.PutUint32(b[76:], n.meta&metaKind)
	le.PutUint64(b[80:], saltData)
	return xxhash.Sum64(b[:])
}

func (t *Tree) nodeDigest(id nodeID) uint64 {
	n := t.node(id)
	return dataDigest(n, t.data(id)) + t.statDigest(n)
}

// Digest returns the digest of all nodes.
func (t *Tree) Digest() uint64 { return t.digest }

// SessionDigest returns what a session adds to the digest of a state.
func SessionDigest(id, timeout int64) uint64 {
	return mix(mix(saltSession, uint64(id)), uint64(timeout))
}

// recount computes the digest and the size anew.
func (t *Tree) recount() (digest uint64, size int64) {
	for id := rootID; id != 0; id = t.after(id, rootID) {
		digest += t.nodeDigest(id)
		size += int64(t.pathLen(id) + len(t.data(id)))
	}
	return digest, size
}
