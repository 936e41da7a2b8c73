package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// TestFreshFigures: the node count is ZooKeeper's, which counts the root twice,
// and mntr tells what the state is at the applied zxid.
func TestFreshFigures(t *testing.T) {
	s := openAlone(t, nil)
	eventually(t, "the server serving", func() bool { return s.Status().Serving })
	if text := askWord(t, s, "srvr"); !strings.Contains(text, "\nNode count: 5\n") {
		t.Errorf("srvr of a fresh server:\n%s", text)
	}
	at, digest := s.Digest()
	text := askWord(t, s, "mntr")
	for _, line := range []string{
		"zk_znode_count\t5\n",
		fmt.Sprintf("zk_quorumd_applied_zxid\t%#x\n", uint64(at.Zxid)),
		fmt.Sprintf("zk_quorumd_digest\t0x%016x\n", digest),
	} {
		hasLine(t, text, line)
	}
}

func hasLine(t *testing.T, text, line string) {
	t.Helper()
	if !strings.Contains(text, line) {
		t.Errorf("mntr has no line %q:\n%s", line, text)
	}
}

// askWord returns the answer to a four-letter word.
func askWord(t testing.TB, s *Server, word string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.ClientAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, word); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOutstandingLimit: each server of an ensemble takes its share.
func TestOutstandingLimit(t *testing.T) {
	for members, want := range map[int]int{0: 1000, 2: 1000, 3: 500, 4: 333, 5: 250, 1200: 1} {
		c := config.Default(t.TempDir())
		c.Standalone = members == 0
		for id := range members {
			c.Servers = append(c.Servers, config.Server{ID: zab.ServerID(id + 1), Role: config.Participant})
		}
		if got := outstandingLimit(c); got != want {
			t.Errorf("%d members: %d, want %d", members, got, want)
		}
	}
}

// orderPort notes what state the server has when its clients are sent away.
type orderPort struct {
	noClients
	s      *Server
	closed []*replica.State
}

func (p *orderPort) CloseAll(string) { p.closed = append(p.closed, p.s.state) }

// TestInstallClosesClientsFirst: nobody may read the state of a received
// snapshot who set watches in the one before.
func TestInstallClosesClientsFirst(t *testing.T) {
	before, after := replica.NewState(), replica.NewState()
	s := &Server{peers: noPeers{}, state: before, logReads: newMailbox[zab.LogRead](), snapReads: newMailbox[zab.SnapRead]()}
	port := &orderPort{s: s}
	s.port, s.disk, s.notes, s.applier = port, newDiskRunner(s), newNoteBook(s.log), newApplier(s)
	s.disk.loaded = []loadedState{{op: 7, state: after}}
	l := newLoop(s, replica.New(replica.Config{Ensemble: zab.NewEnsemble([]zab.ServerID{0}, nil), Tick: time.Second}, replica.Start{}))
	l.install(&zab.Event{Kind: zab.EvDiskDone, Disk: zab.DiskDone{Op: 7}})
	s.applier.carryOut(s.applier.take(applyBox{}))
	if len(port.closed) != 1 || port.closed[0] != before || s.state != after {
		t.Errorf("clients were sent away %d times; afterwards the new state is in place: %v", len(port.closed), s.state == after)
	}
}

// TestSnapshotWord: csnp has a snapshot written of what was applied, and is
// refused while one is being written.
func TestSnapshotWord(t *testing.T) {
	s := openAlone(t, nil)
	eventually(t, "the server serving", func() bool { return s.Status().Serving })
	at, ok := s.takeSnapshot()
	s.stateMu.RLock()
	applied := s.state.Applied().Zxid
	s.stateMu.RUnlock()
	if !ok || at > applied {
		t.Fatalf("asked for a snapshot: %s, %v", at, ok)
	}
	eventually(t, "a snapshot of that", func() bool {
		info, ok := s.store.NewestSnapshot()
		return ok && info.At.Zxid >= at
	})
	eventually(t, "the snapshotter idle", func() bool { return !s.snapshots.busy.Load() })
	s.snapshots.busy.Store(true)
	if _, ok := s.takeSnapshot(); ok {
		t.Error("a second snapshot is promised while one is being written")
	}
	s.snapshots.busy.Store(false)
}
