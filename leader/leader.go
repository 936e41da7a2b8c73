package leader

import (
	"fmt"
	"slices"
	"time"

	"github.com/quorumd/quorumd/broadcast"
	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Config is what a leader needs to know about the ensemble.
type Config struct {
	Self      zab.ServerID
	Ensemble  *zab.Ensemble
	Tick      time.Duration // tickTime
	InitLimit int           // ticks for discovery and synchronisation
	SyncLimit int           // ticks without a sign of life
	Flags     zab.TxnFlags  // stamped into every record
	Bootstrap zab.Bootstrap // what this server would name a new ensemble
	// Spent is how many zxids of each epoch are never given out: 0, but where
	// the end of an epoch is to come soon (ZOOKEEPER-1277).
	Spent uint32
	// Piece is how many bytes of a snapshot are sent to a learner at a time; 0
	// for the usual (package zabsync).
	Piece int
}

// Standing is the server's own state as the leadership begins. Its log is
// durable through its end.
type Standing struct {
	Epochs zab.Epochs
	// Floor is the highest promise heard of from a server that could not join
	// an earlier leadership for it.
	Floor zab.Epoch
	// Space is what the server's disk has left. It does not give up leading for
	// that before Resign.
	Space  zab.Space
	Resign time.Duration
}

// Phase is how far a leadership has come.
type Phase uint8

// Phases of a leadership.
const (
	Discovery Phase = iota
	Synchronization
	Broadcast
)

// Leader is one leadership.
type Leader struct {
	cfg      Config
	log      *history.Log
	sessions *session.Tracker
	enc      *wire.Encoder

	phase    Phase
	standing Standing
	initial  zab.Position  // end of the log as the leadership began
	epochs   zab.Epochs    // promised and adopted by this server, durable
	epoch    zab.Epoch     // of this leadership, 0 until chosen
	counter  uint32        // of the last zxid given out in epoch
	decided  uint64        // how often it was decided whose a session is
	began    time.Duration // or when a voter last made progress in Synchronization
	lost     string        // why the leadership ended, empty while it lasts

	learners []*learner
	tally    *broadcast.Tally
	liveness liveness
	ownLog   stallTracker
	serving  bool            // the initial history is committed and applied here
	unborn   []zab.SessionID // proposed here, not yet applied
	barriers []barrier
	local    []Barrier                      // barriers of this server's own clients that are due
	refused  []zab.SessionID                // asserted by this server, and another's
	asserted map[zab.SessionID]zab.ServerID // who has, and it counted; bound: the sessions repeated to this leader
	space    zab.Space                      // of this server
	refusing bool                           // clients' writes: no quorum has space (L13)
	resigned bool                           // see Resigned
	held     []held                         // requests that wait while the leader is in doubt (L7)
}

// New begins a leadership; Start sets it going.
func New(cfg Config, st Standing, log *history.Log, sessions *session.Tracker, enc *wire.Encoder) *Leader {
	return &Leader{
		cfg: cfg, standing: st, epochs: st.Epochs, log: log, sessions: sessions, enc: enc,
		asserted: make(map[zab.SessionID]zab.ServerID),
		space:    st.Space, initial: log.Appended(), tally: broadcast.NewTally(cfg.Ensemble), counter: cfg.Spent,
	}
}

// Start begins discovery.
func (l *Leader) Start(now time.Duration, out *zab.Output) {
	l.began = now
	l.liveness.start(now)
	l.chooseEpoch(out)
}

// Phase returns how far the leadership has come.
func (l *Leader) Phase() Phase { return l.phase }

// Epoch returns the epoch of the leadership, 0 until it is chosen.
func (l *Leader) Epoch() zab.Epoch { return l.epoch }

// Initial returns the end of the history that the leadership began with.
func (l *Leader) Initial() zab.Position { return l.initial }

// Committed returns the commit point; 0 before the broadcast phase.
func (l *Leader) Committed() zab.Zxid { return l.tally.Committed() }

// Lost returns why the leadership has ended, and whether it has.
func (l *Leader) Lost() (string, bool) { return l.lost, l.lost != "" }

// Floor returns the highest promise heard of that this epoch cannot serve.
func (l *Leader) Floor() zab.Epoch { return l.standing.Floor }

// Leave ends the leadership for a reason of the caller's.
func (l *Leader) Leave(why string) { l.abdicate("%s", why) }

func (l *Leader) abdicate(format string, args ...any) {
	if l.lost == "" {
		l.lost = fmt.Sprintf(format, args...)
	}
}

// Close ends the leadership: every link is closed, every snapshot given back,
// sessions that were never committed are forgotten.
func (l *Leader) Close(out *zab.Output) {
	for _, id := range l.unborn {
		l.sessions.Remove(id)
	}
	l.unborn = nil
	for _, p := range l.learners {
		p.close(out)
	}
	l.learners = nil
}

// learner returns the learner on link, or nil.
func (l *Leader) learner(link zab.LinkID) *learner {
	i := slices.IndexFunc(l.learners, func(p *learner) bool { return p.link == link })
	if i < 0 {
		return nil
	}
	return l.learners[i]
}

// LinkUp takes a connection that a learner opened. An older one of the same
// server is closed: what it still had to say is void.
func (l *Leader) LinkUp(link zab.LinkID, server zab.ServerID, now time.Duration, out *zab.Output) {
	if i := slices.IndexFunc(l.learners, func(p *learner) bool { return p.server == server }); i >= 0 {
		l.drop(l.learners[i], "connected again", out)
	}
	if !l.cfg.Ensemble.IsMember(server) || server == l.cfg.Self {
		out.Note(zab.Note{Kind: zab.NoteLinkRefused, Peer: server, Text: "not a member of this ensemble"})
		out.Closes = append(out.Closes, link)
		return
	}
	l.learners = append(l.learners, &learner{
		link: link, server: server, voter: l.cfg.Ensemble.IsVoter(server), heard: now,
	})
}

// LinkDown takes note that a connection is gone.
func (l *Leader) LinkDown(link zab.LinkID, out *zab.Output) {
	if p := l.learner(link); p != nil {
		l.drop(p, "connection lost", out)
	}
}

// drop ends a learner's connection.
func (l *Leader) drop(p *learner, why string, out *zab.Output) {
	l.learners = slices.DeleteFunc(l.learners, func(q *learner) bool { return q == p })
	l.tally.Forget(p.server)
	p.close(out)
	l.judgeSpace(out)
	if p.stage > waitInfo {
		out.Note(zab.Note{Kind: zab.NoteLearnerDown, Peer: p.server, Text: why})
	}
}

// DiskDone takes the disk's answer, after the log has taken note of it.
func (l *Leader) DiskDone(d *zab.DiskDone, now time.Duration, out *zab.Output) {
	switch d.Kind {
	case zab.DiskEpochs:
		l.epochsSaved(d.Epochs, now, out)
	case zab.DiskAppend:
		l.tally.Ack(l.cfg.Self, l.log.Synced())
	default:
		return
	}
	l.advance(out)
}

// LogRead gives what was read to whoever asked for it.
func (l *Leader) LogRead(res *zab.LogReadResult, out *zab.Output) {
	for _, p := range l.learners {
		switch {
		case p.cursor != nil && p.cursor.Read(res, l.log, out):
		case p.source != nil && p.source.Read(res, out):
		default:
			continue
		}
		l.pump(p, out)
		return
	}
}

// SnapWriting takes note that the snapshot which a learner waits for is being
// written (L12).
func (l *Leader) SnapWriting(link zab.LinkID, now time.Duration) {
	if p := l.learner(link); p != nil && p.source != nil && p.source.Waiting() {
		l.progress(p, now)
	}
}

// SnapRead gives an opened snapshot or a piece of one to its learner.
func (l *Leader) SnapRead(opened bool, res *zab.SnapReadResult, out *zab.Output) {
	p := l.learner(zab.LinkID(res.ID))
	if p == nil || p.source == nil {
		return
	}
	var err error
	if opened {
		err = p.source.Opened(res, out)
	} else {
		err = p.source.Chunk(res, out)
	}
	if err != nil {
		l.drop(p, err.Error(), out)
	}
}
