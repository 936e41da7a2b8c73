package jute

import (
	"errors"
	"testing"
)

func TestReaderErrors(t *testing.T) {
	strs := func(r *Reader) { r.Strings() }
	paths := func(r *Reader) { r.Paths() }
	buffer := func(r *Reader) { r.Buffer() }
	cases := []struct {
		name, hex string
		read      func(*Reader)
		want      error
	}{
		{"empty int", "", func(r *Reader) { r.Int32() }, ErrShort},
		{"short long", "00000000000000", func(r *Reader) { r.Int64() }, ErrShort},
		{"empty bool", "", func(r *Reader) { r.Bool() }, ErrShort},
		{"buffer longer than the input", "00000002 01", buffer, ErrLength},
		{"buffer of 2 GiB", "7fffffff", buffer, ErrLength},
		{"negative length", "fffffffe", buffer, ErrLength},
		{"null buffer", "ffffffff", buffer, nil},
		{"null string", "ffffffff", func(r *Reader) { r.Str() }, nil},
		{"null path", "ffffffff", func(r *Reader) { r.Path() }, ErrNullString},
		{"short path", "00000003 2f", func(r *Reader) { r.Path() }, ErrLength},
		{"vector of 2^31-1", "7fffffff 00000000", strs, ErrLength},
		{"vector of one more than fits", "00000002 00000000", strs, ErrLength},
		{"null vector", "ffffffff", strs, nil},
		{"null vector of paths", "ffffffff", paths, ErrNullVector},
		{"null in a vector", "00000001 ffffffff", strs, nil},
		{"null in a vector of paths", "00000001 ffffffff", paths, ErrNullString},
		{"negative count is empty", "fffffff0", paths, nil},
		{"acl vector too long", "00000002 000000000000000000000000", func(r *Reader) { r.ACLs() }, ErrLength},
	}
	for _, c := range cases {
		r := NewReader(unhex(t, c.hex))
		c.read(&r)
		if !errors.Is(r.Err(), c.want) {
			t.Errorf("%s: error %v, want %v", c.name, r.Err(), c.want)
		}
	}
}

func TestReaderErrorSticks(t *testing.T) {
	r := NewReader(unhex(t, "fffffffe 00000001 00000002"))
	r.Buffer()
	if v := r.Int32(); v != 0 || r.Err() != ErrLength || r.Rest() != nil || r.Int64() != 0 || r.Err() != ErrLength {
		t.Error("after an error:", v, r.Err())
	}
}

func TestNullAndEmpty(t *testing.T) {
	r := NewReader(unhex(t, "ffffffff 00000000 ffffffff 00000000 ffffffff 00000000 fffffffd"))
	if b := r.Buffer(); b != nil {
		t.Error("null buffer is not nil")
	}
	if b := r.Buffer(); b == nil {
		t.Error("empty buffer is nil")
	}
	if _, ok := r.StrNull(); ok {
		t.Error("null string is not null")
	}
	if _, ok := r.StrNull(); !ok {
		t.Error("empty string is null")
	}
	if v := r.Strings(); v != nil {
		t.Error("null vector is not nil")
	}
	if v := r.Strings(); v == nil {
		t.Error("empty vector is nil")
	}
	if v := r.Strings(); v == nil || len(v) != 0 {
		t.Error("vector with a negative count is not empty")
	}
	if r.Err() != nil || r.Len() != 0 {
		t.Error(r.Err(), r.Len())
	}
	empty := NewReader(nil)
	if b := empty.Buffer(); b != nil || empty.Err() != ErrShort {
		t.Error("no buffer at all")
	}
}

func TestBufferCapacity(t *testing.T) {
	in := unhex(t, "00000001 61 00000001 62")
	r := NewReader(in)
	_ = append(r.Buffer(), 0xee)
	if s := r.Str(); s != "b" {
		t.Errorf("an append to a buffer wrote over the next field: %q", s)
	}
}

func TestAliasReader(t *testing.T) {
	in := unhex(t, "00000002 2f61")
	copied, aliased := NewReader(in), NewAliasReader(in)
	a, b := copied.Str(), aliased.Str()
	in[5] = 'z'
	if a != "/a" || b != "/z" {
		t.Errorf("copy %q, alias %q", a, b)
	}
}

// Decoding the requests of the hot paths takes no memory.
func TestDecodeAllocs(t *testing.T) {
	get := (&PathWatchRequest{Path: "/some/path/of/a/node", Watch: true}).Append((&RequestHeader{1, OpGetData}).Append(nil))
	set := (&SetDataRequest{Path: "/some/path/of/a/node", Data: make([]byte, 100), Version: -1}).Append((&RequestHeader{2, OpSetData}).Append(nil))
	dst := make([]byte, 0, 1024)
	var sum int
	allocs := testing.AllocsPerRun(100, func() {
		var h RequestHeader
		var g PathWatchRequest
		r := NewAliasReader(get)
		h.Decode(&r)
		g.Decode(&r)
		sum += len(g.Path) + int(h.Op)

		var s SetDataRequest
		r = NewAliasReader(set)
		h.Decode(&r)
		s.Decode(&r)
		sum += len(s.Path) + len(s.Data)

		dst = BeginFrame(dst[:0])
		dst = (&ReplyHeader{Xid: h.Xid, Zxid: 5}).Append(dst)
		dst = (&GetDataResponse{Data: s.Data}).Append(dst)
		dst = EndFrame(dst, 0)
	})
	if allocs != 0 || sum == 0 {
		t.Errorf("%v allocations for a getData and a setData, want none", allocs)
	}
}

func BenchmarkGetData(b *testing.B) {
	in := (&PathWatchRequest{Path: "/some/path/of/a/node"}).Append((&RequestHeader{1, OpGetData}).Append(nil))
	reply := GetDataResponse{Data: make([]byte, 100)}
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		var h RequestHeader
		var g PathWatchRequest
		r := NewAliasReader(in)
		h.Decode(&r)
		g.Decode(&r)
		dst = BeginFrame(dst[:0])
		dst = (&ReplyHeader{Xid: h.Xid, Zxid: 5}).Append(dst)
		dst = EndFrame(reply.Append(dst), 0)
	}
}
