// Command compare measures reads and writes of 100 bytes against servers that
// are given, or against quorumd and ZooKeeper in turn:
//
//	go run ./test/compare -targets 127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183
//	go run ./test/compare -versus -rounds 3
//
// In turn means: three servers of the one, all workloads, then three of the
// other, and so on for the rounds, so that what else the machine does meets
// both. The figures are medians of the rounds. Client and servers share the
// machine, so the pipelined figures are what remains beside the client.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// options are the command line.
type options struct {
	targets  string
	versus   bool
	software string
	rounds   int
	duration time.Duration
	warm     time.Duration
	limit    time.Duration
	servers  int
	dir      string
	only     string
}

func main() {
	var o options
	flag.StringVar(&o.targets, "targets", "", "host:port,... of servers that run; with fewer than two of them maxClientCnxns has to be above its default of 60")
	flag.BoolVar(&o.versus, "versus", false, "start the software of -software in turn")
	flag.StringVar(&o.software, "software", "quorumd,zookeeper", "what -versus starts, in this order")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of -versus")
	flag.DurationVar(&o.duration, "duration", 2*time.Second, "time of each workload")
	flag.DurationVar(&o.warm, "warm", time.Second, "time of each workload that is not counted, before it")
	flag.DurationVar(&o.limit, "limit", 10*time.Minute, "no round of -versus begins that could end after this")
	flag.IntVar(&o.servers, "servers", 3, "servers that -versus starts")
	flag.StringVar(&o.dir, "dir", "", "where -versus puts the servers' data (default: the system's temporary folder)")
	flag.StringVar(&o.only, "only", "", "only workloads whose name contains this")
	flag.Parse()

	var err error
	switch {
	case o.versus && o.targets == "":
		err = versus(o)
	case o.targets != "" && !o.versus:
		err = measureTargets(o)
	default:
		err = fmt.Errorf("give either -targets host:port,... or -versus")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func measureTargets(o options) error {
	table := newTable([]string{"servers"})
	for _, w := range o.workloads() {
		r, err := w.run(strings.Split(o.targets, ","), o.warm, o.duration, nil)
		if err != nil {
			return err
		}
		table.add("servers", w, r)
		fmt.Println(table.line(w))
	}
	return nil
}

// versus measures every software once a round.
func versus(o options) error {
	names := strings.Split(o.software, ",")
	table := newTable(names)
	begin := time.Now()
	done := 0
	for ; done < o.rounds; done++ {
		if spent := time.Since(begin); done > 0 && spent+spent/time.Duration(done) > o.limit {
			fmt.Printf("stopped after %d of %d rounds, by -limit %v\n", done, o.rounds, o.limit)
			break
		}
		for _, name := range names {
			if err := measureSoftware(o, name, table); err != nil {
				return fmt.Errorf("round %d: %s: %w", done+1, name, err)
			}
		}
	}
	fmt.Printf("\nmedians of %d rounds, %d servers, 100 B\n", done, o.servers)
	for _, w := range o.workloads() {
		fmt.Println(table.line(w))
	}
	return nil
}

// measureSoftware runs all workloads on a new ensemble.
func measureSoftware(o options, name string, table *table) error {
	software, err := harness.Named(name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "compare-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	e, err := harness.Start(dir, software, harness.Options{Servers: o.servers})
	if err != nil {
		return err
	}
	defer e.Stop()
	leader, err := e.Leader()
	if err != nil {
		return err
	}
	// The leader comes last, so that a single connection is to a follower in every round.
	var addrs []string
	for _, s := range append(e.Followers(leader), leader) {
		addrs = append(addrs, s.Client)
	}
	for _, w := range o.workloads() {
		r, err := w.run(addrs, o.warm, o.duration, e.Usage)
		if err != nil {
			return fmt.Errorf("%w; the servers' last lines:\n%s", err, tails(e))
		}
		table.add(name, w, r)
		fmt.Printf("%-10s %s\n", name, r.line(w))
	}
	return e.Crashed()
}

func tails(e *harness.Ensemble) string {
	var b strings.Builder
	for _, s := range e.Servers {
		b.WriteString(s.LogTail(10))
	}
	return b.String()
}

func (o options) workloads() []workload {
	var chosen []workload
	for _, w := range workloads {
		if strings.Contains(w.name(), o.only) {
			chosen = append(chosen, w)
		}
	}
	return chosen
}
