package znode

// index finds nodes by the hash of their path. It is a linear hash table: it
// grows by one bucket for each node beyond the number of buckets, and a new
// bucket takes its nodes from exactly one old one. So no insertion ever pays
// for a rehash of the whole table. Buckets are chains through node.chain.
//
// With 2^level buckets at the beginning of a round and split of them already
// divided, there are 2^level + split buckets:
//
//	0 ........ split ........ 2^level ........ 2^level+split
//	│ divided  │ not divided  │ upper halves of the divided │
type index struct {
	chunks []*[chunkNodes]nodeID
	level  uint
	split  uint32
	count  int
}

// indexLevel is the level of an empty index: one chunk of buckets.
const indexLevel = chunkBits

func newIndex() index {
	return index{chunks: []*[chunkNodes]nodeID{new([chunkNodes]nodeID)}, level: indexLevel}
}

func (x *index) bucket(key uint64) *nodeID {
	b := uint32(key) & (1<<x.level - 1)
	if b < x.split {
		b = uint32(key) & (1<<(x.level+1) - 1)
	}
	return x.at(b)
}

func (x *index) at(b uint32) *nodeID {
	return &x.chunks[b>>chunkBits][b&(chunkNodes-1)]
}

// insert adds id, whose key is set.
func (x *index) insert(s *slab, id nodeID) {
	n := s.node(id)
	head := x.bucket(n.key)
	n.chain = *head
	*head = id
	x.count++
	if x.count > 1<<x.level+int(x.split) && x.level < 31 {
		x.grow(s)
	}
}

// grow divides one bucket.
func (x *index) grow(s *slab) {
	upper := uint32(1)<<x.level + x.split
	if int(upper>>chunkBits) == len(x.chunks) {
		x.chunks = append(x.chunks, new([chunkNodes]nodeID))
	}
	lo, hi := x.at(x.split), x.at(upper)
	id := *lo
	*lo = 0
	for id != 0 {
		n := s.node(id)
		rest := n.chain
		to := lo
		if uint32(n.key)>>x.level&1 != 0 {
			to = hi
		}
		n.chain = *to
		*to = id
		id = rest
	}
	x.split++
	if x.split == 1<<x.level {
		x.level++
		x.split = 0
	}
}

// remove takes id out; it is in.
func (x *index) remove(s *slab, id nodeID) {
	n := s.node(id)
	at := x.bucket(n.key)
	for *at != id {
		at = &s.node(*at).chain
	}
	*at = n.chain
	n.chain = 0
	x.count--
}
