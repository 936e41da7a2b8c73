package compat

import (
	"bytes"
	"errors"
	"fmt"
)

// connect begins or takes up a session on both sides and compares the welcomes.
func (x *run) connect(at int, q *step) {
	x.drop(q.slot)
	var got [2]welcome
	var errs [2]error
	resumed := q.from >= 0 && x.sides[0].sessions[q.from].id != 0
	holders := x.holders(q)
	for i, s := range x.sides {
		got[i], errs[i] = s.connect(q, x.servers)
	}
	if x.log != nil {
		for i := range got {
			x.log.welcome(i, at, &got[i], errs[i])
		}
	}
	for _, slot := range holders {
		x.takenOn(at, q, slot)
	}
	if a, b := fmt.Sprint(errs[0]), fmt.Sprint(errs[1]); a != b || errors.Is(errs[0], errSilent) {
		x.report(q, difference{step: at, what: "welcome", a: a, b: b})
	}
	if errs[0] != nil || errs[1] != nil {
		x.drop(q.slot)
		return
	}
	x.welcome(at, q, &got, resumed)
}

// connect sends the connect frame of a step and reads the answer. The link
// stays only with a session.
func (s *side) connect(q *step, servers int) (welcome, error) {
	var as session
	switch {
	case q.unknown:
		as = session{id: 0x7700_1234_5678, password: []byte("0123456789abcdef")}
	case q.from >= 0:
		as = s.sessions[q.from]
	}
	if q.badPassword {
		as.password = []byte("0123456789abcdef")
	}
	last := int64(0)
	switch {
	case q.since == sinceEnd:
		last = farZxid
	case q.since == sinceLast && servers == 1: // another server may be behind
		last = s.last[q.slot]
	}
	l, err := dial(s.addr(q.slot))
	if err != nil {
		return welcome{}, err
	}
	s.links[q.slot] = l
	l.send(connectFrame(as, last, q.timeout, q.ours))
	w, err := l.welcome()
	if err == nil && w.session.id == 0 {
		if _, after := l.next(); !errors.Is(after, errClosed) {
			err = fmt.Errorf("refused, then %w", errors.Join(after, errSilent))
		}
	}
	return w, err
}

// welcome compares what was granted.
func (x *run) welcome(at int, q *step, got *[2]welcome, resumed bool) {
	a, b := &got[0], &got[1]
	texts := [2]string{}
	for i, w := range got {
		zero := bytes.Equal(w.session.password, make([]byte, 16))
		texts[i] = fmt.Sprintf("version %d, timeout %d, session %t, password of %d zero %t, tail %d",
			w.version, w.timeout, w.session.id != 0, len(w.session.password), zero, w.tail)
	}
	if texts[0] != texts[1] {
		x.report(q, difference{step: at, what: "welcome", a: texts[0], b: texts[1]})
		return
	}
	if a.session.id == 0 {
		x.drop(q.slot)
		return
	}
	for i, s := range x.sides {
		w := got[i].session
		if resumed && !q.unknown && (w.id != s.sessions[q.from].id || !bytes.Equal(w.password, s.sessions[q.from].password)) {
			x.report(q, difference{step: at, what: s.name + "'s session", a: "another id or password", b: "than it had"})
		}
		s.sessions[q.slot] = w
		s.open[w.id] = w
	}
	if other, ok := x.judge.owners[a.session.id]; ok && other != b.session.id {
		x.report(q, difference{step: at, what: "session", a: "one that was known", b: "not the same one"})
	}
	x.judge.owners[a.session.id] = b.session.id
}

// holders are the slots that have a connection of the session that q takes up.
func (x *run) holders(q *step) []int {
	if q.from < 0 || q.unknown {
		return nil
	}
	var list []int
	s := x.sides[0]
	for slot := range slots {
		if s.links[slot] != nil && s.sessions[slot].id == s.sessions[q.from].id {
			list = append(list, slot)
		}
	}
	return list
}

// takenOn follows the old connection of a session that was taken up elsewhere.
func (x *run) takenOn(at int, q *step, slot int) {
	defer x.drop(slot)
	if q.badPassword || q.since == sinceEnd || x.servers > 1 {
		// 3.8.0 closes the old connection before it looks at the password, quorumd
		// lets it live: one of the departures in COMPATIBILITY.md. Another
		// server's old connection lives on until it writes.
		return
	}
	var got [2]answers
	for i, s := range x.sides {
		for got[i].err == nil {
			f, err := s.links[slot].next()
			if got[i].err = err; err == nil {
				got[i].frames = append(got[i].frames, f)
			}
		}
	}
	x.compare(at, []step{{slot: slot, op: opPing}}, &got)
}

// raw sends bytes after which both servers have to close without an answer.
func (x *run) raw(at int, q *step) {
	if x.sides[0].links[q.slot] == nil {
		return
	}
	var got [2]answers
	for _, s := range x.sides {
		s.links[q.slot].send([]byte(q.data))
	}
	for i, s := range x.sides {
		got[i] = s.receive(q.slot, []step{*q})
	}
	x.compare(at, []step{*q}, &got)
	x.drop(q.slot)
}

// compareTrees looks at everything that the streams' nodes are in the end.
func (x *run) compareTrees() error {
	at := len(x.facts.steps) - 1
	var lists [2][]string
	for i, s := range x.sides {
		if err := s.sync(); err != nil {
			return err
		}
		var err error
		if lists[i], err = s.under("/"); err != nil {
			return err
		}
	}
	if a, b := fmt.Sprintf("%q", lists[0]), fmt.Sprintf("%q", lists[1]); a != b {
		x.reportEnd(difference{step: at, what: "nodes in the end", a: a, b: b})
		return nil
	}
	var qs []*step
	for _, p := range lists[0] {
		qs = append(qs, &step{op: opGetData, path: p}, &step{op: opGetACL, path: p})
	}
	var got [2][]frame
	for i, s := range x.sides {
		var err error
		if got[i], err = s.askAll(qs); err != nil {
			return err
		}
	}
	for i, q := range qs {
		for _, d := range x.judge.reply(at, q, &got[0][i], &got[1][i]) {
			d.what = "in the end " + q.path + " " + d.what
			x.reportEnd(d)
		}
	}
	return nil
}

// reportEnd is report for the tree in the end, where only the order of ids in
// an ACL can be meant to differ.
func (x *run) reportEnd(d difference) {
	if sameItems(fieldsOf(d.a), fieldsOf(d.b)) {
		return
	}
	if x.found == nil {
		x.found = &d
	}
}
