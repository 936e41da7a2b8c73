package sim

import (
	"slices"
	"sort"

	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// diskLog is what a server's disk holds: the records that were synced for sure
// and the snapshot they stand on, and what may be there besides. It outlives
// crashes as the disk does.
type diskLog struct {
	base zab.Position   // of the snapshot that was installed; everything up to it is held
	recs []zab.Position // what was written
	sure int            // of recs: confirmed

	installing zab.Position // the snapshot being received
	// alts are what the disk may hold instead, because of operations that
	// failed, or of whose end nobody was told.
	alts []diskLog
}

// end returns the end of what is held for sure.
func (l *diskLog) end() zab.Position {
	if l.sure == 0 {
		return l.base
	}
	return l.recs[l.sure-1]
}

// after returns the place of the first record after z.
func (l *diskLog) after(z zab.Zxid) int {
	if n := len(l.recs); n == 0 || l.recs[n-1].Zxid <= z {
		return n
	}
	return sort.Search(len(l.recs), func(i int) bool { return l.recs[i].Zxid > z })
}

// has reports whether the log may hold a record, or stands on a snapshot that
// does.
func (l *diskLog) has(p zab.Position) bool {
	if p.Zxid <= l.base.Zxid {
		return p.Zxid < l.base.Zxid || p == l.base
	}
	i := l.after(p.Zxid)
	return i > 0 && l.recs[i-1] == p
}

// holds reports whether it does for sure.
func (l *diskLog) holds(p zab.Position) bool { return p.Zxid <= l.end().Zxid && l.has(p) }

func (l *diskLog) cut(at zab.Position) {
	l.recs = l.recs[:l.after(at.Zxid)]
	l.sure = min(l.sure, len(l.recs))
}

// write takes note of an operation: done tells what came of it, nil for an
// operation of which nobody was told.
func (l *diskLog) write(op *zab.DiskOp, done *zab.DiskDone) {
	for i := range l.alts {
		l.alts[i].write(op, nil)
	}
	switch op.Kind {
	case zab.DiskAppend:
		for i := range op.Records {
			if p := op.Records[i].Position(); !l.has(p) { // else it has waited for space, in part
				l.recs = append(l.recs, p)
			}
		}
	case zab.DiskSnapBegin:
		l.installing = op.At
	case zab.DiskTruncate:
		switch {
		case done == nil:
			alt := diskLog{base: l.base, recs: slices.Clone(l.recs), sure: l.sure}
			alt.cut(op.At)
			l.alts = append(l.alts, alt)
		case done.OK:
			l.cut(done.At)
		}
	case zab.DiskSnapEnd:
		switch {
		case done == nil:
			l.alts = append(l.alts, diskLog{base: l.installing})
		case done.OK:
			*l = diskLog{base: done.At}
		}
	}
}

// recover takes over what was found after a crash. It reports what is wrong
// with it.
func (l *diskLog) recover(last zab.Position) (complaint string) {
	for i := range l.alts {
		if alt := &l.alts[i]; alt.has(last) && last.Zxid >= alt.end().Zxid && !(l.has(last) && last.Zxid >= l.end().Zxid) {
			*l = diskLog{base: alt.base, recs: alt.recs}
			break
		}
	}
	switch {
	case last.Zxid < l.end().Zxid:
		complaint = "less than it had synced"
	case !l.has(last):
		complaint = "what was never written there"
	}
	l.cut(last)
	l.sure, l.alts = len(l.recs), nil
	return complaint
}

// recovered judges what a server finds on its disk: no less than what was
// synced, and nothing that was never written there (O7).
func (k *checker) recovered(n *node, found txnlog.Recovered) {
	l := &k.logs[n.index]
	end := l.end()
	if complaint := l.recover(found.Last); complaint != "" {
		k.w.fail("%v had synced the log through %s and recovers it through %s: %s", n, end, found.Last, complaint)
	}
	k.CommittedLogDurability(n)
}

// did takes note of what a disk was asked to do, and of what it confirmed.
func (k *checker) did(n *node, ops []zab.DiskOp, done []zab.DiskDone) {
	l := &k.logs[n.index]
	for i := range ops {
		d := doneOf(done, ops[i].Op)
		l.write(&ops[i], d)
		if d != nil && d.OK && (d.Kind == zab.DiskTruncate || d.Kind == zab.DiskSnapEnd) {
			k.CommittedLogDurability(n)
		}
	}
	for i := range done {
		if done[i].Kind == zab.DiskAppend {
			l.sure = max(l.sure, l.after(done[i].Synced))
		}
		k.diskDone(n, &done[i])
	}
}

func doneOf(done []zab.DiskDone, op uint64) *zab.DiskDone {
	for i := range done {
		if done[i].Op == op {
			return &done[i]
		}
	}
	return nil
}
