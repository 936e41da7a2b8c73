package failover

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

const (
	readEvery   = 5 * time.Millisecond
	readsAtOnce = 20 // rounds over all keys before the reader moves on
)

// reader is one session that reads every key, from a server after the other.
type reader struct {
	addrs   []string
	keys    []string
	newest  map[string]int // number last read, by key
	reads   int
	expired int

	violations []string
}

// run reads until the context ends.
func (r *reader) run(ctx context.Context) {
	r.newest = make(map[string]int)
	session := harness.Session{Timeout: sessionTimeout}
	for try := 0; ctx.Err() == nil; try++ {
		conn, err := harness.Dial(r.addrs[try%len(r.addrs)], session, dialLimit)
		if errors.Is(err, harness.ErrSessionExpired) {
			r.expired++
			session = harness.Session{Timeout: sessionTimeout}
			clear(r.newest) // another session may be answered from before
			continue
		}
		if err != nil {
			pause(ctx, redialPause)
			continue
		}
		for range readsAtOnce {
			if ctx.Err() != nil || !r.round(conn) {
				break
			}
			pause(ctx, readEvery)
		}
		session = conn.Session
		_ = conn.Abort() // the session goes on at the next server
	}
}

// round reads every key once and reports whether the connection still works.
func (r *reader) round(conn *harness.Raw) bool {
	for _, key := range r.keys {
		reply, err := conn.Must(harness.GetData(key, false))
		if err != nil {
			return false
		}
		data, err := reply.Data()
		if err != nil {
			return false
		}
		r.reads++
		number, err := strconv.Atoi(string(data))
		if old := r.newest[key]; err != nil || number < old {
			if len(r.violations) < maxViolations {
				r.violations = append(r.violations, fmt.Sprintf("F2: %s was %d and is %q", key, old, data))
			}
			continue
		}
		r.newest[key] = number
	}
	return true
}
