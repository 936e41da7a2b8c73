package txnlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Open recovers the store in the directories of opt, making them if they are
// missing. Errors wrap ErrForeign, ErrCorrupt or vfs.ErrLocked where one of
// these is the cause; what is damaged is left as it is.
func Open(fsys vfs.FS, opt Options) (*Store, Recovered, error) {
	return openWith(fsys, opt, nil)
}

// openWith is Open with the locks that a Hold has taken, nil for none.
func openWith(fsys vfs.FS, opt Options, locks []io.Closer) (*Store, Recovered, error) {
	s, err := outside(fsys, opt)
	if err != nil {
		return nil, Recovered{}, err
	}
	s.cache.init(&s.mu, s.opt.OpenSegments)
	s.reads, s.locks = make(map[uint64]*snapRead), locks
	s.readers.New = newLogReader
	found, err := s.open()
	if err != nil {
		s.giveUp()
		if !strings.HasPrefix(err.Error(), "txnlog: ") {
			err = fmt.Errorf("txnlog: %w", err)
		}
		return nil, Recovered{}, err
	}
	return s, found, nil
}

func (s *Store) open() (Recovered, error) {
	for _, root := range []string{s.opt.DataDir, s.opt.LogDir} {
		if err := checkForeign(s.fs, root); err != nil {
			return Recovered{}, err
		}
		if err := makeDir(s.fs, root); err != nil {
			return Recovered{}, err
		}
	}
	if s.locks == nil {
		if err := s.lock(); err != nil {
			return Recovered{}, err
		}
	}
	if err := s.holdDirs(); err != nil {
		return Recovered{}, err
	}
	if err := s.admit(); err != nil {
		return Recovered{}, err
	}
	if s.promise.rec.Installing {
		if err := s.resumeInstall(); err != nil {
			return Recovered{}, err
		}
	}
	r, err := s.examine()
	if err != nil {
		return Recovered{}, err
	}
	if err := s.repair(r); err != nil {
		return Recovered{}, err
	}
	return r.found, nil
}

// giveUp closes what a failed open had opened.
func (s *Store) giveUp() {
	s.promise.close()
	s.dirs.close()
	closeQuietly(s.spare)
	for _, seg := range s.segs {
		closeQuietly(seg.file)
	}
	for _, l := range s.locks {
		_ = l.Close()
	}
}

// lock keeps other processes out.
func (s *Store) lock() error {
	dirs := []string{s.dataDir}
	if s.split() {
		dirs = append(dirs, s.logDir)
	}
	for _, dir := range dirs {
		l, err := s.fs.Lock(filepath.Join(dir, lockName))
		if errors.Is(err, vfs.ErrLocked) {
			return fmt.Errorf("txnlog: %s is in use by another server; stop it, or name another directory: %w", dir, err)
		}
		if err != nil {
			return fmt.Errorf("txnlog: %w", err)
		}
		s.locks = append(s.locks, l)
	}
	return nil
}

// identity is the body of the identity file.
type identity struct {
	_struct bool `codec:",toarray"`

	Version int64
	Server  zab.ServerID
	Split   bool // the log is in a directory of its own
	// Ensemble is the random name of the ensemble whose committed history the
	// directory has held, 0 if none.
	Ensemble uint64
}

// identityLimit bounds the file's size in bytes.
const identityLimit = 512

func (s *Store) writeIdentity(dir string) error {
	b, err := wire.NewEncoder().AppendStruct(nil, frameIdentity, 0, 0, &identity{Version: formatVersion, Server: s.opt.Server, Split: s.split(), Ensemble: s.ensemble})
	if err != nil {
		return err
	}
	return vfs.WriteFile(s.fs, dir, filepath.Join(dir, identityName), b)
}

func (s *Store) split() bool { return s.dataDir != s.logDir }

// restore is what can be done about a file without which the rest says nothing.
const restore = "restore it, or empty the directory to have this server copied from its peers"

// nameless is the id of a server that runs alone without a myid. Its directory
// becomes that of whoever it is when it joins others.
const nameless zab.ServerID = 0

// readIdentity reads whose data a directory holds.
func (s *Store) readIdentity(dir string) (identity, error) {
	var id identity
	path := filepath.Join(dir, identityName)
	b, err := vfs.ReadFile(s.fs, path, identityLimit)
	var large *vfs.TooLargeError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return id, fmt.Errorf("read identity: %w; %s", err, restore)
	case errors.As(err, &large):
		return id, fmt.Errorf("%w: read identity: %w; %s", ErrCorrupt, err, restore)
	case err != nil && err != io.EOF:
		return id, fmt.Errorf("read identity: %w", err)
	}
	h, body, n, err := wire.ParseFrame(b, identityLimit)
	if errors.Is(err, wire.ErrFormat) {
		return id, fmt.Errorf("%w: %s: %w; %s", ErrForeign, path, err, restore)
	}
	if err == nil && (h.Kind != frameIdentity || n != len(b)) {
		err = errChain
	}
	if err == nil {
		err = wire.NewDecoder().Body(body, &id)
	}
	if err != nil {
		return id, fmt.Errorf("%w: %s cannot be read: %w; %s", ErrCorrupt, path, err, restore)
	}
	if id.Version != formatVersion {
		return id, fmt.Errorf("%w: %s is of version %d, this program reads version %d", ErrForeign, dir, id.Version, formatVersion)
	}
	return id, nil
}

func (s *Store) checkIdentity(dir string) (identity, error) {
	id, err := s.readIdentity(dir)
	if err == nil && id.Server != s.opt.Server && id.Server != nameless {
		err = fmt.Errorf("%w: %s belongs to server %d, this is server %d; correct myid, or name this server's own directory",
			ErrForeign, dir, id.Server, s.opt.Server)
	}
	return id, err
}

// admission is what judge found.
type admission struct {
	id    identity
	fresh bool // nothing but what an interrupted first start leaves
}

// judge checks that the directories are this server's, or new, and changes
// nothing. A new pair is marked in this order: epochs, identity beside the log,
// identity beside the epochs. Whatever is found before the last of them must be
// what an interrupted first start leaves.
func (s *Store) judge() (admission, error) {
	var a admission
	data, err := list(s.fs, s.dataDir)
	if err != nil {
		return a, err
	}
	log, err := list(s.fs, s.logDir)
	if err != nil {
		return a, err
	}
	if err := s.checkSplit(data, log); err != nil {
		return a, err
	}
	if log.identity {
		if _, err := s.checkIdentity(s.logDir); err != nil {
			return a, err
		}
	}
	if !data.identity {
		a.fresh = true
		return a, s.checkFresh(data, log)
	}
	if a.id, err = s.checkIdentity(s.dataDir); err != nil {
		return a, err
	}
	if !log.identity {
		return a, fmt.Errorf("%w: %s is a used data directory, and %s holds no log; put the log back, "+
			"or empty both to have this server copied from its peers", ErrCorrupt, s.dataDir, s.logDir)
	}
	if !data.epochs {
		return a, fmt.Errorf("%w: %s is missing; without it the server could break its promises; restore it, "+
			"or empty the directories to have this server copied from its peers", ErrCorrupt, s.dataPath(epochsName))
	}
	if a.id.Split && !s.split() && len(log.segments) == 0 {
		return a, fmt.Errorf("%w: the log of %s was in a directory of its own; set dataLogDir again, or move the log's files here",
			ErrForeign, s.dataDir)
	}
	return a, nil
}

// admit takes the directories that judge accepts, and reads the epochs file.
func (s *Store) admit() error {
	a, err := s.judge()
	if err != nil {
		return err
	}
	if a.fresh {
		return s.initialise()
	}
	s.ensemble = a.id.Ensemble
	if a.id.Split != s.split() { // dataLogDir was set or taken away, and the log moved along
		if err := s.writeIdentity(s.dataDir); err != nil {
			return fmt.Errorf("write identity: %w", err)
		}
	}
	if a.id.Server != s.opt.Server {
		if err := s.writeIdentities(); err != nil {
			return err
		}
	}
	s.promise, err = openPromise(s.fs, s.dataPath(epochsName), wire.NewDecoder())
	return err
}

// checkSplit sees that each of two directories holds only its own kind of
// file: the sign that dataLogDir was changed without moving the files.
func (s *Store) checkSplit(data, log listing) error {
	if !s.split() {
		return nil
	}
	if len(data.segments) > 0 {
		return fmt.Errorf("%w: %s holds log segments, but the log belongs into %s; move %s* there with a copy of %s, or correct dataLogDir",
			ErrForeign, s.dataDir, s.logDir, segmentPrefix, identityName)
	}
	if len(log.snapshots) > 0 || log.epochs || log.install {
		return fmt.Errorf("%w: %s holds snapshots or epochs, which belong into %s; correct dataDir or dataLogDir",
			ErrForeign, s.logDir, s.dataDir)
	}
	return nil
}

// checkFresh refuses directories without an identity that were used.
func (s *Store) checkFresh(data, log listing) error {
	used := len(data.snapshots) > 0 || len(log.segments) > 0 || data.install
	if data.epochs && !used {
		p, err := readPromise(s.fs, s.dataPath(epochsName), wire.NewDecoder())
		if err == nil {
			used = p.rec.Epochs != zab.Epochs{} || p.rec.End != zab.Position{}
		} else if !errors.Is(err, ErrCorrupt) {
			return err
		}
	}
	if used {
		return fmt.Errorf("%w: %s is missing in a directory that was used; restore it, "+
			"or empty the directory to have this server copied from its peers", ErrCorrupt, s.dataPath(identityName))
	}
	return nil
}

// initialise marks new directories as this server's.
func (s *Store) initialise() error {
	var err error
	if s.promise, err = createPromise(s.fs, s.dataPath(epochsName)); err != nil {
		return err
	}
	if err := s.syncDir(s.dataDir); err != nil {
		return err
	}
	return s.writeIdentities()
}

// writeIdentities marks the directories as this server's: the log's first, for
// the other says that all is done.
func (s *Store) writeIdentities() error {
	if s.split() {
		if err := s.writeIdentity(s.logDir); err != nil {
			return fmt.Errorf("write identity: %w", err)
		}
	}
	if err := s.writeIdentity(s.dataDir); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	return nil
}

// SetEnsemble notes durably whose committed history the store holds. To be
// called when that becomes known; it does nothing when it was known. Where there
// is no descriptor or no space to write it with, it is not known yet, and to be
// called again.
func (s *Store) SetEnsemble(name uint64) error {
	s.mu.Lock()
	before := s.ensemble
	s.ensemble = name
	s.mu.Unlock()
	if before == name {
		return nil
	}
	err := s.writeIdentities()
	if outOfDescriptors(err) || outOfSpace(err) {
		s.mu.Lock()
		s.ensemble = before
		s.mu.Unlock()
		cause := ErrNoDescriptor
		if outOfSpace(err) {
			cause = ErrNoSpace
		}
		return fmt.Errorf("txnlog: %w: %w", cause, err)
	}
	if err != nil {
		if gone := s.inPlace(s.promise.path, s.promise.id, epochsSize); gone != nil {
			err = gone // with the directory: that is the cause
		}
		return s.fail(err) // T7; what is in memory is not what is on the disk
	}
	return nil
}
