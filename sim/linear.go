package sim

import (
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/quorumd/quorumd/jute"
)

// linear is the clients' view of the znodes below /k: what they asked for,
// when, and what they were told, nothing else. At the end porcupine looks for
// an order of the writes that explains it (O3). The zxids are not looked at,
// so this holds even where the rest of the checks believes a wrong one.
type linear struct {
	ops []*operation
}

// operation is one write as its client saw it.
type operation struct {
	client    int
	call, ret time.Duration
	parts     []part
	code      jute.Code // of the whole, or of a failed multi's operation
	version   int32     // in the answer to setData
	versioned bool      // there is one
	known     bool      // an answer came
}

// part is one operation of a write; a write that is no multi has one.
type part struct {
	op      jute.Op
	key     int
	version int32
	value   string
}

// never is when an operation without an answer ends.
const never = time.Duration(math.MaxInt64)

// linearSteps bounds the search; beyond it nothing is decided. It is not a time:
// what a run finds must not depend on the machine.
const linearSteps = 1 << 20

// sent takes note of a write to the shared keys.
func (l *linear) sent(c *client, q *call) {
	parts := partsOf(q)
	if len(parts) == 0 {
		return
	}
	q.op3 = &operation{client: c.id, call: c.w.now, ret: never, parts: parts}
	l.ops = append(l.ops, q.op3)
}

// partsOf decodes a write that touches shared keys only; nil for any other.
func partsOf(q *call) []part {
	if !q.op.IsWrite() {
		return nil
	}
	r := jute.NewReader(q.body)
	if q.op != jute.OpMulti {
		p, ok := partOf(q.op, &r)
		if !ok {
			return nil
		}
		return []part{p}
	}
	var parts []part
	for {
		op, more := jute.NextMultiOp(&r, jute.Op.AllowedInMulti)
		if !more {
			return parts
		}
		p, ok := partOf(op, &r)
		if !ok {
			return nil
		}
		parts = append(parts, p)
	}
}

func partOf(op jute.Op, r *jute.Reader) (p part, ok bool) {
	path := ""
	p = part{op: op, version: -1}
	switch op {
	case jute.OpCreate, jute.OpCreate2:
		var q jute.CreateRequest
		q.Decode(r)
		path, p.op, p.value = q.Path, jute.OpCreate, string(q.Data)
	case jute.OpSetData:
		var q jute.SetDataRequest
		q.Decode(r)
		path, p.version, p.value = q.Path, q.Version, string(q.Data)
	case jute.OpDelete, jute.OpCheck:
		var q jute.DeleteRequest
		q.Decode(r)
		path, p.version = q.Path, q.Version
	}
	p.key = slices.Index(sharedKeys, path)
	return p, p.key >= 0
}

// answered completes an operation.
func (l *linear) answered(now time.Duration, q *call, r *reply) {
	o := q.op3
	if o == nil {
		return
	}
	o.ret, o.code, o.known = now, r.code, true
	in := jute.NewReader(r.body)
	switch {
	case r.code != jute.CodeOK:
	case q.op == jute.OpSetData:
		var stat jute.Stat
		stat.Decode(&in)
		o.version, o.versioned = stat.Version, true
	case q.op == jute.OpMulti:
		o.code = multiCode(&in)
	}
}

// multiCode finds the code that failed a multi in its answer.
func multiCode(r *jute.Reader) jute.Code {
	code := jute.CodeOK
	for {
		var h jute.MultiHeader
		h.Decode(r)
		if r.Err() != nil || h.Done || h.Type != jute.OpError {
			return code
		}
		if c := jute.Code(r.Int32()); c != jute.CodeOK && c != jute.CodeRuntimeInconsistency {
			code = c
		}
	}
}

// kept is what the specification holds of a key.
type kept struct {
	there   bool
	version int32
	value   string
}

// keys is the state of all shared keys.
type keys [4]kept

// step carries out an operation on the specification.
func (o *operation) step(s keys) (keys, jute.Code, int32) {
	next, version := s, int32(0)
	for _, p := range o.parts {
		n := &next[p.key]
		switch {
		case p.op == jute.OpCreate && n.there:
			return s, jute.CodeNodeExists, 0
		case p.op == jute.OpCreate:
			*n = kept{there: true, value: p.value}
		case !n.there:
			return s, jute.CodeNoNode, 0
		case p.version != -1 && p.version != n.version:
			return s, jute.CodeBadVersion, 0
		case p.op == jute.OpSetData:
			n.version++
			n.value, version = p.value, n.version
		case p.op == jute.OpDelete:
			*n = kept{}
		}
	}
	return next, jute.CodeOK, version
}

// explains reports whether the answer is the one that the specification gives.
func (o *operation) explains(code jute.Code, version int32) bool {
	switch {
	case !o.known:
		return true
	case code != o.code:
		return false
	}
	return !o.versioned || version == o.version
}

// search is ZooKeeper's writes for porcupine, with so many steps left.
type search struct{ left int }

func (s *search) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return keys{} },
		Step: func(state, input, _ any) (bool, any) {
			if s.left--; s.left < 0 { // no further on any way: it ends soon
				return false, state
			}
			o := input.(*operation)
			next, code, version := o.step(state.(keys))
			return o.explains(code, version), next
		},
	}
}

// verdict looks for an order of the writes. Keys that no multi joins are
// looked at apart.
func (l *linear) verdict(steps int) porcupine.CheckResult {
	whole := porcupine.Ok
	for _, group := range l.groups() {
		ops := make([]porcupine.Operation, len(group))
		for i, o := range group {
			ops[i] = porcupine.Operation{ClientId: o.client, Input: o, Call: int64(o.call), Return: int64(o.ret)}
		}
		s := &search{left: steps}
		switch ok := porcupine.CheckOperations(s.model(), ops); {
		case ok:
		case s.left < 0:
			whole = porcupine.Unknown
		default:
			return porcupine.Illegal
		}
	}
	return whole
}

// telling reports whether the specification knows the answer: it has neither
// sessions nor parents. What it does not know has changed nothing.
func (o *operation) telling() bool {
	switch {
	case !o.known || o.code == jute.CodeOK || o.code == jute.CodeNodeExists || o.code == jute.CodeBadVersion:
		return true
	case o.code == jute.CodeNoNode:
		return !slices.ContainsFunc(o.parts, func(p part) bool { return p.op == jute.OpCreate })
	}
	return false
}

// groups splits the operations by keys; a multi joins its keys.
func (l *linear) groups() [][]*operation {
	var leader [len(keys{})]int
	for i := range leader {
		leader[i] = i
	}
	for _, o := range l.ops {
		for _, p := range o.parts[1:] {
			from, to := leader[p.key], leader[o.parts[0].key]
			for i := range leader {
				if leader[i] == from {
					leader[i] = to
				}
			}
		}
	}
	groups := make([][]*operation, len(leader))
	for _, o := range l.ops {
		if !o.telling() {
			continue
		}
		g := leader[o.parts[0].key]
		groups[g] = append(groups[g], o)
	}
	return slices.DeleteFunc(groups, func(g []*operation) bool { return len(g) == 0 })
}
