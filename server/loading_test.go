package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// TestRefusedStateAtStart: the frames of the newest snapshot are intact, and the
// state in them is not the one that was written. The server starts from the one
// before, and has everything.
func TestRefusedStateAtStart(t *testing.T) {
	var logged lockedBuffer
	cfg := testConfig(t.TempDir(), zerolog.New(&logged))
	cfg.SnapCount, cfg.SegmentSize, cfg.PurgeInterval = 40, 8<<10, 0
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/n", nil)
	for i := range 200 {
		create(t, c, fmt.Sprintf("/n/%d", i), []byte("0123456789"))
	}
	eventually(t, "snapshots", func() bool { return s.figures.snapshots.Load() >= 2 })
	c.Close()
	eventually(t, "the session's end", func() bool { return s.Status().Pending == 0 })
	closeServer(t, s)
	at, digest := s.Digest()
	forge(t, cfg)

	s, err = Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	eventually(t, "the history being applied", func() bool { p, _ := s.Digest(); return p.Zxid >= at.Zxid })
	if p, d := s.Digest(); p != at || d != digest {
		t.Errorf("%s with %#x, before the restart %s with %#x", p, d, at, digest)
	}
	if said := strings.Join(logged.lines(), "\n"); !strings.Contains(said, "a snapshot is passed over") || !strings.Contains(said, "digest") {
		t.Errorf("logged: %s", said)
	}
	if n := s.store.Stats().BadSnapshots; n != 1 {
		t.Errorf("%d damaged snapshots", n)
	}
}

// forge writes the newest snapshot anew with another byte in a znode.
func forge(t *testing.T, cfg Config) {
	t.Helper()
	store, found, err := txnlog.Open(vfs.OS, txnlog.Options{DataDir: cfg.DataDir, LogDir: cfg.LogDir, Server: cfg.Self, SegmentSize: cfg.SegmentSize})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r, err := store.OpenSnapshot(found.Snapshot.At)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := store.CreateSnapshot(found.Snapshot.At)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for {
		kind, body, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			if i := bytes.Index(body, []byte("0123456789")); i >= 0 {
				body = bytes.Clone(body)
				body[i]++
				changed++
			}
			err = w.Frame(kind, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil || changed == 0 {
		t.Fatal(changed, err)
	}
}

// TestLoadEndsItsReader: a loader that refuses a frame in the middle leaves
// nobody behind that still reads.
func TestLoadEndsItsReader(t *testing.T) {
	l := loader{progress: new(progress)}
	cfg := testConfig(t.TempDir(), logOf(t))
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	store, _, err := txnlog.Open(s.cfg.FS, txnlog.Options{DataDir: cfg.DataDir, LogDir: cfg.LogDir, Server: cfg.Self})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at, _ := s.Digest()
	w, err := store.CreateSnapshot(at)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 * aheadFrames {
		if err := w.Frame(134, []byte{0x91, 0x90}); err != nil { // nodes, none of them
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	r, err := store.OpenSnapshot(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.load(r); err == nil || errors.Is(err, txnlog.ErrForeign) || len(l.loaded) != 0 {
		t.Errorf("loaded: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestRefusedStateReceived: a snapshot is received whose frames are intact and
// whose state is not what it says. The server says so, and stays what it was.
func TestRefusedStateReceived(t *testing.T) {
	cfg := testConfig(t.TempDir(), logOf(t))
	from, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, from)
	create(t, c, "/a", []byte("0123456789"))
	from.snapshots.demand()
	eventually(t, "a snapshot", func() bool { return from.figures.snapshots.Load() == 1 })
	c.Close()
	info, _ := from.store.NewestSnapshot()
	closeServer(t, from)
	forge(t, cfg)
	file, err := os.ReadFile(filepath.Join(cfg.DataDir, "quorumd-1", fmt.Sprintf("snapshot.%016x", uint64(info.At.Zxid))))
	if err != nil {
		t.Fatal(err)
	}

	var logged lockedBuffer
	s := &Server{inbox: newInbox(), log: zerolog.New(&logged), failed: make(chan struct{})}
	s.loader.progress = &s.progress
	if s.store, _, err = txnlog.Open(vfs.NewMem(), txnlog.Options{DataDir: "/data", Server: 1, Load: s.loader.load}); err != nil {
		t.Fatal(err)
	}
	s.disk = newDiskRunner(s)
	s.disk.start()
	s.disk.submit([]zab.DiskOp{
		{Op: 1, Kind: zab.DiskSnapBegin, At: info.At, Size: int64(len(file))},
		{Op: 2, Kind: zab.DiskSnapChunk, Data: file},
		{Op: 3, Kind: zab.DiskSnapEnd},
	})
	s.disk.stop()
	events, _ := s.inbox.take(nil, nil)
	if n := len(events); n != 3 || events[2].Disk.Kind != zab.DiskSnapEnd || events[2].Disk.OK || s.Err() != nil {
		t.Errorf("told %+v, %v", events, s.Err())
	}
	if said := strings.Join(logged.lines(), "\n"); !strings.Contains(said, "received snapshot refused") || !strings.Contains(said, "digest") {
		t.Errorf("logged: %s", said)
	}
	if _, ok := s.store.NewestSnapshot(); ok || len(s.loader.loaded) != 0 {
		t.Error("it was taken")
	}
	if err := s.store.Close(); err != nil {
		t.Error(err)
	}
}
