package txnlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Backup copies files of held directories into a directory called name beside
// each of them, durably, and returns those directories. The epochs and the
// identity are always among the copies.
func (h *Hold) Backup(name string, paths []string) ([]string, error) {
	s := h.s
	paths = append(slices.Clone(paths), s.dataPath(epochsName), s.dataPath(identityName))
	var dirs []string
	for _, path := range paths {
		dir := filepath.Join(filepath.Dir(filepath.Dir(path)), name)
		if !slices.Contains(dirs, dir) {
			if err := h.backupDir(dir); err != nil {
				return dirs, fmt.Errorf("txnlog: backup: %w", err)
			}
			dirs = append(dirs, dir)
		}
		if err := copyFile(s.fs, path, dir); err != nil {
			return dirs, fmt.Errorf("txnlog: backup: %w", err)
		}
	}
	return dirs, nil
}

// backupDir makes a directory that is not there yet: an older backup stays.
func (h *Hold) backupDir(dir string) error {
	if _, err := h.s.fs.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dir, errors.Join(fs.ErrExist, err))
	}
	if err := h.s.fs.MkdirAll(dir); err != nil {
		return err
	}
	return h.s.fs.SyncDir(filepath.Dir(dir))
}

// copyFile copies a file into a directory, durably.
func copyFile(fsys vfs.FS, path, dir string) error {
	from, err := fsys.Open(path)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // it was only read
	size, err := from.Size()
	if err != nil {
		return err
	}
	to, err := fsys.Create(filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		return err
	}
	buf := make([]byte, min(size, readChunk))
	for off := int64(0); off < size && err == nil; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-off)]
		if err = readFull(from, buf, off); err == nil {
			_, err = to.WriteAt(buf, off)
		}
	}
	if err == nil {
		err = to.Sync()
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	return err
}

// Touched lists the files that the plan removes or cuts.
func (p *Salvage) Touched() []string {
	var paths []string
	for _, c := range p.Changes {
		if c.What != "rewrite" {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// Needed reports whether there is anything for Salvage to do.
func (p *Salvage) Needed() bool { return len(p.Changes) > 0 || p.lower }

// Salvage carries out a plan that was made of these directories while they were
// held. What it removes or cuts has to be in a backup. First the pieces that
// are rewritten are made durable, then the record of promises is lowered where
// that is needed, then files go, the newest first. After a crash on the way
// PlanSalvage finds the same history, or the backup has it.
func (h *Hold) Salvage(p *Salvage) error {
	if err := h.salvage(p); err != nil {
		return fmt.Errorf("txnlog: recover: %w", err)
	}
	return nil
}

func (h *Hold) salvage(p *Salvage) error {
	s := h.s
	for _, c := range p.Changes {
		if c.What != "rewrite" {
			continue
		}
		if err := s.rewrite(c); err != nil {
			return err
		}
	}
	if p.lower {
		pr, err := openPromise(s.fs, s.dataPath(epochsName), wire.NewDecoder())
		if err != nil {
			return err
		}
		err = pr.advance(pr.rec.Epochs, p.End)
		pr.close()
		if err != nil {
			return err
		}
	}
	for _, c := range slices.Backward(p.Changes) {
		var err error
		switch c.What {
		case "remove":
			err = s.fs.Remove(c.Path)
		case "cut":
			err = cutTo(s.fs, c.Path, c.Size)
		}
		if err == nil {
			err = s.fs.SyncDir(filepath.Dir(c.Path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cutTo(fsys vfs.FS, path string, size int64) error {
	f, err := fsys.OpenReadWrite(path)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// rewrite makes a segment of its own of a piece behind a damaged place. Marks
// are left out: they tell their offset.
func (s *Store) rewrite(c Change) error {
	f, err := s.fs.Open(c.piece.sc.path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := s.appendSegmentHeader(nil, c.piece.start)
	if err != nil {
		return err
	}
	var fr frameReader
	fr.reset(f, c.piece.off, c.piece.end)
	for {
		h, frame, err := fr.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if h.Kind == uint8(zab.KindTxn) {
			b = append(b, frame...)
		}
	}
	return vfs.WriteFile(s.fs, filepath.Dir(c.Path), c.Path, b)
}
