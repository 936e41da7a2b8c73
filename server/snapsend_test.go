package server

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// TestRottenSnapshotsOfALeader: every snapshot of the leader has rotted since it
// was written. A server that needs one is sent nothing that is damaged, and has
// joined as soon as the leader has noticed and written a new one.
func TestRottenSnapshotsOfALeader(t *testing.T) {
	e, leader, c := purgedEnsemble(t, 200)
	lost := leader%3 + 1
	c.Close()
	e.closeAll() // what is in memory of the log would be enough for the third
	e.wipe(lost)
	e.start(leader, lost%3+1)
	leader = e.serving()
	store := e.servers[leader-1].store
	before, _ := store.NewestSnapshot()
	rot(t, e.configs[leader-1].DataDir)
	c = e.client(leader)
	create(t, c, "/b", nil) // so that a new snapshot is of a later zxid
	c.Close()
	e.start(lost)
	e.serving()
	e.converged()
	if now, ok := store.NewestSnapshot(); !ok || now.At.Zxid <= before.At.Zxid {
		t.Errorf("the leader has noticed nothing, its newest snapshot is at %s", now.At)
	}
}

// rot damages every snapshot in its last frames.
func rot(t *testing.T, dir string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "snapshot.????????????????")) // none that is being written
	if err != nil || len(paths) == 0 {
		t.Fatalf("no snapshots: %v", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b[len(b)-100] ^ 1}, int64(len(b)-100)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoSnapshotToSend: a learner that waits for a snapshot hears of it when
// none can be written, and does not keep waiting.
func TestNoSnapshotToSend(t *testing.T) {
	disk := vfs.NewMem()
	var logged lockedBuffer
	s := openAlone(t, func(c *Config) { c.FS, c.DataDir, c.Logger = disk, "/data", zerolog.New(&logged) })
	disk.Inject(vfs.Fault{Op: vfs.OpCreate, Path: "snapshot*", Err: syscall.ENOSPC})
	s.snapReads.put(zab.SnapRead{ID: 1, Open: true}, zab.SnapRead{ID: 2, Open: true}, zab.SnapRead{ID: 3, Open: true}, zab.SnapRead{ID: 2, Close: true})
	eventually(t, "the answers", func() bool {
		return strings.Count(strings.Join(logged.lines(), "\n"), "snapshot cannot be read for a learner") == 2
	})
	disk.Heal()
	eventually(t, "a snapshot being open", func() bool { // learners come again, and one is tried after a pause
		s.snapReads.put(zab.SnapRead{ID: 4, Open: true})
		return !s.store.SnapRead(zab.SnapRead{ID: 4, Len: 1}).Failed
	})
}

// TestQD6Writing: while the first snapshot is being written, the replica is told
// again and again which learners wait for it, and of no other.
func TestQD6Writing(t *testing.T) {
	store, _, err := txnlog.Open(vfs.NewMem(), txnlog.Options{DataDir: "/data", Server: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		cfg: Config{Tick: 10 * time.Millisecond}, store: store, inbox: newInbox(),
		snapReads: newMailbox[zab.SnapRead](), quit: make(chan struct{}),
	}
	s.pacer = newPacer(0, s.quit)
	s.snapshots = newSnapshotter(s)
	s.snapshots.busy.Store(true)
	ended := make(chan struct{})
	go func() { defer close(ended); s.readSnapshots() }()
	s.snapReads.put(zab.SnapRead{ID: 7, Open: true}, zab.SnapRead{ID: 8, Open: true}, zab.SnapRead{ID: 8, Close: true})
	told := 0
	eventually(t, "the replica being told", func() bool {
		events, _ := s.inbox.take(nil, nil)
		for _, ev := range events {
			if ev.Kind != zab.EvSnapWriting || ev.Link != 7 {
				t.Errorf("told %+v", ev)
			}
			told++
		}
		return told >= 3
	})
	close(s.quit)
	<-ended
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
