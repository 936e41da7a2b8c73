package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Figures asks a server for mntr and returns its lines by name, without "zk_".
func (s *Server) Figures() (map[string]string, error) {
	text, err := s.Word("mntr")
	if err != nil {
		return nil, err
	}
	figures := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		figures[strings.TrimPrefix(name, "zk_")] = value
	}
	return figures, nil
}

// Figure is one number of mntr.
func (s *Server) Figure(name string) (int64, error) {
	figures, err := s.Figures()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(figures[name], 0, 64)
	if err != nil {
		return 0, fmt.Errorf("harness: server %d: mntr: %s: %w", s.ID, name, err)
	}
	return n, nil
}

// Compare waits until all servers have applied the same history, then tells in
// what their states differ; empty for nothing. Nobody may be writing. Only
// quorumd says what its state is: with other software nothing is compared.
func (e *Ensemble) Compare(limit time.Duration) (difference string, err error) {
	if e.Software.Name() != quorumd.Name() {
		return "", nil
	}
	err = Poll(limit, "the same zxid applied by all servers", func() (bool, error) {
		difference = ""
		var zxid, digest string
		for i, s := range e.Servers {
			f, err := s.Figures()
			if err != nil || f["quorumd_digest"] == "" {
				return false, e.Crashed() // not serving at the moment
			}
			if i == 0 {
				zxid, digest = f["quorumd_applied_zxid"], f["quorumd_digest"]
			}
			if f["quorumd_applied_zxid"] != zxid {
				return false, nil
			}
			if f["quorumd_digest"] != digest {
				difference = fmt.Sprintf("at zxid %s server %d has digest %s, server %d %s",
					zxid, e.Servers[0].ID, digest, s.ID, f["quorumd_digest"])
			}
		}
		return true, nil
	})
	return difference, err
}

// Event is what tests look for in a line of quorumd's log.
type Event struct {
	Message string
	By      string // of "synchronising": DIFF, TRUNC or SNAP
}

// Events are the lines that the newest process of a quorumd has logged.
func (s *Server) Events() ([]Event, error) {
	text, err := os.ReadFile(s.LogFile())
	if err != nil {
		return nil, fmt.Errorf("harness: server %d: %w", s.ID, err)
	}
	var events []Event
	for line := range strings.Lines(string(text[s.logFrom:])) {
		var ev Event
		if json.Unmarshal([]byte(line), &ev) == nil {
			events = append(events, ev)
		}
	}
	return events, nil
}
