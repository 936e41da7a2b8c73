package znode

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/quorumd/quorumd/jute"
)

// A quota on the subtree P is two ordinary nodes below /zookeeper/quota:
//
//	/zookeeper/quota<P>/zookeeper_limits   what is allowed, written by clients
//	/zookeeper/quota<P>/zookeeper_stats    what is used, kept by apply
//
// The first one's existence is what makes P have a quota; Tree.quotas is the
// set of all such P. A change below P moves the stats of the deepest P alone.
const (
	limitsName = "zookeeper_limits"
	statsName  = "zookeeper_stats"
)

// usage is the text of a limits or stats node; -1 is unset.
type usage struct {
	count, bytes int64
	more         map[string]int64 // further keys
}

// Keys of hard limits.
const (
	keyCountHard = "countHardLimit"
	keyBytesHard = "byteHardLimit"
)

// parseUsage reads "count=1,bytes=2" and "count=1,bytes=2=;key=3". What it
// cannot read is unset.
func parseUsage(text string) usage {
	u := usage{count: -1, bytes: -1}
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
		key, value, _ := strings.Cut(pair, "=")
		value, _, _ = strings.Cut(value, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			n = -1
		}
		switch key {
		case "count":
			u.count = n
		case "bytes":
			u.bytes = n
		default:
			if u.more == nil {
				u.more = make(map[string]int64)
			}
			u.more[key] = n
		}
	}
	return u
}

func (u *usage) hard(key string) int64 {
	if n, ok := u.more[key]; ok {
		return n
	}
	return -1
}

func (u *usage) text() string {
	var b strings.Builder
	b.WriteString("count=" + strconv.FormatInt(u.count, 10) + ",bytes=" + strconv.FormatInt(u.bytes, 10))
	if len(u.more) > 0 {
		b.WriteByte('=') // makes readers that know two keys stop here
		for _, key := range slices.Sorted(maps.Keys(u.more)) {
			b.WriteString(";" + key + "=" + strconv.FormatInt(u.more[key], 10))
		}
	}
	return b.String()
}

// quotaSubtree returns the P that the quota node at path is about. The root
// has no quota.
func quotaSubtree(path string) (p string, ok bool) {
	dir, _ := splitPath(path)
	p, ok = strings.CutPrefix(dir, quotaPath)
	return p, ok && p != ""
}

func (t *Tree) enterQuota(id nodeID) {
	if p, ok := quotaSubtree(t.path(id)); ok {
		t.quotas[p] = struct{}{}
	}
}

func (t *Tree) leaveQuota(id nodeID) {
	if p, ok := quotaSubtree(t.path(id)); ok {
		delete(t.quotas, p)
	}
}

// quotaOn returns the deepest subtree with a quota that holds path, "" when
// there is none.
func (t *Tree) quotaOn(path string) string {
	if len(t.quotas) == 0 {
		return ""
	}
	for path != "" {
		if _, ok := t.quotas[path]; ok {
			return path
		}
		path, _ = splitPath(path)
	}
	return ""
}

// quotaNode looks up the limits or stats node of p.
func (t *Tree) quotaNode(p, name string) nodeID {
	t.paths = append(t.paths[:0], quotaPath...)
	t.paths = append(t.paths, p...)
	t.paths = append(t.paths, '/')
	t.paths = append(t.paths, name...)
	return t.lookup(view(t.paths))
}

// used adds to what the quota that holds path says is used. No version, no
// zxid and no watch knows of it.
func (t *Tree) used(path string, count, bytes int64) {
	if count == 0 && bytes == 0 {
		return
	}
	p := t.quotaOn(path)
	if p == "" {
		return
	}
	id := t.quotaNode(p, statsName)
	if id == 0 {
		return
	}
	u := parseUsage(t.data(id))
	u.count += count
	u.bytes += bytes
	t.write(id, u.text(), false)
}

// takeStock fills the stats node at path, which was just created, with what is
// there.
func (t *Tree) takeStock(id nodeID, path string) {
	p, ok := quotaSubtree(path)
	if !ok {
		return
	}
	var u usage
	if top := t.lookup(p); top != 0 {
		for at := top; at != 0; at = t.after(at, top) {
			u.count++
			u.bytes += int64(len(t.data(at)))
		}
	}
	t.write(id, u.text(), false)
}

// overQuota reports whether the hard limits forbid count nodes and bytes bytes
// more at path.
func (t *Tree) overQuota(q *Request, path string, count, bytes int64) jute.Code {
	if !q.enforceQuota() {
		return jute.CodeOK
	}
	p := t.quotaOn(path)
	if p == "" {
		return jute.CodeOK
	}
	limitsID, statsID := t.quotaNode(p, limitsName), t.quotaNode(p, statsName)
	if limitsID == 0 || statsID == 0 {
		return jute.CodeOK
	}
	limits, stats := parseUsage(t.data(limitsID)), parseUsage(t.data(statsID))
	if most := limits.hard(keyCountHard); count != 0 && most > -1 && stats.count+count > most {
		return jute.CodeQuotaExceeded
	}
	if most := limits.hard(keyBytesHard); bytes != 0 && most > -1 && stats.bytes+bytes > most {
		return jute.CodeQuotaExceeded
	}
	return jute.CodeOK
}
