package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/server/peer"
)

// TestDescriptorBudget: whatever the limit is, what peers, log and snapshots need
// is not given to clients.
func TestDescriptorBudget(t *testing.T) {
	for _, c := range []struct {
		members, maxCnxns, perAddress int
		limit                         int64
		needed                        int64
		clients, readers              int
	}{
		{0, 0, 60, 0, 163, 0, 4},
		{0, 0, 60, 163, 163, 60, 4},
		{0, 0, 60, 1024, 163, 60 + 861 - 215, 4 + 215},
		{0, 0, 0, 1024, 167, 64 + 857 - 214, 4 + 214},
		{3, 0, 60, 1024, 245, 60 + 779 - 194, 8 + 194},
		{3, 100, 60, 1024, 285, 100, 8 + 184},
		{67, 0, 60, 1024, 821, 60 + 203 - 50, 136 + 50},
		{3, 0, 60, 1 << 20, 245, 60 + 1<<20 - 245 - 1016, 1024},
		{3, 0, 60, 200, 245, 50, 8},   // below the need
		{67, 0, 60, 200, 821, 50, 25}, // far below
		{3, 0, 60, 1 << 62, 245, 1<<31 - 1, 1024},
	} {
		cfg := Config{Members: make([]peer.Member, c.members)}
		cfg.Client.MaxConnections, cfg.Client.MaxPerAddress = c.maxCnxns, c.perAddress
		b := budgetOf(&cfg, c.limit)
		if b.needed != c.needed || b.clients != c.clients || b.readers != c.readers {
			t.Errorf("%+v: needed %d, clients %d, readers %d", c, b.needed, b.clients, b.readers)
		}
		if short := b.short(); (short != nil) != (c.limit > 0 && c.limit < c.needed) || short != nil && !errors.Is(short, ErrFewDescriptors) {
			t.Errorf("%+v: %v", c, short)
		}
		var others int64
		for _, p := range b.parts {
			if p.class != "clients" && p.class != "log_readers" {
				others += p.n
			}
		}
		if c.limit >= c.needed && int64(b.clients)+int64(b.readers)+others > c.limit {
			t.Errorf("%+v: %d for clients, %d for readers, %d for the others", c, b.clients, b.readers, others)
		}
	}
	cfg := Config{Members: make([]peer.Member, 3)}
	cfg.Client.MaxPerAddress = 60
	b := budgetOf(&cfg, 100)
	const want = "server: too few file descriptors: the limit of open files is 100, needed are clients 60 + peers 76 + log 8 + " +
		"log_readers 8 + snapshots 5 + admin 8 + process 16 + reserve 64 = 245; raise it (ulimit -n, LimitNOFILE) to at least 490, " +
		"lower maxCnxns or maxClientCnxns, or set descriptorCheckEnabled=false to start all the same"
	if err := b.short(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// TestDescriptorFigures: mntr and envi tell the sum and what is open.
func TestDescriptorFigures(t *testing.T) {
	s := openAlone(t, nil)
	var text string
	eventually(t, "the client port serving", func() bool {
		text = askWord(t, s, "mntr")
		return strings.HasPrefix(text, "zk_version")
	})
	for _, name := range []string{
		"descriptors_open", "descriptors_high_water", "descriptors_limit", "descriptors_needed", "descriptors_needed_clients",
		"descriptors_needed_reserve", "log_segments_open_limit", "log_segment_hits", "log_segment_misses",
		"log_segments_open_high_water", "client_connections_limit",
	} {
		if _, value, ok := strings.Cut(text, "\nzk_quorumd_"+name+"\t"); !ok || value[0] == '0' && strings.HasPrefix(name, "descriptors") {
			t.Errorf("mntr: %s is missing or zero", name)
		}
	}
	if text := askWord(t, s, "envi"); !strings.Contains(text, "\nquorumd.descriptors.needed=clients ") {
		t.Errorf("envi has no sum:\n%s", text)
	}
}
