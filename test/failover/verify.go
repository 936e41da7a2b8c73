package failover

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/quorumd/quorumd/test/harness"
)

// readAhead is how many reads verification has under way.
const readAhead = 128

// view is what one server holds of one writer.
type view struct {
	number int           // the key's data
	nodes  map[int]int64 // number to czxid
}

// verify reads everything from every server and returns what is wrong (F3-F5, F9).
func verify(addrs []string, writers []*writer, tails []string) ([]string, error) {
	var wrong []string
	first := make([]view, len(writers))
	for i, addr := range addrs {
		conn, err := harness.DialNew(addr)
		if err != nil {
			return nil, err
		}
		if _, err := conn.Must(harness.Sync(base)); err != nil {
			return nil, fmt.Errorf("failover: sync on %s: %w", addr, err)
		}
		for j, w := range writers {
			v, err := look(conn, w)
			if err != nil {
				return nil, fmt.Errorf("failover: reading from %s: %w", addr, err)
			}
			for _, text := range w.compare(v) {
				wrong = append(wrong, addr+": "+text)
			}
			if i == 0 {
				first[j] = v
			} else if text := differ(first[j], v); text != "" {
				wrong = append(wrong, fmt.Sprintf("F5: writer %d: %s and %s differ: %s", w.id, addrs[0], addr, text))
			}
		}
		there, err := gone(conn, addr, tails)
		if err != nil {
			return nil, fmt.Errorf("failover: reading from %s: %w", addr, err)
		}
		wrong = append(wrong, there...)
		if err := conn.Close(); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// look reads all of one writer's nodes and its key.
func look(conn *harness.Raw, w *writer) (view, error) {
	v := view{nodes: make(map[int]int64)}
	reply, err := conn.Must(harness.GetData(w.key(), false))
	if err != nil {
		return v, err
	}
	data, err := reply.Data()
	if err != nil {
		return v, err
	}
	if v.number, err = strconv.Atoi(string(data)); err != nil {
		return v, err
	}
	if reply, err = conn.Must(harness.GetChildren(w.folder(), false)); err != nil {
		return v, err
	}
	names, err := reply.Names()
	if err != nil {
		return v, err
	}
	for chunk := range slices.Chunk(names, readAhead) {
		if err := lookNodes(conn, w, chunk, v.nodes); err != nil {
			return v, err
		}
	}
	return v, nil
}

func lookNodes(conn *harness.Raw, w *writer, names []string, nodes map[int]int64) error {
	for _, name := range names {
		if _, err := conn.Send(harness.Exists(w.folder()+"/"+name, false)); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	for _, name := range names {
		number, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		reply, err := conn.Next()
		if err == nil {
			err = reply.Err()
		}
		if err != nil {
			return fmt.Errorf("a listed node, %s: %w", name, err)
		}
		stat, err := reply.Stat()
		if err != nil {
			return err
		}
		nodes[number] = stat.Czxid
	}
	return nil
}

// compare holds what a server has against what the writer was told.
func (w *writer) compare(v view) []string {
	var wrong []string
	add := func(format string, args ...any) {
		if len(wrong) < maxViolations {
			wrong = append(wrong, fmt.Sprintf("writer %d: ", w.id)+fmt.Sprintf(format, args...))
		}
	}
	if v.number < w.set || v.number > w.sent {
		add("F4: the key holds %d; acknowledged were up to %d, sent up to %d", v.number, w.set, w.sent)
	}
	for _, number := range sortedKeys(w.created) {
		if got, ok := v.nodes[number]; !ok {
			add("F3: node %d, acknowledged with zxid %#x, is lost", number, w.created[number])
		} else if got != w.created[number] {
			add("F3: node %d has zxid %#x, acknowledged was %#x", number, got, w.created[number])
		}
	}
	last := int64(0)
	for _, number := range sortedKeys(v.nodes) {
		if number > w.sent {
			add("F3: node %d was never sent, the last was %d", number, w.sent)
		}
		if v.nodes[number] <= last {
			add("F3: node %d has zxid %#x, the one before has %#x", number, v.nodes[number], last)
		}
		last = v.nodes[number]
	}
	return wrong
}

// differ tells in what two servers' views differ; empty for nothing.
func differ(a, b view) string {
	if a.number != b.number {
		return fmt.Sprintf("the key holds %d and %d", a.number, b.number)
	}
	for _, number := range sortedKeys(a.nodes) {
		if a.nodes[number] != b.nodes[number] {
			return fmt.Sprintf("node %d has zxid %#x and %#x", number, a.nodes[number], b.nodes[number])
		}
	}
	if len(a.nodes) != len(b.nodes) {
		return fmt.Sprintf("%d and %d nodes", len(a.nodes), len(b.nodes))
	}
	return ""
}

func sortedKeys(m map[int]int64) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
