package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// line is one measurement for people.
func (r result) line(w workload) string {
	text := fmt.Sprintf("%-10s %9.0f/s  p50 %8s  p99 %8s", w.name(), r.perSecond, short(r.p50), short(r.p99))
	if r.memory > 0 {
		text += fmt.Sprintf("  cpu %7s/op  memory %4d MB", short(r.cpuPerOp), r.memory>>20)
	}
	if r.stalls > 0 {
		text += fmt.Sprintf("  STALLS %d", r.stalls)
	}
	return text
}

func short(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%.1fus", float64(d)/float64(time.Microsecond))
	}
	return fmt.Sprintf("%.2fms", float64(d)/float64(time.Millisecond))
}

// table gathers the rounds of every software.
type table struct {
	names []string
	rows  map[string][]result // by software and workload
}

func newTable(names []string) *table {
	return &table{names: names, rows: make(map[string][]result)}
}

func (t *table) add(name string, w workload, r result) {
	key := name + " " + w.name()
	t.rows[key] = append(t.rows[key], r)
}

// line is the medians of a workload, one software below the other, and how the
// first compares to each of the others: above 1 the first is better.
func (t *table) line(w workload) string {
	var lines []string
	var first result
	for i, name := range t.names {
		m := medians(t.rows[name+" "+w.name()])
		text := m.line(w)
		if len(t.names) > 1 {
			text = fmt.Sprintf("%-10s %s", name, text)
		}
		if i == 0 {
			first = m
		} else {
			text += fmt.Sprintf("  | %s: %.2f x ops, 1/%.2f p50, 1/%.2f p99, 1/%.2f cpu", t.names[0],
				ratio(first.perSecond, m.perSecond), ratio(float64(m.p50), float64(first.p50)),
				ratio(float64(m.p99), float64(first.p99)), ratio(float64(m.cpuPerOp), float64(first.cpuPerOp)))
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func medians(rounds []result) result {
	return result{
		perSecond: median(rounds, func(r result) float64 { return r.perSecond }),
		p50:       median(rounds, func(r result) time.Duration { return r.p50 }),
		p99:       median(rounds, func(r result) time.Duration { return r.p99 }),
		cpuPerOp:  median(rounds, func(r result) time.Duration { return r.cpuPerOp }),
		memory:    median(rounds, func(r result) int64 { return r.memory }),
		stalls:    int(median(rounds, func(r result) int64 { return int64(r.stalls) })),
	}
}

// median of one figure over the rounds; of an even number the lower middle, 0 of none.
func median[T ~int64 | ~float64](rounds []result, figure func(result) T) T {
	if len(rounds) == 0 {
		return 0
	}
	all := make([]T, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
