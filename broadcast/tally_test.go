package broadcast

import (
	"fmt"
	"slices"
	"testing"

	"github.com/quorumd/quorumd/zab"
	"pgregory.net/rapid"
)

// hierarchy is an ensemble that the model can look into.
type hierarchy struct {
	groups  [][]zab.ServerID
	weights map[zab.ServerID]int64
}

func drawHierarchy(t *rapid.T) (h hierarchy, voters []zab.ServerID) {
	h.weights = map[zab.ServerID]int64{}
	for range rapid.IntRange(1, 3).Draw(t, "groups") {
		var g []zab.ServerID
		for range rapid.IntRange(1, 4).Draw(t, "members") {
			id := zab.ServerID(len(voters))
			voters, g = append(voters, id), append(g, id)
			h.weights[id] = int64(rapid.IntRange(0, 3).Draw(t, fmt.Sprint("weight", id)))
		}
		h.groups = append(h.groups, g)
	}
	return h, voters
}

// isQuorum is the rule of the book, said once more and slowly.
func (h hierarchy) isQuorum(in func(zab.ServerID) bool) bool {
	count, won := 0, 0
	for _, g := range h.groups {
		var total, have int64
		for _, id := range g {
			total += h.weights[id]
			if in(id) {
				have += h.weights[id]
			}
		}
		if total == 0 {
			continue
		}
		count++
		if 2*have > total {
			won++
		}
	}
	return 2*won > count
}

// TestTallyAgainstModel: the commit point is the greatest zxid that a quorum
// has acknowledged, never less than it was (B1), and does not move before the
// epoch's history is adopted (B2).
func TestTallyAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, voters := drawHierarchy(t)
		tally := NewTally(zab.NewHierarchy(voters, []zab.ServerID{90}, h.groups, h.weights))
		acked, open, committed := map[zab.ServerID]zab.Zxid{}, false, zab.Zxid(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.SampledFrom(append(slices.Clone(voters), 90, 91)).Draw(t, "id")
			z := zab.Zxid(rapid.IntRange(1, 30).Draw(t, "z"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				tally.Forget(id)
				delete(acked, id)
			case 1:
				tally.Open(z)
				open, committed = true, max(committed, z)
			default:
				tally.Ack(id, z)
				acked[id] = max(acked[id], z)
			}
			want := committed
			for z := zab.Zxid(30); open && z > want; z-- {
				if h.isQuorum(func(id zab.ServerID) bool { return acked[id] >= z }) {
					want = z
				}
			}
			if moved := tally.Advance(); moved != (want > committed) || tally.Committed() != want {
				t.Fatalf("moved %v to %s, want %s after %s; acknowledged %v", moved, tally.Committed(), want, committed, acked)
			}
			committed = want
		}
	})
}

func TestNothingIsCommittedBeforeTheHistoryIs(t *testing.T) {
	tally := NewTally(zab.NewEnsemble([]zab.ServerID{1, 2, 3}, nil))
	tally.Ack(1, 9)
	tally.Ack(2, 9)
	if tally.Advance() || tally.Committed() != 0 {
		t.Fatalf("committed %s", tally.Committed())
	}
	tally.Open(5)
	if tally.Committed() != 5 || !tally.Advance() || tally.Committed() != 9 {
		t.Fatalf("committed %s", tally.Committed())
	}
}
