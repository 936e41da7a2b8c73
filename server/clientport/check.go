package clientport

import (
	"encoding/binary"

	"github.com/quorumd/quorumd/jute"
)

// checkWrite says whether the record of a write can be decoded, so that one
// that cannot is refused here and never becomes a transaction. It looks at the
// shape only and does not allocate; what the fields say is judged where the
// transaction is applied.
func checkWrite(op jute.Op, body []byte) jute.Code {
	s := shape{b: body}
	if op == jute.OpMulti {
		s.multi()
	} else {
		s.alone = true
		s.write(op)
	}
	if s.bad {
		return jute.CodeMarshallingError
	}
	// Where a path is validated before anything else is done with it, null is a
	// bad path and not a record that cannot be read.
	if first, _ := int32At(body, 0); first == -1 && (op == jute.OpSetData || op == jute.OpSetACL) {
		return jute.CodeBadArguments
	}
	return jute.CodeOK
}

// shape walks over encoded fields. bad sticks.
type shape struct {
	b     []byte
	bad   bool
	alone bool // not in a multi
}

func (s *shape) skip(n int) {
	if s.bad || n > len(s.b) {
		s.bad = true
		return
	}
	s.b = s.b[n:]
}

func (s *shape) int32() int32 {
	if s.bad || len(s.b) < 4 {
		s.bad = true
		return 0
	}
	v := int32(binary.BigEndian.Uint32(s.b))
	s.b = s.b[4:]
	return v
}

// bytes skips a buffer, which may be null.
func (s *shape) bytes() {
	n := s.int32()
	if n < -1 {
		s.bad = true
	}
	s.skip(int(max(n, 0)))
}

// str skips a string, which may not be null.
func (s *shape) str() {
	n := s.int32()
	if n < 0 {
		s.bad = true
	}
	s.skip(int(max(n, 0)))
}

// validated skips the path of an operation that looks at it before all else.
func (s *shape) validated() {
	if s.alone {
		s.bytes() // checkWrite has another answer to null
		return
	}
	s.str()
}

// acl skips a vector of ACL entries. A count below 0 is an empty one. What may
// be null in an entry depends on its scheme, which the tree knows.
func (s *shape) acl() {
	for n := s.int32(); n > 0 && !s.bad; n-- {
		s.int32()
		s.bytes()
		s.bytes()
	}
}

// write skips the record of an operation; an operation that is none is bad.
func (s *shape) write(op jute.Op) {
	switch op {
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL:
		s.str()
		s.bytes()
		s.acl()
		s.int32()
		if op == jute.OpCreateTTL {
			s.skip(8)
		}
	case jute.OpDelete, jute.OpCheck:
		s.str()
		s.int32()
	case jute.OpSetData:
		s.validated()
		s.bytes()
		s.int32()
	case jute.OpSetACL:
		s.validated()
		s.acl()
		s.int32()
	default:
		s.bad = true
	}
}

// multi skips operations up to the header that says done. It refuses those
// that may not be in a multi.
func (s *shape) multi() {
	for !s.bad {
		op := jute.Op(s.int32())
		done := !s.bad && len(s.b) > 0 && s.b[0] != 0
		s.skip(1 + 4)
		if done {
			return
		}
		if !op.AllowedInMulti() {
			s.bad = true
		}
		s.write(op)
	}
}
