package txnlog

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// SegmentInfo describes a segment as it was read.
type SegmentInfo struct {
	Path    string
	Server  zab.ServerID
	Base    zab.Position // before the first record
	First   zab.Zxid     // 0: no record
	Last    zab.Position
	Records int
	Batches int   // marks, each of which vouches for what is before it (T3)
	Size    int64 // of the file
	Used    int64 // bytes of it that are good
	Torn    int64 // bytes behind them of a write that was interrupted
	Damage  error // at offset Used; nil if there is none
	Spare   bool  // under the name of the next segment
}

// Walk says what to read of a log, and who is told.
type Walk struct {
	// From and To bound the zxids of the records that Record sees; To 0 is no
	// bound. Segments that cannot hold any are not read.
	From, To zab.Zxid
	// Record is told of each record in order, decoded; path and off are where
	// it begins. Its error ends the walk. nil for nobody.
	Record func(rec zab.Record, path string, off int64) error
	// Segment is told of each segment after its records.
	Segment func(SegmentInfo) error
	// Gone is told of a segment that was listed and is there no more: a purge
	// or a truncation took it. nil for nobody.
	Gone func(path string)
	// Pause is that of VerifyOptions.
	Pause func()
}

// WalkLog reads the log's segments one after the other, each as far as it is
// good, and takes no lock. It does not hold them against each other: that is
// Verify's.
func WalkLog(fsys vfs.FS, opt Options, w Walk) error {
	s, err := outside(fsys, opt)
	if err != nil {
		return err
	}
	log, err := list(fsys, s.logDir)
	if err != nil {
		return err
	}
	wk := walker{s: s, w: &w, dec: wire.NewDecoder()}
	for i, z := range log.segments {
		switch {
		case w.To > 0 && z > w.To:
			return nil
		case i+1 < len(log.segments) && log.segments[i+1] <= w.From:
			continue // all of it is before From
		}
		if err := wk.segment(s.segmentPath(z), i == len(log.segments)-1); err != nil {
			return err
		}
	}
	if !log.spare {
		return nil
	}
	return wk.segment(s.logPath(spareName), true)
}

type walker struct {
	s   *Store
	w   *Walk
	fr  frameReader
	dec *wire.Decoder
}

func (wk *walker) segment(path string, tail bool) error {
	info := SegmentInfo{Path: path}
	sc := newScan(path)
	sc.each = func(off int64, h wire.Header, frame []byte) error { return wk.frame(&info, off, h, frame) }
	info.Spare = sc.name == spareName
	err := wk.read(sc, tail)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if wk.w.Gone != nil && !info.Spare {
			wk.w.Gone(path)
		}
		return nil
	case err != nil && !moved(err): // cut while it was read: what was read was there
		return err
	}
	if info.Spare && !sc.header && sc.rest.used == 0 {
		return nil // reserved, and nothing in it
	}
	info.Server, info.Base, info.First, info.Last = sc.server, sc.base, sc.first, sc.last
	info.Size, info.Used = sc.size, sc.end
	switch {
	case sc.newer != nil:
		info.Damage = fmt.Errorf("%w: %w", ErrForeign, sc.newer)
	case sc.bad != nil && tail && sc.torn():
		info.Torn = sc.rest.used
	case sc.bad != nil:
		info.Damage = fmt.Errorf("%w: %s", ErrCorrupt, sc.reason())
	}
	if wk.w.Segment == nil {
		return nil
	}
	return wk.w.Segment(info)
}

func (wk *walker) read(sc *scan, tail bool) error {
	if tail {
		return scanTail(wk.s.fs, sc, &wk.fr, wk.dec, newSought(), pauseOf(wk.w.Pause))
	}
	f, err := wk.s.fs.Open(sc.path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return sc.read(f, &wk.fr, wk.dec, newSought())
}

// frame counts a good frame, and hands on a record that is wanted.
func (wk *walker) frame(info *SegmentInfo, off int64, h wire.Header, frame []byte) error {
	if h.Kind == frameMark {
		info.Batches++
	}
	if h.Kind != uint8(zab.KindTxn) {
		return nil
	}
	info.Records++
	if wk.w.Record == nil || h.Zxid < wk.w.From || wk.w.To > 0 && h.Zxid > wk.w.To {
		return nil
	}
	txn, err := wk.dec.Txn(frame[wire.HeaderSize:])
	if err != nil {
		return fmt.Errorf("%w: %s at offset %d: record %s cannot be decoded: %w", ErrCorrupt, info.Path, off, h.Zxid, err)
	}
	// The frame is valid until the next one is read, and so is the record.
	return wk.w.Record(zab.Record{Zxid: h.Zxid, Prev: h.Prev, CRC: h.CRC, Bytes: frame, Txn: txn}, info.Path, off)
}

// SnapshotFile is a file under a snapshot's name.
type SnapshotFile struct {
	Path string
	Zxid zab.Zxid // of the name
	Size int64    // bytes
}

// ListSnapshots lists the snapshots of a directory by their names, oldest
// first.
func ListSnapshots(fsys vfs.FS, opt Options) ([]SnapshotFile, error) {
	s, err := outside(fsys, opt)
	if err != nil {
		return nil, err
	}
	data, err := list(fsys, s.dataDir)
	if err != nil {
		return nil, err
	}
	var found []SnapshotFile
	for _, z := range data.snapshots {
		path := s.dataPath(snapName(z))
		info, err := fsys.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a purge was quicker
		}
		if err != nil {
			return nil, fmt.Errorf("txnlog: %w", err)
		}
		found = append(found, SnapshotFile{Path: path, Zxid: z, Size: info.Size})
	}
	return found, nil
}

// ReadSnapshot opens a snapshot's file, wherever it is. Errors that wrap
// ErrCorrupt or ErrForeign are about what it holds.
func ReadSnapshot(fsys vfs.FS, path string) (*SnapshotReader, error) {
	r, err := openSnapFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("txnlog: %w", err)
	}
	return r, nil
}

// ReadEpochs reads the record of promises and the position through which the
// log had been durable when it was written.
func ReadEpochs(fsys vfs.FS, opt Options) (e zab.Epochs, end zab.Position, err error) {
	s, err := outside(fsys, opt)
	if err != nil {
		return e, end, err
	}
	p, err := readPromise(fsys, s.dataPath(epochsName), wire.NewDecoder())
	if err != nil {
		return e, end, fmt.Errorf("txnlog: %w", err)
	}
	return p.rec.Epochs, p.rec.End, nil
}
