package clientport

import "encoding/binary"

// input is a connection's read buffer: buf[r:w] has come and is not used yet.
type input struct {
	buf  []byte
	r, w int
	idle int // how often in a row a small part of a grown buffer was enough
}

// frameState is what next found.
type frameState uint8

const (
	frameNone frameState = iota // not all of it is here
	frameOK
	frameBad // its length is not acceptable
)

// peek returns the frame at the front without taking it. The bytes are valid
// until space is called.
func (in *input) peek(limit int) ([]byte, frameState) {
	if in.w-in.r < 4 {
		return nil, frameNone
	}
	n := int(int32(binary.BigEndian.Uint32(in.buf[in.r:])))
	if n < 0 || n > limit {
		return nil, frameBad
	}
	if in.w-in.r < 4+n {
		return nil, frameNone
	}
	return in.buf[in.r+4 : in.r+4+n], frameOK
}

// take uses up the frame that peek returned.
func (in *input) take(frame []byte) { in.r += 4 + len(frame) }

// space returns where the next bytes may be read to, at least one. It makes
// room for the frame at the front, whose length has been checked by peek, and
// gives up a large buffer that is empty.
func (in *input) space() []byte {
	if in.r == in.w {
		in.rest()
		in.r, in.w = 0, 0
	}
	need := inputStart
	if in.w-in.r >= 4 {
		need = 4 + int(int32(binary.BigEndian.Uint32(in.buf[in.r:])))
	}
	// A length is only a claim: the buffer grows with what really comes.
	have := in.w - in.r
	need = min(need, max(inputStart, 2*have))
	if need = max(need, have+1); need > len(in.buf) {
		grown := make([]byte, max(need, inputStart))
		in.w = copy(grown, in.buf[in.r:in.w])
		in.r, in.buf = 0, grown
	} else if in.r+need > len(in.buf) {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	return in.buf[in.w:]
}

// rest gives up the empty buffer when it is very large, or has been too large
// for inputPatience reads: the client was busy and is not any more.
func (in *input) rest() {
	if len(in.buf) <= inputStart || in.w > inputStart {
		in.idle = 0
	} else {
		in.idle++
	}
	if len(in.buf) > inputKeep || in.idle > inputPatience {
		in.buf, in.idle = nil, 0
	}
}

// read notes that n bytes have been put into space. A client that fills the
// buffer in one read gets a larger one: it sends many requests at once.
func (in *input) read(n int) {
	in.w += n
	if in.r == 0 && in.w == len(in.buf) && 2*len(in.buf) <= inputKeep {
		grown := make([]byte, 2*len(in.buf))
		copy(grown, in.buf)
		in.buf = grown
	}
}
