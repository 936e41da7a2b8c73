package txnlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Kinds of frames that only this package writes and reads. They continue those
// of package wire; the numbers are the format.
const (
	frameMark     uint8 = 192 // in a segment, see invariant T3
	frameIdentity uint8 = 193 // identity file
	frameSnapFile uint8 = 194 // first frame of a snapshot file
	frameSnapEnd  uint8 = 195 // last frame of a snapshot file

	frameSnapPacked uint8 = 196 // a frame of a snapshot, compressed; see packer
)

// firstOwnKind is the first kind that a snapshot's own frames may not have.
const firstOwnKind = frameMark

// formatVersion is in every file's first frame. A file of another version is
// refused with ErrForeign.
const formatVersion = 1

// snapVersion is formatVersion for snapshots. Version 1, without packed frames,
// is still read.
const snapVersion = 2

// errDamaged: the bytes at this place are not the frame that belongs there.
// What that means depends on the place.
var errDamaged = errors.New("damaged")

// readChunk is how much of a file is read at once.
const readChunk = 256 << 10

// frameReader reads the frames of a part of a file one after the other.
type frameReader struct {
	f    io.ReaderAt
	off  int64 // where the next frame begins
	end  int64 // where the part ends
	buf  []byte
	r, w int // buf[r:w] holds the file's bytes from off on
}

func (fr *frameReader) reset(f io.ReaderAt, off, end int64) {
	fr.f, fr.off, fr.end, fr.r, fr.w = f, off, end, 0, 0
	if want := min(readChunk, end-off); int64(len(fr.buf)) < want {
		fr.buf = make([]byte, want)
	}
}

// next returns the next frame, valid until the call after this one. io.EOF is
// the end of the part and nothing else; errDamaged leaves off where it was;
// wire.ErrFormat says that the frame is intact and of a newer program; other
// errors are those of reading.
func (fr *frameReader) next() (wire.Header, []byte, error) {
	if fr.off == fr.end {
		return wire.Header{}, nil, io.EOF
	}
	if err := fr.fill(wire.HeaderSize); err != nil {
		return wire.Header{}, nil, err
	}
	n := int64(wire.HeaderSize) + int64(wire.ParseHeader(fr.buf[fr.r:]).Length)
	if err := fr.fill(n); err != nil {
		return wire.Header{}, nil, err
	}
	frame := fr.buf[fr.r : fr.r+int(n)]
	h, _, _, err := wire.ParseFrame(frame, wire.MaxLength)
	if errors.Is(err, wire.ErrFormat) {
		return wire.Header{}, nil, err
	}
	if err != nil {
		return wire.Header{}, nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	fr.r += int(n)
	fr.off += n
	return h, frame, nil
}

// fill has at least n bytes in the buffer. Memory is taken only for a frame
// that fits into the rest of the file.
func (fr *frameReader) fill(n int64) error {
	if n > fr.end-fr.off || n > wire.HeaderSize+wire.MaxLength {
		return fmt.Errorf("%w: a frame of %d bytes where %d are left", errDamaged, n, fr.end-fr.off)
	}
	if int64(fr.w-fr.r) >= n {
		return nil
	}
	if int64(len(fr.buf)) < n {
		bigger := make([]byte, max(n, int64(2*len(fr.buf))))
		fr.w = copy(bigger, fr.buf[fr.r:fr.w])
		fr.buf, fr.r = bigger, 0
	} else {
		fr.w = copy(fr.buf, fr.buf[fr.r:fr.w])
		fr.r = 0
	}
	want := min(int64(len(fr.buf)-fr.w), fr.end-fr.off-int64(fr.w))
	if err := readFull(fr.f, fr.buf[fr.w:fr.w+int(want)], fr.off+int64(fr.w)); err != nil {
		return err
	}
	fr.w += int(want)
	return nil
}

// readFull reads all of p. The end of the file is an error like any other:
// whoever asks knows the size.
func readFull(f io.ReaderAt, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// A mark is a frame of its own kind with the position before it in zxid and
// prev, and a body by hand: the offset of the mark in its file (u64) and the
// checksum of the file's header (u32), both little endian. Offset and checksum
// are there because clients choose what records contain: the bytes of a mark
// inside a znode must not pass for one.
const (
	markBody = 12
	markSize = wire.HeaderSize + markBody
)

func appendMark(dst []byte, before zab.Position, off int64, salt uint32) []byte {
	var body [markBody]byte
	binary.LittleEndian.PutUint64(body[:], uint64(off))
	binary.LittleEndian.PutUint32(body[8:], salt)
	return wire.AppendFrame(dst, frameMark, before.Zxid, before.CRC, body[:])
}

func isMark(h wire.Header, frame []byte, off int64, salt uint32) bool {
	body := frame[wire.HeaderSize:]
	return h.Kind == frameMark && len(body) == markBody &&
		binary.LittleEndian.Uint64(body) == uint64(off) && binary.LittleEndian.Uint32(body[8:]) == salt
}

// rest is what lies behind the last good frame of a segment.
type rest struct {
	used int64 // bytes up to the last that is not zero
	mark int64 // offset of the first mark, or -1
}

// inspect looks at a file from off to end. salt is nil when it is not known;
// then every mark counts that is at its offset. buf is memory to read into,
// where there is enough of it.
func inspect(f io.ReaderAt, off, end int64, salt *uint32, buf []byte) (rest, error) {
	out := rest{mark: -1}
	if want := min(readChunk+markSize, end-off); int64(len(buf)) < want {
		buf = make([]byte, want)
	} else {
		buf = buf[:want]
	}
	start := off
	for off < end {
		n := min(int64(len(buf)), end-off)
		b := buf[:n]
		if err := readFull(f, b, off); err != nil {
			return out, err
		}
		if i := lastUsed(b); i >= 0 {
			out.used = off + int64(i) + 1 - start
			if out.mark < 0 {
				if at := findMark(b, off, salt); at >= 0 {
					out.mark = off + int64(at)
				}
			}
		}
		if off+n == end {
			break
		}
		off += readChunk // the pieces overlap by a mark
	}
	return out, nil
}

func lastUsed(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			return i
		}
	}
	return -1
}

var markLength = binary.LittleEndian.AppendUint32(nil, markBody)

func findMark(b []byte, base int64, salt *uint32) int {
	for i := 0; ; i++ {
		j := bytes.Index(b[i:], markLength)
		if j < 0 {
			return -1
		}
		i += j
		h, body, n, err := wire.ParseFrame(b[i:], markBody)
		if err != nil {
			continue
		}
		want := binary.LittleEndian.Uint32(body[8:])
		if salt != nil {
			want = *salt
		}
		if isMark(h, b[i:i+n], base+int64(i), want) {
			return i
		}
	}
}
