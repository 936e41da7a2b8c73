package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// episode is one fault as it was seen.
type episode struct {
	number   int
	kind     string
	note     string        // what exactly was done
	took     time.Duration // from the beginning of the trouble to its end
	gap      time.Duration // longest time without an acknowledged write
	recovery time.Duration // from the end of the trouble until all serve again
}

func (e episode) String() string {
	return fmt.Sprintf("fault %3d %-16s %6.1fs, no write for %6.2fs, all serve after %6.2fs: %s",
		e.number, e.kind, e.took.Seconds(), e.gap.Seconds(), e.recovery.Seconds(), e.note)
}

// Report is what one run saw.
type Report struct {
	Seed       uint64
	episodes   []episode
	acked      int
	reads      int64
	watches    int64
	sessions   int64
	expired    int64
	dials      int64 // connections that clients tried
	packets    int64
	lost       int64
	operations int
	unknown    int
	glances    int
	keys       int
	undecided  int
	illegal    int
	growth     []string
	goroutines string
	Wrong      []string // everything that broke a rule; empty is the pass
}

// add takes in one generation's findings.
func (r *Report) add(f finding) {
	r.operations += f.operations
	r.unknown += f.unknown
	r.glances += f.glances
	r.keys += f.keys
	r.undecided += len(f.undecided)
	r.illegal += len(f.illegal)
	r.Wrong = append(r.Wrong, f.wrong...)
}

func (r *Report) String() string {
	var b strings.Builder
	r.table(&b)
	fmt.Fprintf(&b, "%d writes acknowledged, %d plain reads, %d watches, %d sessions of which %d expired, over %d connections; %d packets carried, %d lost\n",
		r.acked, r.reads, r.watches, r.sessions, r.expired, r.dials, r.packets, r.lost)
	fmt.Fprintf(&b, "linearizability: %d nodes with %d operations, %d of unknown outcome: %d illegal, %d undecided; %d reads of sessions held against all writes\n",
		r.keys, r.operations, r.unknown, r.illegal, r.undecided, r.glances)
	for _, line := range r.growth {
		fmt.Fprintln(&b, line)
	}
	if r.goroutines != "" {
		fmt.Fprintln(&b, r.goroutines)
	}
	for _, text := range r.Wrong {
		fmt.Fprintf(&b, "WRONG: %s\n", text)
	}
	fmt.Fprintf(&b, "%d things wrong; seed %d\n", len(r.Wrong), r.Seed)
	return b.String()
}

// table has a line for every kind of fault that was there.
func (r *Report) table(b *strings.Builder) {
	fmt.Fprintf(b, "%-17s %5s  %-20s  %-20s\n%-17s %5s  %9s %9s   %9s %9s\n",
		"", "", "no write for", "all serve after", "kind", "times", "median", "worst", "median", "worst")
	kinds := make(map[string][]episode)
	var names []string
	for _, e := range r.episodes {
		if kinds[e.kind] == nil {
			names = append(names, e.kind)
		}
		kinds[e.kind] = append(kinds[e.kind], e)
	}
	slices.Sort(names)
	for _, name := range names {
		var gaps, recoveries []time.Duration
		for _, e := range kinds[name] {
			gaps, recoveries = append(gaps, e.gap), append(recoveries, e.recovery)
		}
		fmt.Fprintf(b, "%-17s %5d  %8.2fs %8.2fs   %8.2fs %8.2fs\n", name, len(gaps),
			median(gaps).Seconds(), slices.Max(gaps).Seconds(), median(recoveries).Seconds(), slices.Max(recoveries).Seconds())
	}
}

// median is the upper one of an even number.
func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}
