package compat

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// reader takes fields off the front of a body. short sticks.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if r.short || n > len(r.b) {
		r.short = true
		return make([]byte, max(0, min(n, 8)))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int() int32  { return int32(binary.BigEndian.Uint32(r.take(4))) }
func (r *reader) long() int64 { return int64(binary.BigEndian.Uint64(r.take(8))) }

// text reads a string or buffer; ok is false for null.
func (r *reader) text() (s string, ok bool) {
	n := r.int()
	if r.short || n < 0 {
		return "", false
	}
	return string(r.take(int(n))), true
}

// shown reads a string or buffer for people: null is told from empty.
func (r *reader) shown() string {
	s, ok := r.text()
	if !ok {
		return "null"
	}
	if len(s) > 80 {
		return fmt.Sprintf("%q and %d bytes", s[:60], len(s)-60)
	}
	return fmt.Sprintf("%q", s)
}

// kind says how two values of a field are compared.
type kind uint8

const (
	plain   kind = iota // the texts are equal
	isZxid              // by the pairing of zxids
	isTime              // belongs to the zxid in at
	isOwner             // by the pairing of sessions
)

// field is a part of a reply.
type field struct {
	name string
	kind kind
	text string
	num  int64
	at   int64
}

func (f field) String() string {
	if f.kind == plain {
		return f.name + "=" + f.text
	}
	return fmt.Sprintf("%s=%d", f.name, f.num)
}

func textField(name, text string) field   { return field{name: name, text: text} }
func intField(name string, v int32) field { return field{name: name, text: fmt.Sprint(v)} }

func (r *reader) stat() []field {
	czxid, mzxid, ctime, mtime := r.long(), r.long(), r.long(), r.long()
	version, cversion, aversion := r.int(), r.int(), r.int()
	owner := r.long()
	length, children := r.int(), r.int()
	return []field{
		{name: "czxid", kind: isZxid, num: czxid}, {name: "mzxid", kind: isZxid, num: mzxid},
		{name: "ctime", kind: isTime, num: ctime, at: czxid}, {name: "mtime", kind: isTime, num: mtime, at: mzxid},
		intField("version", version), intField("cversion", cversion), intField("aversion", aversion),
		{name: "ephemeralOwner", kind: isOwner, num: owner},
		intField("dataLength", length), intField("numChildren", children),
		{name: "pzxid", kind: isZxid, num: r.long()},
	}
}

// items reads a vector, each item of which read gives as text.
func (r *reader) items(read func() string) []string {
	n := r.int()
	items := []string{}
	for ; n > 0 && !r.short; n-- {
		items = append(items, read())
	}
	return items
}

// set is a vector whose order means nothing.
func (r *reader) set(name string, read func() string) field {
	items := r.items(read)
	slices.Sort(items)
	return textField(name, strings.Join(items, " "))
}

func (r *reader) acl() field {
	return textField("acl", strings.Join(r.items(func() string {
		perms := r.int()
		scheme := r.shown()
		return fmt.Sprintf("%d:%s:%s", perms, scheme, r.shown())
	}), " "))
}

// fields takes a reply to an operation apart.
func (f *frame) fields(op int32) []field {
	r := &reader{b: f.body}
	var list []field
	if f.code == 0 {
		list = r.record(op)
	}
	if r.short {
		return []field{textField("short", fmt.Sprintf("%x", f.body))}
	}
	if len(r.b) > 0 {
		list = append(list, textField("rest", fmt.Sprintf("%x", r.b)))
	}
	return list
}

func (r *reader) record(op int32) []field {
	switch op {
	case opCreate, opSync:
		return []field{textField("path", r.shown())}
	case opExists, opSetData, opSetACL:
		return r.stat()
	case opGetData:
		return append([]field{textField("data", r.shown())}, r.stat()...)
	case opGetACL:
		return append([]field{r.acl()}, r.stat()...)
	case opGetChildren:
		return []field{r.set("children", r.shown)}
	case opGetChildren2:
		return append([]field{r.set("children", r.shown)}, r.stat()...)
	case opCreate2, opCreateContainer, opCreateTTL:
		return append([]field{textField("path", r.shown())}, r.stat()...)
	case opMulti, opMultiRead:
		return r.multi()
	case opSASL:
		return []field{textField("token", r.shown())}
	case opGetEphemerals:
		return []field{r.set("paths", r.shown)}
	case opAllChildren:
		return []field{intField("total", r.int())}
	case opAddWatch:
		return []field{intField("err", r.int())}
	case opWhoAmI:
		return []field{r.set("ids", func() string { scheme := r.shown(); return scheme + ":" + r.shown() })}
	}
	return nil
}

// multi reads the results of a multi or a multiRead.
func (r *reader) multi() []field {
	var list []field
	for i := 0; !r.short; i++ {
		name := func(s string) string { return fmt.Sprintf("%d.%s", i, s) }
		op, done, code := r.int(), r.take(1)[0], r.int()
		list = append(list, intField(name("type"), op), intField(name("err"), code))
		if done != 0 {
			break
		}
		if op == -1 {
			list = append(list, intField(name("error"), r.int()))
			continue
		}
		for _, f := range r.record(op) {
			f.name = name(f.name)
			list = append(list, f)
		}
	}
	return list
}

// event is a watch event.
type event struct {
	kind, state int32
	path        string
}

func (f *frame) event() event {
	r := reader{b: f.body}
	e := event{kind: r.int(), state: r.int()}
	e.path, _ = r.text()
	return e
}

func (e event) String() string {
	names := map[int32]string{1: "created", 2: "deleted", 3: "data changed", 4: "children changed"}
	return fmt.Sprintf("event %s(%d) state %d at %s", names[e.kind], e.kind, e.state, e.path)
}
