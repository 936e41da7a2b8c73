package catalogue

import (
	"fmt"
	"io"
	"regexp"
	"text/tabwriter"
	"time"
)

// killedIn says what became of the mutant in its tests.
func (r *Result) killedIn() string {
	switch {
	case r.Err != nil:
		return "error"
	case !r.Killed:
		return "SURVIVED"
	case r.How == "":
		return "not run"
	}
	return fmt.Sprintf("%s (%s)", within(r.Took, r.Ran), r.How)
}

// within writes how long something took, and a part of it.
func within(all, part time.Duration) string { return fmt.Sprintf("%s, %s", round(all), round(part)) }

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

var testTimes = regexp.MustCompile(`(?m)^(?:ok  |FAIL)\t\S+\t([0-9.]+)s`)

// testTime reads how long the tests ran from what go test printed.
func testTime(out string) time.Duration {
	var sum time.Duration
	for _, m := range testTimes.FindAllStringSubmatch(out, -1) {
		d, _ := time.ParseDuration(m[1] + "s") // the expression admits numbers
		sum += d
	}
	return sum
}

// spent sums up where the time of the mutants went.
func spent(results []Result, wall time.Duration) string {
	var took, ran time.Duration
	for i := range results {
		took += results[i].Took
		ran += results[i].Ran
	}
	return fmt.Sprintf("%d mutants: %s (all workers together: %s building, %s testing)", len(results), round(wall), round(took-ran), round(ran))
}

// WriteResults prints the table of a run.
func WriteResults(out io.Writer, results []Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tmutant\ttest\tkilled in, of it testing\tseeds")
	for i := range results {
		r := &results[i]
		test, seeds := r.Test.String(), r.seedsText()
		if r.How == "" {
			test = "-"
		}
		if seeds == "" {
			seeds = "-"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Row.ID, r.Number, test, r.killedIn(), seeds)
	}
	return w.Flush()
}
