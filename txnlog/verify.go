package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Finding is one thing that is not as it should be on the disk.
type Finding struct {
	File   string
	Offset int64 // where in the file; 0 also where the whole file is meant
	What   string
	Remedy string
	// Mends: a crash may leave this, and the next start repairs it.
	Mends bool
}

func (f Finding) String() string {
	return fmt.Sprintf("%s at offset %d: %s; %s", f.File, f.Offset, f.What, f.Remedy)
}

// VerifyOptions say what to look at.
type VerifyOptions struct {
	Options // with Load for every snapshot that is intact
	// Live: a server may be at work in the directories.
	Live bool
	// Pause waits a moment between two looks at what a server may be changing;
	// nil waits some milliseconds.
	Pause func()
}

func pauseOf(pause func()) func() {
	if pause != nil {
		return pause
	}
	return func() { time.Sleep(livePause) }
}

// Remedies of findings.
const (
	remedyPeers = "empty the directories to have this server copied from its peers, or restore a backup"
	remedyStart = "nothing needs to be done: the next start repairs it"
	remedySnap  = "remove it; older snapshots and the log are used in its place"
)

// Verify reads the whole of a server's data and tells all that it finds wrong:
// identity, epochs (Z1, T6), the chain of the log across its segments and its
// marks (T1, T3), every record's contents, every snapshot to its end and its
// place in the log (T5), and what lies in the directories besides. It changes
// nothing and takes no lock; while a server runs, VerifyOptions.Live has to be
// set. The error is one of reading, or of the options.
func Verify(fsys vfs.FS, opt VerifyOptions) ([]Finding, error) {
	s, err := outside(fsys, opt.Options)
	if err != nil {
		return nil, err
	}
	read := func() ([]Finding, error) {
		v := &verifier{s: s, load: opt.Load, dec: wire.NewDecoder()}
		if opt.Live {
			v.pause = pauseOf(opt.Pause)
		}
		err := v.run()
		return v.found, err
	}
	var found []Finding
	if opt.Live {
		found, err = settle(pauseOf(opt.Pause), read)
	} else {
		found, err = read()
	}
	if err != nil {
		return nil, fmt.Errorf("txnlog: verify: %w", err)
	}
	return found, nil
}

// verifier is one pass over the directories.
type verifier struct {
	s     *Store
	load  func(*SnapshotReader) error
	dec   *wire.Decoder
	pause func() // set if a server may be at work
	found []Finding

	data, log listing
	rec       promiseRecord
	epochs    bool // rec was read
	want      *sought
	base      zab.Position // of the log
	last      zab.Position
	logged    bool // there is a record
	broken    bool // the log could not be followed to its end
	ahead     bool // a snapshot takes the place of a log that ends before it
}

func (v *verifier) add(file string, off int64, remedy, format string, args ...any) {
	v.found = append(v.found, Finding{File: file, Offset: off, What: fmt.Sprintf(format, args...), Remedy: remedy,
		Mends: remedy == remedyStart})
}

func (v *verifier) run() error {
	s := v.s
	var err error
	if v.data, err = v.list(s.dataDir); err != nil {
		return err
	}
	v.log = v.data
	if s.split() {
		if v.log, err = v.list(s.logDir); err != nil {
			return err
		}
	}
	a, judgement := s.judge()
	if judgement == nil && a.fresh {
		v.add(s.dataPath(identityName), 0, remedyStart, "a first start was interrupted")
		return nil
	}
	if err := v.identity(); err != nil {
		return err
	}
	if isDamage(judgement) && len(v.found) == 0 {
		v.add(s.dataDir, 0, "put the files where the configuration says", "%v", judgement)
	}
	if err := v.readEpochs(); err != nil {
		return err
	}
	v.want = newSought(append(slices.Clone(v.data.snapshots), v.rec.End.Zxid)...)
	if err := v.segments(); err != nil {
		return err
	}
	if err := v.snapshots(); err != nil {
		return err
	}
	return v.rules()
}

// list lists a directory. What does not belong there is a finding, and the
// rest of the directory is not looked at.
func (v *verifier) list(dir string) (listing, error) {
	l, err := list(v.s.fs, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.add(dir, 0, "start the server once, or name its directory", "there is no such directory")
		return listing{}, nil
	case errors.Is(err, ErrForeign):
		v.add(dir, 0, "move it away", "%v", err)
		return listing{}, nil
	}
	for _, name := range l.temps {
		v.add(filepath.Join(dir, name), 0, remedyStart, "left by a write that was interrupted")
	}
	return l, err
}

func (v *verifier) identity() error {
	dirs := []string{v.s.dataDir}
	if v.s.split() {
		dirs = append(dirs, v.s.logDir)
	}
	for _, dir := range dirs {
		_, err := v.s.checkIdentity(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) || isDamage(err):
			v.add(filepath.Join(dir, identityName), 0, restore, "%v", err)
		case err != nil:
			return err
		}
	}
	return nil
}

// readEpochs reads both slots. They differ only if a save was interrupted.
func (v *verifier) readEpochs() error {
	path := v.s.dataPath(epochsName)
	b, err := readStart(v.s.fs, path, epochsSize)
	if errors.Is(err, fs.ErrNotExist) {
		v.add(path, 0, remedyPeers, "missing; without it the server could break its promises")
		return nil
	}
	if err != nil {
		return err
	}
	b = append(b, make([]byte, max(0, epochsSize-len(b)))...)
	var newest int64
	var bad []Finding
	var seqs [slots]int64
	for i := range int64(slots) {
		seq, rec, err := parseSlot(b, i, v.dec)
		if errors.Is(err, ErrForeign) {
			v.add(path, i*slotStride, "run the version of quorumd that wrote it", "%v", err)
			continue
		}
		if err != nil {
			bad = append(bad, Finding{File: path, Offset: i * slotStride, What: err.Error(), Remedy: remedyStart, Mends: true})
			continue
		}
		seqs[i] = seq
		if seq > newest {
			newest, v.rec, v.epochs = seq, rec, true
		}
	}
	if !v.epochs {
		v.add(path, 0, remedyPeers, "neither slot holds an intact record")
	}
	v.found = append(v.found, bad...)
	if len(bad) == 0 && seqs[0] != seqs[1] {
		v.add(path, 0, remedyStart, "a save was interrupted: one slot holds number %d, the other %d", seqs[0], seqs[1])
	}
	return nil
}

// readStart reads the first n bytes of a file, or as many as it has.
func readStart(fsys vfs.FS, path string, n int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(n, size))
	return b, readFull(f, b, 0)
}

// rules holds the parts against each other.
func (v *verifier) rules() error {
	path := v.s.dataPath(epochsName)
	e := v.rec.Epochs
	if e.Current > e.Accepted {
		v.add(path, 0, remedyPeers, "current epoch %d is above the accepted one, %d (Z1)", e.Current, e.Accepted)
	}
	if v.rec.Installing {
		return v.installing(path) // the log and the other snapshots are void
	}
	if v.broken || !v.epochs {
		return nil
	}
	if got := v.last.Zxid.Epoch(); got > e.Accepted {
		v.add(path, 0, remedyPeers, "the log ends at %s, of an epoch above the accepted one, %d: a promise was lost", v.last, e.Accepted)
	}
	end := v.rec.End
	switch {
	case v.last.Zxid < end.Zxid:
		v.add(v.s.logDir, 0, remedyPeers, "the log ends at %s, but had been durable through %s", v.last, end)
	case v.ahead || end.Zxid < v.base.Zxid || end == v.base || end == v.last || v.want.has(end):
	default:
		v.add(v.s.logDir, 0, remedyPeers, "the log does not hold %s, through which it had been durable; it is another history", end)
	}
	return nil
}

// installing checks an installation that was decided and not finished (T6).
func (v *verifier) installing(path string) error {
	at := v.rec.Install
	v.add(path, 0, remedyStart, "the installation of the snapshot of %s was interrupted", at)
	file := v.s.dataPath(snapName(at.Zxid))
	if v.data.install {
		file = v.s.dataPath(installName)
	}
	info, err := verifySnapshot(v.s.fs, file)
	if err != nil && !isDamage(err) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || info.At != at {
		v.add(file, 0, remedyPeers, "it cannot be completed: the snapshot is of %s, %v", info.At, err)
	}
	return nil
}
