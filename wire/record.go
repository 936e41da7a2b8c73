package wire

import (
	"fmt"

	"github.com/quorumd/quorumd/zab"
)

// chunkSize is the memory that many small records share. Records that are kept
// are neighbours in time, so a chunk dies as one.
const chunkSize = 64 << 10

// ownChunk is the record size from which a record gets memory of its own, so
// that it does not throw away the rest of a chunk.
const ownChunk = chunkSize / 4

// txnFixed bounds the msgpack bytes of a zab.Txn besides its variable parts,
// identityFixed those of a zab.Identity.
const (
	txnFixed      = 96
	identityFixed = 16
)

// EncodeRecord makes the record of t at z, following the record whose checksum
// is prev (0 at the beginning of a history). The record holds t itself as its
// decoded body; neither t nor what it points to may change any more. The error
// wraps ErrTooLong.
func (e *Encoder) EncodeRecord(prev uint32, z zab.Zxid, t *zab.Txn) (zab.Record, error) {
	bound := HeaderSize + txnFixed + len(t.Body)
	for i := range t.Auth {
		bound += identityFixed + len(t.Auth[i].Scheme) + len(t.Auth[i].ID)
	}
	if bound > MaxLength {
		return zab.Record{}, fmt.Errorf("%w: record %s of about %d bytes, the limit is %d", ErrTooLong, z, bound, MaxLength)
	}
	mem := e.reserve(bound)
	body, err := e.encode(mem[HeaderSize:HeaderSize], t)
	if err != nil {
		return zab.Record{}, err
	}
	n := HeaderSize + len(body)
	if n > bound {
		panic(fmt.Sprintf("wire: record of %d bytes was bounded by %d", n, bound))
	}
	// The capacity is cut so that nobody's append runs into the next record.
	b := mem[:n:n]
	e.commit(n, bound)
	crc := seal(b, uint8(zab.KindTxn), z, prev)
	return zab.Record{Zxid: z, Prev: prev, CRC: crc, Bytes: b, Txn: t}, nil
}

// reserve returns n bytes of memory that nothing else refers to.
func (e *Encoder) reserve(n int) []byte {
	if n >= ownChunk {
		return make([]byte, n)
	}
	if cap(e.chunk)-len(e.chunk) < n {
		e.chunk = make([]byte, 0, chunkSize)
	}
	return e.chunk[len(e.chunk) : len(e.chunk)+n]
}

// commit keeps the first n of the reserved bytes.
func (e *Encoder) commit(n, reserved int) {
	if reserved < ownChunk {
		e.chunk = e.chunk[:len(e.chunk)+n]
	}
}

// ParseRecord reads the record at the start of b and verifies its checksum.
// rec.Bytes aliases b; rec.Txn is nil. n is the record's length in bytes.
// Errors wrap ErrShort, ErrTooLong, ErrCorrupt, ErrFormat or ErrUnknownKind
// (an intact frame that is no record).
func ParseRecord(b []byte, maxBody int) (rec zab.Record, n int, err error) {
	h, _, n, err := ParseFrame(b, maxBody)
	if err != nil {
		return zab.Record{}, 0, err
	}
	if h.Kind != uint8(zab.KindTxn) {
		return zab.Record{}, 0, fmt.Errorf("%w: kind %d where a record belongs", ErrUnknownKind, h.Kind)
	}
	return zab.Record{Zxid: h.Zxid, Prev: h.Prev, CRC: h.CRC, Bytes: b[:n:n]}, n, nil
}

// RecordBody returns the msgpack body of a record made by this package.
func RecordBody(rec *zab.Record) []byte { return rec.Bytes[HeaderSize:] }

// Txn decodes the body of a record. Nothing in the result aliases body. Errors
// wrap ErrCorrupt.
func (d *Decoder) Txn(body []byte) (*zab.Txn, error) {
	t := new(zab.Txn)
	if err := d.Body(body, t); err != nil {
		return nil, err
	}
	return t, nil
}

// DecodeTxn is Decoder.Txn for callers that decode once in a while.
func DecodeTxn(body []byte) (*zab.Txn, error) { return NewDecoder().Txn(body) }
