package catalogue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// RecordFile is where the record is, relative to the module's root.
const RecordFile = Dir + "/detect.txt"

// Detection is a line of the record: what the simulator needed for one mutant.
type Detection struct {
	ID     string
	Number int    // of the mutant in its row, from 1
	Seeds  string // a number, or > and a number
	What   string // the mutant's sentence
}

func (d Detection) String() string {
	return fmt.Sprintf("%s %d %s %s", d.ID, d.Number, d.Seeds, d.What)
}

var detectionForm = regexp.MustCompile(`^(\S+) ([1-9][0-9]*) (>?[1-9][0-9]*) (\S.*)$`)

// ReadRecord reads the record; one that does not exist is empty.
func ReadRecord(path string) ([]Detection, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return parseRecord(path, string(b))
}

func parseRecord(path, text string) ([]Detection, error) {
	var all []Detection
	for i, line := range strings.Split(text, "\n") {
		if line == "" {
			continue
		}
		m := detectionForm.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("%s:%d: %q is no line of the record; write id, number of the mutant, seeds, sentence, or run the command with -seeds", path, i+1, line)
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		all = append(all, Detection{ID: m[1], Number: n, Seeds: m[3], What: m[4]})
	}
	return all, nil
}

// Update puts new results in place of old lines. Lines of mutants that no row
// has any more go; so do those whose sentence is another, for they were
// measured with another bug.
func Update(record []Detection, rows []Row, results []Result) []Detection {
	var kept []Detection
	for _, d := range record {
		if m := mutantOf(rows, d.ID, d.Number); m != nil && m.What == d.What && !measured(results, d) {
			kept = append(kept, d)
		}
	}
	for i := range results {
		if r := &results[i]; r.Err == nil && r.Seeds > 0 {
			kept = append(kept, Detection{ID: r.Row.ID, Number: r.Number, Seeds: r.seedsText(), What: r.Mutant().What})
		}
	}
	slices.SortFunc(kept, func(a, b Detection) int {
		if c := compareIDs(a.ID, b.ID); c != 0 {
			return c
		}
		return a.Number - b.Number
	})
	return kept
}

func measured(results []Result, d Detection) bool {
	return slices.ContainsFunc(results, func(r Result) bool {
		return r.Row.ID == d.ID && r.Number == d.Number && r.Err == nil && r.Seeds > 0
	})
}

func mutantOf(rows []Row, id string, number int) *Mutant {
	for i := range rows {
		if rows[i].ID == id && number <= len(rows[i].Mutants) {
			return &rows[i].Mutants[number-1]
		}
	}
	return nil
}

// WriteRecord writes the record.
func WriteRecord(path string, record []Detection) error {
	var b strings.Builder
	for _, d := range record {
		fmt.Fprintln(&b, d)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	return nil
}
