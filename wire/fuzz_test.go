package wire

import (
	"bytes"
	"testing"
)

// seed gives a fuzz target one intact frame of every kind and a few broken
// ones.
func seed(f *testing.F) {
	enc := NewEncoder()
	for _, s := range samples() {
		frame, err := enc.AppendPacket(nil, &s.packet)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
		f.Add(frame[:len(frame)-1])
		f.Add(append(frame, frame...))
	}
	f.Add(make([]byte, HeaderSize))
	f.Add([]byte{})
}

// FuzzParseRecord: no input makes ParseRecord panic, and what it accepts is
// what an encoder makes.
func FuzzParseRecord(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, n, err := ParseRecord(b, 1<<16)
		if err != nil {
			return
		}
		if n > len(b) || !bytes.Equal(rec.Bytes, b[:n]) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		txn, err := DecodeTxn(RecordBody(&rec))
		if err != nil {
			return
		}
		again, err := NewEncoder().EncodeRecord(rec.Prev, rec.Zxid, txn)
		if err != nil {
			t.Fatal(err)
		}
		same, err := DecodeTxn(RecordBody(&again))
		if err != nil {
			t.Fatal(err)
		}
		third, err := NewEncoder().EncodeRecord(rec.Prev, rec.Zxid, same)
		if err != nil || !bytes.Equal(again.Bytes, third.Bytes) {
			t.Fatalf("encoding is not a function of the value: %v", err)
		}
	})
}

// FuzzPacket seals whatever body it is given, so that the fuzzer gets past the
// checksum to the decoder.
func FuzzPacket(f *testing.F) {
	seed(f)
	enc, dec := NewEncoder(), NewDecoder()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= HeaderSize {
			_, _ = dec.Packet(ParseHeader(b), b)
		}
		if len(b) < 1 {
			return
		}
		kind, body := b[0], b[1:]
		if len(b) >= HeaderSize {
			kind, body = b[20], b[HeaderSize:]
		}
		frame := AppendFrame(nil, kind, 1, 0, body)
		p, err := dec.Packet(ParseHeader(frame), frame)
		if err != nil {
			return
		}
		if _, err := enc.AppendPacket(nil, &p); err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
	})
}
