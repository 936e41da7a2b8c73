package txnlog

import (
	"errors"
	"io/fs"

	"github.com/quorumd/quorumd/zab"
)

// maxSnapRead bounds the bytes that one SnapRead returns.
const maxSnapRead = 4 << 20

// snapRead is a snapshot that is being sent to a learner. Its file stays
// readable when it is purged, and the log that follows it is not purged (T10).
type snapRead struct {
	sn *snapshot
	r  *SnapshotReader
}

// SnapRead opens, reads and closes snapshots for learners; concurrent with Do
// and with itself for different IDs. Failed means that there is no snapshot,
// that it cannot be read, or that ID has none open.
//
// What is sent is verified on its way, piece by piece (T9). To verify it all
// before the first piece would take minutes where a snapshot is large, and the
// leadership would run out of its time; not to verify it would have a learner
// refuse a snapshot that has rotted, and ask for it again for ever.
func (s *Store) SnapRead(q zab.SnapRead) zab.SnapReadResult {
	if q.Close {
		s.endSnapRead(q.ID)
		return zab.SnapReadResult{ID: q.ID}
	}
	if q.Open {
		sr, err := s.beginSnapRead(q.ID)
		if err != nil {
			return zab.SnapReadResult{ID: q.ID, Failed: true}
		}
		return zab.SnapReadResult{ID: q.ID, At: sr.r.at, Size: sr.r.size}
	}
	s.mu.Lock()
	sr := s.reads[q.ID]
	s.mu.Unlock()
	if sr == nil || q.Off < 0 || q.Off > sr.r.size || q.Len < 0 {
		return zab.SnapReadResult{ID: q.ID, Failed: true}
	}
	b := make([]byte, min(int64(q.Len), sr.r.size-q.Off, maxSnapRead))
	err := sr.r.through(q.Off + int64(len(b)))
	if err == nil {
		err = readFull(sr.r.f, b, q.Off)
	}
	if err != nil {
		s.passOver(sr.sn)
		return zab.SnapReadResult{ID: q.ID, Failed: true}
	}
	return zab.SnapReadResult{ID: q.ID, At: sr.r.at, Size: sr.r.size, Off: q.Off, Data: b}
}

// beginSnapRead opens the newest snapshot that is not known to be bad.
func (s *Store) beginSnapRead(id uint64) (*snapRead, error) {
	s.endSnapRead(id)
	sr, err := s.openNewest()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil || s.reads == nil {
		_ = sr.r.Close()
		return nil, errors.Join(s.failed, ErrClosed)
	}
	s.reads[id] = sr
	return sr, nil
}

// openNewest opens snapshots, newest first, until the header of one is what it
// should be. One that is there and cannot be opened is no verdict on it: there
// may be too many open files.
func (s *Store) openNewest() (*snapRead, error) {
	for {
		s.mu.Lock()
		sn, err := s.newest(), s.failed
		s.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case sn == nil:
			return nil, ErrNoSnapshot
		}
		f, err := s.fs.Open(sn.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.passOver(sn)
			continue
		case outOfDescriptors(err):
			s.count(&s.stats.SnapshotsRefused)
			return nil, err
		case err != nil:
			return nil, err
		}
		r, err := beginSnapFile(f, sn.path)
		if err == nil && r.at == sn.at {
			return &snapRead{sn: sn, r: r}, nil
		}
		if err == nil {
			_ = r.Close()
		}
		s.passOver(sn)
	}
}

// passOver takes note that sn is damaged or cannot be read. A later sending, a
// purge and a cut of the log pass it over, as a start does.
func (s *Store) passOver(sn *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sn.state = snapBad
}

func (s *Store) endSnapRead(id uint64) {
	s.mu.Lock()
	sr := s.reads[id]
	delete(s.reads, id)
	s.mu.Unlock()
	if sr != nil {
		_ = sr.r.Close()
	}
}
