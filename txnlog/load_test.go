package txnlog

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

var errState = errors.New("the digest differs")

// refusing returns options whose Load reads snapshots and refuses those of zxids
// with err.
func refusing(err error, zxids ...zab.Zxid) (Options, *[]zab.Zxid) {
	var seen []zab.Zxid
	opt := testOptions
	opt.Load = func(r *SnapshotReader) error {
		z := r.Info().At.Zxid
		seen = append(seen, z)
		for {
			if _, _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				return fmt.Errorf("load: %w", err)
			}
		}
		for _, bad := range zxids {
			if z == bad {
				return err
			}
		}
		return nil
	}
	return opt, &seen
}

// TestRefusedState: of five snapshots whose frames are all intact, the newest two
// hold states that are refused. The one before them is taken with all of the log
// behind it; the two are not sent, do not count for a purge, and stay.
func TestRefusedState(t *testing.T) {
	fsys, s, c := fiveSnapshots(t)
	noErr(t, s.Close())
	opt, seen := refusing(errState, 12, 15)
	s, r, err := Open(fsys, opt)
	noErr(t, err)
	if r.Snapshot == nil || r.Snapshot.At.Zxid != 9 || r.Last != c.at || fmt.Sprint(*seen) != "[0xf 0xc 0x9]" {
		t.Fatalf("took %+v of %v, the log's end is %s", r.Snapshot, *seen, r.Last)
	}
	if said := strings.Join(r.Warnings, "\n"); len(r.Warnings) != 2 || !strings.Contains(said, "the state in snapshot") || !strings.Contains(said, errState.Error()) {
		t.Errorf("warned: %s", said)
	}
	if n := len(readAll(t, s, 9)); n != 8 {
		t.Errorf("%d records behind it", n)
	}
	if sent := s.SnapRead(zab.SnapRead{ID: 1, Open: true}); sent.Failed || sent.At.Zxid != 9 {
		t.Errorf("a learner is sent %+v", sent)
	}
	s.SnapRead(zab.SnapRead{ID: 1, Close: true})
	noErr(t, s.Purge(2))
	if got := files(t, fsys); !strings.Contains(got, "snapshot...006") || s.Stats().BadSnapshots != 2 {
		t.Errorf("left: %s", got)
	}
	noErr(t, s.Close())
}

// TestRefusedStates: where every state is refused that the log reaches back to,
// nothing is changed.
func TestRefusedStates(t *testing.T) {
	fsys, s, _ := fiveSnapshots(t)
	noErr(t, s.Purge(2))
	noErr(t, s.Close())
	before := files(t, fsys)
	opt, _ := refusing(errState, 3, 6, 9, 12, 15)
	if _, _, err := Open(fsys, opt); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opened: %v", err)
	}
	if got := files(t, fsys); got != before {
		t.Errorf("%s became %s", before, got)
	}
}

// TestNewerState: what a newer program wrote is no damage. To start from what is
// before it would be to meet its log next.
func TestNewerState(t *testing.T) {
	fsys, s, _ := fiveSnapshots(t)
	noErr(t, s.Close())
	opt, seen := refusing(fmt.Errorf("%w: of version 9", ErrForeign), 15)
	if _, _, err := Open(fsys, opt); !errors.Is(err, ErrForeign) || errors.Is(err, ErrCorrupt) || len(*seen) != 1 {
		t.Errorf("opened: %v, after %v", err, *seen)
	}
}

// TestUnreadState: a disk that fails while a state is built is no verdict on it.
func TestUnreadState(t *testing.T) {
	fsys, s, _ := fiveSnapshots(t)
	noErr(t, s.Close())
	disk := lost(fsys)
	opt, _ := refusing(nil)
	cause := errors.New("no answer")
	inner := opt.Load
	opt.Load = func(r *SnapshotReader) error {
		disk.Inject(vfs.Fault{Op: vfs.OpRead, Path: snapName(15), Err: cause})
		r.fr.reset(r.f, r.fr.off, r.fr.end) // what follows is yet to be read
		return inner(r)
	}
	if _, _, err := Open(disk, opt); !errors.Is(err, cause) || isDamage(err) {
		t.Errorf("opened: %v", err)
	}
}

// TestRefusedStateReceived: a snapshot is received whose frames are intact and
// whose state is refused. The server keeps what it has.
func TestRefusedStateReceived(t *testing.T) {
	fsys, s, c := fiveSnapshots(t)
	noErr(t, s.Close())
	at := zab.At(zab.NewZxid(7, 7), 77)
	for _, bad := range []bool{true, false} {
		opt, seen := refusing(nil)
		if bad {
			opt, seen = refusing(errState, at.Zxid)
		}
		disk := lost(fsys)
		s, _, err := Open(disk, opt)
		noErr(t, err)
		before := files(t, disk)
		done := mustDo(t, s, snapOps(foreignSnapshot(t, at, 3000), at, 1000)...)
		if end := done[len(done)-1]; end.OK == bad || len(*seen) != 2 || (*seen)[1] != at.Zxid {
			t.Errorf("refused %v: %+v, loaded %v", bad, end, *seen)
		}
		if bad && (files(t, disk) != before || len(readAll(t, s, 9)) != 8) {
			t.Errorf("%s became %s", before, files(t, disk))
		}
		if bad {
			mustDo(t, s, appendOp(c.run(2, 50)...))
		}
		noErr(t, s.Close())
	}
}
