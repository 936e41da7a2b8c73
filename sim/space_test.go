package sim

import (
	"testing"

	"github.com/quorumd/quorumd/zab"
)

// TestEtcd9992 plays full disks, with every checker on. What was refused must not
// be in the history.
func TestEtcd9992(t *testing.T) {
	for seed := range uint64(10) {
		r := play(Options{Seed: seed + 1}, 3, 0, tellFullDisks)
		if r.Err != nil {
			t.Fatalf("seed %d: %v", seed+1, r.Err)
		}
		for _, what := range []string{"append waits for space", "write refused: no space", "space is ample"} {
			if r.Seen[what] == 0 {
				t.Errorf("seed %d: never: %s", seed+1, what)
			}
		}
	}
}

// tellFullDisks: the disk of one follower is full up to its last byte, then that of
// the other, and then the leader's. The others write on, nobody does, another
// leads; and all of it ends with the lack.
func tellFullDisks(s *script) {
	t := begin(s, 1)
	writer := t.visit(lead)
	until := func(holds func() bool) {
		for range 500 {
			if holds() {
				return
			}
			t.write(writer, 1)
			t.pass(tickTime / 8)
		}
		t.stuck("500 writes were not enough")
	}
	t.fillDisk(1)
	until(func() bool { return t.node(1).outOfRoom })
	t.write(writer, 2)
	t.hope(t.check.seen["write refused: no space"] == 0, "a write was refused for one full disk")
	t.fillDisk(2)
	until(func() bool { return t.check.seen["write refused: no space"] > 0 })
	t.visit(2)
	t.node(1).makeRoom()
	t.until("writes resume", func() bool { return t.told(lead, zab.NoteWritesResumed) > 0 })
	t.write(writer, 1)
	t.node(2).makeRoom()
	t.serve(t.all...)
	t.fillDisk(lead)
	until(func() bool { return t.told(lead, zab.NoteLeadingResigned) > 0 || writer.conn == nil })
	t.until("another leads", func() bool { return t.leads(1) || t.leads(2) })
	t.serve(t.all...)
	t.node(lead).makeRoom()
}

// fillDisk leaves a server's disk no room.
func (s *script) fillDisk(id zab.ServerID) {
	n := s.node(id)
	n.room = 0
	n.fs.Room(0)
}
