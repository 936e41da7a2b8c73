package jute

// MultiHeader stands before every operation and every result of a multi, and
// alone at its end.
type MultiHeader struct {
	Type Op // OpError for a failed result, and at the end
	Done bool
	Err  Code // of a result; -1 in a request, ignored
}

// MultiEnd is the header that ends a multi, request or reply.
var MultiEnd = MultiHeader{Type: OpError, Done: true, Err: -1}

// MultiHeaderSize is the length of an encoded MultiHeader in bytes.
const MultiHeaderSize = 9

// Decode reads the record.
func (h *MultiHeader) Decode(r *Reader) {
	h.Type = Op(r.Int32())
	h.Done = r.Bool()
	h.Err = Code(r.Int32())
}

// Append appends the record.
func (h *MultiHeader) Append(dst []byte) []byte {
	dst = AppendInt32(dst, int32(h.Type))
	dst = AppendBool(dst, h.Done)
	return AppendInt32(dst, int32(h.Err))
}

// AllowedInMulti reports whether the operation may be part of OpMulti.
func (o Op) AllowedInMulti() bool {
	switch o {
	case OpCreate, OpDelete, OpSetData, OpCheck, OpCreate2, OpCreateContainer, OpCreateTTL:
		return true
	}
	return false
}

// AllowedInMultiRead reports whether the operation may be part of OpMultiRead.
func (o Op) AllowedInMultiRead() bool { return o == OpGetData || o == OpGetChildren }

// AppendMultiError appends the result that stands for a failed operation:
// header and ErrorResponse, both with the code. Operations of a failed multi
// before the one that failed have CodeOK here, those after it
// CodeRuntimeInconsistency.
func AppendMultiError(dst []byte, code Code) []byte {
	dst = (&MultiHeader{Type: OpError, Err: code}).Append(dst)
	return (&ErrorResponse{Err: code}).Append(dst)
}

// NextMultiOp reads the header of a multi's next operation. ok is false at the
// end and after an error, which is left in r: ErrShort when the end is
// missing, ErrOp for an operation that allowed refuses.
func NextMultiOp(r *Reader, allowed func(Op) bool) (op Op, ok bool) {
	var h MultiHeader
	h.Decode(r)
	if r.Err() != nil || h.Done {
		return 0, false
	}
	if !allowed(h.Type) {
		r.fail(ErrOp)
		return 0, false
	}
	return h.Type, true
}
