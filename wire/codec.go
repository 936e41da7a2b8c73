package wire

import (
	"fmt"
	"reflect"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/quorumd/quorumd/zab"
)

// handle is the one msgpack configuration of the process. It is never changed
// after this: a handle caches what it learns about types and is shared by all
// goroutines.
var handle = newHandle()

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{
		WriteExt:            true, // bytes and strings differ on the wire
		PositiveIntUnsigned: true, // one encoding for a number, whatever its Go type
	}
	h.StructToArray = true
	h.Canonical = true
	h.ErrorIfNoField = true
	return h
}

// Encoder makes records, packets and frames. It keeps buffers between calls
// and belongs to one goroutine.
type Encoder struct {
	enc   *codec.Encoder
	out   []byte // what enc writes to during a call
	chunk []byte // memory for records; len is used, the rest is free
}

// NewEncoder makes an Encoder.
func NewEncoder() *Encoder {
	e := &Encoder{out: make([]byte, 0, 64)}
	e.enc = codec.NewEncoderBytes(&e.out, handle)
	return e
}

// AppendStruct appends a frame whose body is v, a pointer to a struct, in
// msgpack. zxid and prev are the caller's to use. dst is returned unchanged
// with an error, which says which type cannot be written.
func (e *Encoder) AppendStruct(dst []byte, kind uint8, z zab.Zxid, prev uint32, v any) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	dst, err := e.AppendBody(dst, v)
	if err != nil {
		return dst[:start], err
	}
	if n := len(dst) - start - HeaderSize; n > MaxLength {
		return dst[:start], fmt.Errorf("%w: body of %d bytes, the limit is %d", ErrTooLong, n, MaxLength)
	}
	seal(dst[start:], kind, z, prev)
	return dst, nil
}

// AppendBody appends v, a pointer to a struct, in msgpack, without a frame.
func (e *Encoder) AppendBody(dst []byte, v any) ([]byte, error) {
	// The library writes from the start of a slice; giving it the free end of
	// dst saves the copy whenever dst has room.
	free := dst[len(dst):]
	if cap(free) == 0 {
		free = make([]byte, 0, 64) // nil would make the library allocate 128
	}
	body, err := e.encode(free, v)
	if err != nil {
		return dst, err
	}
	if len(body) <= cap(dst)-len(dst) && sameStart(dst, body) {
		return dst[:len(dst)+len(body)], nil
	}
	return append(dst, body...), nil
}

// sameStart reports whether body lies right behind dst in dst's memory.
func sameStart(dst, body []byte) bool {
	if len(body) == 0 || cap(dst) == len(dst) {
		return false
	}
	return &dst[:len(dst)+1][len(dst)] == &body[0]
}

// encode writes v to the start of free, or to new memory when it lacks room.
func (e *Encoder) encode(free []byte, v any) ([]byte, error) {
	e.out = free
	e.enc.ResetBytes(&e.out)
	err := e.enc.Encode(v)
	body := e.out
	e.out = nil // the memory is the caller's
	if err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", v, err)
	}
	return body, nil
}

// Decoder reads bodies. It keeps state between calls and belongs to one
// goroutine.
type Decoder struct {
	dec    *codec.Decoder
	shapes map[reflect.Type]*shape
}

// NewDecoder makes a Decoder.
func NewDecoder() *Decoder {
	return &Decoder{dec: codec.NewDecoderBytes(nil, handle), shapes: make(map[reflect.Type]*shape)}
}

// Body decodes body, which must be all of a struct in msgpack and nothing
// else, into the struct that v points to; what was in it is gone. Nothing in
// the result aliases body. Errors wrap ErrCorrupt.
func (d *Decoder) Body(body []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("wire: decode into %T: not a pointer to a struct", v)
	}
	s, err := d.shapeOf(rv.Type().Elem())
	if err != nil {
		return err
	}
	if err := s.checkAll(body); err != nil {
		return fmt.Errorf("%w: body is not a %s: %w", ErrCorrupt, rv.Type().Elem(), err)
	}
	rv.Elem().SetZero()
	d.dec.ResetBytes(body)
	if err := d.dec.Decode(v); err != nil {
		// %v: io.EOF must not shine through, it would read as a clean end.
		return fmt.Errorf("%w: body is not a %s: %v", ErrCorrupt, rv.Type().Elem(), err)
	}
	if n := d.dec.NumBytesRead(); n != len(body) {
		return fmt.Errorf("%w: %s takes %d of %d bytes", ErrCorrupt, rv.Type().Elem(), n, len(body))
	}
	return nil
}

func (d *Decoder) shapeOf(t reflect.Type) (*shape, error) {
	if s := d.shapes[t]; s != nil {
		return s, nil
	}
	s, err := newShape(t)
	if err != nil {
		return nil, err
	}
	d.shapes[t] = s
	return s, nil
}
