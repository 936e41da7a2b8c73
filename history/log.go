package history

import (
	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/zab"
)

// appendBytes is how large an append is at the most when another record joins
// it. An append is done or not done, so that this bounds how much the disk must
// do before it can tell of progress.
const appendBytes = 1 << 20

// Log tracks one server's log. It is not safe for concurrent use.
type Log struct {
	appended zab.Position
	synced   zab.Zxid

	asked uint64 // number of the last disk operation asked for
	done  uint64 // number of the last one completed
	fence uint64 // number of the last truncation or snapshot installation
	reads uint64 // number of the last log read

	gathered int // bytes of the last append asked for

	recent ring
}

// New returns the log that ends at last, all of it durable.
func New(last zab.Position) *Log {
	return &Log{appended: last, synced: last.Zxid, recent: ring{floor: last, most: RecentRecords}}
}

// Remember sets how many recent records are kept in memory, at least one. With
// few, learners that are a little behind are served from the disk.
func (l *Log) Remember(records int) {
	must.Hold(records > 0 && l.recent.n == 0, "H4", "%d records are to be remembered", records)
	l.recent.most = records
}

// Appended returns the end of the log, durable or not.
func (l *Log) Appended() zab.Position { return l.appended }

// Synced returns the zxid through which the log is durable.
func (l *Log) Synced() zab.Zxid { return l.synced }

// Quiet reports whether no disk operation is under way.
func (l *Log) Quiet() bool { return l.asked == l.done }

// Append asks the disk to append rec.
func (l *Log) Append(rec zab.Record, out *zab.Output) {
	must.Hold(rec.Prev == l.appended.CRC && rec.Zxid > l.appended.Zxid, "H1",
		"record %s after %08x does not follow %s", rec.Zxid, rec.Prev, l.appended)
	l.appended = rec.Position()
	l.recent.push(rec, l.synced)
	if n := len(out.Disk); n > 0 && out.Disk[n-1].Kind == zab.DiskAppend && l.gathered < appendBytes {
		out.Disk[n-1].Records = append(out.Disk[n-1].Records, rec)
		l.gathered += len(rec.Bytes)
		return
	}
	l.gathered = len(rec.Bytes)
	l.ask(zab.DiskOp{Kind: zab.DiskAppend, Records: []zab.Record{rec}}, out)
}

// SaveEpochs asks the disk to save e.
func (l *Log) SaveEpochs(e zab.Epochs, out *zab.Output) {
	l.ask(zab.DiskOp{Kind: zab.DiskEpochs, Epochs: e}, out)
}

// Truncate asks the disk to cut the log after at. Nothing may be appended
// before the answer has come.
func (l *Log) Truncate(at zab.Position, out *zab.Output) {
	l.ask(zab.DiskOp{Kind: zab.DiskTruncate, At: at}, out)
	l.fence = l.asked
}

// SnapBegin asks the disk to begin receiving a snapshot.
func (l *Log) SnapBegin(at zab.Position, size int64, out *zab.Output) {
	l.ask(zab.DiskOp{Kind: zab.DiskSnapBegin, At: at, Size: size}, out)
}

// SnapChunk asks the disk to write a piece of it.
func (l *Log) SnapChunk(off int64, data []byte, out *zab.Output) {
	l.ask(zab.DiskOp{Kind: zab.DiskSnapChunk, Off: off, Data: data}, out)
}

// SnapEnd asks the disk to install it. Nothing may be appended before the
// answer has come.
func (l *Log) SnapEnd(at zab.Position, out *zab.Output) {
	l.ask(zab.DiskOp{Kind: zab.DiskSnapEnd, At: at}, out)
	l.fence = l.asked
}

func (l *Log) ask(op zab.DiskOp, out *zab.Output) {
	l.asked++
	op.Op = l.asked
	out.Disk = append(out.Disk, op)
}

// Completed takes note of a completion.
func (l *Log) Completed(d *zab.DiskDone) {
	must.Hold(d.Op <= l.asked, "H2", "disk completed operation %d of %d", d.Op, l.asked)
	l.done = max(l.done, d.Op)
	switch d.Kind {
	case zab.DiskAppend:
		if d.Op < l.fence {
			return // H3
		}
		must.Hold(d.Synced <= l.appended.Zxid, "H2", "synced %s beyond the end %s", d.Synced, l.appended)
		l.synced = max(l.synced, d.Synced)
	case zab.DiskTruncate, zab.DiskSnapEnd:
		if !d.OK || d.Op < l.fence {
			return
		}
		l.appended = d.At
		l.synced = d.At.Zxid
		l.recent.reset(d.At)
	}
}

// Find returns the greatest position that is not after z, if the ring knows
// it; the end of the log is always known.
func (l *Log) Find(z zab.Zxid) (zab.Position, bool) {
	if z >= l.appended.Zxid {
		return l.appended, true
	}
	return l.recent.find(z)
}

// After appends to dst the records that follow z, at most maxBytes of them but
// at least one, and reports whether the ring reaches back to z.
func (l *Log) After(z zab.Zxid, maxBytes int, dst []zab.Record) ([]zab.Record, bool) {
	if z >= l.appended.Zxid {
		return dst, true
	}
	return l.recent.after(z, maxBytes, dst)
}

// Read asks for records from the disk and returns the number of the request.
func (l *Log) Read(after zab.Zxid, maxBytes int, out *zab.Output) uint64 {
	l.reads++
	out.LogReads = append(out.LogReads, zab.LogRead{ID: l.reads, After: after, MaxBytes: maxBytes})
	return l.reads
}
