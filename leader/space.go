package leader

import (
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// resignPause is the time in which a server gives up leading once at the most
// for want of space. Whoever elects it again sees something that it does not.
const resignPause = 30 * time.Second

// MayResign returns the time from which a server that resigned at a time may do
// so again.
func MayResign(resigned time.Duration) time.Duration { return resigned + resignPause }

// SetSpace takes note of what this server's disk has left (L13).
func (l *Leader) SetSpace(s zab.Space, out *zab.Output) {
	l.space = s
	l.judgeSpace(out)
}

// Resigned reports whether the leadership ended so that a server with space
// leads.
func (l *Leader) Resigned() bool { return l.resigned }

// low takes note of what a learner says of its disk.
func (l *Leader) low(p *learner, low bool, out *zab.Output) {
	if p.low != low {
		p.low = low
		l.judgeSpace(out)
	}
}

// judgeSpace decides whether clients' writes are refused: they are while no quorum
// of those that are here has space.
func (l *Leader) judgeSpace(out *zab.Output) {
	if l.phase != Broadcast {
		return
	}
	refusing := !l.roomy(true)
	switch {
	case refusing && !l.refusing:
		out.Note(zab.Note{Kind: zab.NoteWritesRefused, Epoch: l.epoch})
	case l.refusing && !refusing:
		out.Note(zab.Note{Kind: zab.NoteWritesResumed, Epoch: l.epoch})
	}
	l.refusing = refusing
}

// roomy reports whether a quorum has space: of all, or of the others. Where
// nobody is low, nobody need be asked.
func (l *Leader) roomy(self bool) bool {
	if self && l.space == zab.SpaceAmple && !l.anyLow() {
		return true
	}
	return l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool {
		if id == l.cfg.Self {
			return self && l.space == zab.SpaceAmple
		}
		return l.hasVoter(id, func(p *learner) bool { return p.stage >= waitServe && !p.low })
	})
}

func (l *Leader) anyLow() bool {
	for _, p := range l.learners {
		if p.voter && p.low {
			return true
		}
	}
	return false
}

// resign gives up leading where a quorum of others has the space that this server
// lacks, and none has been given up for that a moment ago.
func (l *Leader) resign(now time.Duration, out *zab.Output) {
	if l.lost != "" || l.space == zab.SpaceAmple || !l.serving || now < l.standing.Resign || !l.roomy(false) {
		return
	}
	l.resigned = true
	out.Note(zab.Note{Kind: zab.NoteLeadingResigned, Epoch: l.epoch})
	l.abdicate("own disk is full, and a quorum of others has space")
}

// refuses reports whether a request is refused for want of space. Sessions begin
// and end in the reserve; where that ends, nothing is proposed.
func (l *Leader) refuses(req *zab.Request) bool {
	switch jute.Op(req.Op) {
	case jute.OpCreateSession, jute.OpCloseSession:
		return l.space == zab.SpaceOut
	}
	return l.refusing || l.space == zab.SpaceOut
}
