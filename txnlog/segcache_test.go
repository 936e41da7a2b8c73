package txnlog

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// countFS counts the files that are open, and of these the ones that were opened
// for reading only.
type countFS struct {
	vfs.FS
	mu            sync.Mutex
	open, reading int
	most          int    // that reading ever was
	onReadWrite   func() // called before a file is opened for writing
	failOpens     int    // how many opens for reading fail from now on
}

type countFile struct {
	vfs.File
	fs      *countFS
	reading bool
}

func (c *countFS) opened(f vfs.File, err error, reading bool) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	if reading {
		c.reading++
		c.most = max(c.most, c.reading)
	}
	return &countFile{f, c, reading}, nil
}

func (c *countFS) Create(name string) (vfs.File, error) {
	f, err := c.FS.Create(name)
	return c.opened(f, err, false)
}

func (c *countFS) OpenReadWrite(name string) (vfs.File, error) {
	if do := c.onReadWrite; do != nil {
		c.onReadWrite = nil
		do()
	}
	f, err := c.FS.OpenReadWrite(name)
	return c.opened(f, err, false)
}

func (c *countFS) Open(name string) (vfs.File, error) {
	c.mu.Lock()
	fails := c.failOpens > 0
	if fails {
		c.failOpens--
	}
	c.mu.Unlock()
	if fails {
		return nil, syscall.EMFILE
	}
	f, err := c.FS.Open(name)
	return c.opened(f, err, true)
}

func (f *countFile) Close() error {
	f.fs.mu.Lock()
	f.fs.open--
	if f.reading {
		f.fs.reading--
	}
	f.fs.mu.Unlock()
	return f.File.Close()
}

func (c *countFS) now() (open, reading, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, c.reading, c.most
}

// segments makes a log of at least n segments with several records each.
func segments(t testing.TB, s *Store, n int) *chain {
	t.Helper()
	c := newChain()
	for s.Stats().Segments < n {
		mustDo(t, s, appendOp(c.run(4, 300)...))
		noErr(t, s.Prepare())
	}
	return c
}

// learner is one who reads the log from the middle of a segment on, a record at
// a time.
type learner struct{ from, at zab.Zxid }

// learners stand in the first n segments, one in each.
func learners(t testing.TB, s *Store, n int) []*learner {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segs) <= n {
		t.Fatalf("%d segments for %d learners", len(s.segs), n)
	}
	var all []*learner
	for _, seg := range s.segs[:n] {
		z := seg.base.Zxid + 1
		all = append(all, &learner{from: z, at: z})
	}
	return all
}

// read reads one record, in turns the two that follow where the learner began.
func (l *learner) read(t testing.TB, s *Store) {
	t.Helper()
	res, err := s.ReadLog(zab.LogRead{After: l.at, MaxBytes: 1})
	noErr(t, err)
	if len(res.Records) != 1 || res.Records[0].Zxid != l.at+1 {
		t.Fatalf("read after %s: %s", l.at, zxids(res.Records))
	}
	if l.at++; l.at > l.from+1 {
		l.at = l.from
	}
}

// TestCacheSmallerThanWorkingSet is what HBase's users met: short-circuit reads
// with a cache of 1,000 descriptors where 64,000 were needed. Nothing failed; every
// entry was closed for room just before it was needed again, and no figure said
// so. One place too few is told, once, with the number that would do; and that it
// is over.
func TestCacheSmallerThanWorkingSet(t *testing.T) {
	const working = 16
	for _, places := range []int{working + 1, working, working - 1, working / 4} {
		t.Run(fmt.Sprint(places), func(t *testing.T) {
			fsys := &countFS{FS: newFS(t)}
			opt := testOptions
			opt.OpenSegments = places
			s, _ := mustOpenWith(t, fsys, opt)
			segments(t, s, working+1)
			all := learners(t, s, working)
			for _, l := range all {
				l.read(t, s) // where they begin
			}
			var notes []ReaderNote
			for range 12 {
				for range 10 {
					for _, l := range all {
						l.read(t, s)
					}
				}
				if note, ok := s.TendReaders(); ok {
					notes = append(notes, note)
				}
			}
			st := s.Stats().Readers
			if _, _, most := fsys.now(); most > places || st.Highest > places {
				t.Errorf("%d files were open, %d counted, %d allowed", most, st.Highest, places)
			}
			if places >= working {
				if len(notes) != 0 || st.Reopened != 0 || st.Evictions > uint64(working) || st.Wanted > places {
					t.Errorf("notes %+v, figures %+v", notes, st)
				}
				return
			}
			if len(notes) != 1 || notes[0].Kind != ReadersThrash || notes[0].Wanted != working || notes[0].Places != places {
				t.Fatalf("notes %+v", notes)
			}
			if st.Wanted != working || st.Reopened == 0 || st.Misses-st.Evictions > uint64(places) {
				t.Errorf("figures %+v", st)
			}
			settles(t, s, all[:places])
		})
	}
}

// settles lets only as many learners go on as there are places for.
func settles(t *testing.T, s *Store, all []*learner) {
	t.Helper()
	var notes []ReaderNote
	for range 5 {
		for range 10 {
			for _, l := range all {
				l.read(t, s)
			}
		}
		if note, ok := s.TendReaders(); ok {
			notes = append(notes, note)
		}
	}
	if len(notes) != 1 || notes[0].Kind != ReadersSettled {
		t.Errorf("notes %+v, figures %+v", notes, s.Stats().Readers)
	}
}

// TestThrashSettlesInQuiet: nobody reads any more, so nothing thrashes.
func TestThrashSettlesInQuiet(t *testing.T) {
	var th thrash
	for range thrashReads {
		th.read()
		th.opened()
		th.reopened(9)
	}
	if note, ok := th.judge(8); !ok || note != (ReaderNote{ReadersThrash, 8, 9, thrashReads, thrashReads}) {
		t.Fatalf("%+v, %v", note, ok)
	}
	for range thrashRests - 1 {
		if note, ok := th.judge(8); ok {
			t.Fatalf("%+v", note)
		}
	}
	if note, ok := th.judge(8); !ok || note.Kind != ReadersSettled {
		t.Errorf("%+v, %v", note, ok)
	}
}

// TestPassIsNoThrash: one learner after another reads the whole log through a
// small cache. Each segment is opened once for each of them, which no cache of
// less than the whole log would save.
func TestPassIsNoThrash(t *testing.T) {
	fsys := newFS(t)
	opt := testOptions
	opt.OpenSegments = 3
	s, _ := mustOpenWith(t, fsys, opt)
	segments(t, s, 30)
	for range 20 {
		readAll(t, s, 0)
		if note, ok := s.TendReaders(); ok {
			t.Fatalf("%+v; %+v", note, s.Stats().Readers)
		}
	}
	if st := s.Stats().Readers; st.Evictions == 0 {
		t.Errorf("%+v", st)
	}
}

// TestIdleReadersAreClosed: what nobody reads is given back.
func TestIdleReadersAreClosed(t *testing.T) {
	fsys := &countFS{FS: newFS(t)}
	s, _ := mustOpenWith(t, fsys, testOptions)
	segments(t, s, 12)
	readAll(t, s, 0)
	before, _, _ := fsys.now()
	for range readerPatience {
		s.TendReaders()
	}
	st := s.Stats().Readers
	// The writer's and the next segment, the epochs, stay.
	if open, reading, _ := fsys.now(); st.Open != 0 || st.Expired < 11 || reading != 0 || open >= before {
		t.Errorf("%d files open, %d for reading, %d before; %+v", open, reading, before, st)
	}
	if got := readAll(t, s, 0); len(got) == 0 {
		t.Error("nothing can be read any more")
	}
}

// TestReadersBeyondPlaces: many more readers than places, all at once, while the
// log grows. They wait for each other, nobody fails, the bound holds.
func TestReadersBeyondPlaces(t *testing.T) {
	fsys := &countFS{FS: newFS(t)}
	opt := testOptions
	opt.OpenSegments = 3
	s, _ := mustOpenWith(t, fsys, opt)
	c := segments(t, s, 20)
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			for z := zab.Zxid(0); ; {
				res, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 1000})
				if err != nil {
					t.Errorf("read after %s: %v", z, err)
					return
				}
				if len(res.Records) == 0 {
					return
				}
				z = res.Records[len(res.Records)-1].Zxid
			}
		})
	}
	for range 20 {
		mustDo(t, s, appendOp(c.run(4, 300)...))
		noErr(t, s.Prepare())
	}
	wg.Wait()
	st := s.Stats().Readers
	if _, _, most := fsys.now(); most > 3 || st.Highest > 3 || st.Open > 3 {
		t.Errorf("%d were open; %+v", most, st)
	}
	noErr(t, s.Close())
	if open, _, _ := fsys.now(); open != 0 || s.Stats().Readers.Open != 0 {
		t.Errorf("%d files are open after the end; %+v", open, s.Stats().Readers)
	}
}

// TestChangesUnderReaders: the log is cut, purged and replaced while a reader
// has a segment open. The reader gets what it asked for, or learns that it is
// gone; its place is free afterwards, and its file closed.
func TestChangesUnderReaders(t *testing.T) {
	changes := map[string]func(*testing.T, *Store, *chain){
		"truncation": func(t *testing.T, s *Store, c *chain) {
			s.mu.Lock()
			at := s.segs[2].base
			s.mu.Unlock()
			if done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: at}); !done[0].OK {
				t.Fatal("not cut")
			}
		},
		"purge": func(t *testing.T, s *Store, c *chain) {
			snap(t, s, c.at)
			noErr(t, s.Purge(1))
		},
		"install": func(t *testing.T, s *Store, c *chain) {
			far := newChain()
			far.run(200, 10)
			file := foreignSnapshot(t, far.at, 500)
			ops := snapOps(file, far.at, 4096)
			if done := mustDo(t, s, ops...); !done[len(done)-1].OK {
				t.Fatal("not installed")
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			fsys := &countFS{FS: newFS(t)}
			opt := testOptions
			opt.OpenSegments = 4
			s, _ := mustOpenWith(t, fsys, opt)
			c := segments(t, s, 8)
			s.mu.Lock()
			held := []*segment{s.segs[0], s.segs[1], s.segs[3], s.segs[4]}
			s.mu.Unlock()
			for _, seg := range held {
				f, err := s.acquire(seg, false)
				noErr(t, err)
				if _, err := f.ReadAt(make([]byte, 16), 0); err != nil {
					t.Fatal(err)
				}
			}
			// Without a free place nothing may have to be opened for this.
			change(t, s, c)
			if st := s.Stats().Readers; st.Open != 4 {
				t.Errorf("while they read: %+v", st)
			}
			for _, seg := range held {
				if _, err := seg.file.ReadAt(make([]byte, 16), 0); err != nil {
					t.Errorf("a file was closed under its reader: %v", err)
				}
				s.release(seg)
			}
			readRest(t, s)
			noErr(t, s.Close())
			if open, _, most := fsys.now(); open != 0 || most > 5 {
				t.Errorf("%d files are open after the end; at most %d were", open, most)
			}
			if st := s.Stats().Readers; st.Open != 0 || st.Highest > 4 {
				t.Errorf("%+v", st)
			}
		})
	}
}

func readRest(t *testing.T, s *Store) {
	t.Helper()
	for z := s.Base().Zxid; ; {
		res, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 1000})
		noErr(t, err)
		if len(res.Records) == 0 {
			return
		}
		z = res.Records[len(res.Records)-1].Zxid
	}
}

// TestReadWhileCut: a reader opens the last segment after the cut is decided and
// before the log goes on in it. Its descriptor was never closed.
func TestReadWhileCut(t *testing.T) {
	fsys := &countFS{FS: newFS(t)}
	s, _ := mustOpenWith(t, fsys, testOptions)
	c := newChain()
	mustDo(t, s, appendOp(c.run(3, 100)...))
	mark := c.at
	mustDo(t, s, appendOp(c.run(3, 100)...))
	fsys.onReadWrite = func() {
		res, err := s.ReadLog(zab.LogRead{MaxBytes: 1 << 20})
		noErr(t, err)
		if zxids(res.Records) != "1 2 3" {
			t.Errorf("read %s", zxids(res.Records))
		}
	}
	mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: mark})
	noErr(t, s.Close())
	if open, _, _ := fsys.now(); open != 0 {
		t.Errorf("%d files are open after the end", open)
	}
}

// TestNoDescriptorForIdentity: a server that is short of descriptors when it
// learns its ensemble's name goes on, and writes it down later. It used to end.
func TestNoDescriptorForIdentity(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	for _, op := range []vfs.OpKind{vfs.OpCreate, vfs.OpOpen} { // of the file, of its directory
		fsys.Inject(vfs.Fault{Op: op, Err: syscall.EMFILE})
		if err := s.SetEnsemble(7); !errors.Is(err, ErrNoDescriptor) {
			t.Fatalf("%v", err)
		}
		fsys.Heal()
	}
	c := newChain()
	mustDo(t, s, appendOp(c.run(1, 10)...))
	noErr(t, s.SetEnsemble(7))
	noErr(t, s.Close())
	if _, r := mustOpen(t, fsys); r.Ensemble != 7 {
		t.Errorf("ensemble %d", r.Ensemble)
	}
}

// TestNoDescriptorForReaders: a read for which there is no descriptor takes that
// of a file that is only kept; without one it fails in a way that the caller can
// tell, and nothing is wrong afterwards.
func TestNoDescriptorForReaders(t *testing.T) {
	fsys := &countFS{FS: newFS(t)}
	opt := testOptions
	opt.OpenSegments = 3
	s, _ := mustOpenWith(t, fsys, opt)
	segments(t, s, 6)
	all := learners(t, s, 4)
	fail := func(n int) {
		fsys.mu.Lock()
		defer fsys.mu.Unlock()
		fsys.failOpens = n
	}
	fail(2)
	all[3].read(t, s)
	if st := s.Stats().Readers; st.Open != 1 || st.Refused != 2 || st.Evictions != 3 {
		t.Errorf("%+v", st)
	}
	fail(2)
	if _, err := s.ReadLog(zab.LogRead{After: all[2].at, MaxBytes: 1}); !errors.Is(err, ErrNoDescriptor) || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("%v", err)
	}
	if st := s.Stats().Readers; st.Open != 0 || st.Refused != 4 {
		t.Errorf("%+v", st)
	}
	for _, l := range all {
		l.read(t, s)
	}
}
