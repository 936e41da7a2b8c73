package leader

import (
	"time"

	"github.com/quorumd/quorumd/zab"
)

// stallTracker measures how long a log has made no progress: this server's own
// or a learner's. A ping is answered by the loop, whatever the disk does; a
// record is acknowledged only once the disk has synced it.
type stallTracker struct {
	oldest zab.Zxid // the oldest unacknowledged record at the last check; 0 is none
	since  time.Duration
}

// stalled returns how long oldest has been the oldest unacknowledged record. It
// never returns too much: a stall that begins between two checks counts from
// the second.
func (s *stallTracker) stalled(oldest zab.Zxid, now time.Duration) time.Duration {
	if oldest != s.oldest || oldest == 0 {
		s.oldest, s.since = oldest, now
	}
	return now - s.since
}

// ownLogStalled reports whether this server's own log has made no progress for
// syncLimit while records wait to be synced (L10). A server that is a quorum by
// itself goes on waiting: no other could lead in its place.
func (l *Leader) ownLogStalled(now time.Duration) bool {
	oldest := zab.Zxid(0)
	if synced := l.log.Synced(); synced < l.log.Appended().Zxid {
		oldest = synced + 1
	}
	if l.ownLog.stalled(oldest, now) <= l.syncLimit() {
		return false
	}
	return !l.cfg.Ensemble.IsQuorum(func(id zab.ServerID) bool { return id == l.cfg.Self })
}

// dropStalled closes the connections of learners that answer pings but have
// acknowledged no record for syncLimit, although some were sent (L10).
func (l *Leader) dropStalled(now time.Duration, out *zab.Output) {
	for i := len(l.learners) - 1; i >= 0; i-- {
		p := l.learners[i]
		if p.stage == upToDate && p.log.stalled(p.cursor.Owed(), now) > l.syncLimit() {
			l.drop(p, "acknowledges nothing", out)
		}
	}
}

func (l *Leader) syncLimit() time.Duration { return time.Duration(l.cfg.SyncLimit) * l.cfg.Tick }
