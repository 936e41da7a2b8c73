package zab

import "fmt"

// PacketKind says what a frame between servers carries. The numbers are the
// protocol: append only, never reuse. Kinds below 64 are log records.
type PacketKind uint8

// Kinds of packets on the quorum connection. "Zxid" is the header's field.
//
//	kind          from      Zxid                       body
//	Txn           leader    of the record              the record itself, verbatim
//	Ack           learner   durable through here       -
//	Commit        leader    committed through here     -
//	Ping          leader    nonce                      *Ping
//	Pong          learner   the ping's nonce           *Pong
//	FollowerInfo  learner   -                          *FollowerInfo
//	LeaderInfo    leader    new epoch << 32            -
//	AckEpoch      learner   -                          *AckEpoch
//	Diff          leader    learner's last, kept       -
//	Trunc         leader    cut after here             *Trunc
//	Snap          leader    of the snapshot            *Snap
//	SnapChunk     leader    -                          *SnapChunk
//	SnapAck       learner   bytes written so far       -
//	Ready         learner   -                          *Ready
//	NewLeader     leader    end of initial history     *NewLeader
//	AckNewLeader  learner   the same                   -
//	UpToDate      leader    committed through here     -
//	Forward       learner   -                          *Request
//	Reject        leader    -                          *Reject
//	Attach        learner   -                          *Attach
//	Attached      leader    end of the log             *Attached
//	Sync          learner   -                          *SyncAsk
//	SyncDone      leader    to be applied first        *SyncAsk
//	Stored        learner   durable through here; no   -
//	                        Ack, only makes room
const (
	KindTxn PacketKind = 1

	KindAck          PacketKind = 64
	KindCommit       PacketKind = 65
	KindPing         PacketKind = 66
	KindPong         PacketKind = 67
	KindFollowerInfo PacketKind = 68
	KindLeaderInfo   PacketKind = 69
	KindAckEpoch     PacketKind = 70
	KindDiff         PacketKind = 71
	KindTrunc        PacketKind = 72
	KindSnap         PacketKind = 73
	KindSnapChunk    PacketKind = 74
	KindSnapAck      PacketKind = 75
	KindReady        PacketKind = 76
	KindNewLeader    PacketKind = 77
	KindAckNewLeader PacketKind = 78
	KindUpToDate     PacketKind = 79
	KindForward      PacketKind = 80
	KindReject       PacketKind = 81
	KindAttach       PacketKind = 82
	KindAttached     PacketKind = 83
	KindSync         PacketKind = 84
	KindSyncDone     PacketKind = 85
	KindNotification PacketKind = 86 // election connection only: *Notification
	KindStored       PacketKind = 87
)

var packetNames = map[PacketKind]string{
	KindTxn: "TXN", KindAck: "ACK", KindCommit: "COMMIT", KindPing: "PING", KindPong: "PONG",
	KindFollowerInfo: "FOLLOWERINFO", KindLeaderInfo: "LEADERINFO", KindAckEpoch: "ACKEPOCH",
	KindDiff: "DIFF", KindTrunc: "TRUNC", KindSnap: "SNAP", KindSnapChunk: "SNAPCHUNK",
	KindSnapAck: "SNAPACK", KindReady: "READY", KindNewLeader: "NEWLEADER",
	KindAckNewLeader: "ACK-NEWLEADER", KindUpToDate: "UPTODATE", KindForward: "FORWARD",
	KindReject: "REJECT", KindAttach: "ATTACH", KindAttached: "ATTACHED", KindSync: "SYNC",
	KindSyncDone: "SYNCDONE", KindNotification: "NOTIFICATION", KindStored: "STORED",
}

func (k PacketKind) String() string {
	if s, ok := packetNames[k]; ok {
		return s
	}
	return fmt.Sprintf("packet-%d", uint8(k))
}

// Packet is one message between servers. Body is nil or a pointer to the
// struct named in the table of kinds; Record is set for KindTxn only.
type Packet struct {
	Kind   PacketKind
	Zxid   Zxid
	Record Record
	Body   any
}

// FollowerInfo opens a learner's connection.
type FollowerInfo struct {
	Server   ServerID
	Observer bool
	Accepted Epoch  // highest epoch the learner has promised
	Ensemble uint64 // the ensemble's random name, 0 while unknown
}

// AckEpoch answers LeaderInfo once the promise is durable.
type AckEpoch struct {
	Current Epoch    // the epoch the learner last adopted
	Last    Position // the end of its durable log
	// Counts is false when the learner had already promised the epoch to
	// another server; the leader must not count it (spec/zab.md §6 F3).
	Counts   bool
	Amnesiac bool // no adopted epoch: see Notification
}

// Trunc tells the learner to cut its log back.
type Trunc struct {
	To Position
}

// Snap announces a snapshot; SnapChunk packets follow.
type Snap struct {
	At   Position
	Size int64 // bytes
}

// SnapChunk is a piece of the snapshot file.
type SnapChunk struct {
	Off  int64
	Data []byte
	Last bool
}

// Ready tells the leader that a TRUNC or SNAP is durable, or that the learner
// does not hold the position it was told to cut to and needs a snapshot.
type Ready struct {
	At       Position
	NeedSnap bool
}

// NewLeader ends the initial history.
type NewLeader struct {
	Epoch Epoch
	End   Position
}

// Ping asks for a sign of life, and gives one.
type Ping struct {
	Heard uint64 // Pongs that came over this connection
}

// Pong answers a Ping and carries the sessions heard from since the last one.
type Pong struct {
	Touched []SessionID
	Low     bool // the learner's disk is full; its log lives on its reserve (Space)
}

// RejectReason says why the leader would not propose a request.
type RejectReason uint8

// Reasons of a Reject.
const (
	// RejectMoved: the session belongs to another server now; the connection
	// is to be closed (spec/client-protocol.md §6.2).
	RejectMoved RejectReason = 1
	// RejectNoSpace: no quorum has space for it on its disks.
	RejectNoSpace RejectReason = 2
)

// Reject says that a forwarded request was not proposed and never will be.
type Reject struct {
	Seq     uint64
	Session SessionID
	Reason  RejectReason
}

// Attach asks the leader whether a session lives and moves it to the asker.
// With Seq 0 it asks nothing: it tells a new leader what an earlier one agreed
// to, and At. Only a refusal is answered, with Seq 0: by Reject when the session
// is another server's, by Attached when it is over.
type Attach struct {
	Seq     uint64
	Session SessionID
	Timeout int64 // negotiated anew, ms
	At      Place // what Attached carried then
}

// Attached answers Attach.
type Attached struct {
	Seq     uint64
	Session SessionID
	OK      bool
	At      Place // where the attach stands
}

// SyncAsk names a client's sync barrier.
type SyncAsk struct {
	Seq     uint64
	Session SessionID
}
