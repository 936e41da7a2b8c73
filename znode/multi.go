package znode

import (
	"github.com/quorumd/quorumd/jute"
)

// multi carries out all operations or none. A multi one of whose operations
// fails is answered without an error in the header: the body tells.
func (t *Tree) multi(q *Request) jute.Code {
	count, ok := checkMulti(q.Body)
	if !ok {
		return jute.CodeMarshallingError
	}
	t.begin()
	r := jute.NewAliasReader(q.Body)
	for i := range count {
		op, _ := jute.NextMultiOp(&r, jute.Op.AllowedInMulti)
		op = madeBy(op, r)
		result := jute.MultiHeader{Type: op}
		if op == jute.OpCreateContainer || op == jute.OpCreateTTL {
			result.Type = jute.OpCreate2
		}
		t.reply = result.Append(t.reply)
		if code := t.single(q, op, &r); code != jute.CodeOK {
			t.rollback()
			t.reply = appendMultiFailure(t.reply[:0], count, i, code)
			return jute.CodeOK
		}
	}
	t.commit()
	t.reply = jute.MultiEnd.Append(t.reply)
	return jute.CodeOK
}

// madeBy returns what an operation of a multi is carried out as. There, other
// than outside, it is the flags that make a create one of a container. r is
// before the operation's record.
func madeBy(op jute.Op, r jute.Reader) jute.Op {
	if op != jute.OpCreate && op != jute.OpCreate2 {
		return op
	}
	if c, ok := readCreate(&r, op); ok && c.flags == jute.FlagContainer {
		return jute.OpCreateContainer
	}
	return op
}

// appendMultiFailure appends the answer to a multi of count operations of
// which the failed'th was refused.
func appendMultiFailure(dst []byte, count, failed int, code jute.Code) []byte {
	for i := range count {
		err := jute.CodeOK
		switch {
		case i == failed:
			err = code
		case i > failed:
			err = jute.CodeRuntimeInconsistency
		}
		dst = jute.AppendMultiError(dst, err)
	}
	return jute.MultiEnd.Append(dst)
}

// checkMulti reads over the whole request: nothing may be done of one that
// cannot be decoded to its end.
func checkMulti(body []byte) (count int, ok bool) {
	r := jute.NewAliasReader(body)
	for {
		op, more := jute.NextMultiOp(&r, jute.Op.AllowedInMulti)
		if !more {
			return count, r.Err() == nil
		}
		switch op {
		case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL:
			if c, ok := readCreate(&r, op); !ok || !c.flags.Valid() {
				return 0, false
			}
		case jute.OpSetData:
			var s jute.SetDataRequest
			s.Decode(&r)
		default: // delete and check look the same
			var d jute.DeleteRequest
			d.Decode(&r)
		}
		count++
	}
}
