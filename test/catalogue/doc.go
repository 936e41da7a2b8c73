// Package catalogue keeps the known bugs of other coordination services. Each is
// a row: what went wrong there, the rule that excludes it here, the test of that
// rule, and mutants. A mutant is the bug itself, laid over the source when the
// test is built (go build -overlay), so that the program never holds it. A test
// that passes with the bug in place tests nothing; the command runs them all:
//
//	go run ./test/catalogue/cmd                  every test, every mutant
//	go run ./test/catalogue/cmd -run ZK-4646     one row
//	go run ./test/catalogue/cmd -seeds 2000      also: how many seeds does the random simulator need?
//	go run ./test/catalogue/cmd -run - -write docs/RELIABILITY.md    the table anew, nothing run
//
// # A row
//
// One file each, testdata/catalogue/<id>.row:
//
//	id: ZK-4646
//	section: 3.1
//	about: what went wrong there
//	rule: what excludes it here
//	test: ./sim TestZK4646
//	simulator: yes
//	mutant: the bug in a sentence
//	file: follower/follower.go
//	<<<<
//	whole lines as they stand in the source
//	====
//	the lines with the bug
//	>>>>
//
// "test" may be repeated: the package's folder, then a test whose name holds the
// id, then perhaps "-tags" and a tag. "simulator" is yes when random runs are expected to find the mutants, else
// "no: <reason>". Where it is yes, "simulator: no: <reason>" right behind the line of
// a mutant excepts that one. Each mutant has one or more files with one or more replacements,
// applied in order; each text must occur exactly once. What is between the marks
// is verbatim. A row that nothing here could break has "not applicable: <reason>"
// in place of test, simulator and mutants.
//
// # The record
//
// testdata/catalogue/detect.txt has a line for each mutant that was given to the
// simulator: id, number of the mutant, number of seeds needed (or > and the number
// that did not suffice), the mutant's sentence. When a number grows tenfold, the
// simulator has rotted.
package catalogue
