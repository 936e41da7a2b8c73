package txnlog

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// opening calls before whenever a file is opened to be read.
type opening struct {
	vfs.FS
	before func(base string)
}

func (o opening) Open(name string) (vfs.File, error) {
	o.before(filepath.Base(name))
	return o.FS.Open(name)
}

func liveFindings(t *testing.T, fsys vfs.FS, pause func()) []Finding {
	t.Helper()
	found, err := Verify(fsys, VerifyOptions{Options: testOptions, Live: true, Pause: pause})
	noErr(t, err)
	return slices.DeleteFunc(found, func(f Finding) bool { return f.Mends })
}

// TestLivePurge: files that a purge removes between listing and reading are no
// finding.
func TestLivePurge(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for range 3 {
		mustDo(t, s, appendOp(c.run(3, 300)...))
		snap(t, s, c.at)
	}
	mustDo(t, s, appendOp(c.run(3, 300)...))
	done := false
	found := liveFindings(t, opening{fsys, func(base string) {
		if base == segmentName(1) && !done {
			done = true
			noErr(t, s.Purge(1))
		}
	}}, noPause)
	if !done || len(found) > 0 {
		t.Errorf("purged: %v, found %s", done, found)
	}
	noErr(t, s.Close())
}

// TestLiveRoll: the next segment gets its name, and another one is made under
// the old, while a reader is between two looks. What was read is not held
// against a file that was not.
func TestLiveRoll(t *testing.T) {
	fsys := verifiable(t)
	last := inDir(segmentName(0x15))
	spare := inDir(spareName)
	noErr(t, fsys.Rename(last, spare))
	opened := 0
	found := liveFindings(t, opening{fsys, func(base string) {
		if base != spareName {
			return
		}
		if opened++; opened == 2 {
			noErr(t, fsys.Rename(spare, last))
			makeFile(t, fsys, spare, make([]byte, 1<<14)) // reserved
		}
	}}, noPause)
	if opened == 0 || len(found) > 0 {
		t.Errorf("opened %d times, found %s", opened, found)
	}
}

// TestLiveTail: a record that is half written is looked at again; when it is
// whole then, it was a write under way, and when it stays as it is it was torn.
func TestLiveTail(t *testing.T) {
	half := func() (*vfs.MemFS, func()) {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		mustDo(t, s, appendOp(c.run(2, 300)...))
		end := s.w.off
		rec := c.next(3, 300)
		noErr(t, s.Close())
		f, err := fsys.OpenReadWrite(inDir(segmentName(1)))
		noErr(t, err)
		_, err = f.WriteAt(rec.Bytes[:150], end)
		noErr(t, err)
		return fsys, func() {
			_, err := f.WriteAt(rec.Bytes, end)
			noErr(t, err)
		}
	}
	walk := func(fsys vfs.FS, pause func()) (records int, info SegmentInfo) {
		noErr(t, WalkLog(fsys, testOptions, Walk{
			Pause:   pause,
			Record:  func(zab.Record, string, int64) error { records++; return nil },
			Segment: func(i SegmentInfo) error { info = i; return nil },
		}))
		return records, info
	}
	fsys, finish := half()
	if n, info := walk(fsys, finish); n != 3 || info.Torn > 0 || info.Damage != nil || info.Records != 3 {
		t.Errorf("a write under way: %d records, %+v", n, info)
	}
	fsys, _ = half()
	if n, info := walk(fsys, noPause); n != 2 || info.Torn != 150 || info.Damage != nil {
		t.Errorf("a torn write: %d records, %+v", n, info)
	}
}

// TestLiveGone: a segment that is removed before a walk reads it is told, and
// is no error.
func TestLiveGone(t *testing.T) {
	fsys := verifiable(t)
	var gone []string
	removed := false
	noErr(t, WalkLog(opening{fsys, func(base string) {
		if !removed {
			removed = true
			noErr(t, fsys.Remove(inDir(segmentName(0xa))))
		}
	}}, testOptions, Walk{Gone: func(path string) { gone = append(gone, path) }, Pause: noPause}))
	if len(gone) != 1 || gone[0] != inDir(segmentName(0xa)) {
		t.Errorf("gone: %v", gone)
	}
}
