package config

import (
	"slices"
	"strings"
)

// similar returns the known key that differs from name by case or by at most
// two edits, "" when there is none.
func (l *loader) similar(name string) string {
	if len(name) > 64 {
		return ""
	}
	var names []string
	for key := range l.acted {
		names = append(names, key)
	}
	for key := range l.known {
		names = append(names, key)
	}
	names = append(names, "clientPort", "clientPortAddress", "peerType", "dynamicConfigFile", "standaloneEnabled")
	slices.Sort(names)
	best, bestDistance := "", 3
	for _, key := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(key)); d < bestDistance && d*2 < len(name) {
			best, bestDistance = key, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or change to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
