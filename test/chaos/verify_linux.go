package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

// verifier reads everything back from each server, over connections that go to
// that server alone.
type verifier struct {
	cluster *cluster
	ledger  *ledger
	remains []remains
}

// verify is called when nobody writes any more, and long enough after the last
// session ended for its ephemeral nodes to be gone.
func (v *verifier) verify(timeout time.Duration) (wrong []string, err error) {
	for _, s := range v.cluster.Servers {
		found, err := v.server(s, timeout)
		if err != nil {
			return wrong, fmt.Errorf("chaos: reading back from server %d: %w", s.ID, err)
		}
		for _, text := range found {
			wrong = append(wrong, fmt.Sprintf("server %d: %s", s.ID, text))
		}
	}
	difference, err := v.cluster.Compare(recoveryLimit)
	if difference != "" {
		wrong = append(wrong, "H8: "+difference)
	}
	return wrong, err
}

func (v *verifier) server(s *harness.Server, timeout time.Duration) ([]string, error) {
	conn, err := harness.DialNew(s.Client)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // what matters has been read
	if _, err := conn.Must(harness.Sync(root)); err != nil {
		return nil, err
	}
	var wrong []string
	for _, r := range v.remains {
		found, err := checkRemains(conn, r)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, found...)
	}
	there, err := ephemeralsOf(conn)
	if err != nil {
		return nil, err
	}
	return append(wrong, v.ledger.compare(there, time.Now(), timeout)...), nil
}

// ephemeralsOf are the ephemeral nodes that a server has, with their owners.
func ephemeralsOf(conn *harness.Raw) (map[string]int64, error) {
	reply, err := conn.Must(harness.GetChildren(ephemRoot, false))
	if err != nil {
		return nil, err
	}
	names, err := reply.Names()
	if err != nil {
		return nil, err
	}
	there := make(map[string]int64)
	for _, name := range names {
		reply, err := conn.Do(harness.Exists(ephemRoot+"/"+name, false))
		if err != nil {
			return nil, err
		}
		if reply.Code == harness.CodeNoNode {
			continue // it went meanwhile
		}
		st, err := reply.Stat()
		if err != nil {
			return nil, err
		}
		there[ephemRoot+"/"+name] = st.EphemeralOwner
	}
	return there, nil
}

// checkRemains holds what one server has of a generation against what must be
// there: nothing acknowledged is lost, nothing is undone (H5).
func checkRemains(conn *harness.Raw, r remains) ([]string, error) {
	var wrong []string
	read := func(path string) (value string, version int32, there bool, err error) {
		reply, err := conn.Do(harness.GetData(path, false))
		if err != nil {
			return "", 0, false, err
		}
		if reply.Code == harness.CodeNoNode {
			return "", 0, false, nil
		}
		if err := reply.Err(); err != nil {
			return "", 0, false, err
		}
		data, err := reply.Data()
		if err != nil {
			return "", 0, false, err
		}
		st, err := reply.Stat()
		return string(data), st.Version, true, err
	}
	for _, path := range slices.Sorted(maps.Keys(r.registers)) {
		value, version, there, err := read(path)
		if err != nil {
			return nil, err
		}
		if text := judgeRegister(r.registers[path], value, version, there); text != "" {
			wrong = append(wrong, path+" "+text)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(r.nodes)) {
		value, _, _, err := read(path)
		if err != nil {
			return nil, err
		}
		if want := r.nodes[path]; value != want {
			wrong = append(wrong, fmt.Sprintf("H5: %s holds %q at the end, %q was certain (empty is absent)", path, value, want))
		}
	}
	reply, err := conn.Must(harness.GetChildren(r.queue, false))
	if err != nil {
		return nil, err
	}
	names, err := reply.Names()
	if err != nil {
		return nil, err
	}
	return append(wrong, missing(r.queue, r.made, names)...), nil
}

// drained checks what servers say of themselves when all clients have gone.
func (c *cluster) drained(ctx context.Context, limit time.Duration) []string {
	deadline := time.Now().Add(limit)
	for {
		var wrong []string
		for _, s := range c.Servers {
			figures, err := s.Figures()
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("H9: server %d: %v", s.ID, err))
				continue
			}
			for name, most := range map[string]string{
				"num_alive_connections": "1", "watch_count": "0", "ephemerals_count": "0",
				"outstanding_requests": "0", "quorumd_pending_requests": "0", "global_sessions": "0",
			} {
				if got := figures[name]; got != most && got != "0" {
					wrong = append(wrong, fmt.Sprintf("H9: server %d has %s %s with no client left", s.ID, name, got))
				}
			}
		}
		if len(wrong) == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			return wrong
		}
		pause(ctx, 200*time.Millisecond)
	}
}
