package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// ErrVanished says that a file of the store no longer has its name: somebody
// removed the directory, or put another in its place, while the store had it
// open.
var ErrVanished = errors.New("a file of the running server was removed or replaced")

const vanishedRemedy = "restore the directory from a copy, or empty it to have this server copied from its peers"

// Present checks that the segment being appended to and the epochs file are
// still what their names lead to, and no shorter than what was written. The
// system writes to a removed file as to any other, so nothing else would fail
// before the next start finds nothing. An error is final, as if Do had met it
// (T7); it wraps ErrVanished when that is the cause.
//
// It costs two stats, and may be called concurrently with everything.
func (s *Store) Present() error {
	s.mu.Lock()
	err := s.failed
	var seg *segment
	var id uint64
	var end int64
	if n := len(s.segs); n > 0 && s.segs[n-1].file != nil {
		seg = s.segs[n-1]
		id, end = seg.id, seg.end
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.inPlace(s.promise.path, s.promise.id, epochsSize); err != nil {
		return s.fail(err)
	}
	if seg == nil {
		return nil
	}
	if err := s.inPlace(seg.path, id, end); err != nil && s.active(seg) {
		return s.fail(err)
	}
	return nil
}

// active reports whether seg is still the last of the log: a truncation or an
// installation may have removed or cut it meanwhile, rightly.
func (s *Store) active(seg *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.segs) > 0 && s.segs[len(s.segs)-1] == seg
}

// inPlace checks that a name leads to file id, of size bytes at least.
func (s *Store) inPlace(path string, id uint64, size int64) error {
	info, err := s.fs.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %s is gone; %s", ErrVanished, path, vanishedRemedy)
	case err != nil:
		return fmt.Errorf("look after %s: %w", path, err)
	case info.Dir || info.ID != id:
		return fmt.Errorf("%w: %s is another file; %s", ErrVanished, path, vanishedRemedy)
	case info.Size < size:
		return fmt.Errorf("%w: %s has %d bytes, %d were written; %s", ErrVanished, path, info.Size, size, vanishedRemedy)
	}
	return nil
}
