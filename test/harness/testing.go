package harness

import (
	"errors"
	"fmt"
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

// Unharmed checks that everything is as it was, and that every server still
// takes a write and shows it.
func Unharmed(t testing.TB, e *Ensemble, leader *Server) {
	t.Helper()
	if err := e.Crashed(); err != nil {
		t.Fatal(err)
	}
	if err := e.WaitServing(); err != nil {
		t.Fatal(err)
	}
	for _, s := range e.Servers {
		if (s == leader) != (s.Mode() == "leader") {
			t.Errorf("server %d is %q; server %d led before", s.ID, s.Mode(), leader.ID)
		}
		if err := writeAndRead(s.Client); err != nil {
			t.Errorf("server %d: %v", s.ID, err)
		}
	}
}

func writeAndRead(addr string) error {
	c, err := DialNew(addr)
	if err != nil {
		return err
	}
	made, err := c.Must(Create("/unharmed-", []byte(addr), Sequential))
	if err != nil {
		return err
	}
	path, err := made.Data()
	if err != nil {
		return err
	}
	read, err := c.Must(GetData(string(path), false))
	if err != nil {
		return err
	}
	if data, err := read.Data(); err != nil || string(data) != addr {
		return fmt.Errorf("harness: wrote %q, read %q: %w", addr, data, err)
	}
	return c.Close()
}
