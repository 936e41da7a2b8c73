package replica

import (
	"cmp"
	"time"

	"github.com/quorumd/quorumd/election"
	"github.com/quorumd/quorumd/follower"
	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/leader"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Config is what a server is told about itself and the ensemble.
type Config struct {
	Self      zab.ServerID
	Ensemble  *zab.Ensemble
	Tick      time.Duration // tickTime
	InitLimit int           // ticks
	SyncLimit int           // ticks
	Flags     zab.TxnFlags  // what this server stamps into records when it leads
	Members   uint64        // digest of the membership, the same on all servers
	// Membership is its text, for /zookeeper/config; empty leaves that alone.
	Membership string
	Bootstrap  zab.Bootstrap // what this server would name a new ensemble
	Spent      uint32        // zxids of each epoch that are not given out; see leader.Config
	// Window is how many records may be handed out and not applied; 0 is
	// WindowRecords.
	Window int
	// Recent is how many records of the log are kept in memory, and Piece how
	// many bytes of a snapshot are sent at a time; 0 for the usual.
	Recent, Piece int
}

// Start is what recovery found on the disk.
type Start struct {
	Last     zab.Position  // the end of the log
	Applied  zab.Position  // where the loaded tree stands
	Epochs   zab.Epochs    // promises
	Sessions []zab.Session // in the loaded tree
	Ensemble uint64        // the ensemble's name in the loaded tree, 0 if none
	Members  string        // the membership's text in the loaded tree
	// Identity is the name of the ensemble whose committed history this server
	// has ever held, 0 if none; known before that history is applied again.
	Identity uint64
}

// Replica is one server. It is not safe for concurrent use.
type Replica struct {
	cfg      Config
	log      *history.Log
	epochs   zab.Epochs
	sessions *session.Tracker
	enc      *wire.Encoder
	naming   uint64 // the ensemble's random name in the applied history, 0 while unknown
	identity uint64 // the same, also before that is applied
	members  string // the membership's text in the applied history

	now  time.Duration
	wall int64

	election *election.Election
	leader   *leader.Leader
	follower *follower.Follower

	round   uint64              // of the last election
	settled *election.Settled   // what this server tells while it has a role
	floor   zab.Epoch           // see leader.Standing
	space   zab.Space           // what the disk has left for the log
	resign  time.Duration       // leadership is not given up for that before
	failed  int                 // roles in a row that ended before clients were served
	rest    time.Duration       // no election begins before
	down    election.Down       // servers known to be unreachable
	unheard []*zab.Notification // came while no election could begin; newest of each server
	early   []earlyLink         // learners that came before this server knew that it leads

	committed zab.Zxid
	applied   zab.Position // handed out to be applied
	reading   uint64       // log read under way for apply, 0 for none
	window    applyWindow
	scratch   []zab.Record

	bootstrapped bool // in this leadership
	configured   bool // in this leadership
	open         bool // clients' requests may go to the leader
	pending      pendingQueue
	asks         []ask
	due          []leader.Barrier // barriers that wait to be applied
	attachments  map[zab.SessionID]attachment
	untold       []zab.SessionID // heard from while nobody could be told (R10)
}

// New makes the server that recovery found. It does nothing before its first
// event.
func New(cfg Config, start Start) *Replica {
	r := &Replica{
		cfg: cfg, log: history.New(start.Last), epochs: start.Epochs, enc: wire.NewEncoder(),
		sessions: session.NewTracker(cfg.Tick), naming: start.Ensemble, members: start.Members, identity: cmp.Or(start.Ensemble, start.Identity),
		applied: start.Applied, committed: start.Applied.Zxid, attachments: map[zab.SessionID]attachment{},
		window: applyWindow{limit: cfg.Window},
	}
	if cfg.Recent > 0 {
		r.log.Remember(cfg.Recent)
	}
	r.track(start.Sessions)
	return r
}

// Step feeds one event to the server. It appends what must happen to out and
// returns; it never blocks, sleeps, reads a clock or touches a file.
func (r *Replica) Step(ev *zab.Event, out *zab.Output) {
	r.now, r.wall = ev.Now, ev.Wall
	if r.leader != nil {
		r.leader.Wake(r.now, r.wall, out)
	}
	switch ev.Kind {
	case zab.EvTick:
		r.tick(out)
	case zab.EvNotification:
		r.notification(ev.Notification, out)
	case zab.EvReachable:
		r.reached(ev.Peer, ev.Up, out)
	case zab.EvLinkUp:
		r.linkUp(ev.Link, ev.Peer, ev.Up, out)
	case zab.EvLinkDown:
		r.linkDown(ev.Link, ev.Peer, out)
	case zab.EvPacket:
		r.packet(ev.Link, ev.Peer, &ev.Packet, out)
	case zab.EvDiskDone:
		r.diskDone(&ev.Disk, out)
	case zab.EvDiskSpace:
		r.diskSpace(ev.Space, out)
	case zab.EvApplied:
		r.window.applied(ev.Applied)
	case zab.EvLogRead:
		r.logRead(ev.LogRead, out)
	case zab.EvSnapOpened, zab.EvSnapRead:
		if r.leader != nil {
			r.leader.SnapRead(ev.Kind == zab.EvSnapOpened, ev.SnapRead, out)
		}
	case zab.EvSnapWriting:
		if r.leader != nil {
			r.leader.SnapWriting(ev.Link, r.now)
		}
	default:
		r.client(ev, out)
	}
	r.settle(out)
}

// client takes the events of this server's own clients.
func (r *Replica) client(ev *zab.Event, out *zab.Output) {
	switch ev.Kind {
	case zab.EvRequest:
		r.pending.push(ev.Request)
		if r.open {
			r.sendPending(out)
		}
	case zab.EvAttach:
		r.ask(ask{attach: ev.Attach}, out)
	case zab.EvSync:
		r.ask(ask{sync: ev.SyncAsk}, out)
	case zab.EvDetach:
		r.abandon(ev.Session)
	case zab.EvTouched:
		r.touched(ev.Sessions)
	case zab.EvReap:
		if r.leader != nil && r.open {
			r.leader.Reap(ev.Paths, r.wall, out)
		}
	}
}

func (r *Replica) tick(out *zab.Output) {
	switch {
	case r.election != nil:
		outcome, done := r.election.Tick(r.now, out)
		r.decide(outcome, done, out)
	case r.leader != nil:
		r.leader.Tick(r.now, r.wall, out)
	case r.follower != nil:
		r.follower.Tick(r.now, out)
	}
	r.expireEarly(out)
}

// diskDone takes note of a completion before the role hears of it: what is on
// the disk outlives the role that asked for it.
func (r *Replica) diskDone(d *zab.DiskDone, out *zab.Output) {
	r.log.Completed(d)
	switch {
	case d.Kind == zab.DiskEpochs:
		r.epochs = d.Epochs
	case d.Kind == zab.DiskTruncate && d.OK:
		r.reading = 0 // what is being read may be what was cut
	case d.Kind == zab.DiskSnapEnd && d.OK:
		r.installed(d, out)
	}
	if r.leader != nil {
		r.leader.DiskDone(d, r.now, out)
	}
	if r.follower != nil {
		r.follower.DiskDone(d, out)
	}
}

// diskSpace takes note of what the disk has left. A follower tells its leader.
func (r *Replica) diskSpace(s zab.Space, out *zab.Output) {
	if r.space == s {
		return
	}
	r.space = s
	out.Note(zab.Note{Kind: zab.NoteDiskSpace, Zxid: r.log.Appended().Zxid, Text: s.String()})
	if r.leader != nil {
		r.leader.SetSpace(s, out)
	}
	if r.follower != nil {
		r.follower.SetSpace(s)
	}
}

// settle draws the conclusions of whatever happened: a role that has ended is
// left, an election begins, what is committed is applied, clients are served.
func (r *Replica) settle(out *zab.Output) {
	r.takeRefused(out)
	r.leaveIfLost(out)
	r.elect(out)
	r.apply(out)
	r.serve(out)
}
