package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
)

// fakeClock stands still but for what a pacer waits.
type fakeClock struct {
	at     time.Time
	waited time.Duration
	onWait func()
}

func (c *fakeClock) drive(p *pacer) {
	p.now = func() time.Time { return c.at }
	p.wait = func(d time.Duration, rush, quit <-chan struct{}) {
		if c.onWait != nil {
			c.onWait()
		}
		select {
		case <-rush:
		case <-quit:
		default:
			c.waited += d
			c.at = c.at.Add(d)
		}
	}
}

// TestPace: what is written takes the time that the rate gives it, less what
// the disk needed of it; time in which nothing was written is not saved up.
func TestPace(t *testing.T) {
	c := &fakeClock{at: time.Unix(1000, 0)}
	p := newPacer(1<<20, nil)
	c.drive(p)
	began := c.at
	for range 64 {
		c.at = c.at.Add(100 * time.Millisecond) // of the disk
		p.spend(256 << 10)
	}
	if took := c.at.Sub(began); took < 16*time.Second-maxAhead || took > 16*time.Second {
		t.Errorf("16 MiB at 1 MiB a second took %v", took)
	}
	c.at, c.waited = c.at.Add(time.Hour), 0
	for range 4 {
		p.spend(1 << 20)
	}
	if c.waited != 4*time.Second-maxAhead {
		t.Errorf("4 MiB after an hour waited %v", c.waited)
	}
}

// TestHurry: a learner that waits, and the server's end, are not kept waiting,
// from within the wait on; a rate of 0 is none.
func TestHurry(t *testing.T) {
	quit := make(chan struct{})
	c := &fakeClock{at: time.Unix(1000, 0)}
	p := newPacer(1, quit)
	c.drive(p)
	c.onWait = p.hurry
	p.spend(1 << 20)
	p.spend(1 << 20)
	if c.waited != 0 {
		t.Errorf("waited %v", c.waited)
	}
	p.relax()
	c.onWait = nil
	p.spend(1)
	if c.waited == 0 {
		t.Error("the hurry has not ended")
	}
	c.waited = 0
	c.onWait = func() { close(quit) }
	p.spend(1 << 20)
	p.spend(1 << 20)
	if c.waited != 0 {
		t.Errorf("waited %v at the end", c.waited)
	}
	off := newPacer(0, nil)
	c.drive(off)
	off.spend(1 << 30)
	if c.waited != 0 {
		t.Error("waited at no rate")
	}
}

// TestPacedSnapshot has a server write a snapshot at a rate that would take for
// ever. Its progress is seen meanwhile, clients are served, and it ends at once
// when a learner wants it.
func TestPacedSnapshot(t *testing.T) {
	t.Parallel()
	s := openAlone(t, func(c *Config) { c.SnapRate, c.FS, c.DataDir = 1, vfs.NewMem(), "/data" })
	c := clientOf(t, s)
	defer c.Close()
	create(t, c, "/a", nil)
	if _, ok := s.takeSnapshot(); !ok {
		t.Fatal("no snapshot is begun")
	}
	eventually(t, "the snapshot being paced", func() bool { return s.progress.ofNodes.Load() > 0 })
	total := s.progress.ofNodes.Load()
	text := askWord(t, s, "mntr")
	for _, line := range []string{
		fmt.Sprintf("zk_quorumd_snapshot_write_znodes_total\t%d\n", total),
		"zk_quorumd_snapshot_receive_bytes_total\t0\n",
	} {
		hasLine(t, text, line)
	}
	create(t, c, "/b", nil)
	if s.figures.snapshots.Load() != 0 {
		t.Fatal("it was not paced")
	}
	s.snapshots.demand()
	eventually(t, "the snapshot", func() bool { return s.figures.snapshots.Load() == 1 })
	eventually(t, "its progress being over", func() bool { return s.progress.ofNodes.Load() == 0 })
}
