package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

const (
	folder    = "/compare"
	dataBytes = 100
	dialTries = 3
	maxStalls = 5
)

// workload is one kind of load: conns connections, spread over the servers, each
// with window requests under way.
type workload struct {
	op     string // get or set
	conns  int
	window int
}

var workloads = []workload{
	{"get", 32, 16}, {"set", 32, 16},
	{"get", 1, 1}, {"set", 1, 1},
	{"get", 64, 1}, {"set", 64, 1},
}

func (w workload) name() string { return fmt.Sprintf("%s %dx%d", w.op, w.conns, w.window) }

// result is one measurement.
type result struct {
	perSecond float64
	p50, p99  time.Duration
	cpuPerOp  time.Duration // of all servers together
	memory    int64         // of all servers together, resident bytes at the end
	stalls    int           // times a request had no answer for a third of the session's timeout
}

// lane is one connection at work.
type lane struct {
	conn    *harness.Raw
	request harness.Request
	window  int
	times   []time.Duration // of the requests that ended in the counted time
	stalls  int
}

// run measures the workload. usage, which may be nil, tells what the servers used.
func (w workload) run(addrs []string, warm, length time.Duration, usage func() harness.Usage) (result, error) {
	if usage == nil {
		usage = func() harness.Usage { return harness.Usage{} }
	}
	lanes, err := w.open(addrs)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", w.name(), err)
	}
	from := time.Now().Add(warm)
	to := from.Add(length)
	errs := make([]error, len(lanes))
	var group sync.WaitGroup
	for i, l := range lanes {
		group.Go(func() { errs[i] = l.run(from, to) })
	}
	<-time.After(warm)
	before := usage()
	group.Wait()
	after := usage()
	for _, l := range lanes {
		group.Go(func() { _ = l.conn.Close() }) // nothing of it is measured
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return result{}, fmt.Errorf("%s: %w", w.name(), err)
	}
	return sum(lanes, length, after.CPU-before.CPU, after.Memory)
}

// open makes the nodes, if they are not there yet, and the connections.
func (w workload) open(addrs []string) ([]*lane, error) {
	data := bytes.Repeat([]byte{'x'}, dataBytes)
	setup, err := dial(addrs[0])
	if err != nil {
		return nil, err
	}
	path := func(i int) string { return fmt.Sprintf("%s/%d", folder, i) }
	for i := -1; i < w.conns; i++ {
		request := harness.Create(folder, nil, harness.Persistent)
		if i >= 0 {
			request = harness.Create(path(i), data, harness.Persistent)
		}
		if reply, err := setup.Do(request); err != nil {
			return nil, err
		} else if reply.Code != harness.CodeOK && reply.Code != harness.CodeNodeExists {
			return nil, reply.Code
		}
	}
	if err := setup.Close(); err != nil {
		return nil, err
	}
	lanes := make([]*lane, w.conns)
	for i := range lanes {
		conn, err := dial(addrs[i%len(addrs)])
		if err != nil {
			return nil, err
		}
		if _, err := conn.Must(harness.Sync(folder)); err != nil {
			return nil, err
		}
		lanes[i] = &lane{conn: conn, window: w.window, request: harness.GetData(path(i), false)}
		if w.op == "set" {
			lanes[i].request = harness.SetData(path(i), data, -1)
		}
	}
	return lanes, nil
}

// dial opens a session. It tries more than once and says so, since ZooKeeper
// 3.8.0 leaves one in some thousands of session requests without an answer.
func dial(addr string) (conn *harness.Raw, err error) {
	for range dialTries {
		if conn, err = harness.DialNew(addr); err == nil {
			return conn, nil
		}
		fmt.Fprintf(os.Stderr, "once more: %v\n", err)
	}
	return nil, err
}

// run keeps the window full until the end, and times what ends after from.
func (l *lane) run(from, to time.Time) error {
	begun := make([]time.Time, l.window) // a ring: answers come in order
	for i := range begun {
		begun[i] = time.Now()
		if _, err := l.conn.Send(l.request); err != nil {
			return err
		}
	}
	for at, left := 0, l.window; left > 0; at = (at + 1) % l.window {
		if !l.conn.Buffered() {
			if err := l.conn.Flush(); err != nil {
				return err
			}
		}
		if err := l.next(); err != nil {
			return err
		}
		now := time.Now()
		if now.After(to) {
			left--
			continue
		}
		if now.After(from) {
			l.times = append(l.times, now.Sub(begun[at]))
		}
		begun[at] = now
		if _, err := l.conn.Send(l.request); err != nil {
			return err
		}
	}
	return nil
}

// next reads the answer to the oldest request. A wait as long as a client's
// before it pings is counted as a stall: ZooKeeper 3.8.0 has them.
func (l *lane) next() error {
	for stalls := 0; ; {
		ready, err := l.conn.Ready(l.conn.Session.Timeout / 3)
		if err != nil {
			return err
		}
		if !ready {
			l.stalls++
			if stalls++; stalls > maxStalls {
				return fmt.Errorf("no answer within %v", maxStalls*l.conn.Session.Timeout/3)
			}
			if _, err := l.conn.Send(harness.Ping()); err != nil {
				return err
			}
			if err := l.conn.Flush(); err != nil {
				return err
			}
			continue
		}
		reply, err := l.conn.Next()
		if err == nil {
			err = reply.Err()
		}
		if err != nil || !reply.Pong() {
			return err
		}
	}
}

func sum(lanes []*lane, length, cpu time.Duration, memory int64) (result, error) {
	var all []time.Duration
	stalls := 0
	for _, l := range lanes {
		all = append(all, l.times...)
		stalls += l.stalls
	}
	if len(all) == 0 {
		return result{}, fmt.Errorf("no request ended within %v", length)
	}
	slices.Sort(all)
	return result{
		perSecond: float64(len(all)) / length.Seconds(),
		p50:       all[len(all)/2],
		p99:       all[len(all)*99/100],
		cpuPerOp:  cpu / time.Duration(len(all)),
		memory:    memory,
		stalls:    stalls,
	}, nil
}
