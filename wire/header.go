package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/quorumd/quorumd/zab"
)

// HeaderSize is the number of bytes before a frame's body.
const HeaderSize = 24

// Format is the version of every frame this build writes, and the only one it
// reads.
const Format uint8 = 1

// MaxLength bounds a frame's body whatever limit the caller names, so that
// header and body together stay countable in an int on every platform.
const MaxLength = 1 << 30

// Errors of this package; those returned wrap one of them.
var (
	// ErrShort: the input ends before the frame does. More bytes may mend it.
	ErrShort = errors.New("incomplete frame")
	// ErrCorrupt: these bytes were never written by a server, or are damaged.
	ErrCorrupt = errors.New("corrupt frame")
	// ErrTooLong: a body longer than the caller's limit.
	ErrTooLong = errors.New("frame too long")
	// ErrFormat: intact, but of a format that this build does not know.
	ErrFormat = errors.New("unknown frame format")
	// ErrUnknownKind: intact, but of a kind that has no meaning here.
	ErrUnknownKind = errors.New("unknown frame kind")
)

// castagnoli is the polynomial that amd64 and arm64 compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is the fixed part of a frame.
type Header struct {
	Length uint32 // bytes of the body
	CRC    uint32
	Zxid   zab.Zxid
	Prev   uint32
	Kind   uint8
	Format uint8
	Flags  uint16
}

// ParseHeader reads the first HeaderSize bytes of b, which must be there.
// Nothing is verified.
func ParseHeader(b []byte) Header {
	_ = b[HeaderSize-1]
	return Header{
		Length: binary.LittleEndian.Uint32(b),
		CRC:    binary.LittleEndian.Uint32(b[4:]),
		Zxid:   zab.Zxid(binary.LittleEndian.Uint64(b[8:])),
		Prev:   binary.LittleEndian.Uint32(b[16:]),
		Kind:   b[20],
		Format: b[21],
		Flags:  binary.LittleEndian.Uint16(b[22:]),
	}
}

// CheckLength returns an error that wraps ErrTooLong when the body is longer
// than maxBody bytes. To be asked before memory is reserved for the body.
func (h Header) CheckLength(maxBody int) error {
	limit := min(max(maxBody, 0), MaxLength)
	if int64(h.Length) > int64(limit) {
		return fmt.Errorf("%w: body of %d bytes, the limit is %d", ErrTooLong, h.Length, limit)
	}
	return nil
}

// Verify reports whether header (HeaderSize bytes, those h was read from) and
// body carry the checksum that h names.
func (h Header) Verify(header, body []byte) bool {
	return len(body) == int(h.Length) && checksum(header, body) == h.CRC
}

// check rejects frames that are intact but not ours to read.
func (h Header) check() error {
	if h.Format != Format || h.Flags != 0 {
		return fmt.Errorf("%w: format %d, flags %#x; this build reads format %d without flags, a newer one wrote this",
			ErrFormat, h.Format, h.Flags, Format)
	}
	return nil
}

func checksum(header, body []byte) uint32 {
	sum := crc32.Update(0, castagnoli, header[:4])
	sum = crc32.Update(sum, castagnoli, header[8:HeaderSize])
	return crc32.Update(sum, castagnoli, body)
}

// seal writes the header of the frame in b, whose body is already in place,
// and returns the checksum.
func seal(b []byte, kind uint8, z zab.Zxid, prev uint32) uint32 {
	binary.LittleEndian.PutUint32(b, uint32(len(b)-HeaderSize))
	binary.LittleEndian.PutUint64(b[8:], uint64(z))
	binary.LittleEndian.PutUint32(b[16:], prev)
	b[20], b[21], b[22], b[23] = kind, Format, 0, 0
	sum := checksum(b[:HeaderSize], b[HeaderSize:])
	binary.LittleEndian.PutUint32(b[4:], sum)
	return sum
}
