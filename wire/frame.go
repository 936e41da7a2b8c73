package wire

import (
	"fmt"

	"github.com/quorumd/quorumd/zab"
)

// Kinds of frames that live in files only. The numbers are the format: append
// only, never reuse.
const (
	FrameEpochs       uint8 = 128 // epoch file: zab.Epochs
	FrameSegment      uint8 = 129 // first frame of a log segment
	FrameSnapHeader   uint8 = 130 // first frame of a snapshot
	FrameSnapMeta     uint8 = 131 // ensemble-wide facts
	FrameSnapACLs     uint8 = 132
	FrameSnapSessions uint8 = 133
	FrameSnapNodes    uint8 = 134
	FrameSnapTrailer  uint8 = 135 // last frame of a snapshot: counts and digest
)

// firstFileKind is the first kind that no connection carries.
const firstFileKind = 128

// AppendFrame appends a frame with the given body to dst. zxid and prev are
// the caller's to use; a chain of frames puts the checksum of one into the
// prev of the next (Header.CRC). It panics when body is longer than MaxLength.
func AppendFrame(dst []byte, kind uint8, z zab.Zxid, prev uint32, body []byte) []byte {
	if len(body) > MaxLength {
		panic(fmt.Sprintf("wire: frame body of %d bytes, the limit is %d", len(body), MaxLength))
	}
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	dst = append(dst, body...)
	seal(dst[start:], kind, z, prev)
	return dst
}

// ParseFrame reads the frame at the start of b, of any kind, and verifies it.
// body aliases b; n is the frame's length in bytes, header included. Errors
// wrap ErrShort, ErrTooLong, ErrCorrupt or ErrFormat; with the last one h, body
// and n are set nonetheless.
func ParseFrame(b []byte, maxBody int) (h Header, body []byte, n int, err error) {
	if len(b) < HeaderSize {
		return Header{}, nil, 0, fmt.Errorf("%w: %d of %d header bytes", ErrShort, len(b), HeaderSize)
	}
	h = ParseHeader(b)
	if err := h.CheckLength(maxBody); err != nil {
		return Header{}, nil, 0, err
	}
	n = HeaderSize + int(h.Length)
	if len(b) < n {
		return Header{}, nil, 0, fmt.Errorf("%w: %d of %d bytes", ErrShort, len(b), n)
	}
	body = b[HeaderSize:n:n]
	if !h.Verify(b[:HeaderSize], body) {
		return Header{}, nil, 0, fmt.Errorf("%w: checksum of a frame of %d bytes does not match", ErrCorrupt, n)
	}
	return h, body, n, h.check()
}
