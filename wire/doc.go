// Package wire writes and reads the bytes that servers exchange and keep:
// frames, log records, peer packets.
//
// # The frame
//
// Everything is a frame: 24 bytes of header, then a body. All numbers are
// little endian.
//
//	 0       4       8              16      20  21  22     24
//	┌───────┬───────┬───────────────┬───────┬───┬───┬──────┬──────────┐
//	│length │ crc   │ zxid          │ prev  │ k │ f │flags │ body ... │
//	│u32    │ u32   │ i64           │ u32   │u8 │u8 │u16   │ length   │
//	└───────┴───────┴───────────────┴───────┴───┴───┴──────┴──────────┘
//	 └──┬──┘         └──────────────────┬─────────────────────────────┘
//	    └───────── covered by crc ──────┘
//
//	length  bytes of the body
//	crc     CRC-32C (Castagnoli) of bytes 0..4 and 8..24+length
//	zxid    of the record; what it means in a packet is in package zab
//	prev    crc of the record before this one; 0 in a packet
//	kind    zab.PacketKind below 128, a Frame constant from 128 on
//	format  1; another number means a newer program wrote it
//	flags   0; reserved
//
// The length is under the checksum, so a damaged length is never believed for
// longer than it takes to read that many bytes, and readers compare it with a
// limit before that. Twenty-four zero bytes are not a valid frame (the CRC of
// zeros is not zero), so a file extended with zeros is seen to end.
//
// Because prev lies under crc, each record's crc covers the whole history
// before it: zab.Position.
//
// # The body
//
// ACK, COMMIT and the like have none. Every other body is one msgpack array,
// a struct's exported fields in order of declaration, whatever their names: to
// reorder, insert or remove one is a change of format. A record's body is a
// zab.Txn.
//
// # Strictness
//
// Msgpack decoders are lenient where a log must not be. The checksum is
// verified first, then the body's shape is held against the Go type, and only
// then is it decoded:
//
// Invariant W1: a body that is decoded has exactly the fields of its type at
// every level, each of the right sort and in range, and no byte after it.
//
// That excludes what the library would let pass: a truncated body reported as
// io.EOF, which a log reader takes for the clean end; a short array, which
// leaves fields as they were; a map or a nil in place of an array; trailing
// bytes; lengths that ask for memory the input cannot fill.
//
// Invariant W2: encoding is a function of the value. The same struct gives the
// same bytes on every server, so histories can be compared by checksum.
//
// # Ownership
//
// A record made or parsed is immutable, and so is the memory under it. Parsing
// aliases its input; decoding copies out of it.
package wire
