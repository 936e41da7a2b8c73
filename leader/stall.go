package leader

import (
	"time"

	"github.com/quorumd/quorumd/zab"
)

// debt watches for progress of a log, this server's or a learner's: pings are
// answered by whoever has a processor, records only by whoever has a disk.
type debt struct {
	owed  zab.Zxid // the oldest record not acknowledged at the last look; 0 is none
	since time.Duration
}

// age returns how long owed has been the oldest. It is never more than the
// truth: what began between two looks counts from the second.
func (d *debt) age(owed zab.Zxid, now time.Duration) time.Duration {
	if owed != d.owed || owed == 0 {
		d.owed, d.since = owed, now
	}
	return now - d.since
}

// stuck reports whether this server's own log has stood still for syncLimit
// while records wait to be synced (L10). A server that is a quorum by itself
// goes on waiting: there is nobody to lead in its place.
func (l *Leader) stuck(now time.Duration) bool {
	owed := zab.Zxid(0)
	if synced := l.log.Synced(); synced < l.log.Appended().Zxid {
		owed = synced + 1
	}
	if l.ownLog.age(owed, now) <= l.syncLimit() {
		return false
	}
	return !l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool { return id == l.cfg.Self })
}

// dropMute ends the connections of learners that answer pings and have not
// acknowledged anything for syncLimit, though records were sent (L10).
func (l *Leader) dropMute(now time.Duration, out *zab.Output) {
	for i := len(l.learners) - 1; i >= 0; i-- {
		p := l.learners[i]
		if p.stage == upToDate && p.log.age(p.cursor.Owed(), now) > l.syncLimit() {
			l.drop(p, "acknowledges nothing", out)
		}
	}
}

func (l *Leader) syncLimit() time.Duration { return time.Duration(l.cfg.SyncLimit) * l.cfg.Tick }
