package replica

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// openSnap is a snapshot being read: the records it stands for, as bytes.
type openSnap struct {
	at    zab.Position
	bytes []byte
}

func (s *server) base() zab.Position { return endOf(s.snap, zab.Position{}) }
func (s *server) end() zab.Position  { return endOf(s.log, s.base()) }

func endOf(recs []zab.Record, or zab.Position) zab.Position {
	if n := len(recs); n > 0 {
		return recs[n-1].Position()
	}
	return or
}

// content is what a tree would know: the sessions and the ensemble's name.
func content(recs []zab.Record) (sessions []zab.Session, name uint64) {
	for _, r := range recs {
		switch r.Txn.Op {
		case int32(jute.OpCreateSession):
			body := jute.NewReader(r.Txn.Body)
			sessions = append(sessions, zab.Session{ID: r.Txn.Session, Timeout: int64(body.Int32())})
		case int32(jute.OpCloseSession), zab.OpExpire:
			sessions = slices.DeleteFunc(sessions, func(t zab.Session) bool { return t.ID == r.Txn.Session })
		case zab.OpBootstrap:
			var b zab.Bootstrap
			if err := wire.NewDecoder().Body(r.Txn.Body, &b); err == nil && name == 0 {
				name = b.Ensemble
			}
		}
		for i := range sessions {
			if s := &sessions[i]; s.ID == r.Txn.Session {
				s.Owner, s.Since = r.Txn.Origin, r.Zxid
			}
		}
	}
	return sessions, name
}

// read reads a few records of the log.
func (s *server) read(r zab.LogRead) *zab.LogReadResult {
	res := &zab.LogReadResult{ID: r.ID, At: s.base()}
	if r.After < s.base().Zxid {
		res.Gone = true
		return res
	}
	for _, rec := range s.log {
		if rec.Zxid <= r.After {
			res.At = rec.Position()
		} else if len(res.Records) < 3 {
			res.Records = append(res.Records, rec)
		}
	}
	return res
}

func (s *server) takeRead() {
	ev := s.reads[0]
	s.reads = s.reads[1:]
	s.step(ev)
}

// snapshot takes a snapshot of what is applied and drops
// the log that it makes unnecessary.
func (s *server) snapshot() {
	s.snap = slices.Clone(s.applied)
	n := slices.IndexFunc(s.log, func(r zab.Record) bool { return r.Zxid > s.base().Zxid })
	if n < 0 {
		n = len(s.log)
	}
	s.log, s.synced = slices.Clone(s.log[n:]), s.synced-n
}

func (s *server) readSnap(r zab.SnapRead) {
	ev := zab.Event{Kind: zab.EvSnapRead, SnapRead: &zab.SnapReadResult{ID: r.ID}}
	switch {
	case r.Close:
		delete(s.opened, r.ID)
		return
	case r.Open:
		if len(s.snap) == 0 {
			s.snapshot()
		}
		o := &openSnap{at: s.base()}
		for _, rec := range s.snap {
			o.bytes = append(o.bytes, rec.Bytes...)
		}
		s.opened[r.ID] = o
		ev.Kind, ev.SnapRead.At, ev.SnapRead.Size = zab.EvSnapOpened, o.at, int64(len(o.bytes))
	default:
		o := s.opened[r.ID]
		ev.SnapRead.Off, ev.SnapRead.Data = r.Off, o.bytes[r.Off:r.Off+int64(r.Len)]
	}
	s.inbox = append(s.inbox, ev)
}

// diskStep lets the disk of s do its next operation and the server hear of it.
func (s *server) diskStep() {
	op := s.disk[0]
	s.disk = s.disk[1:]
	d := zab.DiskDone{Op: op.Op, Kind: op.Kind, OK: true}
	switch op.Kind {
	case zab.DiskAppend:
		if op.Records[0].Prev != s.end().CRC {
			s.c.t.Fatalf("server %d appends %s after %s", s.id, op.Records[0].Zxid, s.end())
		}
		s.log = append(s.log, op.Records...)
		s.synced = len(s.log)
		d.Synced = s.log[len(s.log)-1].Zxid
	case zab.DiskEpochs:
		s.epochs, d.Epochs = op.Epochs, op.Epochs
	case zab.DiskTruncate:
		i := slices.IndexFunc(s.log, func(r zab.Record) bool { return r.Position() == op.At })
		d.OK = i >= 0 || op.At == s.base()
		if d.OK {
			s.log = slices.Clone(s.log[:i+1])
			s.synced, d.At = len(s.log), op.At
		}
	case zab.DiskSnapBegin:
		s.coming = nil
	case zab.DiskSnapChunk:
		s.coming = append(s.coming[:op.Off:op.Off], op.Data...)
		d.Off = int64(len(s.coming))
	case zab.DiskSnapEnd:
		s.install(op.At)
		d.At = op.At
		d.Sessions, d.Ensemble = content(s.snap)
	}
	s.c.wire = append(s.c.wire, fmt.Sprintf("%d disk %d synced=%s epochs=%d/%d", s.id, op.Kind, d.Synced, s.epochs.Accepted, s.epochs.Current))
	s.step(zab.Event{Kind: zab.EvDiskDone, Disk: d})
}

// install makes the snapshot that came the base of an empty log, and loads it.
func (s *server) install(at zab.Position) {
	s.snap, s.log, s.synced = nil, nil, 0
	for b := s.coming; len(b) > 0; {
		rec, n, err := wire.ParseRecord(b, len(b))
		if err == nil {
			rec.Txn, err = wire.DecodeTxn(wire.RecordBody(&rec))
		}
		if err != nil {
			s.c.t.Fatalf("snapshot: %v", err)
		}
		s.snap, b = append(s.snap, rec), b[n:]
	}
	if s.base() != at {
		s.c.t.Fatalf("snapshot of %s holds %s", at, s.base())
	}
	s.applied = slices.Clone(s.snap)
}
