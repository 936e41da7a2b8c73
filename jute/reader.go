package jute

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// What a Reader can find wrong. A server answers all of them with
// CodeMarshallingError; Code says so.
var (
	// ErrShort: the input ends inside a field.
	ErrShort = errors.New("jute: the record ends inside a field")
	// ErrLength: a length is below -1, or it or a vector's count is more than
	// the bytes that are left could hold.
	ErrLength = errors.New("jute: unreasonable length")
	// ErrNullString: null where a string is required.
	ErrNullString = errors.New("jute: null where a string is required")
	// ErrNullVector: null where a vector is required.
	ErrNullVector = errors.New("jute: null where a vector is required")
	// ErrOp: a multi holds an operation that may not be part of it.
	ErrOp = errors.New("jute: operation is not allowed in a multi")
)

// Reader reads fields from a byte slice. The first error sticks; after it
// every method returns a zero value. The zero Reader is an empty input.
type Reader struct {
	b     []byte
	err   error
	alias bool
}

// NewReader returns a reader over b. Strings it returns are copies, buffers
// alias b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// NewAliasReader returns a reader whose strings alias b too, so that decoding
// does not allocate. They change when b does: whoever keeps one longer than b
// stays untouched must clone it (strings.Clone).
func NewAliasReader(b []byte) Reader { return Reader{b: b, alias: true} }

// Err returns the first error, nil if every read so far was whole.
func (r *Reader) Err() error { return r.err }

// Code returns CodeOK, or CodeMarshallingError when Err is not nil.
func (r *Reader) Code() Code {
	if r.err != nil {
		return CodeMarshallingError
	}
	return CodeOK
}

// Rest returns the bytes that were not read, nil after an error. It aliases
// the input.
func (r *Reader) Rest() []byte { return r.b }

// Len returns the number of bytes that were not read, 0 after an error.
func (r *Reader) Len() int { return len(r.b) }

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.b) < 1 {
		r.fail(ErrShort)
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// Bool reads one byte; any value but 0 is true.
func (r *Reader) Bool() bool { return r.Byte() != 0 }

// Int32 reads four bytes.
func (r *Reader) Int32() int32 {
	if len(r.b) < 4 {
		r.fail(ErrShort)
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return int32(v)
}

// Int64 reads eight bytes.
func (r *Reader) Int64() int64 {
	if len(r.b) < 8 {
		r.fail(ErrShort)
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return int64(v)
}

// bytes reads a length and that many bytes. ok is false for null and after an
// error.
func (r *Reader) bytes() (b []byte, ok bool) {
	n := r.Int32()
	if r.err != nil || n == -1 {
		return nil, false
	}
	if n < 0 || int(n) > len(r.b) {
		r.fail(ErrLength)
		return nil, false
	}
	// The capacity ends with the field, so that an append by the caller
	// cannot write over the next one.
	b = r.b[:n:n]
	r.b = r.b[n:]
	return b, true
}

// Buffer reads a buffer. It is nil for null, empty but not nil for length 0,
// and aliases the input.
func (r *Reader) Buffer() []byte {
	b, ok := r.bytes()
	if ok && b == nil {
		b = []byte{}
	}
	return b
}

// StrNull reads a string; ok is false if it is null (or after an error).
// Invalid UTF-8 is passed through: ValidatePath refuses it in paths.
func (r *Reader) StrNull() (s string, ok bool) {
	b, ok := r.bytes()
	if !ok || len(b) == 0 {
		return "", ok
	}
	if r.alias {
		return unsafe.String(&b[0], len(b)), true
	}
	return string(b), true
}

// Str reads a string; null reads as "".
func (r *Reader) Str() string {
	s, _ := r.StrNull()
	return s
}

// Path reads a string that must not be null: null fails with ErrNullString.
func (r *Reader) Path() string {
	s, ok := r.StrNull()
	if !ok {
		r.fail(ErrNullString) // does nothing if the string was not null but short
	}
	return s
}

// Count reads a vector's count, to be followed by that many reads of its
// items. size is the least number of bytes that an item takes (at least 1): a
// count that could not fit into what is left fails with ErrLength before
// anything is allocated for it. A count below -1 reads as an empty vector,
// null as 0 and ok false.
func (r *Reader) Count(size int) (n int, ok bool) {
	c := r.Int32()
	switch {
	case r.err != nil || c == -1:
		return 0, false
	case c < -1:
		return 0, true
	case int64(c)*int64(size) > int64(len(r.b)):
		r.fail(ErrLength)
		return 0, false
	}
	return int(c), true
}

// Strings reads a vector of strings: nil for null, not nil if empty. Null items
// read as "".
func (r *Reader) Strings() []string {
	n, ok := r.Count(4)
	if !ok {
		return nil
	}
	v := make([]string, 0, n)
	for range n {
		v = append(v, r.Str())
	}
	return whole(r, v)
}

// Paths reads a vector of strings that must not be null, nor any of its items.
func (r *Reader) Paths() []string {
	n, ok := r.Count(4)
	if !ok {
		r.fail(ErrNullVector)
		return nil
	}
	v := make([]string, 0, n)
	for range n {
		v = append(v, r.Path())
	}
	return whole(r, v)
}

// whole returns v, or nil if reading it failed (J4).
func whole[T any](r *Reader, v []T) []T {
	if r.err != nil {
		return nil
	}
	return v
}
