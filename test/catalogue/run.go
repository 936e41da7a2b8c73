package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	Ran    time.Duration // of Took: the tests themselves, the rest is building
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
	if r.Tests && len(rows) > 0 {
		begun := time.Now()
		wrong = r.unmutated(ctx, rows)
		r.Logf("the tests as they stand: %s", round(time.Since(begun)))
	}
	var results []Result
	for i := range rows {
		for m := range rows[i].Mutants {
			results = append(results, Result{Row: &rows[i], Number: m + 1, Killed: !r.Tests})
		}
	}
	begun := time.Now()
	r.each(len(results), func(i int) { r.mutant(ctx, &results[i]) })
	if len(results) > 0 {
		r.Logf("%s", spent(results, time.Since(begun)))
	}
	return results, errors.Join(wrong, ctx.Err())
}

// each calls do with 0 to n-1, by as many workers as there are.
func (r *Runner) each(n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range max(1, r.Workers) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// unmutated runs every test once, those of one package together.
func (r *Runner) unmutated(ctx context.Context, rows []Row) error {
	var all []Test
	for i := range rows {
		all = append(all, rows[i].Tests...)
	}
	order, names := builds(all)
	wrong := make([]error, len(order))
	r.each(len(order), func(i int) {
		b, begun := order[i], time.Now()
		out, _ := r.goTest(ctx, b, names[b])
		for _, name := range names[b] {
			if !strings.Contains(out, "--- PASS: "+name+" ") {
				wrong[i] = errors.Join(wrong[i], fmt.Errorf("%s %s does not pass as the source stands:\n%s", b, name, tail(out)))
			}
		}
		r.Logf("%s: %d tests as they stand, %s of them running", b, len(names[b]), within(time.Since(begun), testTime(out)))
	})
	return errors.Join(wrong...)
}

// goTest runs tests of a package and returns what was printed.
func (r *Runner) goTest(ctx context.Context, b build, names []string, flags ...string) (string, error) {
	args := append([]string{"test", "-count=1", "-v", "-vet=off", "-timeout", r.Timeout.String(),
		"-tags", b.tags, "-run", "^(" + strings.Join(names, "|") + ")$"}, flags...)
	return r.command(ctx, "go", append(args, b.pkg)...)
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
		order, names := builds(res.Row.Tests)
		for _, b := range order {
			out, err := r.goTest(ctx, b, names[b], "-failfast", "-overlay", overlay)
			res.Ran += testTime(out)
			res.Took = time.Since(begun)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			name, how, jerr := judge(out, names[b], err != nil)
			if jerr != nil {
				return fmt.Errorf("%s: %w", b, jerr)
			}
			if how != "" {
				res.Killed, res.How, res.Test = true, how, Test{Package: b.pkg, Name: name, Tags: b.tags}
				break
			}
		}
	}
	if r.Seeds > 0 && res.Row.notSimulated(res.Mutant()) == "" {
		return r.simulate(ctx, res, overlay, filepath.Join(dir, "quorumd"))
	}
	return nil
}

// judge reads the output of tests with a mutant in place: which one failed, and
// how, "" if they passed. A mutant that does not build, or a test that did not
// run, is an error: neither shows that the test sees the bug.
func judge(out string, names []string, failed bool) (name, how string, err error) {
	if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
		return "", "", fmt.Errorf("it does not build; correct its text:\n%s", tail(out))
	}
	begun := "" // the last of them
	for _, m := range testBegun.FindAllStringSubmatch(out, -1) {
		if slices.Contains(names, m[1]) {
			begun = m[1]
		}
	}
	for _, n := range names {
		switch {
		case begun == "" || !failed && !strings.Contains(out, "=== RUN   "+n+"\n"):
			return "", "", fmt.Errorf("%s did not run:\n%s", n, tail(out))
		case strings.Contains(out, "--- SKIP: "+n+" "):
			return "", "", fmt.Errorf("%s was skipped:\n%s", n, tail(out))
		case strings.Contains(out, "--- FAIL: "+n+" "):
			name = n
		}
	}
	switch {
	case !failed:
		return "", "", nil
	case strings.Contains(out, "panic: test timed out"):
		return cmp.Or(name, begun), "hung", nil
	case strings.Contains(out, "\npanic: ") || strings.Contains(out, "\nfatal error: "):
		return cmp.Or(name, begun), "panicked", nil
	case name != "":
		return name, "failed", nil
	}
	return "", "", fmt.Errorf("the process failed, the tests did not:\n%s", tail(out))
}

var testBegun = regexp.MustCompile(`(?m)^=== (?:RUN|CONT) +(\S+)$`)

// tail is the end of an output, indented.
func tail(out string) string {
	const most = 30
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return "\t" + strings.Join(lines, "\n\t")
}
