package server

import (
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/zab"
)

// maxNotes is how many notes may wait to be written. When whoever takes the
// log stands still, later ones are dropped and counted.
const maxNotes = 10_000

// noteBook writes the replica's notes to the log. It has a goroutine of its
// own since writing may block, and the loop must not (Y4).
type noteBook struct {
	log   zerolog.Logger
	box   *mailbox[zab.Note] // bound: maxNotes
	lost  atomic.Int64
	quit  chan struct{}
	ended chan struct{}
}

func newNoteBook(log zerolog.Logger) *noteBook {
	return &noteBook{
		log: log, box: newMailbox[zab.Note](),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
}

func (b *noteBook) start() { go b.run() }

// put takes notes down. It does not block.
func (b *noteBook) put(notes []zab.Note) {
	if len(notes) == 0 {
		return
	}
	if b.box.len() >= maxNotes {
		b.lost.Add(int64(len(notes)))
		return
	}
	b.box.put(notes...)
}

func (b *noteBook) run() {
	defer close(b.ended)
	var batch []zab.Note
	for {
		last := false
		select {
		case <-b.box.wake:
		case <-b.quit:
			last = true
		}
		batch = b.box.take(batch)
		for i := range batch {
			logNote(b.log, &batch[i])
		}
		if lost := b.lost.Swap(0); lost > 0 {
			b.log.Warn().Int64("lost", lost).Msg("the log was written too slowly; lines are missing")
		}
		if last {
			return
		}
	}
}

// stop writes what was taken down and ends the goroutine.
func (b *noteBook) stop() {
	close(b.quit)
	<-b.ended
}

// levelOf says how loud a note is. Nothing that happens with each request or
// session is louder than debug.
func levelOf(k zab.NoteKind) zerolog.Level {
	switch k {
	case zab.NoteSessionExpired:
		return zerolog.DebugLevel
	case zab.NoteLinkRefused, zab.NoteProtocolError, zab.NoteMembershipDiffer, zab.NotePaused,
		zab.NoteRequestsLost, zab.NoteWaitingForHistory, zab.NoteForeignEnsemble, zab.NoteRoleLost,
		zab.NoteDiskSpace, zab.NoteWritesRefused:
		return zerolog.WarnLevel
	}
	return zerolog.InfoLevel
}

// logNote writes one note. The message is the kind's own phrase.
func logNote(log zerolog.Logger, n *zab.Note) {
	ev := log.WithLevel(levelOf(n.Kind))
	if log.GetLevel() > levelOf(n.Kind) {
		return
	}
	switch n.Kind {
	case zab.NoteElected, zab.NoteSyncChosen, zab.NoteSyncStarted, zab.NoteFollowing, zab.NoteLearnerUp,
		zab.NoteLearnerDown, zab.NoteLinkRefused, zab.NoteProtocolError, zab.NoteMembershipDiffer, zab.NoteForeignEnsemble:
		ev = ev.Int64("peer", int64(n.Peer))
	}
	if n.Epoch != 0 {
		ev = ev.Int64("epoch", int64(n.Epoch))
	}
	if n.Zxid != 0 {
		ev = ev.Stringer("zxid", n.Zxid)
	}
	if n.Session != 0 {
		ev = ev.Stringer("session", n.Session)
	}
	if n.Num != 0 {
		ev = ev.Uint64(numName(n.Kind), n.Num)
	}
	if n.Text != "" {
		ev = ev.Str(textName(n.Kind), n.Text)
	}
	ev.Msg(n.Kind.String())
}

// numName names the number of a note.
func numName(k zab.NoteKind) string {
	switch k {
	case zab.NoteElectionStarted, zab.NoteElected, zab.NoteWaitingForHistory:
		return "round"
	case zab.NotePaused:
		return "ms"
	case zab.NoteRequestsResent, zab.NoteRequestsLost:
		return "requests"
	}
	return "n"
}

// textName names the text of a note.
func textName(k zab.NoteKind) string {
	switch k {
	case zab.NoteSyncChosen, zab.NoteSyncStarted:
		return "by"
	case zab.NoteDiskSpace:
		return "space"
	}
	return "reason"
}
