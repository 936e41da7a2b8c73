package server

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/zab"
)

// manyLearners in the environment is the number of observers that
// TestManyLearners starts instead of the few that any machine can carry.
const manyLearners = "SERVER_TEST_LEARNERS"

// diffs counts the lines of a log that say that a learner is brought up by DIFF,
// and those that say that segments are opened again and again.
type diffs struct {
	mu              sync.Mutex
	diff, other     int
	thrash, trouble int
}

func (d *diffs) Write(b []byte) (int, error) {
	line := string(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case strings.Contains(line, zab.NoteSyncChosen.String()) && strings.Contains(line, `"by":"DIFF"`):
		d.diff++
	case strings.Contains(line, zab.NoteSyncChosen.String()):
		d.other++
	case strings.Contains(line, "closed for room"):
		d.thrash++
	case strings.Contains(line, "too many open files"):
		d.trouble++
	}
	return len(b), nil
}

// TestManyLearners: observers without data join all at once, and the leader brings
// every one of them up from some hundred small segments. The files that are open
// for them are within the bound, and nothing is opened again and again.
func TestManyLearners(t *testing.T) {
	learners := 6
	if n, err := strconv.Atoi(os.Getenv(manyLearners)); err == nil {
		learners = n
	}
	log := &diffs{}
	e := newEnsemble(t, 3, learners, func(c *Config) {
		c.SegmentSize, c.SnapCount = 16<<10, 1<<20
		c.Tick = time.Second // many servers in one process
		c.Logger = zerolog.New(log)
	})
	e.start(1, 2, 3)
	leader := e.serving()
	c := e.client(leader)
	store := e.servers[leader-1].store
	create(t, c, "/a", nil)
	for i := 0; store.Stats().Segments < 200; i++ {
		if _, err := c.Set("/a", []byte(fmt.Sprintf("%08000d", i)), -1); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	// What the leader has in memory it sends from there. So it forgets.
	for id := 1; id <= 3; id++ {
		e.stop(id)
	}
	e.start(1, 2, 3)
	store = e.servers[e.serving()-1].store
	began := time.Now()
	for id := 4; id <= 3+learners; id++ {
		e.start(id)
	}
	within(t, 5*time.Minute, "all learners serving", func() bool {
		for _, s := range e.servers {
			if !s.Status().Serving {
				return false
			}
		}
		return true
	})
	took := time.Since(began)
	e.converged()
	st := store.Stats().Readers
	log.mu.Lock()
	defer log.mu.Unlock()
	if log.thrash != 0 || log.trouble != 0 || st.Refused != 0 || st.Highest > st.Places || st.Open > st.Places {
		t.Errorf("%d warnings of thrashing, %d of too many open files; %+v", log.thrash, log.trouble, st)
	}
	if st.Hits+st.Misses < uint64(learners) {
		t.Errorf("the log was not read: %+v", st)
	}
	if log.diff < learners {
		t.Errorf("%d learners were brought up by DIFF, %d otherwise", log.diff, log.other)
	}
	t.Logf("%d learners in %v, %d by DIFF; %+v", learners, took, log.diff, st)
}
