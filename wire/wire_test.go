package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/zab"
)

const testLimit = 1 << 20

func TestEveryPacketKindHasASample(t *testing.T) {
	seen := map[zab.PacketKind]bool{}
	for _, s := range samples() {
		seen[s.packet.Kind] = true
	}
	for k := range forms {
		if forms[k].known != seen[zab.PacketKind(k)] {
			t.Errorf("kind %d: known %v, sample %v", k, forms[k].known, seen[zab.PacketKind(k)])
		}
		if forms[k].known && strings.HasPrefix(zab.PacketKind(k).String(), "packet-") {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func drawTxn(t *rapid.T) *zab.Txn {
	txn := &zab.Txn{
		Time: rapid.Int64().Draw(t, "time"), Session: zab.SessionID(rapid.Int64().Draw(t, "session")),
		Cxid: rapid.Int32().Draw(t, "cxid"), Origin: zab.ServerID(rapid.Int64().Draw(t, "origin")),
		Seq: rapid.Uint64().Draw(t, "seq"), Level: rapid.Uint16().Draw(t, "level"),
		Flags: zab.TxnFlags(rapid.Uint16().Draw(t, "flags")), Op: rapid.Int32().Draw(t, "op"),
		Body: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "identities") {
		txn.Auth = append(txn.Auth, zab.Identity{Scheme: rapid.String().Draw(t, "scheme"), ID: rapid.String().Draw(t, "id")})
	}
	if rapid.Bool().Draw(t, "large") {
		txn.Body = bytes.Repeat([]byte{7}, rapid.IntRange(0, 2*chunkSize).Draw(t, "size"))
	}
	return txn
}

// A history survives encoding, whatever is in it, and every record keeps its
// bytes while later ones are made from the same memory.
func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		enc, dec := NewEncoder(), NewDecoder()
		var at zab.Position
		var log []byte
		var recs []zab.Record
		for i := range rapid.IntRange(1, 8).Draw(t, "records") {
			rec, err := enc.EncodeRecord(at.CRC, zab.NewZxid(1, uint32(i+1)), drawTxn(t))
			if err != nil {
				t.Fatal(err)
			}
			recs, log, at = append(recs, rec), append(log, rec.Bytes...), rec.Position()
		}
		for i := range recs {
			rec, n, err := ParseRecord(log, testLimit)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(rec.Bytes, recs[i].Bytes) || rec.Position() != recs[i].Position() || rec.Prev != recs[i].Prev {
				t.Fatalf("record %d: parsed %+v", i, rec)
			}
			txn, err := dec.Txn(RecordBody(&rec))
			if err != nil || !reflect.DeepEqual(txn, recs[i].Txn) {
				t.Fatalf("record %d: decoded %+v, %v, want %+v", i, txn, err, recs[i].Txn)
			}
			log = log[n:]
		}
	})
}

// Any change of a single bit is seen.
func TestDamageIsSeen(t *testing.T) {
	for _, s := range samples() {
		frame, err := NewEncoder().AppendPacket(nil, &s.packet)
		if err != nil {
			t.Fatal(err)
		}
		dec := NewDecoder()
		for bit := range 8 * len(frame) {
			bad := slices.Clone(frame)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := dec.Packet(ParseHeader(bad), bad); err == nil {
				t.Fatalf("%s: bit %d flipped and nobody noticed", s.name, bit)
			}
			if _, _, _, err := ParseFrame(bad, testLimit); err == nil {
				t.Fatalf("%s: bit %d flipped and nobody noticed", s.name, bit)
			}
		}
	}
}

func TestShortInput(t *testing.T) {
	frame, err := NewEncoder().AppendPacket(nil, &samples()[0].packet)
	if err != nil {
		t.Fatal(err)
	}
	for n := range frame {
		if _, _, err := ParseRecord(frame[:n], testLimit); !errors.Is(err, ErrShort) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
	if _, err := NewDecoder().Packet(ParseHeader(frame), frame[:len(frame)-1]); !errors.Is(err, ErrShort) {
		t.Fatal(err)
	}
}

func TestFrameRefusals(t *testing.T) {
	rec := samples()[0].packet.Record.Bytes
	later := AppendFrame(nil, 1, 1, 0, []byte("x"))
	later[21] = Format + 1
	crc := checksum(later[:HeaderSize], later[HeaderSize:])
	later[4], later[5], later[6], later[7] = byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24)
	for _, c := range []struct {
		name  string
		input []byte
		limit int
		want  error
	}{
		{"zeros", make([]byte, 4096), testLimit, ErrCorrupt},
		{"limit", rec, len(rec) - HeaderSize - 1, ErrTooLong},
		{"negative limit", rec, -1, ErrTooLong},
		{"huge length", bytes.Repeat([]byte{0xff}, 64), 1 << 40, ErrTooLong},
		{"later format", later, testLimit, ErrFormat},
		{"not a record", AppendFrame(nil, FrameEpochs, 1, 0, nil), testLimit, ErrUnknownKind},
	} {
		if _, _, err := ParseRecord(c.input, c.limit); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestPacketRefusals(t *testing.T) {
	dec := NewDecoder()
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"unknown kind", AppendFrame(nil, 63, 0, 0, nil), ErrUnknownKind},
		{"file kind", AppendFrame(nil, FrameSnapNodes, 0, 0, nil), ErrUnknownKind},
		{"ack with a body", AppendFrame(nil, uint8(zab.KindAck), 0, 0, []byte{0x90}), ErrCorrupt},
		{"pong without a body", AppendFrame(nil, uint8(zab.KindPong), 0, 0, nil), ErrCorrupt},
		{"two frames", append(AppendFrame(nil, 64, 0, 0, nil), 0), ErrCorrupt},
	} {
		if _, err := dec.Packet(ParseHeader(c.frame), c.frame); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	enc := NewEncoder()
	for _, p := range []zab.Packet{
		{Kind: 63},
		{Kind: zab.KindTxn},
		{Kind: zab.KindAck, Body: &zab.Pong{}},
		{Kind: zab.KindPong},
		{Kind: zab.KindPong, Body: zab.Pong{}},
		{Kind: zab.KindPong, Body: (*zab.Pong)(nil)},
		{Kind: zab.KindPong, Body: &zab.Snap{}},
	} {
		dst, err := enc.AppendPacket([]byte("before"), &p)
		if err == nil || string(dst) != "before" {
			t.Errorf("%s with body %T: %q, %v", p.Kind, p.Body, dst, err)
		}
	}
}

// What the msgpack library would let pass, each once.
func TestMsgpackTraps(t *testing.T) {
	type flat struct {
		Seq     uint64
		Session zab.SessionID
		Timeout int64
	}
	good, err := NewEncoder().AppendBody(nil, &flat{Seq: 1, Session: 2, Timeout: 3})
	if err != nil {
		t.Fatal(err)
	}
	request, err := NewEncoder().AppendBody(nil, &zab.Request{Auth: []zab.Identity{{Scheme: "a", ID: "b"}}, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	nested := bytes.Replace(request, []byte{0x92, 0xa1, 'a', 0xa1, 'b'}, []byte{0x91, 0xa1, 'a'}, 1)
	for _, c := range []struct {
		name string
		body []byte
		into any
	}{
		{"empty", nil, &flat{}},
		{"truncated", good[:len(good)-1], &flat{}},
		{"short array", []byte{0x92, 1, 2}, &flat{}},
		{"long array", []byte{0x94, 1, 2, 3, 4}, &flat{}},
		{"no array", []byte{0x90}, &flat{}},
		{"trailing byte", append(slices.Clone(good), 0), &flat{}},
		{"map", []byte{0x83, 0xa3, 'S', 'e', 'q', 1, 0xa7, 'S', 'e', 's', 's', 'i', 'o', 'n', 2, 0xa7, 'T', 'i', 'm', 'e', 'o', 'u', 't', 3}, &flat{}},
		{"nil for a struct", []byte{0xc0}, &flat{}},
		{"nil for a number", []byte{0x93, 1, 0xc0, 3}, &flat{}},
		{"number for a bool", []byte{0x94, 1, 2, 1, 0x92, 0, 0}, &zab.Attached{}},
		{"negative for unsigned", []byte{0x93, 0xff, 2, 3}, &flat{}},
		{"too large for signed", []byte{0x93, 1, 0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0, 3}, &flat{}},
		{"too large for a byte", []byte{0x93, 1, 2, 0xcd, 1, 0}, &zab.Reject{}},
		{"short nested array", nested, &zab.Request{}},
		{"slice of 2^32-1", []byte{0x91, 0xdd, 0xff, 0xff, 0xff, 0xff}, &zab.Pong{}},
		{"slice longer than input", []byte{0x91, 0xdd, 0, 0xff, 0xff, 0xff, 1}, &zab.Pong{}},
		{"map for a slice", []byte{0x91, 0x81, 1, 2}, &zab.Pong{}},
		{"bytes of 2^32-1", []byte{0x93, 0, 0xc6, 0xff, 0xff, 0xff, 0xff, 0xc2}, &zab.SnapChunk{}},
		{"text for bytes", []byte{0x93, 0, 0xa1, 'x', 0xc2}, &zab.SnapChunk{}},
		{"float", []byte{0x93, 0xca, 0, 0, 0, 0, 2, 3}, &flat{}},
	} {
		err := NewDecoder().Body(c.body, c.into)
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", c.name, err)
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("%s: io.EOF shines through, which reads as a clean end", c.name)
		}
	}
}

// A struct that is used again keeps nothing of what was in it, and decoded
// bytes are copies.
func TestDecodeLeavesNothingBehind(t *testing.T) {
	enc, dec := NewEncoder(), NewDecoder()
	first, _ := enc.AppendBody(nil, &zab.SnapChunk{Off: 1, Data: []byte("first"), Last: true})
	second, _ := enc.AppendBody(nil, &zab.SnapChunk{Data: []byte("2nd")})
	var c zab.SnapChunk
	if err := dec.Body(first, &c); err != nil {
		t.Fatal(err)
	}
	kept := c.Data
	if err := dec.Body(second, &c); err != nil {
		t.Fatal(err)
	}
	for i := range first {
		first[i], second[min(i, len(second)-1)] = 0, 0
	}
	if string(kept) != "first" || string(c.Data) != "2nd" || c.Off != 0 || c.Last {
		t.Fatalf("kept %q, then %+v", kept, c)
	}
}

func TestTypesWithoutStableEncoding(t *testing.T) {
	for _, v := range []any{
		&struct{ M map[string]int }{}, &struct{ F float64 }{}, &struct{ I any }{}, &struct{ P *int }{},
		new(int), zab.Snap{}, nil, (*zab.Snap)(nil),
	} {
		if err := NewDecoder().Body([]byte{0x91, 0xc0}, v); err == nil || errors.Is(err, ErrCorrupt) {
			t.Errorf("%T: %v", v, err)
		}
	}
}

// Numbers of either sign and any width pass through every kind of field.
func TestIntegerRanges(t *testing.T) {
	type ints struct {
		A int8
		B int16
		C int32
		D int64
		E uint8
		F uint16
		G uint32
		H uint64
	}
	enc, dec := NewEncoder(), NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Make[ints]().Draw(t, "ints")
		body, err := enc.AppendBody(nil, &want)
		if err != nil {
			t.Fatal(err)
		}
		var got ints
		if err := dec.Body(body, &got); err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
	})
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	enc := NewEncoder()
	for _, room := range []int{0, 10, 30, 4096} {
		buf := append(make([]byte, 0, 4+room), "head"...)
		buf, err := enc.AppendPacket(buf, &samples()[4].packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, n, err := ParseFrame(buf[4:], testLimit); err != nil || n != len(buf)-4 || string(buf[:4]) != "head" {
			t.Errorf("room %d: %d bytes, %v", room, n, err)
		}
	}
}

func TestSteadyStateAllocations(t *testing.T) {
	enc, dec := NewEncoder(), NewDecoder()
	ack := zab.Packet{Kind: zab.KindAck, Zxid: 1}
	pong := samples()[4].packet
	buf := make([]byte, 0, 1024)
	frame, _ := enc.AppendPacket(nil, &ack)
	txn := sampleTxn()
	for _, c := range []struct {
		name string
		most float64
		f    func()
	}{
		{"append ack", 0, func() { buf, _ = enc.AppendPacket(buf[:0], &ack) }},
		{"append pong", 0, func() { buf, _ = enc.AppendPacket(buf[:0], &pong) }},
		{"decode ack", 0, func() { _, _ = dec.Packet(ParseHeader(frame), frame) }},
		{"encode record", 0.1, func() { _, _ = enc.EncodeRecord(1, 1, txn) }},
	} {
		if n := testing.AllocsPerRun(1000, c.f); n > c.most {
			t.Errorf("%s: %.2f allocations, at most %.2f", c.name, n, c.most)
		}
	}
}

func BenchmarkEncodeRecord(b *testing.B) {
	enc, txn := NewEncoder(), sampleTxn()
	txn.Auth, txn.Body = nil, make([]byte, 128)
	for b.Loop() {
		_, _ = enc.EncodeRecord(1, 1, txn)
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	txn := sampleTxn()
	txn.Auth, txn.Body = nil, make([]byte, 128)
	rec, _ := NewEncoder().EncodeRecord(1, 1, txn)
	dec := NewDecoder()
	for b.Loop() {
		_, _ = dec.Packet(ParseHeader(rec.Bytes), rec.Bytes)
	}
}
