package znode

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/quorumd/quorumd/internal/ranked"
)

// watchBits are the ways in which one connection watches one path. They are
// independent of each other.
type watchBits uint8

const (
	watchData       watchBits = 1 << iota // getData, exists: fires once
	watchChild                            // getChildren: fires once
	watchPersistent                       // data and child events, until removed
	watchRecursive                        // data events of the whole subtree, until removed
	watchAny        = watchData | watchChild | watchPersistent | watchRecursive
)

// watchTable holds the watches of this server's connections.
//
// It is changed by readers that hold the tree's lock for reading only, so it
// has locks of its own: one per shard of paths and one for the list of
// connections. They are taken in that order: a shard's, then the list's.
// Firing happens under the tree's write lock, when no reader registers.
//
// A watched path costs its text and about 100 bytes, each connection that
// watches it 32 bytes.
type watchTable struct {
	shards [watchShards]watchShard

	mu    ranked.Mutex[ranked.WatchList]
	conns map[Watcher]*watchConn

	watches   atomic.Int64 // bits set, all told
	recursive atomic.Int64 // of them: recursive ones
	round     uint64       // of firing, for watchConn.told
	found     []*watchConn // scratch of firing
}

// watchShards is the number of shards; a power of two, at most 16 so that the
// heads in watchConn stay small.
const watchShards = 16

type watchShard struct {
	mu    ranked.Mutex[ranked.WatchShard]
	slots map[string]uint32 // path -> place in paths
	paths []watchPath
	marks []watchMark
	// Free lists: through watchPath.head and watchMark.nextPath.
	freePath, freeMark uint32
}

// watchPath is a watched path. Place 0 of the slice is not used.
type watchPath struct {
	path string
	head uint32 // first mark, through nextPath
}

// watchMark says that conn watches path, in two lists: the path's and the
// connection's. Place 0 of the slice is not used.
type watchMark struct {
	conn               *watchConn
	path               uint32
	nextPath, prevPath uint32
	nextConn, prevConn uint32
	bits               watchBits
}

// watchConn is a connection that has watched something.
type watchConn struct {
	watcher Watcher
	told    uint64              // the round of firing that found it last
	marks   atomic.Int32        // its marks in all shards
	heads   [watchShards]uint32 // its first mark in each shard; guarded by the shard's lock
}

func newWatchTable() *watchTable {
	w := &watchTable{conns: make(map[Watcher]*watchConn)}
	for i := range w.shards {
		s := &w.shards[i]
		s.slots = make(map[string]uint32)
		s.paths = make([]watchPath, 1)
		s.marks = make([]watchMark, 1)
	}
	return w
}

func shardOf(path string) int { return int(xxhash.Sum64String(path) >> 60 & (watchShards - 1)) }

// conn returns the watcher's entry, made when asked for.
func (w *watchTable) conn(who Watcher, add bool) *watchConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.conns[who]
	if c == nil && add {
		c = &watchConn{watcher: who}
		w.conns[who] = c
	}
	return c
}

// add registers bits of who on path. path may alias memory of the caller.
func (w *watchTable) add(who Watcher, path string, bits watchBits) {
	c := w.conn(who, true)
	i := shardOf(path)
	s := &w.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(path, c, i)
	if m == 0 {
		m = s.mark(path, c, i)
	}
	fresh := bits &^ s.marks[m].bits
	s.marks[m].bits |= bits
	w.count(fresh, 1)
}

// remove takes bits of who off path; it reports whether one of them was set.
func (w *watchTable) remove(who Watcher, path string, bits watchBits) bool {
	c := w.conn(who, false)
	if c == nil {
		return false
	}
	i := shardOf(path)
	s := &w.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(path, c, i)
	if m == 0 || s.marks[m].bits&bits == 0 {
		return false
	}
	w.clear(s, i, m, bits)
	return true
}

// has reports whether who has one of bits on path.
func (w *watchTable) has(who Watcher, path string, bits watchBits) bool {
	c := w.conn(who, false)
	if c == nil {
		return false
	}
	i := shardOf(path)
	s := &w.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(path, c, i)
	return m != 0 && s.marks[m].bits&bits != 0
}

// detach drops everything of who.
func (w *watchTable) detach(who Watcher) {
	c := w.conn(who, false)
	if c == nil {
		return
	}
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for c.heads[i] != 0 {
			w.clear(s, i, c.heads[i], watchAny)
		}
		s.mu.Unlock()
	}
	w.mu.Lock()
	delete(w.conns, who)
	w.mu.Unlock()
}

// count adds sign for each of bits to the totals.
func (w *watchTable) count(bits watchBits, sign int64) {
	n := int64(0)
	for b := bits; b != 0; b &= b - 1 {
		n++
	}
	w.watches.Add(sign * n)
	if bits&watchRecursive != 0 {
		w.recursive.Add(sign)
	}
}

// clear takes bits off mark m, and the mark away when it has none left.
func (w *watchTable) clear(s *watchShard, shard int, m uint32, bits watchBits) {
	w.count(s.marks[m].bits&bits, -1)
	s.marks[m].bits &^= bits
	if s.marks[m].bits == 0 {
		s.unmark(m, shard)
	}
}

// find returns c's mark on path, 0 when there is none. It looks through the
// shorter of the two lists in step.
func (s *watchShard) find(path string, c *watchConn, shard int) uint32 {
	slot := s.slots[path]
	if slot == 0 {
		return 0
	}
	byPath, byConn := s.paths[slot].head, c.heads[shard]
	for byPath != 0 && byConn != 0 {
		if s.marks[byPath].conn == c {
			return byPath
		}
		if s.marks[byConn].path == slot {
			return byConn
		}
		byPath, byConn = s.marks[byPath].nextPath, s.marks[byConn].nextConn
	}
	return 0
}

// mark adds an empty mark of c on path.
func (s *watchShard) mark(path string, c *watchConn, shard int) uint32 {
	slot := s.slots[path]
	if slot == 0 {
		slot = s.freePath
		if slot != 0 {
			s.freePath = s.paths[slot].head
		} else {
			slot = uint32(len(s.paths))
			s.paths = append(s.paths, watchPath{})
		}
		path = strings.Clone(path)
		s.paths[slot] = watchPath{path: path}
		s.slots[path] = slot
	}
	m := s.freeMark
	if m != 0 {
		s.freeMark = s.marks[m].nextPath
	} else {
		m = uint32(len(s.marks))
		s.marks = append(s.marks, watchMark{})
	}
	p := &s.paths[slot]
	s.marks[m] = watchMark{conn: c, path: slot, nextPath: p.head, nextConn: c.heads[shard]}
	if p.head != 0 {
		s.marks[p.head].prevPath = m
	}
	if next := c.heads[shard]; next != 0 {
		s.marks[next].prevConn = m
	}
	p.head, c.heads[shard] = m, m
	c.marks.Add(1)
	return m
}

// unmark takes mark m out of its two lists.
func (s *watchShard) unmark(m uint32, shard int) {
	k := s.marks[m]
	if k.nextPath != 0 {
		s.marks[k.nextPath].prevPath = k.prevPath
	}
	if k.nextConn != 0 {
		s.marks[k.nextConn].prevConn = k.prevConn
	}
	p := &s.paths[k.path]
	if k.prevPath != 0 {
		s.marks[k.prevPath].nextPath = k.nextPath
	} else {
		p.head = k.nextPath
	}
	if k.prevConn != 0 {
		s.marks[k.prevConn].nextConn = k.nextConn
	} else {
		k.conn.heads[shard] = k.nextConn
	}
	k.conn.marks.Add(-1)
	s.marks[m] = watchMark{nextPath: s.freeMark}
	s.freeMark = m
	if p.head == 0 {
		delete(s.slots, p.path)
		*p = watchPath{head: s.freePath}
		s.freePath = k.path
	}
}

// take collects into w.found the connections that have one of bits on path,
// each once a round, and takes the bits of once off them.
func (w *watchTable) take(path string, bits, once watchBits) {
	i := shardOf(path)
	s := &w.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.slots[path]
	if slot == 0 {
		return
	}
	for m := s.paths[slot].head; m != 0; {
		k := &s.marks[m]
		next := k.nextPath
		if k.bits&bits != 0 {
			if k.conn.told != w.round {
				k.conn.told = w.round
				w.found = append(w.found, k.conn)
			}
			w.clear(s, i, m, bits&once)
		}
		m = next
	}
}

// WatchCounts are the figures of the wchs command.
type WatchCounts struct {
	Watches     int // registrations
	Paths       int // paths that somebody watches
	Connections int // connections that watch something
}

func (w *watchTable) counts() WatchCounts {
	c := WatchCounts{Watches: int(w.watches.Load())}
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		c.Paths += len(s.slots)
		s.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns { // counted, in any order
		if conn.marks.Load() > 0 {
			c.Connections++
		}
	}
	return c
}

// Watch is one entry of a list of watches.
type Watch struct {
	Path    string
	Watcher Watcher
}

// list returns every (path, connection) pair, sorted by path; pairs of one
// path come in the order of registration, the newest first.
func (w *watchTable) list() []Watch {
	var all []Watch
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		for slot := range s.paths {
			p := &s.paths[slot]
			for m := p.head; m != 0 && p.path != ""; m = s.marks[m].nextPath {
				all = append(all, Watch{p.path, s.marks[m].conn.watcher})
			}
		}
		s.mu.Unlock()
	}
	slices.SortStableFunc(all, func(a, b Watch) int { return strings.Compare(a.Path, b.Path) })
	return all
}
