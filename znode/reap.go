package znode

import (
	"github.com/quorumd/quorumd/jute"
)

// NeverUsed is how long a container may stay without ever having had a child,
// in ms.
const NeverUsed = 300_000

// reapLook bounds how many nodes one call of Reapable looks at, so that it
// never holds the lock for long. The next call goes on where it stopped.
const reapLook = 16 << 10

// Reapable returns the paths of up to limit containers and TTL nodes that are
// due for deletion at the given time, in ms since 1970. A call looks at a part
// of them; calls go round. Only one caller at a time may use it.
func (t *Tree) Reapable(now int64, limit int) []string {
	var due []string
	total := len(t.timed.ids)
	for range min(total, reapLook) {
		if len(due) >= limit {
			break
		}
		if t.reapAt >= total {
			t.reapAt = 0
		}
		id := t.timed.ids[t.reapAt]
		t.reapAt++
		if t.due(t.node(id), now) {
			due = append(due, t.path(id))
		}
	}
	return due
}

// due reports whether a container or TTL node has had its time.
func (t *Tree) due(n *node, now int64) bool {
	switch {
	case n.children != 0:
		return false
	case n.meta&metaContainer != 0:
		return n.cversion > 0 || now-n.mtime > NeverUsed
	case n.meta&metaTTL != 0:
		return now-n.mtime > n.owner
	}
	return false
}

// reap deletes the container or TTL node that the body names if it is still
// due: a child or a write may have come before.
func (t *Tree) reap(q *Request) jute.Code {
	path := view(q.Body)
	if badForWrite(path) || permanent(path) {
		return jute.CodeBadArguments
	}
	id := t.lookup(path)
	if id == 0 {
		return jute.CodeNoNode
	}
	n := t.node(id)
	switch {
	case n.children != 0:
		return jute.CodeNotEmpty
	case !t.due(n, q.Time):
		return jute.CodeBadVersion
	}
	t.prune(q, id, path)
	return jute.CodeOK
}
