package compat

import (
	"fmt"
	"strings"
)

var opNames = map[int32]string{
	opCreate: "create", opDelete: "delete", opExists: "exists", opGetData: "getData", opSetData: "setData", opGetACL: "getACL",
	opSetACL: "setACL", opGetChildren: "getChildren", opSync: "sync", opPing: "ping", opGetChildren2: "getChildren2", opCheck: "check",
	opMulti: "multi", opCreate2: "create2", opReconfig: "reconfig", opCheckWatches: "checkWatches", opRemoveWatches: "removeWatches",
	opCreateContainer: "createContainer", opDeleteContainer: "deleteContainer", opCreateTTL: "createTTL", opMultiRead: "multiRead",
	opAuth: "auth", opSetWatches: "setWatches", opSASL: "sasl", opGetEphemerals: "getEphemerals", opAllChildren: "getAllChildrenNumber",
	opSetWatches2: "setWatches2", opAddWatch: "addWatch", opWhoAmI: "whoAmI", opClose: "closeSession",
}

func opName(s *step) string {
	switch s.action {
	case doConnect:
		return "connect"
	case doDrop:
		return "drop"
	case doRaw:
		return "raw"
	}
	if name, ok := opNames[s.op]; ok {
		return name
	}
	return fmt.Sprintf("op %d", s.op)
}

// words collects the parts of a line.
type words []string

func (w *words) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *words) when(is bool, format string, args ...any) {
	if is {
		w.add(format, args...)
	}
}

// show writes a step in one line.
func show(s *step) string {
	w := words{fmt.Sprintf("%d:", s.slot), opName(s)}
	if s.action == doRequest {
		w.request(s)
	} else {
		w.when(s.action == doRaw, "%q", s.data)
	}
	if s.action == doConnect {
		w.add("timeout %d", s.timeout)
		w.when(s.from >= 0, "with the session of %d", s.from)
		w.when(s.badPassword, "and a wrong password")
		w.when(s.unknown, "with a session that never was")
		w.when(s.ours, "with the readOnly byte")
	}
	w.when(s.since != sinceZero, "since %s", []string{"0", "the far end", "the last reply"}[s.since])
	w.when(s.joined, "…")
	return strings.Join(w, " ")
}

func (w *words) request(s *step) {
	w.when(s.xid != 0, "xid %d", s.xid)
	if s.noPath {
		w.add("null")
	} else {
		w.when(s.path != "" || s.op < opMulti, "%q", s.path)
	}
	switch s.op {
	case opCreate, opCreate2, opCreateContainer, opCreateTTL:
		w.add("flags %d", s.flags)
		w.when(s.op == opCreateTTL, "ttl %d", s.ttl)
		w.payload(s)
		w.acl(s)
	case opSetData:
		w.payload(s)
		w.add("version %d", s.version)
	case opSetACL:
		w.acl(s)
		w.add("version %d", s.version)
	case opDelete, opCheck:
		w.add("version %d", s.version)
	case opAddWatch, opRemoveWatches, opCheckWatches:
		w.add("mode %d", s.mode)
	case opAuth:
		w.add("%q %q", s.scheme, s.data)
	case opSetWatches, opSetWatches2:
		w.add("%q", s.lists)
		w.when(s.noList > 0, "list %d null", s.noList)
	}
	for i := range s.subs {
		w.add("\n        [%s]", strings.TrimPrefix(show(&s.subs[i]), "0: "))
	}
	w.when(s.watch, "watch")
	w.when(s.noEnd, "without end")
	w.when(s.cut > 0, "cut by %d", s.cut)
	w.when(s.tail != "", "and %q", s.tail)
}

func (w *words) payload(s *step) {
	switch {
	case s.noData:
		w.add("null")
	case len(s.data) > 40:
		w.add("%d bytes", len(s.data))
	default:
		w.add("%q", s.data)
	}
}

func (w *words) acl(s *step) {
	if s.noACL {
		w.add("acl null")
		return
	}
	if len(s.acl) == 1 && s.acl[0] == openACL[0] {
		return
	}
	w.add("acl")
	for _, a := range s.acl {
		w.add("%d:%s:%s", a.perms, a.scheme, a.id)
		w.when(a.noScheme, "(null scheme)")
	}
}

// transcript is what both sides said, step by step.
type transcript struct{ lines map[int]*[2][]string }

func newTranscript() *transcript { return &transcript{map[int]*[2][]string{}} }

func (t *transcript) note(side, at int, format string, args ...any) {
	if t.lines[at] == nil {
		t.lines[at] = &[2][]string{}
	}
	t.lines[at][side] = append(t.lines[at][side], fmt.Sprintf(format, args...))
}

func (t *transcript) welcome(side, at int, w *welcome, err error) {
	if err != nil {
		t.note(side, at, "%v", err)
		return
	}
	t.note(side, at, "session %t, timeout %d", w.session.id != 0, w.timeout)
}

func (t *transcript) answers(side, at int, steps []step, parts [][]frame, err error) {
	for k, part := range parts {
		for i := range part {
			where, q := at+min(k, len(steps)-1), &steps[min(k, len(steps)-1)]
			f := &part[i]
			if f.xid == xidEvent {
				t.note(side, where, "%v", f.event())
				continue
			}
			t.note(side, where, "xid %d zxid %d code %d %v", f.xid, f.zxid, f.code, f.fields(q.op))
		}
	}
	if err != nil {
		t.note(side, at+len(steps)-1, "%v", err)
	}
}

// write gives the stream with what was said to it.
func (t *transcript) write(steps []step) string {
	var b strings.Builder
	for i := range steps {
		fmt.Fprintf(&b, "%4d  %s\n", i, show(&steps[i]))
		lines := t.lines[i]
		if lines == nil {
			continue
		}
		for side, name := range []string{"ZooKeeper", "quorumd"} {
			for _, line := range lines[side] {
				fmt.Fprintf(&b, "        %-9s  %s\n", name, line)
			}
		}
	}
	return b.String()
}
