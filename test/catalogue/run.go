package catalogue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Runner builds and runs tests and mutants.
type Runner struct {
	Root    string // of the module, absolute
	Workers int    // mutants under way at a time
	Timeout time.Duration
	Tests   bool // run the tests; else the simulator only
	Seeds   int  // of the simulator, 0 for none
	// SeedTime bounds one mutant's run of the simulator.
	SeedTime time.Duration
	Logf     func(format string, args ...any) // progress
}

// Result is what became of one mutant.
type Result struct {
	Row    *Row
	Number int // of the mutant in its row, from 1
	Test   Test
	Killed bool          // by Test, or there was no test to be run
	How    string        // failed, panicked, hung
	Took   time.Duration // to build and kill
	Seeds  int           // the simulator needed; 0 when it was not asked
	Beyond bool          // the simulator did not find it within Seeds
	Err    error
}

// Mutant returns the mutant that the result is about.
func (r *Result) Mutant() *Mutant { return &r.Row.Mutants[r.Number-1] }

// Run runs the tests of rows as they are, and then against each mutant.
// Results are in the order of rows. The error joins what is wrong without a
// mutant: tests that fail or do not run.
func (r *Runner) Run(ctx context.Context, rows []Row) ([]Result, error) {
	var wrong error
	if r.Tests {
		wrong = r.unmutated(ctx, rows)
	}
	var results []Result
	for i := range rows {
		for m := range rows[i].Mutants {
			results = append(results, Result{Row: &rows[i], Number: m + 1, Killed: !r.Tests})
		}
	}
	var wg sync.WaitGroup
	next := make(chan *Result)
	for range max(1, r.Workers) {
		wg.Go(func() {
			for res := range next {
				r.mutant(ctx, res)
			}
		})
	}
	for i := range results {
		next <- &results[i]
	}
	close(next)
	wg.Wait()
	return results, errors.Join(wrong, ctx.Err())
}

// unmutated runs every test once, those of one package together.
func (r *Runner) unmutated(ctx context.Context, rows []Row) error {
	var packages []string
	tests := make(map[string][]string)
	for i := range rows {
		for _, t := range rows[i].Tests {
			if !slices.Contains(packages, t.Package) {
				packages = append(packages, t.Package)
			}
			tests[t.Package] = append(tests[t.Package], t.Name)
		}
	}
	var wrong []error
	for _, pkg := range packages {
		names := tests[pkg]
		slices.Sort(names)
		names = slices.Compact(names)
		out, _ := r.goTest(ctx, pkg, names)
		for _, name := range names {
			if !strings.Contains(out, "--- PASS: "+name+" ") {
				wrong = append(wrong, fmt.Errorf("%s %s does not pass as the source stands:\n%s", pkg, name, tail(out)))
			}
		}
		r.Logf("%s: %d tests as they stand", pkg, len(names))
	}
	return errors.Join(wrong...)
}

// goTest runs tests of a package and returns what was printed.
func (r *Runner) goTest(ctx context.Context, pkg string, names []string, flags ...string) (string, error) {
	args := append([]string{"test", "-count=1", "-v", "-vet=off", "-timeout", r.Timeout.String(),
		"-run", "^(" + strings.Join(names, "|") + ")$"}, flags...)
	return r.command(ctx, "go", append(args, pkg)...)
}

func (r *Runner) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.Root
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mutant runs one mutant through tests and simulator.
func (r *Runner) mutant(ctx context.Context, res *Result) {
	dir, err := os.MkdirTemp("", "mutant-")
	if err == nil {
		defer os.RemoveAll(dir) //nolint:errcheck // of the system's own temporary files
		err = r.attack(ctx, res, dir)
	}
	if err != nil {
		res.Err = fmt.Errorf("%s:%d: mutant %d of %s: %w", res.Row.Path, res.Mutant().line, res.Number, res.Row.ID, err)
	}
	switch {
	case res.Err != nil:
		r.Logf("%s %d: error", res.Row.ID, res.Number)
	case !res.Killed:
		r.Logf("%s %d: survived", res.Row.ID, res.Number)
	default:
		r.Logf("%s %d: %s%s", res.Row.ID, res.Number, res.killedIn(), res.seedsSuffix())
	}
}

func (r *Runner) attack(ctx context.Context, res *Result, dir string) error {
	overlay, err := res.Mutant().writeOverlay(res.Row.Path, r.Root, dir)
	if err != nil {
		return err
	}
	if r.Tests {
		begun := time.Now()
		for _, t := range res.Row.Tests {
			out, err := r.goTest(ctx, t.Package, []string{t.Name}, "-overlay", overlay)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			how, jerr := judge(out, t.Name, err != nil)
			if jerr != nil {
				return fmt.Errorf("%s: %w", t, jerr)
			}
			if how != "" {
				res.Killed, res.How, res.Test, res.Took = true, how, t, time.Since(begun)
				break
			}
		}
	}
	if r.Seeds > 0 && res.Row.NotSimulated == "" {
		return r.simulate(ctx, res, overlay, filepath.Join(dir, "quorumd"))
	}
	return nil
}

// judge reads the output of a mutated test: how it failed, "" if it passed. A
// mutant that does not build, or a test that did not run, is an error: neither
// shows that the test sees the bug.
func judge(out, name string, failed bool) (string, error) {
	switch {
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return "", fmt.Errorf("it does not build; correct its text:\n%s", tail(out))
	case !strings.Contains(out, "=== RUN   "+name+"\n"):
		return "", fmt.Errorf("the test did not run:\n%s", tail(out))
	case strings.Contains(out, "--- SKIP: "+name+" "):
		return "", fmt.Errorf("the test was skipped:\n%s", tail(out))
	case !failed:
		return "", nil
	case strings.Contains(out, "panic: test timed out"):
		return "hung", nil
	case strings.Contains(out, "\npanic: ") || strings.Contains(out, "\nfatal error: "):
		return "panicked", nil
	case strings.Contains(out, "--- FAIL: "+name+" "):
		return "failed", nil
	}
	return "", fmt.Errorf("the process failed, the test did not:\n%s", tail(out))
}

// tail is the end of an output, indented.
func tail(out string) string {
	const most = 30
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return "\t" + strings.Join(lines, "\n\t")
}
