package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/go-zookeeper/zk"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// purgedEnsemble starts three servers and has a client of the leader create
// znodes below /a, until the leader's log no longer reaches back to the first:
// a server without data needs a snapshot.
func purgedEnsemble(t *testing.T, znodes int) (e *testEnsemble, leader int, c *zk.Conn) {
	t.Helper()
	e = newEnsemble(t, 3, 0, func(c *Config) {
		c.SnapCount, c.SegmentSize, c.KeepSnapshots = 50, 8<<10, 1
		c.PurgeInterval = 1 << 40 // on, after snapshots
	})
	e.start(1, 2, 3)
	leader = e.serving()
	c = e.client(leader)
	create(t, c, "/a", nil)
	for i := range znodes {
		create(t, c, fmt.Sprintf("/a/%d", i), make([]byte, 100))
	}
	eventually(t, "the log being purged", func() bool { return e.servers[leader-1].store.Base().Zxid > 0 })
	return e, leader, c
}

// TestLearnerWithoutData brings a server back that has lost everything, by a
// snapshot: the others' logs no longer reach back.
func TestLearnerWithoutData(t *testing.T) {
	e, leader, c := purgedEnsemble(t, 300)
	lost := leader%3 + 1
	e.stop(lost)
	e.wipe(lost)
	create(t, c, "/b", []byte("1"))
	e.start(lost)
	e.serving()
	e.converged()
	back := e.client(lost)
	expect(t, back, "/b", "1")
	if kids, _, err := back.Children("/a"); err != nil || len(kids) != 300 {
		t.Fatalf("%d children, %v", len(kids), err)
	}
	create(t, back, "/c", []byte("2"))
	back.Close()
	c.Close()
	e.converged()
}

// TestSnapshotOnDemand has a server lead that has never written a snapshot
// while a learner needs one: its own log was cut off by a snapshot it received.
func TestSnapshotOnDemand(t *testing.T) {
	t.Parallel()
	s := openAlone(t, nil)
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	c.Close()
	if _, ok := s.store.NewestSnapshot(); ok {
		t.Fatal("there is a snapshot already")
	}
	s.snapReads.put(zab.SnapRead{ID: 1, Open: true})
	eventually(t, "a snapshot on demand", func() bool {
		_, ok := s.store.NewestSnapshot()
		return ok
	})
	first, _ := s.store.NewestSnapshot()
	s.snapReads.put(zab.SnapRead{ID: 2, Open: true})
	eventually(t, "both being open", func() bool {
		return !s.store.SnapRead(zab.SnapRead{ID: 1, Len: 1}).Failed && !s.store.SnapRead(zab.SnapRead{ID: 2, Len: 1}).Failed
	})
	if again, _ := s.store.NewestSnapshot(); again != first {
		t.Fatalf("a second snapshot at %s", again.At)
	}
}

// TestSnapshotsUnderLoad restarts a server that has written snapshots while
// clients wrote.
func TestSnapshotsUnderLoad(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir(), logOf(t))
	cfg.SnapCount, cfg.SegmentSize, cfg.PurgeInterval = 40, 8<<10, 1<<40
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/n", nil)
	for i := range 400 {
		create(t, c, fmt.Sprintf("/n/%d", i), []byte("0123456789"))
		if i%3 == 2 {
			if err := c.Delete(fmt.Sprintf("/n/%d", i-1), -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "snapshots", func() bool { return s.figures.snapshots.Load() >= 3 })
	c.Close()
	eventually(t, "the session's end", func() bool { return s.Status().Pending == 0 })
	closeServer(t, s)
	at, digest := s.Digest()

	s, err = Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	eventually(t, "the history being applied", func() bool { p, _ := s.Digest(); return p.Zxid >= at.Zxid })
	if p, d := s.Digest(); p != at || d != digest {
		t.Fatalf("%s with %#x, before the restart %s with %#x", p, d, at, digest)
	}
}

// openAlone opens a server without peers that is closed with the test.
func openAlone(t *testing.T, tune func(*Config)) *Server {
	t.Helper()
	cfg := testConfig(t.TempDir(), logOf(t))
	if tune != nil {
		tune(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

// TestPowerLossOfAll cuts the power of all servers at once while a client
// writes, and finds every acknowledged write again.
func TestPowerLossOfAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	disks := map[string]*vfs.MemFS{}
	e := newEnsemble(t, 3, 0, func(c *Config) {
		c.DataDir = fmt.Sprintf("/%d", c.Self)
		disks[c.DataDir] = vfs.NewMem()
		c.FS = disks[c.DataDir]
		c.SnapCount, c.SegmentSize = 60, 8<<10
	})
	e.start(1, 2, 3)
	e.serving()
	c := e.client(1, 2, 3)
	create(t, c, "/p", nil)
	c.Close()
	var acked atomic.Int64
	tried := 0
	for round := range 4 {
		c := e.client(1, 2, 3)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				if _, err := c.Create(fmt.Sprintf("/p/%06d", tried), nil, 0, openACL); err != nil {
					return
				}
				tried++
				acked.Store(int64(tried))
			}
		}()
		eventually(t, "writes", func() bool { return acked.Load() >= int64(60*(round+1)) })
		sure := acked.Load()
		// The clones are the disks as the loss of power leaves them; what the
		// servers do after that moment, their ends included, is lost.
		clones := map[string]*vfs.MemFS{}
		for _, cfg := range e.configs {
			clones[cfg.DataDir] = disks[cfg.DataDir].CrashClone(rng, vfs.KeepSubset)
		}
		c.Close()
		<-ended
		e.closeAll()
		for i := range e.configs {
			dir := e.configs[i].DataDir
			disks[dir] = clones[dir]
			e.configs[i].FS = clones[dir]
		}
		e.start(1, 2, 3)
		e.serving()
		e.converged()
		tried = verifyPrefix(t, e, int(sure))
		acked.Store(int64(tried))
	}
}

// verifyPrefix checks that the writes that are there are the first ones, at
// least sure of them, and returns how many there are.
func verifyPrefix(t *testing.T, e *testEnsemble, sure int) int {
	t.Helper()
	c := e.client(1, 2, 3)
	defer c.Close()
	if _, err := c.Sync("/p"); err != nil {
		t.Fatal(err)
	}
	kids, _, err := c.Children("/p")
	if err != nil || len(kids) < sure {
		t.Fatalf("%d of %d acknowledged writes are there, %v", len(kids), sure, err)
	}
	slices.Sort(kids)
	for i, name := range kids {
		if name != fmt.Sprintf("%06d", i) {
			t.Fatalf("write %d is missing, %s is there", i, name)
		}
	}
	return len(kids)
}
