package peer

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// TestZK1697: the way to the peer is so slow that one piece of a snapshot, or
// one large record, takes twelve times as long as a write may be at a
// standstill. As long as bytes move the link lives; when none do, it ends.
func TestZK1697(t *testing.T) {
	const size, rate, timeout = 480 << 10, 4 << 10, 10 * time.Second
	body := make([]byte, size)
	for name, p := range map[string]zab.Packet{
		"piece":  {Kind: zab.KindSnapChunk, Body: &zab.SnapChunk{Data: body}},
		"record": {Kind: zab.KindTxn, Zxid: 1, Record: record(t, wire.NewEncoder(), 0, 1, body)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				ended := make(chan struct{})
				defer func() {
					ours.Close()
					theirs.Close()
					<-ended
				}()
				go func() {
					defer close(ended)
					for {
						<-time.After(time.Second)
						if _, err := io.CopyN(io.Discard, theirs, rate); err != nil {
							return
						}
					}
				}()
				w := linkWriter{nc: ours, enc: wire.NewEncoder(), timeout: timeout}
				began := time.Now()
				err := errors.Join(w.put(&p), w.flush())
				if took := time.Since(began); err != nil || took < size/rate*time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
	t.Run("standstill", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			defer ours.Close()
			w := linkWriter{nc: ours, enc: wire.NewEncoder(), timeout: timeout}
			go io.CopyN(io.Discard, theirs, rate) // and no more
			began := time.Now()
			p := zab.Packet{Kind: zab.KindSnapChunk, Body: &zab.SnapChunk{Data: body}}
			err := errors.Join(w.put(&p), w.flush())
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took > 2*timeout {
				t.Errorf("%v after %v", err, took)
			}
		})
	})
}
