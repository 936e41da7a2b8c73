package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// openOnMem opens a server alone on a disk in memory, with a segment that is
// soon full, a client, and so many writes that wait to be answered.
func openOnMem(t *testing.T, tune func(*Config)) (*Server, *vfs.MemFS, *zk.Conn) {
	t.Helper()
	disk := vfs.NewMem()
	cfg := testConfig("/data", logOf(t))
	cfg.FS, cfg.SegmentSize = disk, 4<<10
	cfg.Abort = func(err error) { t.Errorf("aborted: %v", err) }
	if tune != nil {
		tune(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	return s, disk, c
}

// writers begin so many writes; the channel tells what became of each.
func writers(c *zk.Conn, n int) <-chan error {
	answered := make(chan error, n)
	for range n {
		go func() {
			_, err := c.Set("/a", make([]byte, 1000), -1)
			answered <- err
		}()
	}
	return answered
}

// soon waits for a channel to be closed, far longer than it should take.
func soon(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatalf("waited too long for %s", what)
	}
}

// burdened is a server alone whose disk is about to be at fault, and the writes
// that wait for it.
type burdened struct {
	name     string
	server   *Server
	client   *zk.Conn
	answered []<-chan error
}

// shed closes the clients, all at once since each may take a second, and waits
// until every write is answered.
func shed(all []burdened) {
	var closing sync.WaitGroup
	for _, b := range all {
		closing.Go(b.client.Close)
	}
	closing.Wait()
	for _, b := range all {
		for _, batch := range b.answered {
			for range cap(batch) {
				<-batch
			}
		}
	}
}

// TestHBASE26042: each step of going on to the next segment fails, with few and
// with many writes waiting. The server ends, soon and for that reason, and no
// write that was not synced is acknowledged. Nothing is tried again, and nothing
// hangs.
func TestHBASE26042(t *testing.T) {
	t.Parallel()
	const many = 40
	var all []burdened
	for _, op := range []vfs.OpKind{vfs.OpSync, vfs.OpWrite, vfs.OpRename, vfs.OpTruncate, vfs.OpCreate, vfs.OpPreallocate, vfs.OpSyncDir} {
		for _, n := range []int{1, many} {
			s, disk, c := openOnMem(t, nil)
			disk.Inject(vfs.Fault{Op: op, Path: "log*", Err: syscall.EIO})
			disk.Inject(vfs.Fault{Op: op, Path: "quorumd-1", Err: syscall.EIO})
			b := burdened{name: fmt.Sprintf("%s with %d", op, n), server: s, client: c}
			for range 10 { // until a segment is full
				b.answered = append(b.answered, writers(c, n))
			}
			all = append(all, b)
		}
	}
	defer shed(all)
	for _, b := range all {
		soon(t, b.name+": the end of the server", b.server.Done())
		if !errors.Is(b.server.Err(), syscall.EIO) {
			t.Errorf("%s: cause: %v", b.name, b.server.Err())
		}
	}
}

// TestHBASE27231: one operation of the disk does not come back, whichever it
// is. The one who performs them cannot notice that; the watchdog does.
func TestHBASE27231(t *testing.T) {
	t.Parallel()
	const many = 20
	var all []burdened
	var aborted []<-chan struct{}
	release := make(chan struct{})
	for _, op := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir, vfs.OpPreallocate} {
		ended := make(chan struct{})
		s, disk, c := openOnMem(t, func(cfg *Config) {
			cfg.DiskStall = 200 * time.Millisecond
			cfg.Abort = func(err error) {
				if strings.Contains(err.Error(), "disk has not come back") {
					close(ended)
				}
			}
		})
		disk.Hook(func(o vfs.Op) {
			if o.Kind == op {
				<-release
			}
		})
		aborted = append(aborted, ended)
		all = append(all, burdened{op.String(), s, c, []<-chan error{writers(c, many)}})
	}
	defer func() {
		close(release)
		shed(all)
		var closing sync.WaitGroup
		for _, b := range all {
			closing.Go(func() { closeServer(t, b.server) })
		}
		closing.Wait()
	}()
	for i, b := range all {
		soon(t, b.name+": the watchdog", aborted[i])
	}
}

// TestZK2201: a snapshot is being written to a disk that stalls. Nobody waits
// for that: the state can be locked, clients read and write.
func TestZK2201(t *testing.T) {
	t.Parallel()
	s, disk, c := openOnMem(t, func(c *Config) { c.SnapCount = 20 })
	for i := range 4 { // more than the writer of snapshots gathers
		create(t, c, fmt.Sprintf("/big%d", i), noise(400<<10))
	}
	release, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	disk.Hook(func(o vfs.Op) {
		if o.Kind == vfs.OpWrite && strings.Contains(o.Path, "snapshot.") {
			once.Do(func() { close(reached) })
			<-release
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			if _, err := c.Set("/a", []byte("1"), -1); err != nil {
				t.Error(err)
			}
			if _, _, err := c.Get("/a"); err != nil {
				t.Error(err)
			}
		}
		<-reached
		if _, err := c.Set("/a", []byte("2"), -1); err != nil {
			t.Error(err)
		}
	}()
	defer closeServer(t, s)
	defer c.Close()
	defer close(release)
	soon(t, "clients while a snapshot stalls", done)
}

// TestZK2380: a failure is reported by whoever meets it, while requests and
// acknowledgements flow. The server ends then; whoever reported it is not part
// of the ending, and nothing waits for the one that waits for it.
func TestZK2380(t *testing.T) {
	t.Parallel()
	t.Run("disk", func(t *testing.T) {
		s, disk, c := openOnMem(t, nil)
		disk.Inject(vfs.Fault{Op: vfs.OpSync, Nth: 5, Err: syscall.EIO})
		answered := writers(c, 20)
		soon(t, "the end of the server", s.Done())
		c.Close()
		for range 20 {
			<-answered
		}
	})
	t.Run("leader", func(t *testing.T) {
		e := newEnsemble(t, 3, 0, nil)
		e.start(1, 2, 3)
		leader := e.serving()
		c := e.client(leader%3 + 1)
		create(t, c, "/a", nil)
		answered := writers(c, 50)
		s := e.servers[leader-1]
		e.servers[leader-1] = nil
		s.inbox.fromPeer(zab.Event{Kind: zab.EvTick})
		go s.fail(errors.New("reported from anywhere"))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		c.Close()
		for range 50 {
			<-answered
		}
	})
}

// processorTime returns what the process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestHBASE25998: many writes wait for a sync that takes long. Waiting costs
// nothing: nobody looks again and again whether it is over.
func TestHBASE25998(t *testing.T) {
	s, disk, c := openOnMem(t, nil)
	release := make(chan struct{})
	disk.Hook(func(o vfs.Op) {
		if o.Kind == vfs.OpSync {
			<-release
		}
	})
	answered := writers(c, 100)
	eventually(t, "the writes waiting", func() bool { return s.Status().Pending == 100 })
	before, began := processorTime(t), time.Now()
	<-time.After(time.Second)
	used, passed := processorTime(t)-before, time.Since(began)
	close(release)
	for range 100 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	c.Close()
	closeServer(t, s)
	t.Logf("waiting for %v took %v of a processor", passed, used)
	if used > passed/10 {
		t.Error("somebody does not wait, but looks again and again")
	}
}
