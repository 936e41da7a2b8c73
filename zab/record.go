package zab

// Record is one encoded log record: a proposal on the wire and an entry of
// every server's log are these same bytes. A Record is immutable once made;
// its bytes may be shared by the log, the recent-records ring and any number
// of links.
type Record struct {
	Zxid  Zxid
	Prev  uint32 // CRC of the record before this one in the history
	CRC   uint32 // of this record, Prev included
	Bytes []byte // header and body, as package wire lays them out
	Txn   *Txn   // the decoded body, or nil when nobody has decoded it yet
}

// Position returns the point of the history that r ends at.
func (r *Record) Position() Position { return At(r.Zxid, r.CRC) }

// Txn is the body of a record: a stamped request. Whatever makes apply
// deterministic is in it: the leader's clock, the callers' identities, the
// settings that change what apply does.
type Txn struct {
	Time    int64     // leader's wall clock, ms since 1970
	Session SessionID // 0 for the ensemble's own transactions
	Cxid    int32     // the client's xid
	Origin  ServerID  // the server whose client asked
	Seq     uint64    // the origin's number of the request; see Request.Seq
	Level   uint16    // feature level under which to evaluate
	Flags   TxnFlags  // ensemble settings under which to evaluate
	Op      int32     // jute opcode, or one of the Op constants below
	Auth    []Identity
	Body    []byte // the request's own bytes, as the client sent them
}

// TxnFlags are the settings of the ensemble that change what apply does. The
// leader stamps them into each record, so that one server's configuration
// never decides alone.
type TxnFlags uint16

// Settings carried by TxnFlags.
const (
	FlagSkipACL       TxnFlags = 1 << iota // zookeeper.skipACL=yes
	FlagExtendedTypes                      // zookeeper.extendedTypesEnabled
	FlagEnforceQuota                       // zookeeper.enforceQuota
)

// FeatureLevel is the highest feature level this build can evaluate. A record
// of a higher level stops the server.
const FeatureLevel uint16 = 1

// Opcodes of transactions that no client can send. Client opcodes are in
// package jute; these are kept apart from all of them.
const (
	OpBootstrap int32 = -1000 // Body: msgpack Bootstrap; the first record of an ensemble
	OpReap      int32 = -1001 // Body: path bytes; deletes an empty container or expired TTL node
	OpExpire    int32 = -1002 // closes Session because it was silent for too long
	OpConfig    int32 = -1003 // Body: text of the membership, for /zookeeper/config
)

// Bootstrap is the body of the first record of every ensemble.
type Bootstrap struct {
	Ensemble uint64 // random name of the ensemble
	Secret   []byte // 32 random bytes: the key of session passwords
}

// Identity is one authenticated id of a connection (scheme and id text).
type Identity struct {
	Scheme string
	ID     string
}

// Request is a client's write on its way to the leader.
type Request struct {
	Session SessionID
	Cxid    int32
	// Seq is the origin server's own number for the request: strictly
	// increasing within a run of the server, and started at a random high part
	// in each run, so that a record of an earlier life is never taken for it.
	Seq  uint64
	Op   int32
	Auth []Identity
	Body []byte
}
