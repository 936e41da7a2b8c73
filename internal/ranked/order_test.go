package ranked

import "testing"

// TestOrder: ranks rise in the order in which they are listed, and names tell
// them apart.
func TestOrder(t *testing.T) {
	order := []Place{State{}, Submit{}, Table{}, WatchShard{}, WatchList{}, Conn{}, Leaf{}}
	names := map[string]bool{}
	for i, p := range order {
		r := p.Rank()
		if i > 0 && r.Order <= order[i-1].Rank().Order {
			t.Errorf("%s does not come after %s", r.Name, order[i-1].Rank().Name)
		}
		if names[r.Name] {
			t.Errorf("two places are called %s", r.Name)
		}
		names[r.Name] = true
	}
}
