package zab

import (
	"fmt"
	"strconv"
)

// Zxid numbers a transaction: the epoch in the high 32 bits, a counter in the
// low 32. It compares as one signed number (spec/semantics.md §1).
type Zxid int64

// Epoch numbers a leadership. Epoch 0 precedes the first leader.
type Epoch int64

// ServerID is a server's number in the configuration, 0 to 255.
type ServerID int64

// NoServer is the ServerID that names nobody.
const NoServer ServerID = -1

// SessionID names a client session. Its top byte is the id of the server that
// made it (spec/client-protocol.md §4.6).
type SessionID int64

// LinkID names one connection between two servers for as long as it lives.
// Ids are never used twice in a run of a server, so a packet of an old link
// cannot be taken for one of its successor.
type LinkID uint64

// CounterMax is the last counter of an epoch that may be given to a
// transaction; the leader moves on to a new epoch before it would pass it
// (ZOOKEEPER-1277).
const CounterMax = 0xffffffff

// NewZxid joins an epoch and a counter.
func NewZxid(e Epoch, counter uint32) Zxid { return Zxid(int64(e)<<32 | int64(counter)) }

// Epoch returns the high half of z.
func (z Zxid) Epoch() Epoch { return Epoch(z >> 32) }

// Counter returns the low half of z.
func (z Zxid) Counter() uint32 { return uint32(z) }

// String writes z as ZooKeeper's tools do: 0x and lower-case hex.
func (z Zxid) String() string { return "0x" + strconv.FormatUint(uint64(z), 16) }

// String writes the session id as ZooKeeper's tools do.
func (s SessionID) String() string { return "0x" + strconv.FormatUint(uint64(s), 16) }

// Position is a point of a history: the zxid of a record and the record's CRC,
// which covers every record before it. The zero Position is the beginning.
type Position struct {
	Zxid Zxid
	CRC  uint32
}

// Place is where a server's acting for a session stands (session, S4): it is
// the record Zxid itself, or the Count-th thing that a leader decided, behind
// that record.
type Place struct {
	Zxid  Zxid
	Count uint64 // 0 for a record
}

// Before reports whether p comes before q.
func (p Place) Before(q Place) bool {
	return p.Zxid < q.Zxid || p.Zxid == q.Zxid && p.Count < q.Count
}

// At makes a Position.
func At(z Zxid, crc uint32) Position { return Position{Zxid: z, CRC: crc} }

// String writes p as zxid/crc.
func (p Position) String() string { return fmt.Sprintf("%s/%08x", p.Zxid, p.CRC) }
