package follower

import (
	"slices"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

// tell plays commands, and returns the bench as they leave it.
func tell(t *testing.T, commands ...string) *bench {
	t.Helper()
	b := &bench{t: t, recs: records()}
	b.more(commands...)
	return b
}

func (b *bench) more(commands ...string) {
	for _, c := range commands {
		b.text.Reset()
		if args := strings.Fields(c); args[0] == "follower" {
			b.begin(args[1:])
		} else {
			b.run(args)
		}
	}
}

// TestZK4394: COMMIT of a proposal comes before UPTODATE, behind the proposal
// or even before it. It counts once the follower serves.
func TestZK4394(t *testing.T) {
	for _, window := range [][]string{
		{"txn 2.1", "commit 2.1"},
		{"commit 2.1", "txn 2.1"},
	} {
		b := tell(t, "follower 3 log=1.8 applied=1.8 epoch=1", "up 7", "leaderinfo 2", "disk",
			"diff 1.8", "txn 1.9", "newleader 1.9", "disk", "disk")
		if b.f.Initial() != b.position(b.zxid("1.9")) {
			t.Fatalf("NEWLEADER is not taken: %s", b.f.Initial())
		}
		b.more(window...)
		if why, lost := b.f.Lost(); lost || b.f.Committed() != 0 {
			t.Errorf("%v before UPTODATE: committed %s, lost %v %s", window, b.f.Committed(), lost, why)
		}
		b.more("disk", "uptodate 1.9")
		if why, lost := b.f.Lost(); lost || b.f.Committed() != b.zxid("2.1") {
			t.Errorf("%v: committed %s, lost %v %s", window, b.f.Committed(), lost, why)
		}
	}
}

// TestZK1697: the snapshot comes slowly, a piece now and then, for longer than
// initLimit. The follower stays for as long as pieces come, and while its disk
// installs the snapshot.
func TestZK1697(t *testing.T) {
	b := tell(t, "follower 3 epoch=1", "up 7", "leaderinfo 2", "disk", "snap 1.4")
	for range 20 {
		b.more("tick 9s", "chunk", "disk")
		if why, lost := b.f.Lost(); lost {
			t.Fatalf("after %v: %s", b.now, why)
		}
	}
	b.more("chunk last", "tick 30s")
	if why, lost := b.f.Lost(); lost {
		t.Fatalf("while the disk installs: %s", why)
	}
	for len(b.ops) > 0 {
		b.more("disk")
	}
	b.more("tick 11s")
	if _, lost := b.f.Lost(); !lost {
		t.Fatal("a silent leader is waited for")
	}
}

// TestEtcd15247Pongs: two PONGs are on their way as the connection breaks. The
// first may be lost like the last one; what the leader has confirmed is not.
func TestEtcd15247Pongs(t *testing.T) {
	serving := []string{"follower 3 log=1.8 applied=1.8 epoch=1", "up 7", "leaderinfo 2", "disk",
		"diff 1.8", "newleader 1.8", "disk", "uptodate 1.8"}
	for _, c := range []struct {
		heard string // PONGs that the leader has confirmed with the last PING
		want  []zab.SessionID
	}{
		{"0", []zab.SessionID{5, 6, 7, 8}},
		{"1", []zab.SessionID{6, 7, 8}},
		{"3", []zab.SessionID{7, 8}},
	} {
		b := tell(t, serving...)
		b.more("touched 5", "touched 6", "ping 1 0", "touched 6", "ping 2 0", "ping 3 0",
			"touched 7", "ping 4 "+c.heard, "touched 8", "down 7")
		if got := b.f.Untold(); !slices.Equal(got, c.want) {
			t.Errorf("%s PONGs confirmed: untold %v, want %v", c.heard, got, c.want)
		}
	}
	b := tell(t, serving...)
	for range 1000 { // a leader that hears nothing, but is heard
		b.more("touched 5", "ping 1 0")
	}
	if n := len(b.f.told); n != 1 {
		t.Errorf("%d entries for one session", n)
	}
}

// TestQD6: a follower whose disk installs a snapshot, or cuts the log, says so
// with each ping; it says nothing of the sort before and after.
func TestQD6(t *testing.T) {
	b := tell(t, "follower 3 epoch=1", "up 7", "leaderinfo 2", "disk", "snap 1.4")
	says := func(want bool, when string) {
		t.Helper()
		for range 3 {
			b.more("tick 9s", "ping 5 0")
			if got := strings.Contains(b.text.String(), "SNAPACK"); got != want {
				t.Errorf("%s: progress %v: %s", when, got, b.text.String())
			}
		}
	}
	says(false, "while the snapshot comes")
	b.more("chunk", "chunk last", "disk", "disk", "disk")
	says(true, "while the disk installs")
	b.more("disk")
	says(false, "installed")

	b = tell(t, "follower 3 log=1.8 applied=1.2 epoch=1", "up 7", "leaderinfo 2", "disk", "trunc 1.6")
	says(true, "while the disk cuts")
	b.more("disk")
	says(false, "cut")
}
