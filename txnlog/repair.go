package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
)

// repair carries out what examine decided and makes the store ready. Each of
// its steps leaves a state from which another start does the rest.
func (s *Store) repair(r *recovery) error {
	if err := s.promise.mend(); err != nil {
		return err
	}
	if err := s.removeAll(r.temps); err != nil {
		return err
	}
	if r.adopt {
		last := r.scans[len(r.scans)-1]
		path := s.segmentPath(last.first)
		if err := s.fs.Rename(last.path, path); err != nil {
			return fmt.Errorf("name segment: %w", err)
		}
		last.path = path
		s.renamed = true
	}
	if r.spare {
		if err := s.removeAll([]string{s.logPath(spareName)}); err != nil {
			return err
		}
	}
	if r.remove != "" {
		if err := s.removeAll([]string{r.remove}); err != nil {
			return err
		}
	}
	if r.restart {
		// From here on this server vouches for the snapshot: without it nothing
		// older may pass for the history, once the log that ends before it is gone.
		if err := s.promise.advance(s.promise.rec.Epochs, r.found.Last); err != nil {
			return err
		}
		for _, sc := range slices.Backward(r.scans) {
			if err := s.removeAll([]string{sc.path}); err != nil {
				return err
			}
		}
		r.scans = nil
	}
	return s.begin(r)
}

// removeAll removes files, each durably before the next.
func (s *Store) removeAll(paths []string) error {
	for _, path := range paths {
		if err := s.fs.Remove(path); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		if err := s.syncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return nil
}

// begin fills the store's fields and opens the segment to append to.
func (s *Store) begin(r *recovery) error {
	s.base, s.end, s.snaps = r.found.Base, r.found.Last, r.snaps
	s.w.tail, s.w.synced = s.end, s.end
	for _, sc := range r.scans {
		s.segs = append(s.segs, &segment{path: sc.path, base: sc.base, last: sc.last, end: sc.end, mark: sc.mark, index: sc.index})
	}
	if n := len(s.segs); n > 0 {
		if err := s.openActive(s.segs[n-1], true); err != nil {
			return err
		}
	}
	return s.prepare()
}

// segmentSalt returns the checksum of a segment's header.
func segmentSalt(f vfs.File) (uint32, error) {
	b := make([]byte, wire.HeaderSize)
	if err := readFull(f, b, 0); err != nil {
		return 0, err
	}
	return wire.ParseHeader(b).CRC, nil
}

// checkInstall reads the snapshot of an installation that was decided.
func (s *Store) checkInstall(data listing) (SnapshotInfo, error) {
	at := s.promise.rec.Install
	path := s.dataPath(snapName(at.Zxid))
	if data.install {
		path = s.dataPath(installName)
	}
	info, err := verifySnapshot(s.fs, path)
	if err != nil && !isDamage(err) && !errors.Is(err, fs.ErrNotExist) {
		return info, err // of reading: no verdict about the file
	}
	if err == nil && info.At != at {
		err = fmt.Errorf("%w: it is of %s", ErrCorrupt, info.At)
	}
	if err != nil {
		return info, fmt.Errorf("the installation of a snapshot of %s was interrupted and cannot be completed from %s; "+
			"empty the directories to have this server copied from its peers: %w", at, path, err)
	}
	return info, nil
}

// resumeInstall does the rest of an installation that a crash interrupted
// after it was decided.
func (s *Store) resumeInstall() error {
	at := s.promise.rec.Install
	data, err := list(s.fs, s.dataDir)
	if err != nil {
		return err
	}
	log, err := list(s.fs, s.logDir)
	if err != nil {
		return err
	}
	info, err := s.checkInstall(data)
	if err != nil {
		return err
	}
	// A process that did not live to sync the decision may have left it to be
	// read. Nothing is removed on the strength of it before it is durable.
	if err := s.promise.mend(); err != nil {
		return err
	}
	var old []string
	if log.spare {
		old = append(old, s.logPath(spareName))
	}
	for _, z := range slices.Backward(log.segments) {
		old = append(old, s.segmentPath(z))
	}
	for _, z := range slices.Backward(data.snapshots) {
		if z != at.Zxid {
			old = append(old, s.dataPath(snapName(z)))
		}
	}
	if err := s.removeAll(old); err != nil {
		return err
	}
	if data.install {
		err = s.finishInstall(info)
		s.snaps = nil // examine lists them
		return err
	}
	if err := s.syncDir(s.dataDir); err != nil {
		return err
	}
	return s.promise.save(installed(s.promise.rec))
}
