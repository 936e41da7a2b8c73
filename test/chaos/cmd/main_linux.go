// Command cmd runs five servers in network namespaces of their own, makes faults
// under load and checks everything that clients were told:
//
//	go run ./test/chaos/cmd -duration 30m
//
// It ends with 0 when nothing is wrong, 1 when something is, 2 when the run could
// not be carried out, 130 when it was interrupted, and 77, with a sentence, when
// this machine cannot do it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/test/chaos"
)

// dirVariable tells the process in the namespaces where the files are.
const dirVariable = "QUORUMD_CHAOS_DIR"

func main() {
	var c chaos.Config
	flag.DurationVar(&c.Duration, "duration", 30*time.Minute, "how long to make faults")
	flag.Uint64Var(&c.Seed, "seed", 0, "what faults are drawn by; drawn itself when 0")
	flag.IntVar(&c.Servers, "servers", 5, "servers in the ensemble")
	flag.IntVar(&c.Clients, "clients", 20, "clients; every fourth uses github.com/go-zookeeper/zk")
	flag.IntVar(&c.Rate, "rate", 50, "calls per second of each client")
	flag.StringVar(&c.Faults, "faults", "", "kinds of faults, separated by commas; all when empty: "+strings.Join(chaos.FaultNames(), ","))
	keep := flag.Bool("keep", false, "keep the directory of logs and data when nothing is wrong, too")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "chaos: %q: no arguments are taken; see -help\n", flag.Args())
		os.Exit(2)
	}
	if c.Servers < 3 || c.Servers > 9 || c.Clients < 1 || c.Rate < 1 {
		fmt.Fprintln(os.Stderr, "chaos: -servers is 3 to 9, -clients and -rate are positive")
		os.Exit(2)
	}
	if err := chaos.CheckFaults(c.Faults); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if chaos.Isolated() {
		os.Exit(inside(c, *keep))
	}
	os.Exit(outside(*keep))
}

// outside prepares the directory and starts this program in its namespaces. The
// directory stays when something was wrong in there.
func outside(keep bool) int {
	if err := chaos.Able(); err != nil {
		return refuse(err)
	}
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return refuse(err)
	}
	code := start(dir)
	if keep || code == 1 || code == 2 {
		fmt.Printf("logs, histories and data are in %s\n", dir)
	} else if err := os.RemoveAll(dir); err != nil {
		return refuse(err)
	}
	return code
}

// refuse prints why there is no run and returns the code to end with.
func refuse(err error) int {
	if errors.Is(err, chaos.ErrUnavailable) {
		fmt.Println(err)
		return 77
	}
	fmt.Fprintln(os.Stderr, err)
	return 2
}

func start(dir string) int {
	binary := filepath.Join(dir, "quorumd")
	if err := chaos.Build(binary); err != nil {
		return refuse(err)
	}
	code, err := chaos.Isolate(dirVariable+"="+dir, "QUORUMD_TEST_BINARY="+binary)
	if err != nil {
		return refuse(err)
	}
	return code
}

// inside is the run itself.
func inside(c chaos.Config, keep bool) int {
	c.Dir, c.Keep = os.Getenv(dirVariable), keep
	begin := time.Now()
	if c.Seed == 0 {
		c.Seed = uint64(begin.UnixNano()) % 1e9
	}
	c.Logf = func(format string, args ...any) {
		fmt.Printf("%7.1fs %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	fmt.Printf("seed %d; files in %s\n", c.Seed, c.Dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := chaos.Run(ctx, c)
	fmt.Print(report)
	if err != nil {
		fmt.Println(err)
	}
	switch {
	case len(report.Wrong) > 0:
		return 1
	case ctx.Err() != nil:
		return 130
	case err != nil:
		return 2
	}
	return 0
}
