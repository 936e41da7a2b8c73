package znode

import (
	"slices"
	"strings"

	"github.com/quorumd/quorumd/jute"
)

// delete checks in the order of spec/client-protocol.md §8.
func (t *Tree) delete(q *Request, d *jute.DeleteRequest) jute.Code {
	path := d.Path
	if !q.Live {
		return jute.CodeSessionExpired
	}
	if badForWrite(path) || permanent(path) {
		return jute.CodeBadArguments
	}
	dir, _ := splitPath(path)
	parent := t.lookup(dir)
	if parent == 0 {
		return jute.CodeNoNode
	}
	if !t.allows(t.node(parent).acl, jute.PermDelete, q.rights()) {
		return jute.CodeNoAuth
	}
	id := t.lookup(path)
	if id == 0 {
		return jute.CodeNoNode
	}
	n := t.node(id)
	if d.Version != -1 && d.Version != n.version {
		return jute.CodeBadVersion
	}
	if n.children != 0 {
		return jute.CodeNotEmpty
	}
	t.prune(q, id, path)
	return jute.CodeOK
}

// permanent reports whether the node at path can never be deleted.
func permanent(path string) bool {
	return path == rootPath || path == systemPath || path == quotaPath || path == configPath
}

// prune takes out the childless node id, which is at path.
func (t *Tree) prune(q *Request, id nodeID, path string) {
	n := t.node(id)
	parent, acl, size := n.parent, n.acl, int64(len(t.data(id)))
	// The events hold on to the ACLs as they are, before they may go away.
	t.happened(q, jute.EventNodeDeleted, path, acl)
	t.remove(id)
	p := t.edit(parent)
	p.pzxid = q.Zxid
	t.done(parent)
	t.used(path, -1, -size)
	t.happened(q, jute.EventNodeChildrenChanged, parentPath(path), p.acl)
}

// find does the checks that setData, setACL and check have in common.
func (t *Tree) find(q *Request, path string, want int32) (nodeID, jute.Code) {
	id := t.lookup(path)
	if id == 0 {
		return 0, jute.CodeNoNode
	}
	if !t.allows(t.node(id).acl, want, q.rights()) {
		return 0, jute.CodeNoAuth
	}
	return id, jute.CodeOK
}

func (t *Tree) setData(q *Request, s *jute.SetDataRequest) jute.Code {
	if !q.Live {
		return jute.CodeSessionExpired
	}
	if jute.ValidatePath(s.Path) != nil {
		return jute.CodeBadArguments
	}
	id, code := t.find(q, s.Path, jute.PermWrite)
	if code != jute.CodeOK {
		return code
	}
	grown := int64(len(s.Data) - len(t.data(id)))
	if code := t.overQuota(q, s.Path, 0, grown); code != jute.CodeOK {
		return code
	}
	n := t.node(id)
	if s.Version != -1 && s.Version != n.version {
		return jute.CodeBadVersion
	}
	t.edit(id)
	n.mzxid, n.mtime, n.version = q.Zxid, q.Time, nextVersion(n.version)
	t.done(id)
	t.write(id, view(s.Data), s.Data == nil)
	t.used(s.Path, 0, grown)
	t.reply = t.appendStat(t.reply, id)
	t.happened(q, jute.EventNodeDataChanged, s.Path, n.acl)
	return jute.CodeOK
}

func (t *Tree) setACL(q *Request, path, text string, version int32) jute.Code {
	if !q.Live {
		return jute.CodeSessionExpired
	}
	if jute.ValidatePath(path) != nil {
		return jute.CodeBadArguments
	}
	acl, code := t.admit(text, q.Auth)
	if code != jute.CodeOK {
		return code
	}
	id, code := t.find(q, path, jute.PermAdmin)
	if code == jute.CodeOK && version != -1 && version != t.node(id).aversion {
		code = jute.CodeBadVersion
	}
	if code != jute.CodeOK {
		t.acls.release(acl)
		return code
	}
	n := t.edit(id)
	old := n.acl
	n.acl, n.aversion = acl, nextVersion(n.aversion)
	t.done(id)
	t.dropACL(old)
	t.reply = t.appendStat(t.reply, id)
	return jute.CodeOK
}

// configure writes the text of the membership into /zookeeper/config, past its
// ACL. Its version stays -1 (spec/semantics.md §2).
func (t *Tree) configure(q *Request) {
	id := t.lookup(configPath)
	n := t.edit(id)
	n.mzxid, n.mtime = q.Zxid, q.Time
	t.done(id)
	t.write(id, view(q.Body), false)
	t.happened(q, jute.EventNodeDataChanged, configPath, n.acl)
}

// Config returns the data of /zookeeper/config.
func (t *Tree) Config() string { return strings.Clone(t.data(t.lookup(configPath))) }

// check is an operation of multis alone.
func (t *Tree) check(q *Request, c *jute.CheckVersionRequest) jute.Code {
	if !q.Live {
		return jute.CodeSessionExpired
	}
	if jute.ValidatePath(c.Path) != nil {
		return jute.CodeBadArguments
	}
	id, code := t.find(q, c.Path, jute.PermRead)
	if code != jute.CodeOK {
		return code
	}
	if c.Version != -1 && c.Version != t.node(id).version {
		return jute.CodeBadVersion
	}
	return jute.CodeOK
}

// closeSession deletes the ephemerals of the session, in the order of their
// paths.
func (t *Tree) closeSession(q *Request) {
	set := t.ephemerals[q.Session]
	if set == nil {
		return
	}
	type entry struct {
		path string
		id   nodeID
	}
	list := make([]entry, 0, len(set.ids))
	for _, id := range set.ids {
		list = append(list, entry{t.path(id), id})
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	for _, e := range list {
		t.prune(q, e.id, e.path)
	}
}
