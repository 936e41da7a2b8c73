package follower

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/sync"
	"github.com/quorumd/quorumd/zab"
)

// Config is what a follower needs to know about the ensemble.
type Config struct {
	Self      zab.ServerID
	Observer  bool
	Tick      time.Duration // tickTime
	InitLimit int           // ticks to find the leader and to catch up
	SyncLimit int           // ticks without a sign of life
}

// redialPause is the time between two attempts to reach the leader: it may not
// know yet that it leads, or not listen yet.
const redialPause = 50 * time.Millisecond

// Phase is how far a follower has come.
type Phase uint8

// Phases of following.
const (
	Connecting Phase = iota
	Promising
	Syncing
	Serving
)

// Follower is one attempt to follow one leader.
type Follower struct {
	cfg    Config
	leader zab.ServerID
	log    *history.Log
	epochs zab.Epochs
	naming uint64 // the ensemble's random name, 0 while unknown

	phase     Phase
	link      zab.LinkID // 0 until connected
	redial    time.Duration
	dialling  bool
	began     time.Duration
	heard     time.Duration
	counts    bool // whether the promise was first given to this leader
	sync      *zabsync.Learner
	applied   zab.Zxid // as the role began
	committed zab.Zxid
	welcomed  zab.Zxid                 // committed as UPTODATE came
	touched   []zab.SessionID          // heard from since the last ping
	pongs     uint64                   // PONGs sent
	told      map[zab.SessionID]uint64 // in the PONG of that number or before, not confirmed (R10)
	low       bool                     // this server's disk is full
	lost      string
}

// New begins to follow leader; Start sets it going. applied is the zxid
// through which this server's tree has been built.
func New(cfg Config, leader zab.ServerID, epochs zab.Epochs, log *history.Log, applied zab.Zxid, naming uint64) *Follower {
	return &Follower{cfg: cfg, leader: leader, epochs: epochs, log: log, applied: applied, naming: naming, told: map[zab.SessionID]uint64{}}
}

// Start dials the leader.
func (f *Follower) Start(now time.Duration, out *zab.Output) {
	f.began, f.heard = now, now
	f.dial(out)
}

func (f *Follower) dial(out *zab.Output) {
	f.dialling = true
	out.Dials = append(out.Dials, f.leader)
}

// Leader returns the server that is followed.
func (f *Follower) Leader() zab.ServerID { return f.leader }

// Phase returns how far it has come.
func (f *Follower) Phase() Phase { return f.phase }

// Link returns the connection to the leader, 0 while there is none.
func (f *Follower) Link() zab.LinkID { return f.link }

// Epoch returns the epoch promised to this leader, 0 before that.
func (f *Follower) Epoch() zab.Epoch {
	if f.phase < Syncing {
		return 0
	}
	return f.epochs.Accepted
}

// Committed returns the zxid through which the leader has committed, as far as
// this follower was told; 0 before UPTODATE.
func (f *Follower) Committed() zab.Zxid {
	if f.phase < Serving {
		return 0
	}
	return f.committed
}

// Welcomed returns the commit point as UPTODATE came.
func (f *Follower) Welcomed() zab.Zxid { return f.welcomed }

// Initial returns the end of the history taken over; zero before NEWLEADER.
func (f *Follower) Initial() zab.Position {
	if f.sync == nil {
		return zab.Position{}
	}
	return f.sync.End()
}

// Lost returns why following has ended, and whether it has.
func (f *Follower) Lost() (string, bool) { return f.lost, f.lost != "" }

// Close ends the connection.
func (f *Follower) Close(out *zab.Output) {
	if f.link != 0 {
		out.Closes = append(out.Closes, f.link)
		f.link = 0
	}
}

// Leave ends following for a reason of the caller's.
func (f *Follower) Leave(why string) { f.leave("%s", why) }

func (f *Follower) leave(format string, args ...any) {
	if f.lost == "" {
		f.lost = fmt.Sprintf(format, args...)
	}
}

// LinkUp takes the connection that was dialled.
func (f *Follower) LinkUp(link zab.LinkID, now time.Duration, out *zab.Output) {
	if f.link != 0 {
		out.Closes = append(out.Closes, link)
		return
	}
	f.link, f.dialling, f.heard = link, false, now
	f.phase = Promising
	out.Send(link, zab.Packet{Kind: zab.KindFollowerInfo, Body: &zab.FollowerInfo{
		Server: f.cfg.Self, Observer: f.cfg.Observer, Accepted: f.epochs.Accepted, Ensemble: f.naming,
	}})
}

// LinkDown takes note that the connection is gone, or the dial failed (link 0).
func (f *Follower) LinkDown(link zab.LinkID, now time.Duration) {
	switch {
	case link != 0 && link == f.link:
		f.leave("connection to the leader lost")
		f.link = 0
	case link == 0 && f.link == 0:
		f.dialling = false
		f.redial = now + redialPause
	}
}

// Tick lets time pass.
func (f *Follower) Tick(now time.Duration, out *zab.Output) {
	if f.phase == Connecting && !f.dialling && now >= f.redial {
		f.dial(out)
	}
	limit := f.cfg.InitLimit
	if f.phase == Serving {
		limit = f.cfg.SyncLimit
	}
	if f.sync != nil && f.sync.Installing() {
		f.heard = now // the disk is at work; the leader waits for it
	}
	if now-f.heard > time.Duration(limit)*f.cfg.Tick {
		f.leave("leader silent for %d ticks", limit)
	}
}

// Touched takes note that clients of this server were heard from.
func (f *Follower) Touched(ids []zab.SessionID) { f.touched = append(f.touched, ids...) }

// Untold returns the sessions heard from that the leader may not have been told
// of: every PONG that it has not confirmed may be lost with the connection.
func (f *Follower) Untold() []zab.SessionID {
	return append(slices.Sorted(maps.Keys(f.told)), f.touched...)
}

// confirmed takes the leader's word that so many PONGs have reached it.
func (f *Follower) confirmed(pongs uint64) {
	maps.DeleteFunc(f.told, func(_ zab.SessionID, pong uint64) bool { return pong <= pongs })
}

// SetSpace takes note of what this server's disk has left; the next PONG says it.
func (f *Follower) SetSpace(s zab.Space) { f.low = s != zab.SpaceAmple }

// Tell tells the leader now of the clients that were heard from.
func (f *Follower) Tell(out *zab.Output) {
	if len(f.touched) > 0 {
		f.pong(0, out)
	}
}

// Packet takes a packet of the leader.
func (f *Follower) Packet(p *zab.Packet, now time.Duration, out *zab.Output) {
	f.heard = now
	switch p.Kind {
	case zab.KindPing:
		f.confirmed(p.Body.(*zab.Ping).Heard)
		f.pong(p.Zxid, out)
		if f.sync != nil {
			f.sync.Pinged(out)
		}
	case zab.KindCommit:
		f.committed = max(f.committed, p.Zxid)
	case zab.KindLeaderInfo:
		f.promise(p.Zxid.Epoch(), out)
	case zab.KindUpToDate:
		f.upToDate(p.Zxid, out)
	default:
		f.syncPacket(p, out)
	}
}

func (f *Follower) syncPacket(p *zab.Packet, out *zab.Output) {
	if f.sync == nil {
		f.leave("%s before the epoch was promised", p.Kind)
		return
	}
	if p.Kind == zab.KindTxn && f.phase == Serving && p.Zxid.Epoch() != f.epochs.Current {
		f.leave("record %s of another epoch than %d", p.Zxid, f.epochs.Current)
		return
	}
	if err := f.sync.Packet(p, out); err != nil {
		out.Note(zab.Note{Kind: zab.NoteProtocolError, Peer: f.leader, Text: err.Error()})
		f.leave("%s", err.Error())
	}
}

func (f *Follower) pong(nonce zab.Zxid, out *zab.Output) {
	pong := &zab.Pong{Low: f.low}
	f.pongs++
	if f.phase == Serving {
		pong.Touched = f.touched
		for _, id := range f.touched {
			f.told[id] = f.pongs
		}
		f.touched = nil
	}
	out.Send(f.link, zab.Packet{Kind: zab.KindPong, Zxid: nonce, Body: pong})
}

// promise answers LEADERINFO once the promise is durable (F1, F2).
func (f *Follower) promise(epoch zab.Epoch, out *zab.Output) {
	switch {
	case f.phase != Promising || f.sync != nil:
		f.leave("LEADERINFO out of turn")
	case epoch < f.epochs.Accepted:
		f.leave("leader proposes epoch %d, %d is promised", epoch, f.epochs.Accepted)
	case epoch == f.epochs.Accepted:
		f.counts = f.epochs.AcceptedBy == f.leader
		f.promised(out)
	default:
		f.counts = true
		f.epochs.Accepted, f.epochs.AcceptedBy = epoch, f.leader
		f.log.SaveEpochs(f.epochs, out)
	}
}

func (f *Follower) promised(out *zab.Output) {
	f.phase = Syncing
	f.sync = zabsync.NewLearner(f.link, f.leader, f.epochs, f.log, f.applied)
	last := f.log.Appended()
	must.Hold(last.Zxid == f.log.Synced(), "F1", "log end %s is not durable as the role begins", last)
	out.Send(f.link, zab.Packet{Kind: zab.KindAckEpoch, Body: &zab.AckEpoch{
		Current: f.epochs.Current, Last: last, Counts: f.counts,
		Amnesiac: f.epochs.Current == 0,
	}})
}

func (f *Follower) upToDate(committed zab.Zxid, out *zab.Output) {
	if f.phase != Syncing || f.sync.Proof() == (zabsync.Acknowledged{}) {
		f.leave("UPTODATE before NEWLEADER was acknowledged")
		return
	}
	f.phase = Serving
	f.epochs.Current = f.epochs.Accepted
	f.committed = max(f.committed, committed)
	f.welcomed = f.committed
	out.Note(zab.Note{Kind: zab.NoteFollowing, Peer: f.leader, Epoch: f.epochs.Current, Zxid: f.committed})
}

// DiskDone takes the disk's answer, after the log has taken note of it.
func (f *Follower) DiskDone(d *zab.DiskDone, out *zab.Output) {
	if f.link == 0 {
		return
	}
	if f.sync == nil {
		if d.Kind == zab.DiskEpochs && f.phase == Promising && d.Epochs == f.epochs {
			f.promised(out)
		}
		return
	}
	if err := f.sync.DiskDone(d, out); err != nil {
		f.leave("%s", err.Error())
		return
	}
	if d.Kind == zab.DiskAppend {
		zabsync.AckProposals(f.sync.Proof(), f.log.Synced(), out) // F3
	}
}

// Forward sends a client's request to the leader.
func (f *Follower) Forward(req *zab.Request, out *zab.Output) {
	out.Send(f.link, zab.Packet{Kind: zab.KindForward, Body: req})
}

// Attach asks the leader about a session, or, with Seq 0, tells it of one that
// an earlier leader attached to this server.
func (f *Follower) Attach(a *zab.Attach, out *zab.Output) {
	out.Send(f.link, zab.Packet{Kind: zab.KindAttach, Body: a})
}

// Sync asks the leader for a barrier.
func (f *Follower) Sync(ask *zab.SyncAsk, out *zab.Output) {
	out.Send(f.link, zab.Packet{Kind: zab.KindSync, Body: ask})
}
