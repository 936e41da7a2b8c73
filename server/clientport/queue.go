package clientport

import "time"

// entryKind says what an entry of pending waits for.
type entryKind uint8

const (
	// kindRead is answered from the state once it is at the head.
	kindRead entryKind = iota
	// kindFixed is a refusal whose turn has to come.
	kindFixed
	// kindSynced is a sync whose barrier has been passed.
	kindSynced
	// kindWrite waits until its record is applied.
	kindWrite
	// kindSync waits for its AnswerSync.
	kindSync
)

// entry is one request that could not be answered when it came.
type entry struct {
	kind entryKind
	last bool // the connection ends with this reply
	xid  int32
	op   int32
	code int32  // of kindFixed
	body []byte // of the request; for a sync the encoded path, which is its reply
	seq  uint64 // of kindWrite and kindSync
	at   time.Duration
}

// ready reports whether e can be answered once it is at the head.
func (e *entry) ready() bool { return e.kind < kindWrite }

// ringKeep is the number of places beyond which an empty queue gives up its
// memory.
const ringKeep = 64

// queue is a connection's pending list, first in first out. Only the reader
// pushes (C4).
type queue struct {
	ring  []entry
	first int
	n     int
}

func (q *queue) len() int { return q.n }

// at returns the entry i places behind the head.
func (q *queue) at(i int) *entry { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

func (q *queue) push(e entry) {
	if q.n == len(q.ring) {
		grown := make([]entry, max(4, 2*len(q.ring)))
		for i := range q.n {
			grown[i] = *q.at(i)
		}
		q.ring, q.first = grown, 0
	}
	q.n++
	*q.at(q.n - 1) = e
}

func (q *queue) pop() entry {
	head := q.at(0)
	e := *head
	*head = entry{}
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.n--
	if q.n == 0 && len(q.ring) > ringKeep {
		q.ring = nil
	}
	return e
}

func (q *queue) clear() { *q = queue{} }

// find returns the place of the write or sync seq, -1 when it does not wait.
func (q *queue) find(seq uint64) int {
	for i := range q.n {
		if e := q.at(i); !e.ready() && e.seq == seq {
			return i
		}
	}
	return -1
}
