package replica

import (
	"slices"

	"github.com/quorumd/quorumd/zab"
)

// attachment is what a leader and this server agreed on when a client came
// with a session that it already had. It leaves no record.
type attachment struct {
	seq     uint64 // of the attach
	timeout int64  // ms
	at      zab.Place
}

// attached takes the answer to an attach.
func (r *Replica) attached(seq uint64, at zab.Place, ok bool, out *zab.Output) {
	a, found := r.takeAsk(seq)
	if !found {
		return
	}
	if ok {
		r.attachments[a.attach.Session] = attachment{seq: seq, timeout: a.attach.Timeout, at: at}
	}
	out.Answers = append(out.Answers, zab.Answer{
		Kind: zab.AnswerAttached, Seq: seq, Session: a.attach.Session, OK: ok,
	})
}

// abandon gives up what the connection of a session waited for.
func (r *Replica) abandon(id zab.SessionID) {
	r.pending.abandon(id)
	r.asks = slices.DeleteFunc(r.asks, func(a ask) bool { return a.session() == id })
	delete(r.attachments, id)
}

// assert tells a new leader, before anything else, what an earlier one agreed
// to (R9), and who was heard from meanwhile (R10).
func (r *Replica) assert(out *zab.Output) {
	ids := make([]zab.SessionID, 0, len(r.attachments))
	for id := range r.attachments { // any order, sorted below
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		held := r.attachments[id]
		a := &zab.Attach{Session: id, Timeout: held.timeout, At: held.at}
		if r.leader != nil {
			r.leader.Assert(a, r.now, out)
		} else {
			r.follower.Attach(a, out)
		}
	}
	r.touched(r.untold)
	r.untold = nil
	if r.follower != nil {
		r.follower.Tell(out)
	}
}

// refused takes a leader's word that what this server has repeated to it does not
// hold: the session went to another server later, or is over. Its client is told,
// who would find out by its next write. What is attached here now is what was
// repeated: a leader's answers come in order, and one that was agreed to since
// comes behind this.
func (r *Replica) refused(id zab.SessionID, over bool, out *zab.Output) {
	held, found := r.attachments[id]
	if !found {
		return // its client has gone, and may be on its way back
	}
	delete(r.attachments, id)
	kind := zab.AnswerMoved
	if over {
		kind = zab.AnswerAttached
	}
	out.Answers = append(out.Answers, zab.Answer{Kind: kind, Seq: held.seq, Session: id})
}

// touched takes note that clients of this server were heard from. While it has
// no leader to tell, it remembers them (R10).
func (r *Replica) touched(ids []zab.SessionID) {
	switch {
	case !r.open:
		r.untold = mergeSessions(r.untold, ids)
	case r.leader != nil:
		r.leader.Touched(ids, r.now)
	default:
		r.follower.Touched(ids)
	}
}

// mergeSessions adds ids to list, each once: while nobody can be told, the same
// clients are heard from again and again.
func mergeSessions(list, ids []zab.SessionID) []zab.SessionID {
	list = append(list, ids...)
	slices.Sort(list)
	return slices.Compact(list)
}
