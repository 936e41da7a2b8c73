package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/quorumd/quorumd/zab"
)

// channel is what a connection is for.
type channel uint8

const (
	quorumChannel   channel = 1
	electionChannel channel = 2
)

func (c channel) String() string {
	if c == electionChannel {
		return "election"
	}
	return "quorum"
}

// verdict is the answer to a hello. The numbers are protocol.
type verdict uint8

const (
	welcome         verdict = 0
	refusedVersion  verdict = 1
	refusedChannel  verdict = 2
	refusedAddress  verdict = 3
	refusedStranger verdict = 4
	refusedMembers  verdict = 5
)

var verdictTexts = [...]string{
	welcome:         "welcome",
	refusedVersion:  "it speaks another version of the protocol; run the same version of quorumd everywhere",
	refusedChannel:  "the port is the other one of its two; compare the quorum and election ports of the server lines",
	refusedAddress:  "another server answers at this address; compare the server lines with each server's myid",
	refusedStranger: "this server is not in its membership; compare the server lines",
	refusedMembers:  "its membership differs from this server's; compare the server lines",
}

func (v verdict) String() string {
	if int(v) < len(verdictTexts) {
		return verdictTexts[v]
	}
	return fmt.Sprintf("reason %d, unknown to this version", uint8(v))
}

// hello is what a connection begins with, in both directions.
type hello struct {
	version uint8
	channel channel
	verdict verdict
	from    zab.ServerID
	to      zab.ServerID
	members uint64
}

// The hello on the wire; see the package comment.
const (
	magic        = "QRMD"
	helloVersion = 3
	helloFixed   = 8  // the part that no version changes
	helloRest    = 28 // what follows it in versions 1 to 3
	maxHelloRest = 255
)

// errMagic says that the other side does not speak this protocol at all.
var errMagic = errors.New("not a server of quorumd: expected a connection to begin with " + magic)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (h *hello) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, helloVersion, byte(h.channel), byte(h.verdict), helloRest)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.from))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.to))
	dst = binary.LittleEndian.AppendUint64(dst, h.members)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// readHello reads a hello. Of another version only the first part is read:
// version, channel and verdict.
func readHello(r io.Reader) (hello, error) {
	var b [helloFixed + maxHelloRest]byte
	// The magic alone first: what is no hello may be shorter than one.
	if _, err := io.ReadFull(r, b[:len(magic)]); err != nil {
		return hello{}, fmt.Errorf("read hello: %w", err)
	}
	if string(b[:len(magic)]) != magic {
		return hello{}, fmt.Errorf("%w, got %q", errMagic, b[:len(magic)])
	}
	if _, err := io.ReadFull(r, b[len(magic):helloFixed]); err != nil {
		return hello{}, fmt.Errorf("read hello: %w", err)
	}
	h := hello{version: b[4], channel: channel(b[5]), verdict: verdict(b[6])}
	if h.version != helloVersion {
		return h, nil
	}
	if b[7] != helloRest {
		return hello{}, fmt.Errorf("hello of %d bytes, version %d has %d", b[7], helloVersion, helloRest)
	}
	const end = helloFixed + helloRest
	if _, err := io.ReadFull(r, b[helloFixed:end]); err != nil {
		return hello{}, fmt.Errorf("read hello: %w", err)
	}
	if crc32.Checksum(b[:end-4], castagnoli) != binary.LittleEndian.Uint32(b[end-4:]) {
		return hello{}, errors.New("checksum of the hello does not match")
	}
	h.from = zab.ServerID(binary.LittleEndian.Uint64(b[8:]))
	h.to = zab.ServerID(binary.LittleEndian.Uint64(b[16:]))
	h.members = binary.LittleEndian.Uint64(b[24:])
	return h, nil
}
