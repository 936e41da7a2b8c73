package failover

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/quorumd/quorumd/test/harness"
)

// tailWrites are sent to a leader whose followers stand still.
const tailWrites = 50

// withTail is one round of KillWithTail. The followers are made to stand still
// before they are killed: a leader whose followers are gone soon gives up, and
// would log nothing.
func (r *run) withTail(n int) error {
	leader, err := r.ensemble.Leader()
	if err != nil {
		return err
	}
	followers := r.ensemble.Followers(leader)
	r.track.mark()
	if err := r.growTail(n, leader, followers); err != nil {
		return err
	}
	for _, s := range followers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	if err := r.ensemble.WaitServing(); err != nil {
		return err
	}
	if err := r.steady(); err != nil {
		return err
	}
	gap := r.track.gap()
	r.report.Gaps = append(r.report.Gaps, gap)
	return r.comeBack(n, leader, gap)
}

// growTail leaves everything killed, with writes in the leader's log alone.
func (r *run) growTail(n int, leader *harness.Server, followers []*harness.Server) error {
	conn, err := harness.DialNew(leader.Client)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Abort() }() // its server is killed
	for _, s := range followers {
		if err := s.Suspend(); err != nil {
			return err
		}
	}
	var path string
	for i := range tailWrites {
		path = fmt.Sprintf("%s/tail-%d-%d", base, n, i)
		r.tails = append(r.tails, path)
		if _, err := conn.Send(harness.Create(path, nil, harness.Persistent)); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	err = harness.Poll(steadyLimit, "the leader's log holding "+path, func() (bool, error) {
		return logged(leader, path)
	})
	if err != nil {
		return err
	}
	for _, s := range append(followers, leader) {
		if err := s.Kill(); err != nil {
			return err
		}
	}
	if reply, err := conn.Next(); err == nil && reply.Err() == nil {
		r.report.Wrong = append(r.report.Wrong, "F9: a write was acknowledged that only the leader had")
	}
	return nil
}

// logged tells whether the text stands in one of the server's files.
func logged(s *harness.Server, text string) (found bool, err error) {
	err = filepath.WalkDir(s.DataDir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || found || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = bytes.Contains(data, []byte(text))
		return err
	})
	return found, err
}

// gone checks that a server has none of the writes that only a leader had.
func gone(conn *harness.Raw, addr string, tails []string) ([]string, error) {
	var wrong []string
	for _, path := range tails {
		reply, err := conn.Do(harness.Exists(path, false))
		if err != nil {
			return nil, err
		}
		if reply.Code != harness.CodeNoNode {
			wrong = append(wrong, fmt.Sprintf("F9: %s: %s, which only a killed leader had, answers code %d", addr, path, reply.Code))
		}
	}
	return wrong[:min(len(wrong), maxViolations)], nil
}
