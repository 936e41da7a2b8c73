package chaos

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// Growth that a process may show between its baseline and its last sample. The
// tree grows all the time, by what sequential nodes and registers take, and the
// collector lets memory double before it works; descriptors and threads do not
// depend on how long a process has lived.
const (
	moreFiles   = 24
	moreThreads = 32
	moreMemory  = 256 << 20
	twice       = 2 // and no more than twice the memory, beyond that

	settleFor = 15 * time.Second // from start to baseline
	longLived = 60 * time.Second // from baseline to last sample, to be judged
)

// sample is what one process used at one time, while all served.
type sample struct {
	at      time.Time
	files   int // descriptors, but for client connections and log segments, whose number is bounded elsewhere
	threads int
	memory  int64
}

// life is one server process from its baseline on.
type life struct {
	server, pid int
	born        time.Time
	baseline    *sample
	last        sample
}

// census follows the processes of all servers.
type census struct{ lives map[int]*life } // by pid; nothing else starts enough processes here to use one again

func (c *census) take(servers []*harness.Server) {
	for _, s := range servers {
		pid := s.PID()
		if pid == 0 {
			continue
		}
		l := c.lives[pid]
		if l == nil {
			l = &life{server: s.ID, pid: pid, born: time.Now()}
			c.lives[pid] = l
		}
		now, err := look(s, pid)
		if err != nil || time.Since(l.born) < settleFor {
			continue
		}
		if l.baseline == nil {
			l.baseline = &now
		}
		l.last = now
	}
}

func look(s *harness.Server, pid int) (sample, error) {
	connections, err := s.Figure("num_alive_connections")
	if err != nil {
		return sample{}, err
	}
	segments, err := s.Figure("quorumd_log_segments_open")
	if err != nil {
		return sample{}, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return sample{}, fmt.Errorf("chaos: %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return sample{}, fmt.Errorf("chaos: %w", err)
	}
	return sample{
		at: time.Now(), files: len(files) - int(connections+segments),
		threads: int(statusNumber(status, "Threads:")), memory: statusNumber(status, "VmRSS:") << 10,
	}, nil
}

// statusNumber is a line's number in /proc/PID/status, 0 for none.
func statusNumber(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		fields := strings.Fields(string(line))
		if len(fields) > 1 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// judge compares the processes that lived long; text says which those were.
func (c *census) judge() (text, wrong []string) {
	for _, l := range c.lives {
		if l.baseline == nil || l.last.at.Sub(l.baseline.at) < longLived {
			continue
		}
		b, e := l.baseline, l.last
		line := fmt.Sprintf("server %d pid %d over %v: files besides clients and segments %d to %d, threads %d to %d, memory %d to %d MB",
			l.server, l.pid, e.at.Sub(b.at).Round(time.Second), b.files, e.files, b.threads, e.threads, b.memory>>20, e.memory>>20)
		text = append(text, line)
		if e.files > b.files+moreFiles || e.threads > b.threads+moreThreads || e.memory > twice*b.memory+moreMemory {
			wrong = append(wrong, "H9: growth: "+line)
		}
	}
	return text, wrong
}
