package compat

import (
	"fmt"
	"slices"
	"strings"
)

// The table of known and intended differences (D1). Beside it there is what is
// never sent, because it ruins a ZooKeeper 3.8.0 server (D3), or because what
// follows could not be compared:
//
//   - createTTL with a mode without TTL and a ttl below 0: the server ends with
//     an exception and cannot start again; quorumd answers -8
//   - check outside of a multi: standalone 3.8.0 writes a log that it cannot
//     read again; quorumd answers -6 and closes
//   - createSession as a request: a second connect response in mid-session;
//     quorumd answers -6 and closes
//   - createContainer in a multi without the flag of a container: 3.8.0 makes a
//     persistent node, later releases and quorumd a container
//   - createTTL in a multi with a mode without TTL: ZooKeeper makes a node of
//     that mode and forgets the ttl; quorumd refuses (-8)
//   - the flags of a TTL in another create than createTTL in a multi: 3.8.0
//     answers -5 but leaves traces of what precedes it; quorumd answers -8
//   - createContainer with the flag of an ephemeral: until the container is
//     applied, 3.8.0 refuses children to it as to an ephemeral
//   - setWatches with a null list behind others: 3.8.0 answers -5, having done
//     what those say; quorumd does nothing
//   - reconfig with a record that ends early: 3.8.0 answers -5, quorumd -123
//   - the first look at /zookeeper/config: its version is -1 in ensembles, which
//     write it, and 0 in a standalone ZooKeeper, which does not; quorumd always
//     has -1. Both are brought to another one before the first stream
//   - writes pipelined behind a setACL: ZooKeeper may check them against the ACL
//     before it, depending on how fast it is; quorumd never does
//   - writes pipelined, or together in a multi, under a hard quota: ZooKeeper
//     checks them against what was used before the first of them, quorumd
//     counts one after the other
//   - addWatch with a null path: 3.8.0 does not get rid of such a connection
//   - a ping behind other requests, which it may overtake in quorumd
//   - numbers with a sign in ACLs of addresses, which 3.8.0 takes
//   - text in zookeeper_limits and zookeeper_stats that is no quota
//   - addresses of IPv6 in ACLs, which 3.8.0 refuses and quorumd knows

// facts are what rules need to know about the stream of a difference.
type facts struct {
	steps []step
	home  string
	// restricted are paths, or beginnings of them, of nodes that may have had
	// an ACL under which not everybody may read.
	restricted []string
	// modes are the kinds of watches, one bit each, by slot and path.
	modes [slots]map[string]uint8
}

// rule is one difference that is meant to be.
type rule struct {
	name string
	why  string
	fits func(*facts, *step, *difference) bool
}

var rules = []rule{
	{
		"exists checks READ",
		"since 3.9.2; 3.8.0 tells everybody that a node is there",
		func(f *facts, s *step, d *difference) bool {
			return s.op == opExists && d.what == "code" && d.b == "-102" && f.isRestricted(rooted(s.path, f.home))
		},
	},
	{
		"events are filtered by READ",
		"since 3.9.2; 3.8.0 tells everybody what happens to nodes they may not read",
		func(f *facts, _ *step, d *difference) bool {
			return d.what == "event" && d.b == "nothing" && (f.isRestricted(d.path) || f.isRestricted(parent(d.path)))
		},
	},
	{
		"no watch by exists without READ",
		"follows from the two above: 3.8.0 has set a watch that quorumd refused",
		func(f *facts, s *step, d *difference) bool {
			return (s.op == opCheckWatches || s.op == opRemoveWatches) && d.what == "code" && d.b == "-121" &&
				f.isRestricted(rooted(s.path, f.home))
		},
	},
	{
		"several watch modes on one path",
		"since 3.9; in 3.8.0 the newest mode of a path takes the place of the one before",
		func(f *facts, s *step, d *difference) bool {
			switch {
			case d.what == "event" || d.what == "event order":
				return f.isMixed(s.slot, d.path)
			case s.op == opCheckWatches || s.op == opRemoveWatches:
				return d.what == "code" && f.isMixed(s.slot, rooted(s.path, f.home))
			}
			return false
		},
	},
	{
		"checkWatches looks at everybody's watches",
		"3.8.0 answers 0 if any connection watches the path, and fails on paths without a slash when it looks for the ones above",
		func(_ *facts, s *step, d *difference) bool {
			return s.op == opCheckWatches && d.what == "code" &&
				(d.a == "0" && d.b == "-121" || d.a == "-5" && !strings.HasPrefix(s.path, "/"))
		},
	},
	{
		"paths that are no UTF-8, or astral",
		"ZooKeeper echoes the path of a sync in another encoding, quorumd as it came; paths that become the same so are one to ZooKeeper's watches",
		func(_ *facts, s *step, d *difference) bool {
			return odd(s.path) && (s.op == opSync && d.what == "path" ||
				(s.op == opCheckWatches || s.op == opRemoveWatches) && d.what == "code")
		},
	},
	{
		"null paths",
		"one fault among others, or no path that anybody watches: quorumd always says that it cannot read the record",
		func(_ *facts, s *step, d *difference) bool {
			return s.noPath && d.what == "code" && d.b == "-5" && (d.a == "-8" || d.a == "-121")
		},
	},
	{
		"getAllChildrenNumber of the empty path",
		"ZooKeeper counts the root among its own descendants then; quorumd answers as for /",
		func(_ *facts, s *step, d *difference) bool {
			return s.op == opAllChildren && s.path == "" && d.what == "total"
		},
	},
	{
		"watches of the empty path",
		"ZooKeeper keeps them, though nothing ever makes them fire; quorumd does not",
		func(_ *facts, s *step, d *difference) bool {
			return (s.op == opCheckWatches || s.op == opRemoveWatches) && s.path == "" && d.what == "code" && d.a == "0" && d.b == "-121"
		},
	},
	{
		"watcher types 4 and 5",
		"since 3.9; unknown to 3.8.0",
		func(_ *facts, s *step, d *difference) bool {
			return (s.op == opCheckWatches || s.op == opRemoveWatches) && (s.mode == 4 || s.mode == 5) &&
				d.what == "code" && d.a == "-5"
		},
	},
	{
		"impossible create flags in a multi",
		"since 3.9 the whole request is refused; 3.8.0 fails the one operation",
		func(_ *facts, s *step, d *difference) bool {
			return s.op == opMulti && d.what == "code" && d.a == "0" && d.b == "-5" &&
				slices.ContainsFunc(s.subs, func(sub step) bool { return creates(sub.op) && (sub.flags < 0 || sub.flags > 6) })
		},
	},
	{
		"create2 in a multi",
		"since 3.8.4 and 3.9 its result is of type 15 and has the Stat; 3.8.0 answers as to create. asCreate compares the rest",
		func(*facts, *step, *difference) bool { return false },
	},
	{
		"a write inside multiRead",
		"3.8.0 sends the results so far with the error; quorumd sends no body, as with any other error",
		func(_ *facts, s *step, d *difference) bool {
			return s.op == opMultiRead && d.what == "rest" && d.b == "nothing"
		},
	},
	{
		"deleteContainer from a client",
		"3.8.0 reads another path than was sent and always answers -8, later releases delete; quorumd refuses the operation and closes",
		func(_ *facts, s *step, d *difference) bool {
			return s.op == opDeleteContainer && d.what == "code" && d.a == "-8" && d.b == "-6"
		},
	},
	{
		"order of the ids behind auth in an ACL",
		"the order in which ZooKeeper keeps the ids of a connection is that of their hashes",
		func(_ *facts, _ *step, d *difference) bool {
			a, b := strings.Fields(d.a), strings.Fields(d.b)
			return d.what == "acl" && d.a != d.b && sameItems(a, b)
		},
	},
}

// asCreate makes the results of create2 in a multi look as 3.8.0 gives them.
func asCreate(s *step, list []field) []field {
	if s.op != opMulti {
		return list
	}
	for i, sub := range s.subs {
		at := slices.IndexFunc(list, func(f field) bool { return f.name == fmt.Sprintf("%d.type", i) })
		if sub.op == opCreate2 && sub.flags != 4 && at >= 0 && list[at].text == fmt.Sprint(opCreate2) && at+3 < len(list) {
			list[at].text = fmt.Sprint(opCreate)
			const stat = 11 // fields, behind type, err and path
			list = slices.Delete(list, at+3, min(at+3+stat, len(list)))
		}
	}
	return list
}

func fieldsOf(s string) []string { return strings.Fields(s) }

func sameItems(a, b []string) bool {
	trim := func(list []string) {
		for i := range list {
			list[i] = strings.TrimPrefix(list[i], "acl=")
		}
		slices.Sort(list)
	}
	trim(a)
	trim(b)
	return slices.Equal(a, b)
}

func creates(op int32) bool {
	return op == opCreate || op == opCreate2 || op == opCreateContainer || op == opCreateTTL
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

// learn finds the facts of a stream.
func learn(steps []step, home string) *facts {
	f := &facts{steps: steps, home: home}
	for i := range f.modes {
		f.modes[i] = map[string]uint8{}
	}
	for i := range steps {
		if steps[i].action != doRequest {
			continue
		}
		f.watches(&steps[i])
		steps[i].each(func(s *step) {
			if (creates(s.op) || s.op == opSetACL) && !readable(s.acl) {
				f.restricted = append(f.restricted, rooted(s.path, home))
			}
		})
	}
	return f
}

// readable tells whether an ACL lets everybody read.
func readable(acl []access) bool {
	return slices.ContainsFunc(acl, func(a access) bool { return a.scheme == "world" && a.perms&1 != 0 })
}

const (
	modeOnce uint8 = 1 << iota
	modePersistent
	modeRecursive
)

func (f *facts) watches(s *step) {
	note := func(path string, bit uint8) { f.modes[s.slot][rooted(path, f.home)] |= bit }
	switch {
	case s.op == opAddWatch && (s.mode == 0 || s.mode == 1):
		note(s.path, modePersistent<<s.mode)
	case s.op == opRemoveWatches && (s.mode == 1 || s.mode == 2):
		note(s.path, modeOnce)
	case s.watch:
		note(s.path, modeOnce)
	case s.op == opSetWatches || s.op == opSetWatches2:
		for i, list := range s.lists {
			for _, p := range list {
				note(p, []uint8{modeOnce, modeOnce, modeOnce, modePersistent, modeRecursive}[i])
			}
		}
	}
}

func (f *facts) isRestricted(path string) bool {
	return slices.ContainsFunc(f.restricted, func(r string) bool { return strings.HasPrefix(path, r) })
}

// isMixed tells whether the slot watches the path, or recursively one above
// it, in several modes.
func (f *facts) isMixed(slot int, path string) bool {
	several := func(m uint8) bool { return m&(m-1) != 0 }
	for at := path; at != ""; at = parent(at) {
		if m := f.modes[slot][at]; several(m) && (at == path || m&modeRecursive != 0) {
			return true
		}
	}
	return several(f.modes[slot]["/"])
}

// explain returns the rule that a difference in the answers to a step falls
// under, nil if there is none.
func (f *facts) explain(s *step, d *difference) *rule {
	for i := range rules {
		if rules[i].fits(f, s, d) {
			return &rules[i]
		}
	}
	return nil
}
