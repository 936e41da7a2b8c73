package harness

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// logLines is how much of every server's log a failed test shows.
const logLines = 40

// Run starts an ensemble of the chosen software for one test. The test is
// skipped where the software is not installed; the servers are killed at the
// test's end, and their logs shown if it failed.
func Run(t testing.TB, o Options) *Ensemble {
	t.Helper()
	software, err := Chosen()
	if err != nil {
		t.Fatal(err)
	}
	return RunSoftware(t, software, o)
}

// RunSoftware is Run with a given software.
func RunSoftware(t testing.TB, software Software, o Options) *Ensemble {
	t.Helper()
	e, err := Start(t.TempDir(), software, o)
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Crashed(); err != nil {
			t.Error(err)
		}
		e.Stop()
		if !t.Failed() {
			return
		}
		for _, s := range e.Servers {
			t.Logf("server %d (%s), end of its log:\n%s", s.ID, s.Client, s.LogTail(logLines))
		}
	})
	return e
}

// Addresses returns the servers that QUORUMD_TEST_SERVERS names, or those of an
// ensemble started for the test.
func Addresses(t testing.TB) []string {
	t.Helper()
	if given := os.Getenv("QUORUMD_TEST_SERVERS"); given != "" {
		return strings.Split(given, ",")
	}
	return Run(t, Options{}).Addrs()
}
