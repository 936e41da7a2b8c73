//go:build unix

package txnlog

import (
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// TestManyLearnersFewDescriptors: 64 learners at once read 200 small segments of
// real files, in a process that may have 1,024 files open, with the places that
// the working set asks for and with far too few.
func TestManyLearnersFewDescriptors(t *testing.T) {
	const readers, limit = 64, 1024
	var before syscall.Rlimit
	noErr(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	few := before
	few.Cur = min(limit, before.Cur)
	noErr(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	t.Cleanup(func() { noErr(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) })
	opt := Options{DataDir: t.TempDir(), Server: 1, SegmentSize: MinSegmentSize}
	s, _, err := Open(vfs.OS, opt)
	noErr(t, err)
	c := newChain()
	for s.Stats().Segments < 200 {
		mustDo(t, s, appendOp(c.run(8, 350)...))
	}
	noErr(t, s.Close())
	for _, places := range []int{2 * (readers + 1), 8} {
		opt.OpenSegments = places
		s, _, err := Open(vfs.OS, opt)
		noErr(t, err)
		base := openFiles(t)
		var wg sync.WaitGroup
		for i := range readers {
			wg.Go(func() { readOn(t, s, c.at.Zxid*zab.Zxid(i)/readers, c.at.Zxid) })
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		most := 0
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
				most = max(most, openFiles(t)-base)
			}
		}
		st := s.Stats().Readers
		// One more is the directory in which they are counted.
		if most > places+1 || st.Highest > places || st.Open > places || st.Refused != 0 {
			t.Errorf("%d places: %d files were open; %+v", places, most, st)
		}
		t.Logf("%d places: %d files were open; %+v", places, most, st)
		noErr(t, s.Close())
	}
}

// readOn reads from a position to the end, some records at a time.
func readOn(t *testing.T, s *Store, z, end zab.Zxid) {
	for z < end {
		res, err := s.ReadLog(zab.LogRead{After: z, MaxBytes: 2000})
		if err != nil || len(res.Records) == 0 {
			t.Errorf("read after %s: %d records, %v", z, len(res.Records), err)
			return
		}
		z = res.Records[len(res.Records)-1].Zxid
	}
}

func openFiles(t *testing.T) int {
	names, err := os.ReadDir("/dev/fd")
	noErr(t, err)
	return len(names)
}
