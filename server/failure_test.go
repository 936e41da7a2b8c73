package server

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/vfs"
)

// lockedBuffer collects log lines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSpace(b.buf.String()), "\n")
}

// TestDiskErrorEndsServer: the first failed sync ends the server, its cause is
// the last line, and no client is told that its write succeeded (Y5).
func TestDiskErrorEndsServer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]vfs.Fault{
		"sync":  {Op: vfs.OpSync, Path: "log.*", Err: syscall.EIO},
		"write": {Op: vfs.OpWrite, Path: "log.*", Err: syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			var logged lockedBuffer
			cfg := testConfig("/data", zerolog.New(&logged))
			cfg.FS = disk
			cfg.Abort = func(err error) { t.Errorf("aborted: %v", err) }
			s, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			c := clientOf(t, s)
			create(t, c, "/a", nil)
			disk.Inject(fault)
			answered := make(chan error, 1)
			go func() {
				_, err := c.Create("/b", nil, 0, zk.WorldACL(zk.PermAll))
				answered <- err
			}()
			select {
			case <-s.Done():
			case <-time.After(waitLimit):
				t.Fatal("the server goes on")
			}
			c.Close()
			if err := <-answered; err == nil {
				t.Error("the write was acknowledged")
			}
			if !errors.Is(s.Err(), syscall.EIO) {
				t.Errorf("cause: %v", s.Err())
			}
			lines := logged.lines()
			if last := lines[len(lines)-1]; !strings.Contains(last, syscall.EIO.Error()) || !strings.Contains(last, "server failed") {
				t.Errorf("last line: %s", last)
			}
		})
	}
}

// stuckFS is a file system whose log files' syncs hang on command.
type stuckFS struct {
	vfs.FS
	stuck   atomic.Bool
	held    atomic.Int64 // syncs
	release chan struct{}
}

type stuckFile struct {
	vfs.File
	fs *stuckFS
}

func (f *stuckFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &stuckFile{file, f}, nil
}

func (f *stuckFS) Create(name string) (vfs.File, error) { return f.wrap(f.FS.Create(name)) }
func (f *stuckFS) OpenReadWrite(name string) (vfs.File, error) {
	return f.wrap(f.FS.OpenReadWrite(name))
}

func (f *stuckFile) Sync() error {
	if f.fs.stuck.Load() {
		f.fs.held.Add(1)
		<-f.fs.release
	}
	return f.File.Sync()
}

// TestWatchdog: a sync that never returns ends the process, although nobody
// else notices (Y6).
func TestWatchdog(t *testing.T) {
	t.Parallel()
	fs := &stuckFS{FS: vfs.NewMem(), release: make(chan struct{})}
	cfg := testConfig("/data", logOf(t))
	cfg.FS, cfg.DiskStall = fs, 100*time.Millisecond
	aborted := make(chan error, 1)
	cfg.Abort = func(err error) { aborted <- err }
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	fs.stuck.Store(true)
	go func() { _, _ = c.Create("/b", nil, 0, zk.WorldACL(zk.PermAll)) }()
	select {
	case err := <-aborted:
		if !strings.Contains(err.Error(), "disk has not come back") {
			t.Errorf("aborted for: %v", err)
		}
	case <-time.After(waitLimit):
		t.Fatal("the watchdog sleeps")
	}
	fs.stuck.Store(false)
	close(fs.release)
	c.Close()
	closeServer(t, s)
}

// TestStopLimit: a server that failed and cannot be torn down is aborted.
func TestStopLimit(t *testing.T) {
	t.Parallel()
	fs := &stuckFS{FS: vfs.NewMem(), release: make(chan struct{})}
	cfg := testConfig("/data", logOf(t))
	cfg.FS, cfg.StopLimit = fs, 50*time.Millisecond
	aborted := make(chan error, 1)
	cfg.Abort = func(err error) { aborted <- err }
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	fs.stuck.Store(true)
	go func() { _, _ = c.Create("/b", nil, 0, zk.WorldACL(zk.PermAll)) }()
	eventually(t, "the disk being at work", func() bool { return fs.held.Load() > 0 })
	cause := errors.New("listener gone")
	s.fail(cause)
	select {
	case err := <-aborted:
		if !errors.Is(err, cause) {
			t.Errorf("aborted without the cause: %v", err)
		}
	case <-time.After(waitLimit):
		t.Fatal("not aborted")
	}
	fs.stuck.Store(false)
	close(fs.release)
	c.Close()
	<-s.Done()
	if !errors.Is(s.Err(), cause) {
		t.Errorf("cause: %v", s.Err())
	}
}

// TestSnapshotErrorIsNotTheEnd: a snapshot that cannot be written leaves the
// server serving.
func TestSnapshotErrorIsNotTheEnd(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	s := openAlone(t, func(c *Config) {
		c.FS, c.DataDir, c.SnapCount = disk, "/data", 20
	})
	disk.Inject(vfs.Fault{Op: vfs.OpCreate, Path: "snapshot*", Err: syscall.ENOSPC})
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	eventually(t, "a failed snapshot", func() bool {
		if _, err := c.Set("/a", nil, -1); err != nil {
			t.Fatal(err)
		}
		return s.figures.snapErrors.Load() > 0
	})
	disk.Heal()
	eventually(t, "a snapshot", func() bool {
		if _, err := c.Set("/a", nil, -1); err != nil {
			t.Fatal(err)
		}
		return s.figures.snapshots.Load() > 0
	})
	c.Close()
}

func TestOpenErrors(t *testing.T) {
	taken := openAlone(t, nil)
	cfg := testConfig(t.TempDir(), logOf(t))
	cfg.Client.Listen = taken.ClientAddr().String()
	if _, err := Open(cfg); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("client port in use: %v", err)
	}
	cfg = testConfig(taken.cfg.DataDir, logOf(t))
	if _, err := Open(cfg); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("directory in use: %v", err)
	}
}
