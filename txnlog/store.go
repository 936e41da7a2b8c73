package txnlog

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Store is a server's disk: log, snapshots, epochs. See the package comment.
type Store struct {
	fs      vfs.FS
	opt     Options
	dataDir string
	logDir  string
	locks   []io.Closer
	dirs    directories

	// Used by Do, Prepare and Close only.
	enc     *wire.Encoder
	w       writer
	spare   vfs.File // the next segment, made and reserved; nil when there is none
	low     bool     // there was no space for it
	stuck   bool     // an append waits for space
	taken   int      // records of the append that waits for space, taken already
	renamed bool     // a segment's name is not durable yet
	promise *promiseFile
	in      *incoming
	dones   []zab.DiskDone

	packer packer // of the SnapshotWriter at work

	rollAsked atomic.Bool
	stopping  atomic.Bool // nobody waits for a snapshot to be read to its end

	// jobs serialises what changes the set of files besides appending: a
	// truncation, an installation, a purge, the publication of a snapshot. It
	// is held across I/O; neither appending nor reading takes it. It comes
	// before mu.
	jobs sync.Mutex

	// mu is a leaf and is never held across I/O. It guards everything below,
	// and the fields of segments that say so.
	mu      sync.Mutex
	failed  error // invariant T7
	segs    []*segment
	base    zab.Position
	end     zab.Position // of what is written
	gen     uint64       // of the log; raised by truncation and installation
	snaps   []*snapshot  // ascending
	writing bool         // a SnapshotWriter is at work
	reads   map[uint64]*snapRead
	cache   segmentCache
	stats   Stats
	// ensemble is whose committed history the directories hold, 0 while
	// unknown.
	ensemble uint64

	readers sync.Pool // of *logReader
}

// Do performs ops in order; they are durable when it returns, but for
// DiskSnapChunk, which DiskSnapEnd makes durable. A run of DiskAppend shares
// one sync and is answered by one DiskDone with the Op of the last. The result
// is valid until the next call.
//
// The first error is final: the operations answered along with it are done,
// the state of the others is unknown, and every later call on the store returns the
// same error. Do has one caller at a time.
//
// ErrNoSpace is no such error (T11): the first operation that was not answered is an
// append for which there is no room. The next call begins with it.
func (s *Store) Do(ops []zab.DiskOp) ([]zab.DiskDone, error) {
	s.dones = s.dones[:0]
	if err := s.failure(); err != nil {
		return nil, err
	}
	defer s.noteSpace()
	for i := 0; i < len(ops); {
		n := 1
		var err error
		if ops[i].Kind == zab.DiskAppend {
			for i+n < len(ops) && ops[i+n].Kind == zab.DiskAppend {
				n++
			}
			err = s.append(ops[i : i+n])
		} else {
			err = s.perform(&ops[i])
		}
		if s.stuck = errors.Is(err, ErrNoSpace); s.stuck {
			return s.dones, err
		}
		if err != nil {
			return s.dones, s.fail(err)
		}
		i += n
	}
	return s.dones, nil
}

func (s *Store) perform(op *zab.DiskOp) error {
	done := zab.DiskDone{Op: op.Op, Kind: op.Kind}
	var err error
	switch op.Kind {
	case zab.DiskEpochs:
		done.Epochs = op.Epochs
		err = s.saveEpochs(op.Epochs)
	case zab.DiskTruncate:
		done.OK, err = s.truncate(op.At)
		done.At = s.w.tail
	case zab.DiskSnapBegin:
		err = s.snapBegin(op.At, op.Size)
		done.At = op.At
	case zab.DiskSnapChunk:
		done.Off, done.OK, err = s.snapChunk(op.Off, op.Data)
	case zab.DiskSnapEnd:
		done.OK, err = s.snapEnd()
		done.At = s.w.tail
	default:
		err = fmt.Errorf("disk operation of unknown kind %d", op.Kind)
	}
	if err != nil {
		return err
	}
	s.dones = append(s.dones, done)
	return nil
}

// failure returns the error that ended the store, if any.
func (s *Store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// fail makes err the end of the store, unless an earlier one is, and returns
// the one that is.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("txnlog: %w", err)
	}
	return s.failed
}

// Stop has a purge, and a snapshot that is being read back, end soon: they read
// whole snapshots, which may take minutes, and whoever calls Close next waits
// for them first. They fail with ErrClosed and leave everything in place. Do
// and the readers go on. It may be called concurrently with everything.
func (s *Store) Stop() { s.stopping.Store(true) }

// Close notes the log's end durably and closes all files. Snapshot readers and
// writers still open keep their files. Close has the same caller as Do.
func (s *Store) Close() error {
	s.jobs.Lock()
	defer s.jobs.Unlock()
	err := s.failure()
	if errors.Is(err, ErrClosed) {
		return nil
	}
	if err == nil {
		if err = s.promise.advance(s.promise.rec.Epochs, s.w.synced); err != nil {
			err = fmt.Errorf("txnlog: %w", err)
		}
	}
	s.mu.Lock()
	s.failed = fmt.Errorf("txnlog: %w", ErrClosed)
	s.gen++ // readers at work look again, and find the error
	s.base = s.end
	segs, reads := s.segs, s.reads
	s.segs, s.reads = nil, nil
	files := []vfs.File{s.spare}
	for _, seg := range segs {
		seg.removed = true
		f, placed := s.settle(seg)
		if placed {
			s.cache.stats.Open--
		}
		files = append(files, f)
	}
	s.mu.Unlock()
	for _, f := range files {
		closeQuietly(f)
	}
	for _, r := range reads {
		_ = r.r.Close()
	}
	s.promise.close()
	s.dirs.close()
	s.in.abandon()
	for _, l := range s.locks {
		if cerr := l.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("txnlog: unlock: %w", cerr)
		}
	}
	return err
}

// count raises one of the counters of stats.
func (s *Store) count(n *uint64) {
	s.mu.Lock()
	*n++
	s.mu.Unlock()
}

// Stats returns the numbers of the moment.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Segments, st.Snapshots = len(s.segs), len(s.snaps)
	for _, seg := range s.segs {
		st.LogBytes += seg.end
	}
	st.Readers = s.cache.figures()
	for _, sn := range s.snaps {
		st.SnapBytes += sn.size
		if sn.state == snapBad {
			st.BadSnapshots++
		}
	}
	return st
}

func (s *Store) dataPath(name string) string { return filepath.Join(s.dataDir, name) }
func (s *Store) logPath(name string) string  { return filepath.Join(s.logDir, name) }
