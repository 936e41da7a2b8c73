package peer

import (
	"io"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// frameReader cuts what comes from a connection into frames. Small frames are
// read into memory that they share, because records keep the frame they came
// in: a chunk that holds a record is left to it, any other is used again.
type frameReader struct {
	src  io.Reader
	max  int // bytes of a body
	buf  []byte
	r, w int  // buf[r:w] has been read and not been cut
	kept bool // a record aliases buf
}

func newFrameReader(src io.Reader, maxBody, chunk int) *frameReader {
	return &frameReader{src: src, max: maxBody, buf: make([]byte, chunk)}
}

// next returns the next frame, header and body. Nothing but its length has
// been verified. Unless it is a record, it is valid until the next call.
func (f *frameReader) next() (wire.Header, []byte, error) {
	if err := f.fill(wire.HeaderSize); err != nil {
		return wire.Header{}, nil, err
	}
	h := wire.ParseHeader(f.buf[f.r:])
	if err := h.CheckLength(f.max); err != nil {
		return h, nil, err
	}
	n := wire.HeaderSize + int(h.Length)
	if n > len(f.buf) {
		frame, err := f.large(n)
		return h, frame, err
	}
	if err := f.fill(n); err != nil {
		return h, nil, err
	}
	frame := f.buf[f.r : f.r+n : f.r+n]
	f.r += n
	if h.Kind == uint8(zab.KindTxn) {
		f.kept = true
	}
	return h, frame, nil
}

// fill reads until n bytes are there, at most the size of a chunk. At the end
// of the input between two frames it returns io.EOF, within one
// io.ErrUnexpectedEOF.
func (f *frameReader) fill(n int) error {
	if f.w-f.r >= n {
		return nil
	}
	if f.r == f.w && !f.kept {
		f.r, f.w = 0, 0
	}
	// A chunk's last bytes are not worth reading into in small pieces.
	if len(f.buf)-f.r < max(n, len(f.buf)/8) {
		f.move()
	}
	for f.w-f.r < n {
		got, err := f.src.Read(f.buf[f.w:])
		f.w += got
		if err != nil && f.w-f.r < n {
			return f.ended(err)
		}
	}
	return nil
}

// move brings what is left to the start of a chunk.
func (f *frameReader) move() {
	left := f.buf[f.r:f.w]
	if f.kept {
		f.buf, f.kept = make([]byte, len(f.buf)), false
	}
	f.w = copy(f.buf, left)
	f.r = 0
}

func (f *frameReader) ended(err error) error {
	if err == io.EOF && f.w > f.r {
		return io.ErrUnexpectedEOF
	}
	return err
}

// large reads a frame of n bytes, more than a chunk holds, into memory of its
// own, which grows as the bytes come: a length alone reserves little.
func (f *frameReader) large(n int) ([]byte, error) {
	frame := make([]byte, min(n, growBody))
	got := copy(frame, f.buf[f.r:f.w])
	f.r = f.w
	for {
		m, err := io.ReadFull(f.src, frame[got:])
		got += m
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if got == n {
			return frame, nil
		}
		grown := make([]byte, min(n, 2*len(frame)))
		copy(grown, frame)
		frame = grown
	}
}
