package zab

import "time"

// EventKind says what happened to a server.
type EventKind uint8

// Kinds of events, and the fields of Event each one fills beside Kind, Now
// and Wall.
const (
	EvNone EventKind = iota

	// EvTick: time has passed. At least every TickInterval.
	EvTick

	// EvNotification: an election message. Notification.
	EvNotification
	// EvReachable: the election connection to Peer opened (Up) or failed.
	EvReachable

	// EvLinkUp: a quorum connection opened. Link, Peer; Up when this server
	// dialled.
	EvLinkUp
	// EvLinkDown: it is gone, or the dial to Peer failed (then Link is 0).
	EvLinkDown
	// EvPacket: a packet came. Link, Peer, Packet.
	EvPacket

	// EvRequest: a client of this server asks for a write. Request.
	EvRequest
	// EvAttach: a client re-attaches. Attach.
	EvAttach
	// EvSync: a client asks for a sync barrier. SyncAsk.
	EvSync
	// EvDetach: the connection of Session is gone; its requests that are not
	// under way need not be sent again.
	EvDetach
	// EvTouched: clients of this server were heard from. Sessions.
	EvTouched
	// EvReap: the applied tree holds containers or TTL nodes due for
	// deletion. Paths. Ignored unless leading.
	EvReap

	// EvDiskDone: every disk operation up to Op has completed; DiskDone says
	// what the last one of interest achieved.
	EvDiskDone
	// EvDiskSpace: what the disk has left for the log has changed. Space.
	EvDiskSpace
	// EvApplied: what was handed out in Apply is applied through Applied. It
	// need not be told for every record, but for at least a quarter of the
	// window at a time.
	EvApplied
	// EvLogRead: what was read from the log. LogRead.
	EvLogRead
	// EvSnapOpened, EvSnapRead: answers to SnapReads. SnapRead.
	EvSnapOpened
	EvSnapRead
	// EvSnapWriting: there is no snapshot to open yet, and the one that the
	// learner at Link waits for is being written. Told every half tickTime or
	// so, for as long as the disk does not stand still.
	EvSnapWriting
)

// TickInterval is the longest time between two EvTick.
const TickInterval = 10 * time.Millisecond

// Event is one thing that happened, with the time at which the shell took it
// up. Slices and pointers in it belong to the receiver.
type Event struct {
	Kind EventKind
	Now  time.Duration // monotonic, since the server's start
	Wall int64         // ms since 1970; only ever stamped, never compared

	Up   bool
	Peer ServerID
	Link LinkID

	Packet       Packet
	Notification *Notification

	Request  *Request
	Attach   *Attach
	SyncAsk  *SyncAsk
	Session  SessionID
	Sessions []SessionID
	Paths    []string

	Applied  Zxid
	Space    Space
	Disk     DiskDone
	LogRead  *LogReadResult
	SnapRead *SnapReadResult
}

// DiskDone is the completion of disk operations. Operations complete in the
// order they were asked for; one DiskDone may stand for several appends.
//
//	operation     fields beside Op and Kind
//	DiskAppend    Synced: the log is durable through here
//	DiskEpochs    Epochs: as saved
//	DiskTruncate  At: the log's end now; OK is false when the log did not
//	              hold exactly the position asked for (then nothing was cut)
//	DiskSnapChunk Off: bytes written so far; OK is false when there was no space
//	              (then all that was received is given up)
//	DiskSnapEnd   At: the snapshot is the log's base, the tree is loaded from
//	              it, Sessions, Ensemble and Members are what it holds; OK
//	              false when it was damaged (then nothing changed)
type DiskDone struct {
	Op       uint64
	Kind     DiskOpKind
	Synced   Zxid
	Epochs   Epochs
	At       Position
	OK       bool
	Off      int64
	Sessions []Session
	Ensemble uint64
	Members  string // the membership's text in the tree
}

// Session is a session as a history of records has it.
type Session struct {
	ID      SessionID
	Timeout int64    // ms, as it was created with
	Owner   ServerID // what its last record came through; NoServer if not known
	Since   Zxid     // that record
}

// LogReadResult answers a LogRead.
type LogReadResult struct {
	ID uint64
	// At is the greatest position of the log that is not after the zxid asked
	// for, the log's base included.
	At Position
	// Gone: the zxid asked for lies before the log's base.
	Gone bool
	// Records follow At, consecutive and decoded. Empty at the log's end.
	Records []Record
}

// SnapReadResult answers a SnapRead. Failed means that the snapshot cannot be
// had (any more); nothing else is set then.
type SnapReadResult struct {
	ID     uint64
	At     Position
	Size   int64
	Off    int64
	Data   []byte
	Failed bool
}
