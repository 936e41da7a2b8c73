package txnlog

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// incoming is a snapshot that is being received.
type incoming struct {
	f      vfs.File
	at     zab.Position
	size   int64
	off    int64 // bytes written
	synced int64
}

func (in *incoming) abandon() {
	if in != nil {
		closeQuietly(in.f)
	}
}

func (s *Store) snapBegin(at zab.Position, size int64) error {
	s.in.abandon()
	s.in = nil
	f, err := s.fs.Create(s.dataPath(installName))
	if outOfSpace(err) {
		return nil // its first piece is not OK
	}
	if err != nil {
		return fmt.Errorf("receive snapshot: %w", err)
	}
	s.in = &incoming{f: f, at: at, size: size}
	return nil
}

// snapChunk appends a piece. A piece that does not follow, or that would pass
// the announced size, is not written and not OK. Nor is one for which there is no
// space: what was received is given up and its space given back.
func (s *Store) snapChunk(off int64, data []byte) (int64, bool, error) {
	in := s.in
	if in == nil {
		return 0, false, nil
	}
	if off != in.off || int64(len(data)) > in.size-in.off {
		return in.off, false, nil
	}
	err := in.write(data)
	if outOfSpace(err) {
		s.in = nil
		return 0, false, s.dropIncoming(in)
	}
	return in.off, err == nil, err
}

// write appends data.
func (in *incoming) write(data []byte) error {
	if _, err := in.f.WriteAt(data, in.off); err != nil {
		return fmt.Errorf("receive snapshot at offset %d: %w", in.off, err)
	}
	in.off += int64(len(data))
	if in.off-in.synced < unsyncedSnap {
		return nil
	}
	if err := in.f.Sync(); err != nil {
		return fmt.Errorf("sync received snapshot: %w", err)
	}
	in.synced = in.off
	return nil
}

// dropIncoming removes what was received.
func (s *Store) dropIncoming(in *incoming) error {
	in.abandon()
	if err := s.fs.Remove(s.dataPath(installName)); err != nil {
		return fmt.Errorf("remove received snapshot: %w", err)
	}
	return nil
}

// snapEnd verifies what was received, state included, and installs it, or
// reports false and leaves everything as it was: what came may have been written
// by a server that was wrong, and this one's own data may be the better.
func (s *Store) snapEnd() (bool, error) {
	in := s.in
	if in == nil {
		return false, nil
	}
	s.in = nil
	err := in.f.Sync()
	if cerr := in.f.Close(); err == nil {
		err = cerr
	}
	if outOfSpace(err) {
		in.f = nil
		return false, s.dropIncoming(in)
	}
	if err != nil {
		return false, fmt.Errorf("sync received snapshot: %w", err)
	}
	path := s.dataPath(installName)
	info, err := s.loadSnapshot(path)
	if isDamage(err) || err == nil && (in.off != in.size || info.At != in.at) {
		if err := s.fs.Remove(path); err != nil {
			return false, fmt.Errorf("remove received snapshot: %w", err)
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read back received snapshot: %w", err)
	}
	return true, s.install(info)
}

// install makes the verified file installName the base of an empty log.
//
//	1  the directory is synced: the file stays
//	2  the epochs record says "installing"          <- decided (T6)
//	3  every segment is removed, newest first
//	4  every other snapshot is removed
//	5  the file gets its final name
//	6  the epochs record says that this is the log's end
//
// Until 2 is durable, a crash leaves everything as it was. From then on, the
// next start does 3 to 6 again. The old log never stands beside the new
// snapshot (ZOOKEEPER-2832).
func (s *Store) install(info SnapshotInfo) error {
	s.jobs.Lock()
	defer s.jobs.Unlock()
	if err := s.settleNames(); err != nil {
		return err
	}
	if err := s.syncDir(s.dataDir); err != nil {
		return err
	}
	rec := s.promise.rec
	rec.Installing, rec.Install = true, info.At
	if err := s.promise.save(rec); err != nil {
		return err
	}
	s.mu.Lock()
	s.gen++
	s.base, s.end = info.At, info.At
	segs, snaps := s.segs, s.snaps
	s.segs, s.snaps = nil, nil
	s.mu.Unlock()
	w := &s.w
	w.seg, w.f, w.tail, w.synced, w.marked = nil, nil, info.At, info.At, false
	for _, seg := range slices.Backward(segs) {
		if err := s.dropSegment(seg); err != nil {
			return fmt.Errorf("remove segment: %w", err)
		}
	}
	for _, sn := range slices.Backward(snaps) {
		if err := s.removeSnapshot(sn); err != nil {
			return err
		}
	}
	return s.finishInstall(info)
}

// finishInstall is steps 5 and 6.
func (s *Store) finishInstall(info SnapshotInfo) error {
	path := s.dataPath(snapName(info.At.Zxid))
	if err := s.fs.Rename(s.dataPath(installName), path); err != nil {
		return fmt.Errorf("name received snapshot: %w", err)
	}
	if err := s.syncDir(s.dataDir); err != nil {
		return err
	}
	if err := s.promise.save(installed(s.promise.rec)); err != nil {
		return err
	}
	s.addSnapshot(&snapshot{zxid: info.At.Zxid, at: info.At, path: path, size: info.Size, state: snapGood})
	return nil
}

// installed is the record after an installation.
func installed(rec promiseRecord) promiseRecord {
	rec.End = rec.Install
	rec.Installing, rec.Install = false, zab.Position{}
	return rec
}
