// Command cmd runs the catalogue of known bugs: each row's tests must pass, and
// must fail with each of the row's mutants in place. See package catalogue.
//
//	go run ./test/catalogue/cmd -run '^ZK-46' -seeds 500
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/test/catalogue"
)

type options struct {
	run    string
	write  string
	record string
	check  bool
	runner catalogue.Runner
}

func main() {
	var o options
	flag.StringVar(&o.run, "run", "", "run the rows whose id matches this regular expression; - for none")
	flag.IntVar(&o.runner.Seeds, "seeds", 0, "give each mutant to the random simulator with so many seeds, and note in the record how many it needed")
	flag.IntVar(&o.runner.Workers, "workers", runtime.GOMAXPROCS(0), "mutants under way at a time")
	flag.BoolVar(&o.runner.Tests, "tests", true, "run the tests; without them the simulator only")
	flag.DurationVar(&o.runner.Timeout, "timeout", 2*time.Minute, "of one test; a mutant that hangs it is killed")
	flag.DurationVar(&o.runner.SeedTime, "seedtime", 30*time.Minute, "bound of one mutant's run of the simulator")
	flag.StringVar(&o.write, "write", "", "renew the table in this document")
	flag.StringVar(&o.record, "record", "", "file of the record (default "+catalogue.RecordFile+")")
	flag.BoolVar(&o.check, "check", false, "fail if a row is missing or "+catalogue.DocumentFile+" is not up to date")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "catalogue: %q: no arguments are taken; did you mean -run %s?\n", flag.Args(), flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if o.record == "" {
		o.record = filepath.Join(root, filepath.FromSlash(catalogue.RecordFile))
	}
	all, err := catalogue.Load(root)
	if err != nil {
		return err
	}
	rows, err := chosen(all, o.run)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := rows[i].CheckSource(root); err != nil {
			return err
		}
	}
	record, err := catalogue.ReadRecord(o.record)
	if err != nil {
		return err
	}
	o.runner.Root = root
	o.runner.Logf = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	results, wrong := o.runner.Run(ctx, rows)
	if err := catalogue.WriteResults(os.Stdout, results); err != nil {
		return err
	}
	if o.runner.Seeds > 0 {
		record = catalogue.Update(record, all, results)
		if err := catalogue.WriteRecord(o.record, record); err != nil {
			return err
		}
	}
	if o.write != "" {
		if err := catalogue.WriteDocument(o.write, all, record); err != nil {
			return err
		}
	}
	if missing := catalogue.Missing(all); len(missing) > 0 {
		err := fmt.Errorf("%d rows are missing: %s", len(missing), strings.Join(missing, " "))
		fmt.Fprintln(os.Stderr, err)
		if o.check {
			wrong = errors.Join(wrong, err)
		}
	}
	if o.check {
		wrong = errors.Join(wrong, catalogue.CheckDocument(filepath.Join(root, catalogue.DocumentFile), all, record))
	}
	return errors.Join(wrong, verdict(results))
}

// chosen returns the rows whose id matches.
func chosen(rows []catalogue.Row, expr string) ([]catalogue.Row, error) {
	if expr == "-" {
		return nil, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var some []catalogue.Row
	for _, r := range rows {
		if re.MatchString(r.ID) {
			some = append(some, r)
		}
	}
	if len(some) == 0 && expr != "" {
		return nil, fmt.Errorf("-run: no row's id matches %s; the rows are in %s", expr, catalogue.Dir)
	}
	return some, nil
}

// verdict joins what went wrong with mutants.
func verdict(results []catalogue.Result) error {
	var wrong []error
	for i := range results {
		r := &results[i]
		switch {
		case r.Err != nil:
			wrong = append(wrong, r.Err)
		case !r.Killed:
			wrong = append(wrong, fmt.Errorf("%s: mutant %d of %s survived its tests: %s", r.Row.Path, r.Number, r.Row.ID, r.Mutant().What))
		}
	}
	return errors.Join(wrong...)
}

// moduleRoot finds the folder of go.mod, from here upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod here or above; run the command inside the module")
		}
	}
	return "", err
}
