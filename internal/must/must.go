// Package must holds the assertions that stay on in production: a broken
// invariant ends the process with its number before it can reach a disk or a
// peer. The message names the invariant as the package's documentation does.
package must

import "fmt"

// Hold panics with the invariant's name and the formatted detail unless ok.
func Hold(ok bool, invariant, format string, args ...any) {
	if !ok {
		Fail(invariant, format, args...)
	}
}

// Fail panics with the invariant's name and the formatted detail.
func Fail(invariant, format string, args ...any) {
	panic(fmt.Sprintf("invariant %s broken: ", invariant) + fmt.Sprintf(format, args...))
}
