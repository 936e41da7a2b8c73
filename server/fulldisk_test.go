package server

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// smallSegment is the size of segments on the disks of these tests.
const smallSegment = 64 << 10

// refusedForSpace reports whether a write got NOTREADONLY, for which the client
// library has no name.
func refusedForSpace(err error) bool { return err != nil && strings.Contains(err.Error(), "-119") }

// TestFullDiskAlone: the disk of a server alone is full. It goes on, refuses what
// is written, answers reads, opens and closes sessions, starts again like that,
// and writes when there is space.
func TestFullDiskAlone(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	tune := func(c *Config) { c.FS, c.DataDir, c.SegmentSize = disk, "/data", smallSegment }
	s := openAlone(t, tune)
	c := clientOf(t, s)
	create(t, c, "/a", []byte("first"))
	disk.Room(0)
	value := bytes.Repeat([]byte("x"), 1<<10)
	eventually(t, "a refusal", func() bool {
		_, err := c.Set("/a", value, -1)
		if err != nil && !refusedForSpace(err) {
			t.Fatal(err)
		}
		return err != nil
	})
	for i := range 3 {
		if got, _, err := c.Get("/a"); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%q, %v", got, err)
		}
		other := clientOf(t, s)
		if _, err := other.Sync("/a"); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Create(fmt.Sprintf("/b%d", i), nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); !refusedForSpace(err) {
			t.Fatal(err)
		}
		other.Close()
	}
	if st := s.store.Stats(); !st.SpaceLow || s.Err() != nil {
		t.Fatalf("%+v, %v", st, s.Err())
	}
	c.Close()
	closeServer(t, s)

	s = openAlone(t, tune)
	if disk.Room(0); s.Status().Space == zab.SpaceAmple {
		eventually(t, "the server knowing of its disk after a start", func() bool { return s.Status().Space != zab.SpaceAmple })
	}
	c = clientOf(t, s)
	if got, _, err := c.Get("/a"); err != nil || !bytes.Equal(got, value) {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := c.Set("/a", value, -1); !refusedForSpace(err) {
		t.Fatal(err)
	}
	disk.Room(-1)
	eventually(t, "writes again", func() bool {
		_, err := c.Set("/a", []byte("last"), -1)
		if err != nil && !refusedForSpace(err) {
			t.Fatal(err)
		}
		return err == nil
	})
	if st := s.store.Stats(); st.SpaceLow || st.ReservedBytes < smallSegment {
		t.Errorf("%+v", st)
	}
	c.Close()
}

// TestFullDiskFollower: the disk of one of three is full, and the others write on.
// Its log ends, its appends wait, it drops out, and with the space it is back, by
// itself. Then it is the leader's: another leads.
func TestFullDiskFollower(t *testing.T) {
	t.Parallel()
	disks := map[zab.ServerID]*vfs.MemFS{}
	e := newEnsemble(t, 3, 0, func(c *Config) {
		disks[c.Self] = vfs.NewMem()
		c.FS, c.DataDir, c.SegmentSize = disks[c.Self], "/data", smallSegment
	})
	e.start(1, 2, 3)
	n := e.serving()
	leader, full := e.servers[n-1], e.servers[n%3]
	c := clientOf(t, leader)
	create(t, c, "/a", nil)
	disks[full.cfg.Self].Room(0)
	value := bytes.Repeat([]byte("x"), 1<<10)
	for range 4 * smallSegment >> 10 {
		if _, err := c.Set("/a", value, -1); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the follower's log at its end", func() bool { return full.Status().Space == zab.SpaceOut })
	if _, err := c.Set("/a", value, -1); err != nil {
		t.Fatal(err)
	}
	disks[full.cfg.Self].Room(-1)
	e.converged()
	eventually(t, "its space", func() bool { return full.Status().Space == zab.SpaceAmple })
	disks[leader.cfg.Self].Room(0)
	eventually(t, "another leader", func() bool {
		_, _ = c.Set("/a", value, -1) // until its segment is full
		return leader.Status().State == zab.Following && leader.Status().Serving
	})
	eventually(t, "a write through the server whose disk is full", func() bool {
		_, err := c.Set("/a", value, -1)
		return err == nil
	})
	disks[leader.cfg.Self].Room(-1)
	e.converged()
	if err := full.Err(); err != nil {
		t.Error(err)
	}
	if err := leader.Err(); err != nil {
		t.Error(err)
	}
	c.Close()
}

// TestSnapshotPause: snapshots for which there is no space are tried after longer
// and longer pauses, up to a minute.
func TestSnapshotPause(t *testing.T) {
	full := fmt.Errorf("write: %w", syscall.ENOSPC)
	var pause, sum time.Duration
	for range 10 {
		next := pauseAfter(full, pause)
		if next < pause || next < snapPauseMin || next > snapPauseMax {
			t.Errorf("%v after %v", next, pause)
		}
		pause = next
		sum += next
	}
	if pause != snapPauseMax || sum < 2*snapPauseMax {
		t.Errorf("in the end %v", pause)
	}
	if pauseAfter(nil, pause) != 0 || pauseAfter(io.EOF, pause) != 0 {
		t.Error("a pause after what is no lack of space")
	}
}
