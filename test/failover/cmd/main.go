// Command cmd runs one fault of package failover many times and prints the gaps:
//
//	go run ./test/failover/cmd -software zookeeper -fault leader -kills 20
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/quorumd/quorumd/test/failover"
	"github.com/quorumd/quorumd/test/harness"
)

func main() {
	name := flag.String("software", "quorumd", "quorumd or zookeeper")
	fault := flag.String("fault", "leader", "leader, wipe, follower, all or tail")
	var c failover.Config
	flag.IntVar(&c.Kills, "kills", 20, "rounds")
	flag.IntVar(&c.Writers, "writers", 4, "sessions that write")
	flag.IntVar(&c.Rate, "rate", 500, "writes per second of each writer")
	flag.IntVar(&c.Window, "window", 16, "writes under way of each writer")
	servers := flag.Int("servers", 3, "servers in the ensemble")
	flag.Parse()

	c.Logf = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	report, err := run(*name, *fault, *servers, c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Print(report)
	if len(report.Wrong) > 0 {
		os.Exit(1)
	}
}

func run(name, fault string, servers int, c failover.Config) (*failover.Report, error) {
	software, err := harness.Named(name)
	if err != nil {
		return nil, err
	}
	if c.Fault, err = failover.FaultNamed(fault); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "failover-")
	if err != nil {
		return nil, err
	}
	e, err := harness.Start(dir, software, harness.Options{Servers: servers, Settings: c.Fault.Settings()})
	if err != nil {
		return nil, fmt.Errorf("%w\nfiles are in %s", err, dir)
	}
	defer e.Stop()
	report, err := failover.Run(context.Background(), e, c)
	if err != nil || len(report.Wrong) > 0 {
		fmt.Fprintf(os.Stderr, "the servers' files are kept in %s\n", dir)
		return report, err
	}
	return report, os.RemoveAll(dir)
}
