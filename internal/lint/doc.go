// Package lint is the house rules as a test: go test ./internal/lint fails on
// any of them. It reads source with go/parser alone, so that it needs nothing
// that the module does not have.
//
//	imports   an import between two packages of the module must be an edge of
//	          the list in imports.go; imports point down, and what is not
//	          listed is refused
//	core      the packages that are stepped as values have no goroutines,
//	          channels, select, locks, clocks, timers, global randomness,
//	          files, sockets or logging
//	order     a range over a map in the core says beside it why the order does
//	          not show, since a map's order is random
//	size      a function has at most 70 lines, a file at most 500
//	sleep     a test waits for what it waits for, never for a time
//	leftover  no comment announces work that was not done
//
// Every check is a function of one parsed file, and has a test which shows a
// source that breaks it: a check that cannot fail checks nothing.
package lint
