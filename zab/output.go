package zab

// DiskOpKind says what a disk operation does.
type DiskOpKind uint8

// Kinds of disk operations. All are durable, file and directory, before they
// are reported done, but for the pieces of a snapshot, which are at its end.
const (
	// DiskAppend appends Records to the log. They follow the log's end.
	DiskAppend DiskOpKind = iota + 1
	// DiskEpochs saves Epochs.
	DiskEpochs
	// DiskTruncate cuts the log after At and drops every snapshot beyond it.
	DiskTruncate
	// DiskSnapBegin starts to receive a snapshot at At of Size bytes; one
	// begun earlier and not ended is thrown away.
	DiskSnapBegin
	// DiskSnapChunk appends Data at Off of the snapshot being received.
	DiskSnapChunk
	// DiskSnapEnd verifies the snapshot received, makes it the base of an
	// empty log, drops every other snapshot and every record, and loads it.
	DiskSnapEnd
)

// DiskOp is one operation asked of the disk. Op counts up from 1 in a run.
type DiskOp struct {
	Op      uint64
	Kind    DiskOpKind
	Records []Record
	Epochs  Epochs
	At      Position
	Size    int64
	Off     int64
	Data    []byte
}

// LogRead asks for records after After, at most MaxBytes of them but at least
// one if there is one, and for the position at or before After. It reads what
// was appended, durable or not yet.
type LogRead struct {
	ID       uint64
	After    Zxid
	MaxBytes int
}

// SnapRead opens the newest snapshot for a learner (Open; one is taken when
// there is none), reads Len bytes of it at Off, or closes it (Close). ID is
// the link it is for.
type SnapRead struct {
	ID    uint64
	Open  bool
	Close bool
	Off   int64
	Len   int
}

// Send is a packet to be written to a link.
type Send struct {
	Link   LinkID
	Packet Packet
}

// Notify is an election message for Peer; a newer one replaces one unsent.
type Notify struct {
	Peer         ServerID
	Notification Notification
}

// AnswerKind says what an Answer answers.
type AnswerKind uint8

// Kinds of answers to clients of this server that are not the result of
// applying a record.
const (
	// AnswerAttached: OK says whether the session lives and is ours now. Given
	// again, not OK, for a connection that has had its answer: it lives no more;
	// close the connection.
	AnswerAttached AnswerKind = iota + 1
	// AnswerSync: everything the sync barrier waited for is in Apply, of this
	// output or an earlier one.
	AnswerSync
	// AnswerMoved: the session has moved; close the connection, no reply. Seq is
	// that of a write, or of the attach of the connection.
	AnswerMoved
	// AnswerLost: whether the request was carried out can no longer be told;
	// close the connection, no reply.
	AnswerLost
	// AnswerNoSpace: the write was not carried out and never will be, since the
	// disks are full. For the attach of a new session, close the connection.
	AnswerNoSpace
)

// Answer returns what the client of a refused request is told.
func (r RejectReason) Answer() AnswerKind {
	if r == RejectNoSpace {
		return AnswerNoSpace
	}
	return AnswerMoved
}

// Answer is for a client of this server. It takes effect after the Apply of
// the same output.
type Answer struct {
	Kind    AnswerKind
	Seq     uint64
	Session SessionID
	OK      bool
}

// Output collects what must happen because of an event. The caller owns it and
// reuses it by Reset. Order within one slice is kept; between slices there is
// none, but for Answers, which come after Apply.
type Output struct {
	Disk      []DiskOp
	LogReads  []LogRead
	SnapReads []SnapRead
	Sends     []Send
	Notify    []Notify
	Dials     []ServerID // open a quorum connection to each
	Closes    []LinkID
	Apply     []Record // committed and durable here; apply in this order, then tell by EvApplied
	Answers   []Answer
	Notes     []Note
}

// Reset empties o and keeps its memory.
func (o *Output) Reset() {
	clear(o.Disk)
	clear(o.Sends)
	clear(o.Apply)
	clear(o.Notes)
	o.Disk = o.Disk[:0]
	o.LogReads = o.LogReads[:0]
	o.SnapReads = o.SnapReads[:0]
	o.Sends = o.Sends[:0]
	o.Notify = o.Notify[:0]
	o.Dials = o.Dials[:0]
	o.Closes = o.Closes[:0]
	o.Apply = o.Apply[:0]
	o.Answers = o.Answers[:0]
	o.Notes = o.Notes[:0]
}

// Send appends a packet for link.
func (o *Output) Send(link LinkID, p Packet) {
	o.Sends = append(o.Sends, Send{Link: link, Packet: p})
}

// Note appends a note.
func (o *Output) Note(n Note) { o.Notes = append(o.Notes, n) }
