package replica

import (
	"github.com/quorumd/quorumd/follower"
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/leader"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// applyBytes bounds one read of the log for apply, and one run of records.
const applyBytes = 1 << 20

// apply hands out the records that are committed and durable here (R2), as far
// as the window has room (R11).
func (r *Replica) apply(out *zab.Output) {
	switch {
	case r.leader != nil:
		r.committed = max(r.committed, r.leader.Committed())
	case r.follower != nil:
		r.committed = max(r.committed, r.follower.Committed())
	}
	target := r.applicable()
	for r.applied.Zxid < target && r.reading == 0 && !r.window.full() {
		recs, known := r.log.After(r.applied.Zxid, applyBytes, r.scratch[:0])
		if !known {
			r.reading = r.log.Read(r.applied.Zxid, applyBytes, out)
			return
		}
		r.hand(recs, target, out)
		clear(recs)
		r.scratch = recs
	}
}

func (r *Replica) applicable() zab.Zxid { return min(r.committed, r.log.Synced()) }

// logRead takes what was read: for apply, or for one of the leader's learners.
func (r *Replica) logRead(res *zab.LogReadResult, out *zab.Output) {
	if r.reading == 0 || res.ID != r.reading {
		if r.leader != nil {
			r.leader.LogRead(res, out)
		}
		return
	}
	r.reading = 0
	must.Hold(!res.Gone && res.At == r.applied, "R1", "log read after %s begins at %s (gone %v)", r.applied, res.At, res.Gone)
	r.hand(res.Records, r.applicable(), out)
}

// hand gives records to the tree, as far as target (R1).
func (r *Replica) hand(recs []zab.Record, target zab.Zxid, out *zab.Output) {
	for i := range recs {
		rec := &recs[i]
		if rec.Zxid > target {
			return
		}
		must.Hold(rec.Prev == r.applied.CRC && rec.Zxid > r.applied.Zxid, "R1", "record %s does not follow %s", rec.Zxid, r.applied)
		must.Hold(rec.Txn != nil, "R1", "record %s is not decoded", rec.Zxid)
		r.applied = rec.Position()
		r.window.add(rec.Zxid, len(rec.Bytes))
		out.Apply = append(out.Apply, *rec)
		r.observe(rec, out)
	}
}

// observe keeps what the core itself must know of the applied history: which
// sessions live, the ensemble's name, which of our requests are done.
func (r *Replica) observe(rec *zab.Record, out *zab.Output) {
	txn := rec.Txn
	switch txn.Op {
	case int32(jute.OpCreateSession):
		if !r.sessions.Known(txn.Session) {
			body := jute.NewReader(txn.Body)
			r.sessions.Add(txn.Session, int64(body.Int32()), r.now)
		}
		if r.leader != nil {
			r.leader.Born(txn.Session)
		}
	case int32(jute.OpCloseSession), zab.OpExpire:
		r.sessions.Remove(txn.Session)
		delete(r.attachments, txn.Session)
	case zab.OpConfig:
		r.members = string(txn.Body)
	case zab.OpBootstrap:
		var b zab.Bootstrap
		err := wire.NewDecoder().Body(txn.Body, &b)
		must.Hold(err == nil, "R1", "bootstrap record %s: %v", rec.Zxid, err)
		if r.naming == 0 {
			r.naming, r.identity = b.Ensemble, b.Ensemble
		}
	}
	r.sessions.Acted(txn.Session, txn.Origin, zab.Place{Zxid: rec.Zxid})
	if txn.Origin == r.cfg.Self && txn.Seq != 0 {
		for _, req := range r.pending.applied(txn.Seq, nil) {
			out.Answers = append(out.Answers, zab.Answer{Kind: zab.AnswerLost, Seq: req.Seq, Session: req.Session})
		}
	}
}

// installed starts over from a snapshot that has become the log's base.
func (r *Replica) installed(d *zab.DiskDone, out *zab.Output) {
	r.applied, r.committed, r.reading = d.At, d.At.Zxid, 0
	r.window.reset()
	r.naming, r.identity, r.members = d.Ensemble, d.Ensemble, d.Members
	r.sessions = session.NewTracker(r.cfg.Tick)
	r.track(d.Sessions)
	r.giveUp(out)
}

// track takes up the sessions of a loaded tree, and whose they are (S4).
func (r *Replica) track(sessions []zab.Session) {
	for _, s := range sessions {
		r.sessions.Add(s.ID, s.Timeout, r.now)
		r.sessions.Acted(s.ID, s.Owner, zab.Place{Zxid: s.Since})
	}
}

// giveUp answers every request that waits: its outcome cannot be told (R6).
func (r *Replica) giveUp(out *zab.Output) {
	lost := uint64(0)
	for _, p := range r.pending.takeAll() {
		out.Answers = append(out.Answers, zab.Answer{Kind: zab.AnswerLost, Seq: p.req.Seq, Session: p.req.Session})
		lost++
	}
	for _, a := range r.asks {
		out.Answers = append(out.Answers, zab.Answer{Kind: zab.AnswerLost, Seq: a.seq(), Session: a.session()})
		lost++
	}
	r.asks = nil
	r.due = nil
	if lost > 0 {
		out.Note(zab.Note{Kind: zab.NoteRequestsLost, Num: lost})
	}
}

// serve opens the way for clients' requests once everything that the leader
// began with is applied here, and answers barriers that are due.
func (r *Replica) serve(out *zab.Output) {
	if !r.open && r.ready(out) {
		r.open = true
		r.settled.SetEpoch(r.epochs.Current)
		r.settled.SetNaming(r.identity)
		if n := r.pending.len() + len(r.asks); n > 0 {
			out.Note(zab.Note{Kind: zab.NoteRequestsResent, Num: uint64(n)})
		}
		r.assert(out)
		r.sendPending(out)
		r.sendAsks(out)
		r.apply(out) // alone in the ensemble, a proposal may be committed at once
	}
	if r.leader != nil {
		r.due = append(r.due, r.leader.Barriers()...)
		for _, id := range r.leader.Refused() {
			r.refused(id, false, out)
		}
	}
	r.settleDue(out)
}

// ready reports whether the role is complete and everything its leader began
// with is applied (R5). It lets a new ensemble be named first.
func (r *Replica) ready(out *zab.Output) bool {
	switch {
	case r.leader != nil:
		if r.leader.Phase() != leader.Broadcast || r.applied.Zxid < r.leader.Initial().Zxid {
			return false
		}
		r.leader.Applied(r.now, out)
		if r.naming == 0 && !r.bootstrapped {
			r.bootstrapped = true
			r.leader.Bootstrap(r.wall, out)
		}
		if r.members != r.cfg.Membership && r.cfg.Membership != "" && !r.configured {
			r.configured = true
			r.leader.Configure(r.cfg.Membership, r.wall, out)
		}
	case r.follower != nil:
		if r.follower.Phase() != follower.Serving ||
			r.applied.Zxid < max(r.follower.Welcomed(), r.follower.Initial().Zxid) {
			return false
		}
	default:
		return false
	}
	return r.naming != 0
}

// synced takes the leader's answer to a barrier.
func (r *Replica) synced(a zab.SyncAsk, z zab.Zxid) {
	r.due = append(r.due, leader.Barrier{Ask: a, Zxid: z})
}

// settleDue answers barriers whose zxid is applied.
func (r *Replica) settleDue(out *zab.Output) {
	kept := r.due[:0]
	for _, b := range r.due {
		if b.Zxid > r.applied.Zxid {
			kept = append(kept, b)
			continue
		}
		if b.Over && b.Ask.Seq == 0 {
			r.refused(b.Ask.Session, true, out)
		} else if b.Over {
			r.attached(b.Ask.Seq, zab.Place{}, false, out)
		} else if _, waiting := r.takeAsk(b.Ask.Seq); waiting {
			out.Answers = append(out.Answers, zab.Answer{Kind: zab.AnswerSync, Seq: b.Ask.Seq, Session: b.Ask.Session})
		}
	}
	r.due = kept
}
