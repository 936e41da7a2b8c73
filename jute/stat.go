package jute

import "encoding/binary"

// Stat is what the protocol tells about a node besides its data.
type Stat struct {
	Czxid          int64 // transaction that created the node
	Mzxid          int64 // transaction that last changed its data
	Ctime          int64 // milliseconds since 1970 at Czxid, by the leader's clock
	Mtime          int64 // milliseconds since 1970 at Mzxid
	Version        int32 // changes of the data
	Cversion       int32 // children created and deleted
	Aversion       int32 // changes of the ACL
	EphemeralOwner int64 // session that owns the node, 0 for none
	DataLength     int32 // bytes; 0 for null
	NumChildren    int32
	Pzxid          int64 // transaction that last created or deleted a child
}

// Decode reads the record.
func (s *Stat) Decode(r *Reader) {
	if r.Len() < StatSize {
		r.fail(ErrShort)
		*s = Stat{}
		return
	}
	s.Czxid = r.Int64()
	s.Mzxid = r.Int64()
	s.Ctime = r.Int64()
	s.Mtime = r.Int64()
	s.Version = r.Int32()
	s.Cversion = r.Int32()
	s.Aversion = r.Int32()
	s.EphemeralOwner = r.Int64()
	s.DataLength = r.Int32()
	s.NumChildren = r.Int32()
	s.Pzxid = r.Int64()
}

// Append appends the record.
func (s *Stat) Append(dst []byte) []byte {
	var b [StatSize]byte
	be := binary.BigEndian
	be.PutUint64(b[0:], uint64(s.Czxid))
	be.PutUint64(b[8:], uint64(s.Mzxid))
	be.PutUint64(b[16:], uint64(s.Ctime))
	be.PutUint64(b[24:], uint64(s.Mtime))
	be.PutUint32(b[32:], uint32(s.Version))
	be.PutUint32(b[36:], uint32(s.Cversion))
	be.PutUint32(b[40:], uint32(s.Aversion))
	be.PutUint64(b[44:], uint64(s.EphemeralOwner))
	be.PutUint32(b[52:], uint32(s.DataLength))
	be.PutUint32(b[56:], uint32(s.NumChildren))
	be.PutUint64(b[60:], uint64(s.Pzxid))
	return append(dst, b[:]...)
}
