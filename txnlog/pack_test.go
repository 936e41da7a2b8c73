package txnlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// text returns n bytes that compress well and differ with seed.
func text(seed, n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = append(b, "znode "...)
		b = binary.BigEndian.AppendUint16(b, uint16(seed+i%7))
	}
	return b[:n]
}

// TestPackedIsAFunction packs the same bodies with an encoder that is new and
// with one that has packed others: servers, and runs of a simulation, compare.
func TestPackedIsAFunction(t *testing.T) {
	var used packer
	for i := range 50 {
		used.pack(wire.FrameSnapNodes, text(i*100, 1000*i))
	}
	for _, n := range []int{minPacked, 1000, 70_000, 300_000} {
		body := text(7, n)
		var fresh packer
		kind, a := fresh.pack(wire.FrameSnapNodes, body)
		_, b := used.pack(wire.FrameSnapNodes, body)
		if kind != frameSnapPacked || len(a) > n/3 || !bytes.Equal(a, b) {
			t.Errorf("%d bytes: kind %d, packed to %d and to %d", n, kind, len(a), len(b))
		}
		var u unpacker
		kind, got, err := u.unpack(a)
		if err != nil || kind != wire.FrameSnapNodes || !bytes.Equal(got, body) {
			t.Errorf("unpacked: kind %d, %d bytes, %v", kind, len(got), err)
		}
	}
}

// TestNotPacked: what would not get shorter, or is too long to be unpacked, is
// written as it is.
func TestNotPacked(t *testing.T) {
	var p packer
	for _, body := range [][]byte{nil, text(1, minPacked-1), noise(5000), make([]byte, maxPacked+1)} {
		if kind, got := p.pack(wire.FrameSnapNodes, body); kind != wire.FrameSnapNodes || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: kind %d, %d bytes", len(body), kind, len(got))
		}
	}
}

// packedBy makes the body of a packed frame that claims to hold n bytes.
func packedBy(kind uint8, n uint32, stream []byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{kind}, n), stream...)
}

// bomb is a zstd stream of few bytes that makes size bytes, and tells so or not.
func bomb(t testing.TB, size int, tells bool) []byte {
	t.Helper()
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	noErr(t, err)
	if tells {
		out := enc.EncodeAll(make([]byte, size), nil)
		noErr(t, enc.Close())
		return out
	}
	piece := make([]byte, 1<<20)
	for range size >> 20 {
		_, err := enc.Write(piece)
		noErr(t, err)
	}
	noErr(t, enc.Close())
	return b.Bytes()
}

// TestHostilePacked gives frames that hold less or more than they say. None
// takes more memory than the limit, or than it says.
func TestHostilePacked(t *testing.T) {
	const huge = 256 << 20
	small := bomb(t, 1<<20, true)
	for name, body := range map[string][]byte{
		"empty":                      {},
		"no stream":                  packedBy(134, 10, nil),
		"a claim beyond the limit":   packedBy(134, maxPacked+1, small),
		"the largest claim":          packedBy(134, 1<<32-1, small),
		"less than it says":          packedBy(134, maxPacked, small),
		"more than it says":          packedBy(134, 1<<20-1, small),
		"a bomb that tells its size": packedBy(134, 1000, bomb(t, huge, true)),
		"a bomb that does not":       packedBy(134, 1000, bomb(t, huge, false)),
		"two streams":                packedBy(134, 1<<20, append(bytes.Clone(small), small...)),
		"no zstd":                    packedBy(134, 100, noise(100)),
	} {
		var u unpacker
		if _, _, err := u.unpack(body); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if cap(u.out) > maxPacked {
			t.Errorf("%s: %d bytes of memory", name, cap(u.out))
		}
	}
}

// TestPackedInSnapshot writes packed frames into files of both versions: a
// packed frame within a packed one, or in a file of version 1, is damage.
func TestPackedInSnapshot(t *testing.T) {
	var p packer
	_, once := p.pack(wire.FrameSnapNodes, text(1, 5000))
	once = bytes.Clone(once)
	_, twice := p.pack(frameSnapPacked, append(once, make([]byte, 5000)...))
	for _, c := range []struct {
		name    string
		version int64
		body    []byte
		good    bool
	}{{"version 2", 2, once, true}, {"version 1", 1, once, false}, {"twice", 2, twice, false}} {
		fsys := newFS(t)
		makeFile(t, fsys, "/s", snapBytes(t, c.version, c.body))
		_, err := verifySnapshot(fsys, "/s")
		if c.good != (err == nil) || !c.good && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// snapBytes is a snapshot's file with one packed frame.
func snapBytes(t testing.TB, version int64, packed []byte) []byte {
	t.Helper()
	enc := wire.NewEncoder()
	b, err := enc.AppendStruct(nil, frameSnapFile, 1, 1, &snapFileHeader{Version: version})
	noErr(t, err)
	prev, start := wire.ParseHeader(b).CRC, len(b)
	b = wire.AppendFrame(b, frameSnapPacked, 1, prev, packed)
	prev = wire.ParseHeader(b[start:]).CRC
	b, err = enc.AppendStruct(b, frameSnapEnd, zab.Zxid(2), prev, &snapFileEnd{Frames: 1, Bytes: int64(len(b))})
	noErr(t, err)
	return b
}

// FuzzPacked gives anything as a packed frame of a whole file: it is refused as
// damage, or unpacked to what it says.
func FuzzPacked(f *testing.F) {
	var p packer
	for _, n := range []int{minPacked, 3000, 100_000} {
		_, b := p.pack(wire.FrameSnapNodes, text(n, n))
		f.Add(bytes.Clone(b))
		f.Add(bytes.Clone(b[:len(b)-1]))
		for _, at := range []int{0, 2, packedPrefix, packedPrefix + 5, len(b) / 2} {
			d := bytes.Clone(b)
			d[at] ^= 0x11
			f.Add(d)
		}
	}
	f.Add([]byte{})
	f.Add(packedBy(134, maxPacked, bomb(f, 4<<20, false)))
	f.Add(packedBy(134, 1<<20, bomb(f, 1<<20, true)))
	f.Add(packedBy(frameSnapEnd, 5, []byte("hello")))
	f.Fuzz(func(t *testing.T, body []byte) {
		fsys := vfs.NewMem()
		makeFile(t, fsys, "/s", snapBytes(t, snapVersion, body))
		r, err := openSnapFile(fsys, "/s")
		noErr(t, err)
		defer r.Close()
		kind, got, err := r.Next()
		if err != nil && !isDamage(err) {
			t.Errorf("read: %v", err)
		}
		if err == nil && (kind >= firstOwnKind || len(got) != int(binary.LittleEndian.Uint32(body[1:]))) {
			t.Errorf("kind %d, %d bytes", kind, len(got))
		}
		if cap(r.unpack.out) > maxPacked {
			t.Errorf("%d bytes of memory", cap(r.unpack.out))
		}
	})
}
