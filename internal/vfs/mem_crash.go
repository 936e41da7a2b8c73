package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Keep says what a crash leaves of what was not durable.
type Keep uint8

// What CrashClone keeps of pending changes.
const (
	// KeepNothing: only what is durable, as if the disk had written nothing
	// on its own.
	KeepNothing Keep = iota
	// KeepPrefix: of each file and each directory the first changes, how many
	// is drawn; the last write kept is torn at a byte that is drawn.
	KeepPrefix
	// KeepSubset: each 512-byte sector of each write, each change of size and
	// each name change is kept or lost by a draw of its own.
	KeepSubset
	// KeepAll: everything. A process killed, not a machine.
	KeepAll
)

// Keeps lists all the ways to keep.
var Keeps = []Keep{KeepNothing, KeepPrefix, KeepSubset, KeepAll}

func (k Keep) String() string {
	return [...]string{"nothing", "prefix", "subset", "all"}[k]
}

// sectorSize is the unit that a disk writes whole or not at all.
const sectorSize = 512

// CrashClone returns the file system as a machine that stopped at this moment
// would find it after its start. m goes on unharmed. Locks, faults and the
// hook do not carry over, and everything in the clone is durable.
func (m *MemFS) CrashClone(rng *rand.Rand, keep Keep) *MemFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{rng: rng, keep: keep, done: make(map[*node]*node)}
	out := NewMem()
	out.made = m.made
	out.root = c.node(m.root)
	return out
}

type crash struct {
	rng  *rand.Rand
	keep Keep
	done map[*node]*node // a node renamed may be reached by two names
}

func (c *crash) node(n *node) *node {
	if got := c.done[n]; got != nil {
		return got
	}
	out := &node{dir: n.dir, id: n.id}
	c.done[n] = out
	if n.dir {
		names := c.names(n)
		out.names = make(map[string]*node, len(names))
		for _, name := range slices.Sorted(maps.Keys(names)) {
			out.names[name] = c.node(names[name])
		}
		out.stableNames = maps.Clone(out.names)
		return out
	}
	out.now = c.content(n)
	out.stable = out.now.clone()
	return out
}

func (c *crash) names(d *node) map[string]*node {
	if c.keep == KeepAll {
		return d.names
	}
	names := maps.Clone(d.stableNames)
	limit := c.count(len(d.pendingNames))
	for _, ch := range d.pendingNames[:limit] {
		if c.keep != KeepSubset || c.coin() {
			d.applyName(ch, names)
		}
	}
	return names
}

func (c *crash) content(f *node) content {
	if c.keep == KeepAll {
		return f.now.clone()
	}
	out := f.settled().clone()
	limit := c.count(len(f.pending))
	for i, ch := range f.pending[:limit] {
		switch {
		case c.keep == KeepSubset:
			c.subset(&out, ch)
		case i == limit-1 && ch.data != nil:
			torn := c.rng.IntN(len(ch.data) + 1)
			if torn > 0 {
				out.apply(change{off: ch.off, data: ch.data[:torn]})
			}
		default:
			out.apply(ch)
		}
	}
	return out
}

// count draws how many of n pending changes are looked at.
func (c *crash) count(n int) int {
	switch c.keep {
	case KeepNothing:
		return 0
	case KeepPrefix:
		return c.rng.IntN(n + 1)
	}
	return n
}

func (c *crash) coin() bool { return c.rng.IntN(2) == 0 }

// subset applies ch sector by sector.
func (c *crash) subset(out *content, ch change) {
	if ch.data == nil {
		if c.coin() {
			out.apply(ch)
		}
		return
	}
	for off, rest := ch.off, ch.data; len(rest) > 0; {
		n := min(int64(len(rest)), sectorSize-off%sectorSize)
		if c.coin() {
			out.apply(change{off: off, data: rest[:n]})
		}
		off, rest = off+n, rest[n:]
	}
}
