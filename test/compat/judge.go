package compat

import (
	"fmt"
	"slices"
	"strings"
)

// judge knows what belongs to what on the two sides: ZooKeeper is side 0,
// quorumd side 1.
type judge struct {
	base   [2]int64           // the zxid at the begin of the run; what is older is just old
	zxids  [2]map[int64]int64 // of one side to those of the other
	times  [2]map[int64]int64 // of zxids
	owners map[int64]int64    // session of ZooKeeper to that of quorumd
}

func newJudge(base [2]int64) *judge {
	return &judge{
		base: base, owners: map[int64]int64{0: 0},
		zxids: [2]map[int64]int64{{}, {}}, times: [2]map[int64]int64{{}, {}},
	}
}

// difference is one thing in which a reply or an event differs.
type difference struct {
	step int    // index in the stream
	what string // the name of the field, or "code", "event", "closed"
	a, b string // how ZooKeeper and quorumd have it
	path string // of an event
}

func (d difference) String() string {
	return fmt.Sprintf("%s: ZooKeeper %s, quorumd %s", d.what, d.a, d.b)
}

// sameZxid pairs two zxids, or finds that they are paired otherwise.
func (j *judge) sameZxid(a, b int64) bool {
	if a <= j.base[0] || b <= j.base[1] {
		return a <= j.base[0] && b <= j.base[1]
	}
	other, ok := j.zxids[0][a]
	back, okBack := j.zxids[1][b]
	if !ok && !okBack {
		j.zxids[0][a], j.zxids[1][b] = b, a
		return true
	}
	return ok && okBack && other == b && back == a
}

// sameTime tells whether each side's time is the one of its zxid.
func (j *judge) sameTime(a, b *field) bool {
	for i, f := range []*field{a, b} {
		if f.at <= j.base[i] {
			continue
		}
		known, ok := j.times[i][f.at]
		if !ok {
			j.times[i][f.at] = f.num
		} else if known != f.num {
			return false
		}
	}
	return true
}

func (j *judge) same(a, b *field) bool {
	switch a.kind {
	case isZxid:
		return j.sameZxid(a.num, b.num)
	case isTime:
		return j.sameTime(a, b)
	case isOwner:
		other, ok := j.owners[a.num]
		return ok && other == b.num
	}
	return a.text == b.text
}

// ordered tells whether the paired zxids are in one order on both sides.
func (j *judge) ordered() bool {
	var list []int64
	for a := range j.zxids[0] {
		list = append(list, a)
	}
	slices.Sort(list)
	for i := 1; i < len(list); i++ {
		if j.zxids[0][list[i-1]] >= j.zxids[0][list[i]] {
			return false
		}
	}
	return true
}

// fields compares two lists of fields.
func (j *judge) fields(at int, a, b []field) []difference {
	var list []difference
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			list = append(list, difference{step: at, what: b[i].name, a: "nothing", b: b[i].String()})
		case i >= len(b):
			list = append(list, difference{step: at, what: a[i].name, a: a[i].String(), b: "nothing"})
		case a[i].name != b[i].name || !j.same(&a[i], &b[i]):
			list = append(list, difference{step: at, what: a[i].name, a: a[i].String(), b: b[i].String()})
		}
	}
	return list
}

// class is what is compared of a reply's zxid: failed writes need not take one
// on both sides.
func class(zxid int64) string {
	switch {
	case zxid == 0:
		return "0"
	case zxid < 0:
		return fmt.Sprint(zxid)
	}
	return "a zxid"
}

// reply compares the answers to a request.
func (j *judge) reply(at int, s *step, a, b *frame) []difference {
	if a.xid != b.xid {
		return []difference{{step: at, what: "xid", a: fmt.Sprint(a.xid), b: fmt.Sprint(b.xid)}}
	}
	if a.code != b.code {
		return []difference{{step: at, what: "code", a: fmt.Sprint(a.code), b: fmt.Sprint(b.code)}}
	}
	var list []difference
	if class(a.zxid) != class(b.zxid) {
		list = append(list, difference{step: at, what: "zxid", a: class(a.zxid), b: class(b.zxid)})
	}
	return append(list, j.fields(at, a.fields(s.op), asCreate(s, b.fields(s.op)))...)
}

// events compares what came between two replies. The order may differ if loose
// is set, but not that of one path.
func (j *judge) events(at int, a, b []frame, loose bool) []difference {
	as, bs := eventTexts(a, loose), eventTexts(b, loose)
	var list []difference
	for len(as) > 0 || len(bs) > 0 {
		switch {
		case len(as) > 0 && len(bs) > 0 && as[0] == bs[0]:
			as, bs = as[1:], bs[1:]
		case len(bs) == 0 || len(as) > 0 && !slices.Contains(bs, as[0]):
			list = append(list, difference{step: at, what: "event", a: as[0], b: "nothing", path: eventPath(as[0])})
			as = as[1:]
		case len(as) == 0 || !slices.Contains(as, bs[0]):
			list = append(list, difference{step: at, what: "event", a: "nothing", b: bs[0], path: eventPath(bs[0])})
			bs = bs[1:]
		default:
			list = append(list, difference{step: at, what: "event order", a: as[0], b: bs[0]})
			return list
		}
	}
	return list
}

// eventTexts gives the events as texts, sorted by path if the order is free.
func eventTexts(frames []frame, loose bool) []string {
	list := make([]string, len(frames))
	for i := range frames {
		list[i] = frames[i].event().String()
	}
	if loose {
		slices.SortStableFunc(list, func(x, y string) int { return strings.Compare(eventPath(x), eventPath(y)) })
	}
	return list
}

// eventPath is the path of an event from its text.
func eventPath(text string) string { return strings.SplitN(text, " at ", 2)[1] }
