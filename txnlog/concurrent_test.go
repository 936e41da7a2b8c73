package txnlog

import (
	"errors"
	"sync"
	"testing"

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
