package clientport

import (
	"encoding/binary"

	"github.com/quorumd/quorumd/zab"
)

// appendHeader appends the length and header of a reply without a record.
// closeReply makes it the reply's own.
func appendHeader(dst []byte, xid int32, zxid zab.Zxid, code int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, headerSize-4)
	dst = binary.BigEndian.AppendUint32(dst, uint32(xid))
	dst = binary.BigEndian.AppendUint64(dst, uint64(zxid))
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

// closeReply fills in the length and error of the reply that began at start. A
// reply with an error has no record.
func closeReply(dst []byte, start int, code int32) []byte {
	if code != 0 {
		dst = dst[:start+headerSize]
		binary.BigEndian.PutUint32(dst[start+headerSize-4:], uint32(code))
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// appendReply appends a whole reply.
func appendReply(dst []byte, xid int32, zxid zab.Zxid, code int32, body []byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, xid, zxid, code)
	dst = append(dst, body...)
	return closeReply(dst, start, code)
}
