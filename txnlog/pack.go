package txnlog

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/quorumd/quorumd/internal/must"
)

// A packed frame holds another one, compressed. Its body:
//
//	 0    1        5
//	┌────┬────────┬───────────────┐
//	│kind│length  │ zstd frame ...│
//	│u8  │u32 LE  │               │
//	└────┴────────┴───────────────┘
//
// kind and length are those of the body within. A body that does not get
// shorter is written as it is.
const packedPrefix = 5

const (
	// minPacked is the length from which a body is worth an attempt.
	minPacked = 256
	// maxPacked is the length to which a body is unpacked. A longer one, which
	// a znode beyond every sensible jute.maxbuffer makes, is not packed. So a
	// frame takes no more memory to read than this, whatever it claims.
	maxPacked = 16 << 20
)

// packWindow is how far back the encoder looks: about a frame of znodes.
const packWindow = 256 << 10

// packer compresses bodies. The bytes follow from the body and the library's
// version alone: one goroutine, one level, nothing kept from one to the next. A
// store keeps one, for to make it takes longer than to write a small snapshot.
type packer struct {
	enc *zstd.Encoder // nil before the first
	out []byte
}

func newEncoder() *zstd.Encoder {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(packWindow),
		zstd.WithEncoderCRC(false)) // the frame has its own
	must.Hold(err == nil, "T12", "zstd's encoder: %v", err)
	return enc
}

// pack returns kind and body of the frame to write for a frame, valid until
// the next call.
func (p *packer) pack(kind uint8, body []byte) (uint8, []byte) {
	if len(body) < minPacked || len(body) > maxPacked {
		return kind, body
	}
	p.out = append(p.out[:0], kind)
	p.out = binary.LittleEndian.AppendUint32(p.out, uint32(len(body)))
	if p.enc == nil {
		p.enc = newEncoder()
	}
	p.out = p.enc.EncodeAll(body, p.out)
	if len(p.out) >= len(body) {
		return kind, body
	}
	return frameSnapPacked, p.out
}

// unpacker undoes what a packer did.
type unpacker struct {
	dec *zstd.Decoder // nil before the first
	out []byte
}

func newDecoder() *zstd.Decoder {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxPacked), zstd.WithDecoderMaxWindow(maxPacked), zstd.WithDecodeAllCapLimit(true))
	must.Hold(err == nil, "T12", "zstd's decoder: %v", err)
	return dec
}

// unpack returns kind and body of the frame in a packed one, valid until the
// next call. Errors wrap errDamaged: these bytes were never packed.
func (u *unpacker) unpack(packed []byte) (uint8, []byte, error) {
	if len(packed) < packedPrefix {
		return 0, nil, fmt.Errorf("%w: packed frame of %d bytes", errDamaged, len(packed))
	}
	kind, n := packed[0], int64(binary.LittleEndian.Uint32(packed[1:]))
	if n > maxPacked {
		return 0, nil, fmt.Errorf("%w: packed frame says it holds %d bytes, the limit is %d", errDamaged, n, maxPacked)
	}
	if int64(cap(u.out)) < n {
		u.out = make([]byte, 0, n)
	}
	if u.dec == nil {
		u.dec = newDecoder()
	}
	// The limit of what is decoded is the capacity.
	body, err := u.dec.DecodeAll(packed[packedPrefix:], u.out[:0:n])
	if err == nil && int64(len(body)) != n {
		err = fmt.Errorf("%d bytes where %d were packed", len(body), n)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%w: packed frame: %w", errDamaged, err)
	}
	return kind, body, nil
}
