package zabsync

import (
	"errors"
	"fmt"

	"github.com/quorumd/quorumd/history"
	"github.com/quorumd/quorumd/zab"
)

// ErrProtocol is wrapped by every error about a packet that the leader had no
// right to send; the learner leaves such a leader.
var ErrProtocol = errors.New("leader broke the protocol")

// ErrNoRoom says that a snapshot could not be written as it arrived.
var ErrNoRoom = errors.New("no disk space for the snapshot")

// ErrSnapshotDamaged says that a snapshot arrived incomplete or damaged.
var ErrSnapshotDamaged = errors.New("snapshot arrived damaged")

type stage uint8

const (
	awaitHead  stage = iota // DIFF, TRUNC or SNAP comes next
	truncating              // the disk cuts the log
	receiving               // snapshot chunks arrive
	installing              // the disk installs the snapshot
	streaming               // records of the initial history arrive
	adopting                // NEWLEADER came; its history is not yet durable
	saving                  // the disk saves the epoch
	adopted                 // NEWLEADER is acknowledged
)

// Learner takes one learner from ACKEPOCH to the acknowledgement of NEWLEADER,
// and appends records from then on.
type Learner struct {
	link    zab.LinkID
	leader  zab.ServerID
	epochs  zab.Epochs // as promised to this leader
	log     *history.Log
	applied zab.Zxid // when the role began; S4

	stage stage
	cut   zab.Position // asked of the disk in truncating
	snap  zab.Snap     // being received
	taken int64        // bytes of it that were last acknowledged
	end   zab.Position // of the initial history, from NEWLEADER
	proof Acknowledged
}

// NewLearner starts at the point where ACKEPOCH was sent.
func NewLearner(link zab.LinkID, leader zab.ServerID, epochs zab.Epochs, log *history.Log, applied zab.Zxid) *Learner {
	return &Learner{link: link, leader: leader, epochs: epochs, log: log, applied: applied}
}

// Proof returns the proof that NEWLEADER was acknowledged, or the zero value.
func (l *Learner) Proof() Acknowledged { return l.proof }

// End returns the end of the initial history; zero before NEWLEADER.
func (l *Learner) End() zab.Position { return l.end }

// Installing reports whether the log or the tree is being replaced.
func (l *Learner) Installing() bool { return l.stage == truncating || l.stage == installing }

// Pinged tells the leader that the disk is at work on what cannot be answered in
// parts: a cut, or the installation of a snapshot, which is received and is now
// verified and loaded. It repeats the last SNAPACK, which every version of the
// leader counts as progress: what of the snapshot still waits for the disk is not
// acknowledged with it. A disk that stands still does not stay at work: its
// server's watchdog ends it.
func (l *Learner) Pinged(out *zab.Output) {
	if l.Installing() {
		l.snapAck(out)
	}
}

// snapAck tells the leader how much of the snapshot the disk has taken.
func (l *Learner) snapAck(out *zab.Output) {
	out.Send(l.link, zab.Packet{Kind: zab.KindSnapAck, Zxid: zab.Zxid(l.taken)})
}

// Packet takes a packet of the synchronisation phase, or a record at any time
// after it.
func (l *Learner) Packet(p *zab.Packet, out *zab.Output) error {
	switch p.Kind {
	case zab.KindDiff:
		return l.diff(p.Zxid, out)
	case zab.KindTrunc:
		return l.trunc(p.Body.(*zab.Trunc).To, out)
	case zab.KindSnap:
		return l.begin(*p.Body.(*zab.Snap), out)
	case zab.KindSnapChunk:
		return l.chunk(p.Body.(*zab.SnapChunk), out)
	case zab.KindTxn:
		return l.record(&p.Record, out)
	case zab.KindNewLeader:
		return l.newLeader(p.Body.(*zab.NewLeader), out)
	}
	return l.illegal(p.Kind)
}

func (l *Learner) illegal(k zab.PacketKind) error {
	return fmt.Errorf("%w: %s in stage %d of synchronisation", ErrProtocol, k, l.stage)
}

func (l *Learner) diff(from zab.Zxid, out *zab.Output) error {
	if l.stage != awaitHead {
		return l.illegal(zab.KindDiff)
	}
	if from != l.log.Appended().Zxid {
		return fmt.Errorf("%w: DIFF from %s, log ends at %s", ErrProtocol, from, l.log.Appended())
	}
	l.stage = streaming
	out.Note(zab.Note{Kind: zab.NoteSyncStarted, Peer: l.leader, Zxid: from, Text: Diff.String()})
	return nil
}

func (l *Learner) trunc(to zab.Position, out *zab.Output) error {
	if l.stage != awaitHead {
		return l.illegal(zab.KindTrunc)
	}
	out.Note(zab.Note{Kind: zab.NoteSyncStarted, Peer: l.leader, Zxid: to.Zxid, Text: Trunc.String()})
	if to.Zxid < l.applied { // S4
		l.ready(zab.Ready{NeedSnap: true}, out)
		return nil
	}
	l.cut, l.stage = to, truncating
	l.log.Truncate(to, out)
	return nil
}

func (l *Learner) begin(s zab.Snap, out *zab.Output) error {
	if l.stage != awaitHead {
		return l.illegal(zab.KindSnap)
	}
	l.snap, l.taken, l.stage = s, 0, receiving
	out.Note(zab.Note{Kind: zab.NoteSyncStarted, Peer: l.leader, Zxid: s.At.Zxid, Text: Snap.String()})
	l.log.SnapBegin(s.At, s.Size, out)
	return nil
}

func (l *Learner) chunk(c *zab.SnapChunk, out *zab.Output) error {
	if l.stage != receiving {
		return l.illegal(zab.KindSnapChunk)
	}
	l.log.SnapChunk(c.Off, c.Data, out)
	if c.Last {
		l.stage = installing
		l.log.SnapEnd(l.snap.At, out)
	}
	return nil
}

func (l *Learner) record(rec *zab.Record, out *zab.Output) error {
	if l.stage < streaming {
		return l.illegal(zab.KindTxn)
	}
	if end := l.log.Appended(); rec.Prev != end.CRC || rec.Zxid <= end.Zxid {
		return fmt.Errorf("%w: record %s does not follow %s", ErrProtocol, rec.Zxid, end)
	}
	l.log.Append(*rec, out)
	return nil
}

func (l *Learner) newLeader(n *zab.NewLeader, out *zab.Output) error {
	if l.stage != streaming {
		return l.illegal(zab.KindNewLeader)
	}
	if n.End != l.log.Appended() || n.Epoch != l.epochs.Accepted {
		return fmt.Errorf("%w: NEWLEADER of epoch %d at %s; promised %d, log ends at %s",
			ErrProtocol, n.Epoch, n.End, l.epochs.Accepted, l.log.Appended())
	}
	l.end, l.stage = n.End, adopting
	l.adopt(out)
	return nil
}

// adopt goes on once the initial history is durable (S1).
func (l *Learner) adopt(out *zab.Output) {
	if l.stage != adopting || l.log.Synced() < l.end.Zxid {
		return
	}
	l.stage = saving
	l.saveEpoch(Durable{end: l.end}, out)
}

func (l *Learner) saveEpoch(_ Durable, out *zab.Output) {
	l.epochs.Current = l.epochs.Accepted
	l.log.SaveEpochs(l.epochs, out)
}

func (l *Learner) ready(r zab.Ready, out *zab.Output) {
	out.Send(l.link, zab.Packet{Kind: zab.KindReady, Body: &r})
}

// DiskDone takes the answer of the disk, after the log has taken note of it.
func (l *Learner) DiskDone(d *zab.DiskDone, out *zab.Output) error {
	switch d.Kind {
	case zab.DiskAppend:
		if l.stage == streaming {
			// S2 forbids to acknowledge, and the leader's window must not
			// stay full: the initial history may be longer than it.
			out.Send(l.link, zab.Packet{Kind: zab.KindStored, Zxid: l.log.Synced()})
		}
		l.adopt(out)
	case zab.DiskTruncate:
		l.truncated(d, out)
	case zab.DiskSnapChunk:
		if !d.OK {
			return fmt.Errorf("%w from server %d at %s", ErrNoRoom, l.leader, l.snap.At)
		}
		l.taken = d.Off
		l.snapAck(out)
	case zab.DiskSnapEnd:
		return l.installed(d, out)
	case zab.DiskEpochs:
		if l.stage == saving && d.Epochs == l.epochs {
			l.stage = adopted
			l.proof = AckNewLeader(l.link, Adopted{end: l.end, epoch: l.epochs.Current}, out)
			if l.log.Synced() > l.end.Zxid {
				AckProposals(l.proof, l.log.Synced(), out)
			}
		}
	}
	return nil
}

func (l *Learner) truncated(d *zab.DiskDone, out *zab.Output) {
	if l.stage != truncating {
		return
	}
	if !d.OK || d.At != l.cut {
		l.stage = awaitHead
		l.ready(zab.Ready{NeedSnap: true}, out)
		return
	}
	l.stage = streaming
	l.ready(zab.Ready{At: d.At}, out) // S3
}

func (l *Learner) installed(d *zab.DiskDone, out *zab.Output) error {
	if l.stage != installing {
		return nil
	}
	if !d.OK || d.At != l.snap.At {
		return fmt.Errorf("%w: from server %d at %s", ErrSnapshotDamaged, l.leader, l.snap.At)
	}
	l.stage = streaming
	l.ready(zab.Ready{At: d.At}, out) // S3
	return nil
}
