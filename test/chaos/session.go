package chaos

import (
	"fmt"
	"slices"
)

// A session's reads may be old, but never older than what the session has seen
// before, on whatever server it is (ZOOKEEPER-4646's victims saw that broken):
// neither of the same node (H2) nor of the whole tree (H3).

// glance is one answer in which a session saw a node.
type glance struct {
	session int64
	path    string
	zxid    int64 // the node's mzxid
	seen    int64 // the newest zxid that the session had seen before it asked
}

// sight is what one session has seen. Its calls are made one after the other.
type sight struct {
	session int64
	newest  int64
	nodes   map[string]int64 // path to the newest mzxid
}

func newSight(session int64) *sight { return &sight{session: session, nodes: make(map[string]int64)} }

// saw takes in an answer and returns what is wrong with it, empty for nothing.
func (s *sight) saw(path string, zxid int64) (g glance, wrong string) {
	g = glance{session: s.session, path: path, zxid: zxid, seen: s.newest}
	if last := s.nodes[path]; zxid < last {
		wrong = fmt.Sprintf("H2: session %#x read %s of zxid %#x after it had seen %#x", s.session, path, zxid, last)
	}
	s.nodes[path] = max(s.nodes[path], zxid)
	s.newest = max(s.newest, zxid)
	return g, wrong
}

// missing tells that a node was not there, which had been seen before.
func (s *sight) missing(path string) (wrong string) {
	if last, seen := s.nodes[path]; seen {
		return fmt.Sprintf("H2: session %#x did not find %s after it had seen it with zxid %#x", s.session, path, last)
	}
	return ""
}

// checkGlances holds every read against the acknowledged writes of the node:
// one that is newer than what was read must not be older than what the session
// had seen, be it of another node. writes are zxids by path.
func checkGlances(glances []glance, writes map[string][]int64) []string {
	var wrong []string
	for _, zxids := range writes {
		slices.Sort(zxids) // in place; the order of paths does not matter
	}
	for _, g := range glances {
		zxids := writes[g.path]
		i, found := slices.BinarySearch(zxids, g.zxid)
		if found {
			i++
		}
		if i < len(zxids) && zxids[i] <= g.seen {
			wrong = append(wrong, fmt.Sprintf("H3: session %#x had seen zxid %#x and then read %s of zxid %#x, without the write of zxid %#x",
				g.session, g.seen, g.path, g.zxid, zxids[i]))
		}
	}
	return wrong
}
