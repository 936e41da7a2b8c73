package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
)

// shape is what the msgpack form of a Go type must look like (invariant W1).
// Depth is bounded by the type, and every length is held against the bytes
// that are left, so checking needs no memory and no limit of its own.
type shape struct {
	kind   reflect.Kind
	name   string
	fields []*shape // of a struct
	elem   *shape   // of a slice; nil for bytes
}

var (
	errShapeShort    = errors.New("ends too early")
	errShapeTrailing = errors.New("bytes after the end")
)

// newShape describes t. Types that have no single msgpack form (maps,
// interfaces, floats, pointers) are refused: see W2.
func newShape(t reflect.Type) (*shape, error) {
	s := &shape{kind: t.Kind(), name: t.String()}
	switch t.Kind() {
	case reflect.Bool, reflect.String,
		reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return s, nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return s, nil
		}
		elem, err := newShape(t.Elem())
		s.elem = elem
		return s, err
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			field, err := newShape(f.Type)
			if err != nil {
				return nil, fmt.Errorf("%w (field %s of %s)", err, f.Name, t)
			}
			field.name = f.Name
			s.fields = append(s.fields, field)
		}
		return s, nil
	}
	return nil, fmt.Errorf("wire: type %s has no stable encoding", t)
}

// checkAll checks that b is one value of the shape and nothing more.
func (s *shape) checkAll(b []byte) error {
	rest, err := s.check(b)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d", errShapeTrailing, len(rest))
	}
	return nil
}

// check consumes one value and returns what follows it.
func (s *shape) check(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%s: %w", s.name, errShapeShort)
	}
	switch s.kind {
	case reflect.Struct:
		return s.checkStruct(b)
	case reflect.Slice:
		if b[0] == mpNil {
			return b[1:], nil
		}
		if s.elem == nil {
			return s.checkRun(b, binLength)
		}
		return s.checkSlice(b)
	case reflect.String:
		return s.checkRun(b, strLength)
	case reflect.Bool:
		if b[0] != mpFalse && b[0] != mpTrue {
			return nil, s.wrong(b[0])
		}
		return b[1:], nil
	}
	return s.checkInt(b)
}

func (s *shape) checkStruct(b []byte) ([]byte, error) {
	n, rest, err := arrayLength(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if n != len(s.fields) {
		return nil, fmt.Errorf("%s: %d fields where %d belong", s.name, n, len(s.fields))
	}
	for _, f := range s.fields {
		if rest, err = f.check(rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (s *shape) checkSlice(b []byte) ([]byte, error) {
	n, rest, err := arrayLength(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if n > len(rest) { // an element takes a byte at least
		return nil, fmt.Errorf("%s: %d elements in %d bytes", s.name, n, len(rest))
	}
	for range n {
		if rest, err = s.elem.check(rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (s *shape) checkRun(b []byte, length func([]byte) (int, []byte, error)) ([]byte, error) {
	n, rest, err := length(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if n > len(rest) {
		return nil, fmt.Errorf("%s: %w: %d of %d bytes", s.name, errShapeShort, len(rest), n)
	}
	return rest[n:], nil
}

func (s *shape) wrong(tag byte) error {
	return fmt.Errorf("%s: msgpack tag %#02x where a %s belongs", s.name, tag, s.kind)
}

// checkInt accepts any width of integer whose value the Go kind can hold. The
// library would wrap a large unsigned number into a signed field.
func (s *shape) checkInt(b []byte) ([]byte, error) {
	neg, v, rest, err := readInt(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	var top uint64 // the largest positive value of the kind
	switch s.kind {
	case reflect.Int8:
		top = math.MaxInt8
	case reflect.Int16:
		top = math.MaxInt16
	case reflect.Int32:
		top = math.MaxInt32
	case reflect.Int64:
		top = math.MaxInt64
	case reflect.Uint8:
		top = math.MaxUint8
	case reflect.Uint16:
		top = math.MaxUint16
	case reflect.Uint32:
		top = math.MaxUint32
	case reflect.Uint64:
		top = math.MaxUint64
	}
	signed := s.kind >= reflect.Int && s.kind <= reflect.Int64
	if neg && (!signed || ^v > top) || !neg && v > top {
		return nil, fmt.Errorf("%s: number out of range for %s", s.name, s.kind)
	}
	return rest, nil
}

// Tags of the msgpack format.
const (
	mpNil     = 0xc0
	mpFalse   = 0xc2
	mpTrue    = 0xc3
	mpBin8    = 0xc4
	mpBin16   = 0xc5
	mpBin32   = 0xc6
	mpUint8   = 0xcc
	mpUint16  = 0xcd
	mpUint32  = 0xce
	mpUint64  = 0xcf
	mpInt8    = 0xd0
	mpInt16   = 0xd1
	mpInt32   = 0xd2
	mpInt64   = 0xd3
	mpStr8    = 0xd9
	mpStr16   = 0xda
	mpStr32   = 0xdb
	mpArray16 = 0xdc
	mpArray32 = 0xdd

	mpFixArray = 0x90 // 0x90..0x9f
	mpFixStr   = 0xa0 // 0xa0..0xbf
	mpNegFix   = 0xe0 // 0xe0..0xff
	mpPosFix   = 0x7f // 0x00..0x7f
)

// bigEndian reads the width-byte number behind the tag.
func bigEndian(b []byte, width int) (uint64, []byte, error) {
	if len(b) < 1+width {
		return 0, nil, errShapeShort
	}
	p := b[1:]
	switch width {
	case 1:
		return uint64(p[0]), p[1:], nil
	case 2:
		return uint64(binary.BigEndian.Uint16(p)), p[2:], nil
	case 4:
		return uint64(binary.BigEndian.Uint32(p)), p[4:], nil
	}
	return binary.BigEndian.Uint64(p), p[8:], nil
}

func length(b []byte, width int) (int, []byte, error) {
	n, rest, err := bigEndian(b, width)
	if err != nil {
		return 0, nil, err
	}
	if n > math.MaxInt32 {
		return 0, nil, fmt.Errorf("length %d", n)
	}
	return int(n), rest, nil
}

func arrayLength(b []byte) (int, []byte, error) {
	switch {
	case len(b) == 0:
		return 0, nil, errShapeShort
	case b[0]&0xf0 == mpFixArray:
		return int(b[0] & 0x0f), b[1:], nil
	case b[0] == mpArray16:
		return length(b, 2)
	case b[0] == mpArray32:
		return length(b, 4)
	}
	return 0, nil, fmt.Errorf("msgpack tag %#02x where an array belongs", b[0])
}

func binLength(b []byte) (int, []byte, error) {
	switch b[0] {
	case mpBin8:
		return length(b, 1)
	case mpBin16:
		return length(b, 2)
	case mpBin32:
		return length(b, 4)
	}
	return 0, nil, fmt.Errorf("msgpack tag %#02x where bytes belong", b[0])
}

func strLength(b []byte) (int, []byte, error) {
	switch {
	case b[0]&0xe0 == mpFixStr:
		return int(b[0] & 0x1f), b[1:], nil
	case b[0] == mpStr8:
		return length(b, 1)
	case b[0] == mpStr16:
		return length(b, 2)
	case b[0] == mpStr32:
		return length(b, 4)
	}
	return 0, nil, fmt.Errorf("msgpack tag %#02x where text belongs", b[0])
}

// readInt returns the two's complement of the number and whether it is
// negative.
func readInt(b []byte) (neg bool, v uint64, rest []byte, err error) {
	switch tag := b[0]; {
	case tag <= mpPosFix:
		return false, uint64(tag), b[1:], nil
	case tag >= mpNegFix:
		return true, uint64(int64(int8(tag))), b[1:], nil
	case tag >= mpUint8 && tag <= mpUint64:
		v, rest, err = bigEndian(b, 1<<(tag-mpUint8))
		return false, v, rest, err
	case tag >= mpInt8 && tag <= mpInt64:
		width := 1 << (tag - mpInt8)
		if v, rest, err = bigEndian(b, width); err != nil {
			return false, 0, nil, err
		}
		shift := 64 - 8*width
		i := int64(v<<shift) >> shift
		return i < 0, uint64(i), rest, nil
	}
	return false, 0, nil, fmt.Errorf("msgpack tag %#02x where a number belongs", b[0])
}
