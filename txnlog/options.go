package txnlog

import (
	"errors"
	"fmt"

	"github.com/quorumd/quorumd/zab"
)

// Errors that callers tell apart; those returned wrap one of them where it
// applies.
var (
	// ErrCorrupt: durable data is damaged or missing. The message names the
	// file and the offset. Nothing was changed on the disk.
	ErrCorrupt = errors.New("data is damaged")
	// ErrForeign: the directory holds what is not this server's.
	ErrForeign = errors.New("directory is not this server's")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrNoSnapshot: there is no such snapshot.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrBusy: a snapshot is being written already.
	ErrBusy = errors.New("a snapshot is being written already")
	// ErrSuperseded: before or while the snapshot was written, the log was
	// truncated or replaced; the snapshot was thrown away.
	ErrSuperseded = errors.New("snapshot is of a history that was replaced")
	// ErrNoDescriptor: a file could not be opened, since the process or the system
	// has no descriptor left. Nothing is wrong; the call may be made again.
	ErrNoDescriptor = errors.New("no file descriptor left")
	// ErrNoSpace: the disk is full. Nothing is wrong, and nothing was lost; the
	// call may be made again, and succeeds once there is space.
	ErrNoSpace = errors.New("no space left")
)

// Bounds of Options.
const (
	DefaultSegmentSize  = 64 << 20 // bytes
	MinSegmentSize      = 4 << 10
	DefaultOpenSegments = 128
	DefaultHeldLog      = 1 << 30 // bytes
)

// Options say where the data is and how it is kept.
type Options struct {
	// DataDir holds the snapshots and the epochs, LogDir the log; DataDir when
	// LogDir is empty. A directory is made in each if it is missing.
	DataDir string
	LogDir  string
	// Server is whose data it is; another server's is refused.
	Server zab.ServerID
	// SegmentSize is the size in bytes at which the log goes on in a new file,
	// and that is reserved for each; DefaultSegmentSize if 0, at least
	// MinSegmentSize. A record larger than that has a larger file to itself.
	SegmentSize int64
	// OpenSegments bounds the files open for reading the log, beside the one
	// that is appended to; DefaultOpenSegments if 0. Readers beyond that wait.
	OpenSegments int
	// Load, if set, is given every snapshot that is about to be relied on, when
	// its header was read: by Open, newest first, until one is taken, and by
	// DiskSnapEnd before it decides. It reads it to its end and builds the state.
	// One whose state it refuses is as good as damaged: Open goes on with the next
	// older one and the log from there, DiskSnapEnd is not OK. An error that wraps
	// ErrForeign has Open refuse the directories instead: a newer program wrote
	// what it found, and its log beside it. The one loaded last is the one taken.
	// Without Load, frames are read and not understood.
	Load func(*SnapshotReader) error
	// Pace, if set, is told how many bytes of a snapshot were written, or read back
	// to see that they are intact, for none but this server's own sake: by a
	// SnapshotWriter and by Purge, a piece at a time, with no lock held. It waits
	// for as long as there is more important work for the disk.
	Pace func(bytes int)
	// HeldLog is how many bytes of log a purge leaves for a learner that is being
	// sent a snapshot, or as many as the snapshot has; DefaultHeldLog if 0.
	HeldLog int64
}

func (o *Options) fill() error {
	if o.DataDir == "" {
		return errors.New("txnlog: no data directory is named")
	}
	if o.LogDir == "" {
		o.LogDir = o.DataDir
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	if o.SegmentSize < MinSegmentSize {
		return fmt.Errorf("txnlog: segment size is %d bytes; it must be at least %d", o.SegmentSize, MinSegmentSize)
	}
	if o.OpenSegments == 0 {
		o.OpenSegments = DefaultOpenSegments
	}
	if o.HeldLog == 0 {
		o.HeldLog = DefaultHeldLog
	}
	return nil
}

// Recovered says what Open found.
type Recovered struct {
	// Last is the end of the log: durable, and the point from which it goes
	// on. Base is the position before its first record.
	Last, Base zab.Position
	Epochs     zab.Epochs
	// Ensemble is what SetEnsemble noted, 0 if nothing.
	Ensemble uint64
	// Snapshot is the one to load, nil if there is none; then Base is the
	// beginning. The records after it are in the log.
	Snapshot *SnapshotInfo
	// Torn is the number of bytes that an interrupted write had left at the
	// log's end and that were cut off, counted to the last that is not zero.
	Torn int64
	// Warnings are sentences for people.
	Warnings []string
}

// SnapshotInfo describes a snapshot.
type SnapshotInfo struct {
	At   zab.Position
	Size int64 // bytes
}

// Stats are numbers for people. Counters count since Open.
type Stats struct {
	Segments     int
	Readers      ReaderStats
	Snapshots    int
	BadSnapshots int   // found damaged; kept, never counted by Purge
	LogBytes     int64 // without what is reserved and not written
	SnapBytes    int64
	// For want of a descriptor the next segment was not made in advance, and
	// the log went on in the one it was in; a snapshot was not written or sent.
	SegmentsRefused uint64
	// For want of space the next segment was not reserved, so many times.
	SegmentsUnreserved uint64
	SpaceLow           bool  // the next segment is not reserved for want of space
	ReservedBytes      int64 // by which the log may grow on a full disk
	SnapshotsRefused   uint64
}
