package failover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// String is the report for people: a line of counts, one of gaps, and what was wrong.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d writes acknowledged, %d unknown, %d reads, %d connections, %d sessions expired\n",
		r.Acked, r.Unknown, r.Reads, r.Dials, r.Expired)
	fmt.Fprintf(&b, "no write at a kill: %s\n", summary(r.Gaps))
	if len(r.Returns) > 0 {
		fmt.Fprintf(&b, "no write at a return: %s\n", summary(r.Returns))
	}
	for _, by := range slices.Sorted(maps.Keys(r.By)) {
		fmt.Fprintf(&b, "rejoined by %s: %d\n", by, r.By[by])
	}
	if len(r.Wrong) == 0 {
		b.WriteString("no acknowledged write lost or reordered\n")
	}
	for _, text := range r.Wrong {
		fmt.Fprintf(&b, "WRONG %s\n", text)
	}
	return b.String()
}

func summary(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("median %v, worst %v of %d",
		sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond), len(sorted))
}
