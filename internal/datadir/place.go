package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// ErrPlace: the directory that was named is not one to look at. The message
// says what to name instead.
var ErrPlace = errors.New("not a data directory of quorumd")

// layoutDir is the directory that txnlog makes under dataDir. People name it as
// well as the one above.
const layoutDir = "quorumd-1"

// Place is a server's data directory that was found.
type Place struct {
	DataDir string
	LogDir  string // DataDir where the log has no directory of its own
	Server  zab.ServerID
	// Ensemble is the random name of the ensemble whose history it holds, 0
	// while unknown.
	Ensemble uint64

	fs   vfs.FS // of the system, for what changes
	look lookOnly
}

// Find finds the data directory dir, and the log's if it has one of its own;
// logDir is empty else. Errors wrap ErrPlace, or are those of reading.
func Find(fsys vfs.FS, dir, logDir string) (*Place, error) {
	dir = filepath.Clean(dir)
	if filepath.Base(dir) == layoutDir {
		dir = filepath.Dir(dir)
	}
	p := &Place{DataDir: dir, LogDir: dir, fs: fsys, look: lookOnly{FS: fsys, read: new(atomic.Int64)}}
	if logDir != "" {
		p.LogDir = filepath.Clean(logDir)
		if filepath.Base(p.LogDir) == layoutDir {
			p.LogDir = filepath.Dir(p.LogDir)
		}
	}
	if err := p.exists(dir); err != nil {
		return nil, err
	}
	owner, err := txnlog.ReadOwner(p.look, dir)
	switch {
	case errors.Is(err, txnlog.ErrForeign):
		return nil, fmt.Errorf("%w: %w", ErrPlace, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w; run this as the user that the server runs as", err)
	case err != nil && !errors.Is(err, txnlog.ErrCorrupt) && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	p.Server, p.Ensemble = owner.Server, owner.Ensemble
	if err := p.own(err == nil); err != nil {
		return nil, err
	}
	return p, p.split(owner.Split)
}

// exists refuses what cannot be a data directory by what lies there.
func (p *Place) exists(dir string) error {
	info, err := p.look.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s does not exist; name the dataDir of zoo.cfg, or give --config", ErrPlace, dir)
	case err != nil:
		return fmt.Errorf("%w; run this as the user that the server runs as", err)
	case !info.Dir:
		return fmt.Errorf("%w: %s is a file; name the directory that holds %s", ErrPlace, dir, layoutDir)
	}
	names, err := p.look.List(dir)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; run this as the user that the server runs as", err)
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "quorumd-") || name == "version-2" {
			return nil // txnlog says more about it
		}
	}
	return fmt.Errorf("%w: %s holds no %s; name the dataDir of zoo.cfg, or start the server once", ErrPlace, dir, layoutDir)
}

// own finds whose the directory is: myid counts, as it does for a server.
func (p *Place) own(known bool) error {
	b, err := vfs.ReadFile(p.look, filepath.Join(p.DataDir, "myid"), 64)
	if err == nil {
		id, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 8)
		if err != nil {
			return fmt.Errorf("%w: %s holds no server id; write the N of this server's line server.N", ErrPlace, filepath.Join(p.DataDir, "myid"))
		}
		p.Server = zab.ServerID(id)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if known {
		return nil
	}
	// Without an identity the segments tell.
	err = txnlog.WalkLog(p.look, p.Options(), txnlog.Walk{Segment: func(s txnlog.SegmentInfo) error {
		p.Server = s.Server
		return nil
	}})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, txnlog.ErrForeign) || errors.Is(err, txnlog.ErrCorrupt) {
		return nil // Verify says so
	}
	return err
}

// split holds what the directory says of its log against what was named.
func (p *Place) split(split bool) error {
	has := func(dir, prefix string) bool {
		names, err := p.look.List(filepath.Join(dir, layoutDir))
		if err != nil {
			return false
		}
		for _, n := range names {
			if strings.HasPrefix(n, prefix) {
				return true
			}
		}
		return false
	}
	if p.LogDir != p.DataDir {
		return p.exists(p.LogDir)
	}
	logs, data := has(p.DataDir, "log."), has(p.DataDir, "epochs")
	switch {
	case split && logs && !data:
		return fmt.Errorf("%w: %s holds a log only; name the dataDir, and this directory with --log-dir", ErrPlace, p.DataDir)
	case split && !logs:
		return fmt.Errorf("%w: the log of %s is in a directory of its own; name it with --log-dir (dataLogDir of zoo.cfg), or give --config", ErrPlace, p.DataDir)
	}
	return nil
}

// Options are those with which the server opens it. Files that tools make are
// no larger than they have to be.
func (p *Place) Options() txnlog.Options {
	return txnlog.Options{DataDir: p.DataDir, LogDir: p.LogDir, Server: p.Server, SegmentSize: txnlog.MinSegmentSize}
}

// Read returns how many bytes were read so far. It may be called from any
// goroutine.
func (p *Place) Read() int64 { return p.look.read.Load() }

// Size returns the bytes of all files that a whole reading reads.
func (p *Place) Size() int64 {
	var size int64
	dirs := []string{p.DataDir}
	if p.LogDir != p.DataDir {
		dirs = append(dirs, p.LogDir)
	}
	for _, dir := range dirs {
		names, _ := p.look.List(filepath.Join(dir, layoutDir)) // 0 where it cannot be listed
		for _, n := range names {
			if info, err := p.look.Stat(filepath.Join(dir, layoutDir, n)); err == nil {
				size += info.Size
			}
		}
	}
	return size
}
