package jute

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FrameHeader is the number of bytes before a frame's body: its length.
const FrameHeader = 4

// ErrFrame: a frame's length is negative or above the limit. Nothing on the
// connection can be trusted after it.
var ErrFrame = errors.New("jute: frame length out of range")

// BeginFrame appends room for a frame's length. The frame begins at the length
// that dst had: that is what EndFrame is to be given.
func BeginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndFrame fills in the length of the frame that began at start: everything
// appended since BeginFrame is its body.
func EndFrame(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-FrameHeader))
	return dst
}

// ParseFrame returns the body of the first frame in b and the number of bytes
// it takes with its prefix. n is 0 if the frame is not complete yet. A length
// outside 0..limit is ErrFrame. The body aliases b.
func ParseFrame(b []byte, limit int) (body []byte, n int, err error) {
	if len(b) < FrameHeader {
		return nil, 0, nil
	}
	size, err := frameLength(b, limit)
	if err != nil || len(b)-FrameHeader < size {
		return nil, 0, err
	}
	n = FrameHeader + size
	return b[FrameHeader:n:n], n, nil
}

// ReadFrame reads one frame's body from r into buf, which it grows if needed.
// The end of the stream before the first byte is io.EOF, inside a frame
// io.ErrUnexpectedEOF. A length outside 0..limit is ErrFrame, found before
// anything is allocated for it.
func ReadFrame(r io.Reader, buf []byte, limit int) ([]byte, error) {
	if cap(buf) < FrameHeader {
		buf = make([]byte, 512)
	}
	prefix := buf[:FrameHeader]
	if _, err := io.ReadFull(r, prefix); err != nil {
		return nil, err
	}
	size, err := frameLength(prefix, limit)
	if err != nil {
		return nil, err
	}
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(r, buf); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return buf, nil
}

func frameLength(b []byte, limit int) (int, error) {
	size := int32(binary.BigEndian.Uint32(b))
	if size < 0 || int64(size) > int64(limit) {
		return 0, fmt.Errorf("%w: %d bytes, allowed are 0 to %d", ErrFrame, size, limit)
	}
	return int(size), nil
}
