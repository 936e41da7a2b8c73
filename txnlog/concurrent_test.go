package txnlog

import (
	"errors"
	"sync"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// TestReadersDuringChanges reads the log from several goroutines while it is
// appended to, rolled, cut, snapshotted and purged. Readers see a chain or
// nothing; run it with -race.
func TestReadersDuringChanges(t *testing.T) {
	fsys := newFS(t)
	opt := testOptions
	opt.OpenSegments = 2
	s, _ := mustOpenWith(t, fsys, opt)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		readers.Go(func() { follow(t, s, stop) })
	}
	readers.Go(func() {
		for id := uint64(1); ; id++ {
			select {
			case <-stop:
				return
			default:
			}
			if s.SnapRead(zab.SnapRead{ID: id, Open: true}).Failed {
				continue
			}
			if s.SnapRead(zab.SnapRead{ID: id, Len: 4096}).Failed {
				t.Error("an open snapshot cannot be read")
			}
			s.SnapRead(zab.SnapRead{ID: id, Close: true})
		}
	})
	c := newChain()
	for round := range 60 {
		mark := c.at
		recs := c.run(12, 200)
		for i := range recs {
			mustDo(t, s, appendOp(recs[i]))
		}
		noErr(t, s.Prepare())
		switch round % 3 {
		case 0:
			if done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: mark}); !done[0].OK {
				t.Error("not cut")
			}
			c.at = mark
		case 1:
			snap(t, s, c.at)
		case 2:
			noErr(t, s.Purge(2))
		}
	}
	close(stop)
	readers.Wait()
	noErr(t, s.Close())
	if _, err := s.ReadLog(zab.LogRead{}); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

// follow reads the log to its end again and again.
func follow(t *testing.T, s *Store, stop chan struct{}) {
	var z zab.Zxid
	for {
		select {
		case <-stop:
			return
		default:
		}
		res, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 700})
		if err != nil {
			t.Errorf("read after %s: %v", z, err)
			return
		}
		switch {
		case res.Gone:
			z = s.Base().Zxid
		case len(res.Records) == 0:
			z = s.Base().Zxid
		default:
			prev := res.At
			for i := range res.Records {
				if res.Records[i].Prev != prev.CRC {
					t.Errorf("record %s does not follow %s", res.Records[i].Zxid, prev)
					return
				}
				prev = res.Records[i].Position()
			}
			z = prev.Zxid
		}
	}
}

// stepFS calls back in the middle of reads.
type stepFS struct {
	vfs.FS
	onOpen, onRead func()
}

type stepFile struct {
	vfs.File
	fs *stepFS
}

func (s *stepFS) step(f *func()) {
	if do := *f; do != nil {
		*f = nil // once
		do()
	}
}

func (s *stepFS) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	return stepFile{f, s}, err
}

func (s *stepFS) Open(name string) (vfs.File, error) {
	s.step(&s.onOpen)
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return stepFile{f, s}, nil
}

func (f stepFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.step(&f.fs.onRead)
	return f.File.ReadAt(p, off)
}

// TestCutDuringRead cuts the log, and lets another history follow, while a
// read of the old one is at work.
func TestCutDuringRead(t *testing.T) {
	fsys := &stepFS{FS: newFS(t)}
	s, _, err := Open(fsys, testOptions)
	noErr(t, err)
	defer s.Close()
	c := newChain()
	first := c.run(1, 100)
	mustDo(t, s, appendOp(first...))
	mark := c.at
	mustDo(t, s, appendOp(c.run(3, 100)...))
	var other []zab.Record
	fsys.onRead = func() {
		mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: mark})
		c.at = mark
		other = c.run(5, 77)
		mustDo(t, s, appendOp(other...))
	}
	res, err := s.ReadLog(zab.LogRead{MaxBytes: 1 << 20})
	noErr(t, err)
	if zxids(res.Records) != "1 2 3 4 5 6" || res.Records[5].Position() != c.at {
		t.Errorf("read %s", zxids(res.Records))
	}
}

// TestPurgeDuringRead removes the segment that a read is about to open.
func TestPurgeDuringRead(t *testing.T) {
	fsys := &stepFS{FS: newFS(t)}
	opt := testOptions
	opt.OpenSegments = 1
	s, _, err := Open(fsys, opt)
	noErr(t, err)
	defer s.Close()
	c := newChain()
	for range 3 {
		mustDo(t, s, appendOp(c.run(4, 100)...))
		snap(t, s, c.at)
	}
	mustDo(t, s, appendOp(c.run(4, 100)...))
	fsys.onOpen = func() { noErr(t, s.Purge(1)) }
	res, err := s.ReadLog(zab.LogRead{MaxBytes: 1 << 20})
	if err != nil || !res.Gone {
		t.Errorf("read %+v, %v", res, err)
	}
}
