package harness

import (
	"fmt"
	"time"
)

const pollInterval = 10 * time.Millisecond

// Poll asks until done says yes, an error ends it, or the time is up; what is
// named in the error of the last case.
func Poll(limit time.Duration, what string, done func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("harness: %s: not within %v", what, limit)
		}
		time.Sleep(pollInterval)
	}
}
