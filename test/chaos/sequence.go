package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// numbered is a sequential node whose creation was acknowledged.
type numbered struct {
	path       string
	call, back time.Duration
}

// number is the ten digits that the servers put at the end.
func (n numbered) number() int {
	const digits = 10
	if len(n.path) < digits {
		return -1
	}
	number, err := strconv.Atoi(n.path[len(n.path)-digits:])
	if err != nil {
		return -1
	}
	return number
}

// checkSequence wants numbers that are given once and rise with time: who asks
// after another one was answered gets a higher number (H4).
func checkSequence(made []numbered) []string {
	var wrong []string
	byCall, byBack := slices.Clone(made), slices.Clone(made)
	slices.SortFunc(byCall, func(a, b numbered) int { return cmp.Compare(a.call, b.call) })
	slices.SortFunc(byBack, func(a, b numbered) int { return cmp.Compare(a.back, b.back) })
	given := make(map[int]string)
	highest := numbered{}
	next := 0
	for _, n := range byCall {
		for ; next < len(byBack) && byBack[next].back < n.call; next++ {
			if highest.path == "" || byBack[next].number() > highest.number() {
				highest = byBack[next]
			}
		}
		switch other, twice := given[n.number()]; {
		case n.number() < 0:
			wrong = append(wrong, fmt.Sprintf("H4: %s has no number", n.path))
		case twice:
			wrong = append(wrong, fmt.Sprintf("H4: %s was made twice, also as %s", n.path, other))
		case highest.path != "" && highest.number() > n.number():
			wrong = append(wrong, fmt.Sprintf("H4: %s was asked for after %s was answered", n.path, highest.path))
		}
		given[n.number()] = n.path
	}
	return wrong
}
