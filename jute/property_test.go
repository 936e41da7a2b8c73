package jute

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// fill gives every field of a record a drawn value.
func fill(t *rapid.T, v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, name) >> (64 - v.Type().Bits()))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, name))
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, name)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), name)
		}
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, name)))
	default:
		t.Fatalf("field %s of kind %s", name, v.Kind())
	}
}

// TestRoundTrip holds all records to J3. A record that was drawn may hold what
// has no place on the wire (a string that is marked null), so what is compared
// is the decoded value with what it decodes to after it was encoded again.
func TestRoundTrip(t *testing.T) {
	for _, g := range goldens {
		typ := reflect.TypeOf(g.rec).Elem()
		t.Run(typ.Name(), rapid.MakeCheck(func(t *rapid.T) {
			drawn := reflect.New(typ)
			fill(t, drawn.Elem(), typ.Name())
			first := drawn.Interface().(record).Append(nil)

			a, b := reflect.New(typ).Interface().(record), reflect.New(typ).Interface().(record)
			r := NewReader(append(bytes.Clone(first), 'x'))
			a.Decode(&r)
			switch rest := string(r.Rest()); {
			case r.Err() != nil:
				t.Fatalf("%+v: %v", drawn, r.Err())
			case rest == "" && typ.Name()[:7] == "Connect": // took the x for its readOnly
			case rest != "x":
				t.Fatalf("%+v: rest %q", drawn, rest)
			default:
				second := a.Append(nil)
				if !bytes.Equal(first, second) {
					t.Fatalf("%x encoded again is %x", first, second)
				}
				r = NewAliasReader(second)
				b.Decode(&r)
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("%+v came back as %+v", a, b)
				}
			}
		}))
	}
}

// FuzzDecode holds every decoder to J2 and J3: no bytes make it panic, and
// what it accepts has one meaning.
func FuzzDecode(f *testing.F) {
	for i, g := range goldens {
		f.Add(uint8(i), unhex(f, g.hex))
	}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(10), []byte{0, 0, 0, 1, '/', 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, kind uint8, in []byte) {
		typ := reflect.TypeOf(goldens[int(kind)%len(goldens)].rec).Elem()
		a, b := reflect.New(typ).Interface().(record), reflect.New(typ).Interface().(record)
		r := NewReader(in)
		a.Decode(&r)
		if r.Err() != nil {
			return
		}
		r = NewReader(a.Append(nil))
		b.Decode(&r)
		if r.Err() != nil || r.Len() != 0 {
			t.Fatalf("%+v does not decode: %v, %d bytes left", a, r.Err(), r.Len())
		}
		// Null items of a vector and a null vector may come back as empty.
		if x, y := a.Append(nil), b.Append(nil); !bytes.Equal(x, y) {
			t.Fatalf("%x became %x", x, y)
		}
	})
}

// FuzzMulti walks over a multi as a server does.
func FuzzMulti(f *testing.F) {
	b := (&CheckVersionRequest{"/a", 1}).Append((&MultiHeader{Type: OpCheck, Err: -1}).Append(nil))
	f.Add(b)
	f.Add(MultiEnd.Append(b))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(in)
		for range len(in) + 1 {
			op, ok := NextMultiOp(&r, Op.AllowedInMulti)
			if !ok {
				return
			}
			switch op {
			case OpCreateTTL:
				new(CreateTTLRequest).Decode(&r)
			case OpCreate, OpCreate2, OpCreateContainer:
				new(CreateRequest).Decode(&r)
			case OpSetData:
				new(SetDataRequest).Decode(&r)
			default:
				new(DeleteRequest).Decode(&r)
			}
		}
		t.Fatal("a multi has more operations than bytes")
	})
}

// FuzzFrame compares the two ways to take a frame from bytes.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		parsed, n, perr := ParseFrame(in, 1<<16)
		got, rerr := ReadFrame(bytes.NewReader(in), nil, 1<<16)
		if (n > 0) != (rerr == nil) || perr != nil && rerr == nil || !bytes.Equal(parsed, got) {
			t.Fatalf("parsed %x, %d, %v; read %x, %v", parsed, n, perr, got, rerr)
		}
	})
}

func FuzzValidatePath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/a//b", "/..", "/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if ValidatePath(path) != nil || path == "/" {
			return
		}
		parent, name, ok := ParentAndName(path)
		if !ok || name == "" || ValidatePath(parent) != nil || ValidatePath("/"+name) != nil {
			t.Fatalf("%q is valid, its parent %q or name %q is not", path, parent, name)
		}
	})
}
