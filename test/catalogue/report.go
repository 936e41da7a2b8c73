package catalogue

import (
	"fmt"
	"io"
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
	return fmt.Sprintf("%s (%s)", r.Took.Round(100*time.Millisecond), r.How)
}

// WriteResults prints the table of a run.
func WriteResults(out io.Writer, results []Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tmutant\ttest\tkilled in\tseeds")
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
