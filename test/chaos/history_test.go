package chaos

import (
	"strings"
	"testing"
	"time"
)

const testLimit = 10 * time.Second

// op makes an operation that was answered, from call to back in milliseconds.
func op(k kind, call, back int, value string, version int32) operation {
	return operation{
		kind: k, call: time.Duration(call) * time.Millisecond, back: time.Duration(back) * time.Millisecond,
		value: value, version: version, zxid: int64(100 + version), expect: version - 1,
	}
}

func with(o operation, result outcome) operation {
	o.outcome = result
	return o
}

// cas that was refused, or whose answer never came, expects a version.
func expecting(o operation, version int32) operation {
	o.expect = version
	return o
}

func TestRegisters(t *testing.T) {
	cases := []struct {
		name    string
		legal   bool
		history []operation
	}{
		{"nothing", true, nil},
		{"set and sync+read", true, []operation{
			op(opSyncRead, 0, 1, "first", 0), op(opSet, 2, 3, "a", 1), op(opSyncRead, 4, 5, "a", 1),
		}},
		{"a sync+read beside a write may go either way", true, []operation{
			op(opSet, 0, 10, "a", 1), op(opSyncRead, 2, 3, "first", 0), op(opSyncRead, 4, 5, "a", 1),
		}},
		{"stale sync+read", false, []operation{
			op(opSet, 0, 1, "a", 1), op(opSet, 2, 3, "b", 2), op(opSyncRead, 4, 5, "a", 1),
		}},
		{"sync+reads beside a write go back", false, []operation{
			op(opSet, 0, 10, "a", 1), op(opSyncRead, 2, 3, "a", 1), op(opSyncRead, 4, 5, "first", 0),
		}},
		{"lost write", false, []operation{
			op(opSet, 0, 1, "a", 1), op(opSet, 2, 3, "b", 1),
		}},
		{"lost write, seen by nobody but its writer", false, []operation{
			op(opSet, 0, 1, "a", 1), op(opSet, 2, 3, "b", 2), op(opSyncRead, 4, 5, "c", 2), with(op(opSet, 0, 0, "c", 0), unknown),
		}},
		{"two of one CAS", false, []operation{
			op(opCAS, 0, 5, "a", 1), op(opCAS, 1, 6, "b", 1),
		}},
		{"refused CAS", true, []operation{
			op(opSet, 0, 1, "a", 1), with(expecting(op(opCAS, 2, 3, "b", 0), 0), refused), op(opCAS, 4, 5, "c", 2),
		}},
		{"CAS refused for no reason", false, []operation{
			op(opSet, 0, 1, "a", 1), with(expecting(op(opCAS, 2, 3, "b", 0), 1), refused), op(opCAS, 4, 5, "c", 2),
		}},
		{"unknown write takes effect long after", true, []operation{
			with(op(opSet, 0, 0, "late", 0), unknown), op(opSet, 1, 2, "a", 1), op(opSet, 3, 4, "b", 2),
			op(opSyncRead, 5, 6, "b", 2), op(opSyncRead, 7, 8, "late", 3),
		}},
		{"unknown write takes effect unseen", true, []operation{
			with(op(opSet, 0, 0, "unseen", 0), unknown), op(opSet, 1, 2, "a", 1), op(opSet, 3, 4, "b", 3),
		}},
		{"unknown write never takes effect", true, []operation{
			with(op(opSet, 0, 0, "never", 0), unknown), op(opSet, 1, 2, "a", 1), op(opSyncRead, 3, 4, "a", 1),
		}},
		{"unknown write takes effect twice", false, []operation{
			with(op(opSet, 0, 0, "x", 0), unknown), op(opSyncRead, 1, 2, "x", 1), op(opSet, 3, 4, "a", 2), op(opSyncRead, 5, 6, "x", 3),
		}},
		{"unknown write takes effect before it was asked for", false, []operation{
			op(opSyncRead, 1, 2, "x", 1), with(op(opSet, 3, 3, "x", 0), unknown),
		}},
		{"a version that nobody wrote", false, []operation{
			op(opSet, 0, 1, "a", 1), op(opSet, 2, 3, "b", 3),
		}},
		{"unknown CAS takes effect", true, []operation{
			op(opSet, 0, 1, "a", 1), with(expecting(op(opCAS, 2, 2, "b", 0), 1), unknown), op(opSet, 5, 6, "c", 3),
		}},
		{"unknown CAS takes effect at another version", false, []operation{
			with(expecting(op(opCAS, 0, 0, "b", 0), 0), unknown), op(opSet, 1, 2, "a", 1), op(opSyncRead, 3, 4, "b", 2),
		}},
		{"a register is not there", false, []operation{
			with(op(opSyncRead, 0, 1, "", 0), refused),
		}},
	}
	for _, c := range cases {
		v := linearize("/r", c.history, registerModel(c.history, "first"), testLimit)
		if got := v.result == legal; got != c.legal {
			t.Errorf("%s: legal %v (%s), want %v", c.name, got, v.result, c.legal)
		}
		if c.legal != (v.wrong() == "") {
			t.Errorf("%s: the verdict says %q", c.name, v.wrong())
		}
	}
}

// TestRegisterUnknown gives the search more writes of unknown outcome than it
// could try all orders of.
func TestRegisterUnknown(t *testing.T) {
	var history []operation
	version := int32(0)
	for i := range 40 {
		history = append(history,
			with(op(opSet, 100*i, 0, "set"+string(rune('A'+i)), 0), unknown),
			with(expecting(op(opCAS, 100*i, 0, "cas"+string(rune('A'+i)), 0), version), unknown))
		for range 5 {
			version++
			if version%17 == 0 {
				version++ // one of the unknown writes was done
			}
			n := int(version)
			history = append(history, op(opSet, 100*i+n%50, 100*i+n%50+60, "v"+string(rune(n)), version))
		}
	}
	if v := linearize("/r", history, registerModel(history, ""), testLimit); v.result != legal {
		t.Errorf("the search ended with %s", v.result)
	}
}

func TestNodes(t *testing.T) {
	gone := func(call, back int) operation { return with(op(opSyncRead, call, back, "", 0), refused) }
	cases := []struct {
		name    string
		legal   bool
		history []operation
	}{
		{"created, read, deleted", true, []operation{
			gone(0, 1), op(opCreate, 2, 3, "a", 0), op(opSyncRead, 4, 5, "a", 0), op(opDelete, 6, 7, "", 0), gone(8, 9),
		}},
		{"created twice", false, []operation{op(opCreate, 0, 5, "a", 0), op(opCreate, 1, 6, "b", 0)}},
		{"deleted twice", false, []operation{
			op(opCreate, 0, 1, "a", 0), op(opDelete, 2, 5, "", 0), op(opDelete, 3, 6, "", 0),
		}},
		{"lost", false, []operation{op(opCreate, 0, 1, "a", 0), gone(2, 3)}},
		{"risen from the dead", false, []operation{
			op(opCreate, 0, 1, "a", 0), op(opDelete, 2, 3, "", 0), op(opSyncRead, 4, 5, "a", 0),
		}},
		{"refused for a node that is there", true, []operation{
			op(opCreate, 0, 1, "a", 0), with(op(opCreate, 2, 3, "b", 0), refused), op(opSyncRead, 4, 5, "a", 0),
		}},
		{"refused for no reason", false, []operation{with(op(opCreate, 0, 1, "a", 0), refused)}},
		{"not found though there", false, []operation{
			op(opCreate, 0, 1, "a", 0), with(op(opDelete, 2, 3, "", 0), refused),
		}},
		{"deleted late by an unknown call", true, []operation{
			op(opCreate, 0, 1, "a", 0), with(op(opDelete, 2, 2, "", 0), unknown), op(opSyncRead, 3, 4, "a", 0), gone(5, 6),
		}},
		{"created late by an unknown call", true, []operation{
			with(op(opCreate, 0, 0, "a", 0), unknown), gone(1, 2), with(op(opCreate, 3, 4, "b", 0), refused), op(opSyncRead, 5, 6, "a", 0),
		}},
	}
	for _, c := range cases {
		if v := linearize("/n", c.history, nodeModel, testLimit); (v.result == legal) != c.legal {
			t.Errorf("%s: %s, want legal %v", c.name, v.result, c.legal)
		}
	}
}

// TestJudge sees that a generation reports what its parts find.
func TestJudge(t *testing.T) {
	g := newGeneration(7)
	g.add(g.register(0), op(opSet, 0, 1, "a", 1))
	g.add(g.register(0), op(opSyncRead, 2, 3, g.first(0), 0))
	g.add(g.register(1), op(opSet, 0, 1, "b", 1))
	g.add(g.node(0), op(opCreate, 0, 1, "n", 0))
	g.add(g.node(1), with(op(opCreate, 0, 1, "n", 0), unknown))
	g.glanced(glance{session: 1, path: g.register(1), zxid: 5, seen: 102})
	g.numberGiven(numbered{path: g.queue() + "/q-0000000003", call: 0, back: 1})
	g.numberGiven(numbered{path: g.queue() + "/q-0000000002", call: 2, back: 3})
	f := g.judge(testLimit)
	all := strings.Join(f.wrong, "\n")
	for _, rule := range []string{"H1", "H3", "H4"} {
		if !strings.Contains(all, rule) {
			t.Errorf("%s is broken and not reported in:\n%s", rule, all)
		}
	}
	if len(f.wrong) != 3 || len(f.illegal) != 1 || f.unknown != 1 || f.operations != 5 {
		t.Errorf("%d wrong, %d illegal, %d unknown of %d operations", len(f.wrong), len(f.illegal), f.unknown, f.operations)
	}
	if text := f.illegal[0].text(); !strings.Contains(text, "sync+read") {
		t.Errorf("the history does not show the read:\n%s", text)
	}
	if r := f.remains; r.registers[g.register(1)].value != "b" || r.nodes[g.node(0)] != "n" || len(r.made) != 2 {
		t.Errorf("remains %+v", r)
	}
	if _, certain := f.remains.nodes[g.node(1)]; certain {
		t.Error("a node of unknown outcome counts as certain")
	}
}

func TestLastOf(t *testing.T) {
	cases := []struct {
		name    string
		history []operation
		value   string
		certain bool
	}{
		{"untouched", nil, "", true},
		{"created", []operation{op(opCreate, 0, 1, "a", 0)}, "a", true},
		{"deleted", []operation{op(opCreate, 0, 1, "a", 0), op(opDelete, 2, 3, "", 0)}, "", true},
		{"overlap", []operation{op(opCreate, 0, 3, "a", 0), op(opDelete, 2, 4, "", 0)}, "", false},
		{"there, with what value is not known", []operation{with(op(opCreate, 0, 3, "a", 0), refused)}, "", false},
		{"unknown", []operation{with(op(opDelete, 0, 0, "", 0), unknown), op(opCreate, 1, 2, "a", 0)}, "", false},
	}
	for _, c := range cases {
		if value, certain := lastOf(c.history); value != c.value || certain != c.certain {
			t.Errorf("%s: %q %v, want %q %v", c.name, value, certain, c.value, c.certain)
		}
	}
}

func TestRemains(t *testing.T) {
	want := op(opSet, 0, 1, "a", 4)
	cases := []struct {
		name    string
		value   string
		version int32
		there   bool
		wrong   bool
	}{
		{"as acknowledged", "a", 4, true, false},
		{"an unknown write came later", "b", 5, true, false},
		{"undone", "first", 3, true, true},
		{"another write at its place", "b", 4, true, true},
		{"not there", "", 0, false, true},
	}
	for _, c := range cases {
		if got := judgeRegister(want, c.value, c.version, c.there); (got != "") != c.wrong {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if wrong := missing("/q", []string{"/q/a", "/q/b"}, []string{"a", "c"}); len(wrong) != 1 {
		t.Errorf("missing %q", wrong)
	}
}
