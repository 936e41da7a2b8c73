package txnlog

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

func mustVerify(t testing.TB, fsys vfs.FS) []Finding {
	t.Helper()
	found, err := Verify(fsys, VerifyOptions{Options: testOptions})
	noErr(t, err)
	return found
}

// verified makes a directory with all that there is: records 1..24 in several
// segments from 4 on, snapshots of 3 and 9, epochs with an end.
func verifiable(t *testing.T) *vfs.MemFS {
	t.Helper()
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for range 2 {
		mustDo(t, s, appendOp(c.run(3, 300)...))
		snap(t, s, c.at)
		mustDo(t, s, appendOp(c.run(3, 300)...))
	}
	snap(t, s, c.at)
	noErr(t, s.Purge(2))
	for range 6 {
		mustDo(t, s, appendOp(c.run(2, 900)...))
	}
	mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 2, AcceptedBy: 1, Current: 1}})
	noErr(t, s.Close())
	if got := files(t, fsys); !strings.HasPrefix(got, "log...00a") || !strings.HasSuffix(got, "snapshot...009 snapshot...00c") {
		t.Fatalf("the test needs other files: %s", got)
	}
	return fsys
}

// TestVerify damages one thing after the other.
func TestVerify(t *testing.T) {
	if found := mustVerify(t, verifiable(t)); len(found) > 0 {
		t.Fatalf("nothing is damaged: %s", found)
	}
	promise := func(change func(r *promiseRecord)) func(t *testing.T, fsys *vfs.MemFS) {
		return func(t *testing.T, fsys *vfs.MemFS) {
			p, err := openPromise(fsys, inDir(epochsName), wire.NewDecoder())
			noErr(t, err)
			rec := p.rec
			change(&rec)
			noErr(t, p.save(rec))
			p.close()
		}
	}
	spoil := func(name string, change func([]byte) []byte) func(t *testing.T, fsys *vfs.MemFS) {
		return func(t *testing.T, fsys *vfs.MemFS) { edit(t, fsys, inDir(name), change) }
	}
	remove := func(names ...string) func(t *testing.T, fsys *vfs.MemFS) {
		return func(t *testing.T, fsys *vfs.MemFS) {
			for _, name := range names {
				noErr(t, fsys.Remove(inDir(name)))
			}
		}
	}
	add := func(name string, b []byte) func(t *testing.T, fsys *vfs.MemFS) {
		return func(t *testing.T, fsys *vfs.MemFS) { makeFile(t, fsys, inDir(name), b) }
	}
	first, last := segmentName(0xd), segmentName(0x15)
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, fsys *vfs.MemFS)
		mends bool
		want  string // part of a finding
	}{
		{"foreign file", add("core", nil), false, `holds "core"`},
		{"no identity", remove(identityName), false, "identity at offset 0"},
		{"identity damaged", spoil(identityName, flip(26)), false, "identity at offset 0"},
		{"another server", spoil(identityName, func([]byte) []byte {
			b, err := wire.NewEncoder().AppendStruct(nil, frameIdentity, 0, 0, &identity{Version: formatVersion, Server: 9})
			noErr(t, err)
			return b
		}), false, "belongs to server 9"},
		{"no epochs", remove(epochsName), false, "break its promises"},
		{"one slot torn", spoil(epochsName, flip(slotStride+30)), true, "epochs at offset 4096"},
		{"slots differ", spoil(epochsName, func(b []byte) []byte {
			frame, err := wire.NewEncoder().AppendStruct(nil, wire.FrameEpochs, 1, 0, &promiseRecord{Version: formatVersion})
			noErr(t, err)
			copy(b, frame)
			return b
		}), true, "a save was interrupted"},
		{"both slots damaged", spoil(epochsName, func(b []byte) []byte { return flip(30)(flip(slotStride + 30)(b)) }), false, "neither slot"},
		{"epochs in the wrong order", promise(func(r *promiseRecord) { r.Epochs.Current = 3 }), false, "(Z1)"},
		{"a promise forgotten", func(t *testing.T, fsys *vfs.MemFS) {
			s, r := mustOpen(t, fsys)
			c := &chain{enc: wire.NewEncoder(), at: r.Last}
			mustDo(t, s, appendOp(c.next(zab.NewZxid(3, 1), 10)))
			noErr(t, s.Close())
		}, false, "a promise was lost"},
		{"the end of another history", promise(func(r *promiseRecord) { r.End.CRC++; r.End.Zxid-- }), false, "another history"},
		{"the end of another history at the base", promise(func(r *promiseRecord) { r.End = zab.At(9, 1) }), false, "another history"},
		{"the end is missing", promise(func(r *promiseRecord) { r.End.Zxid = 100 }), false, "had been durable through"},
		{"an installation that cannot be completed", promise(func(r *promiseRecord) {
			r.Installing, r.Install = true, zab.At(77, 7)
		}), false, "it cannot be completed"},
		{"an installation that was interrupted", promise(func(r *promiseRecord) {
			s, rec := mustOpen(t, verifiable(t))
			r.Installing, r.Install = true, rec.Snapshot.At
			noErr(t, s.Close())
		}), true, "was interrupted"},
		{"bit in a record", spoil(first, flip(200)), false, first + " at offset"},
		{"the log begins after the snapshots", remove(segmentName(0xa), first), false, "no intact snapshot reaches the log"},
		{"a segment missing", remove(segmentName(0x11)), false, "records are missing"},
		{"a segment renamed", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Rename(inDir(last), inDir(segmentName(0x16))))
		}, false, "it begins with record"},
		{"a torn segment renamed", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Rename(inDir(last), inDir(segmentName(0x16))))
			edit(t, fsys, inDir(segmentName(0x16)), func(b []byte) []byte { copy(b[len(b)-100:], "torn"); return b })
		}, false, "it begins with record"},
		{"a segment that was begun", add(segmentName(99), make([]byte, 100)), true, "holds no record"},
		{"a segment whose name was undone", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Rename(inDir(last), inDir(spareName)))
		}, true, "a crash undid the name"},
		{"a torn tail", spoil(last, func(b []byte) []byte {
			copy(b[len(b)-100:], "torn") // in the room that is reserved
			return b
		}), true, "a write that was interrupted"},
		{"a segment of another server", func(t *testing.T, fsys *vfs.MemFS) {
			other := newFS(t)
			s, _ := mustOpenWith(t, other, Options{DataDir: testDir, Server: 2, SegmentSize: MinSegmentSize})
			mustDo(t, s, appendOp(newChain().run(1, 10)...))
			noErr(t, s.Close())
			b, err := vfs.ReadFile(other, inDir(segmentName(1)), 1<<16)
			noErr(t, err)
			makeFile(t, fsys, inDir(segmentName(1)), b)
		}, false, "it belongs to server 2, this is server 1"},
		{"a snapshot damaged", spoil(snapName(9), flip(500)), false, snapName(9)},
		{"a snapshot under a wrong name", func(t *testing.T, fsys *vfs.MemFS) {
			noErr(t, fsys.Rename(inDir(snapName(9)), inDir(snapName(8))))
		}, false, "it is of 0x9"},
		{"a snapshot of another history", add(snapName(20), foreignSnapshot(t, zab.At(20, 1), 10)), false, "different histories"},
		{"no snapshot", remove(snapName(9), snapName(12)), false, "no intact snapshot reaches the log"},
		{"a snapshot that was being written", add(snapName(9)+tmpSuffix, nil), true, "left by a write"},
		{"a snapshot that was being received", add(installName, nil), true, "being received"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := verifiable(t)
			test.spoil(t, fsys)
			ops := fsys.Ops()
			found := mustVerify(t, fsys)
			if fsys.Ops() != ops {
				t.Error("the disk was changed")
			}
			mends, hit := true, false
			for _, f := range found {
				mends = mends && f.Mends
				hit = hit || strings.Contains(f.String(), test.want)
				if f.File == "" || f.What == "" || f.Remedy == "" {
					t.Errorf("half a finding: %+v", f)
				}
			}
			if !hit || mends != test.mends {
				t.Errorf("want %q, mends %v; found %s", test.want, test.mends, found)
			}
			s, _, err := Open(fsys, testOptions)
			if err == nil {
				noErr(t, s.Close())
			}
			if test.mends && err != nil {
				t.Errorf("the start does not mend it: %v", err)
			}
			if again := mustVerify(t, fsys); test.mends && len(again) > 0 {
				t.Errorf("after the start: %s", again)
			}
		})
	}
}

// TestVerifyFirstStart: a first start that was interrupted is mended by the next.
func TestVerifyFirstStart(t *testing.T) {
	fsys := newFS(t)
	noErr(t, fsys.MkdirAll(inDir("")))
	found := mustVerify(t, fsys)
	if len(found) != 1 || !found[0].Mends || !strings.Contains(found[0].String(), "first start was interrupted") {
		t.Errorf("found %s", found)
	}
	mustOpen(t, fsys)
	if found := mustVerify(t, fsys); len(found) > 0 {
		t.Errorf("after the start: %s", found)
	}
}

// TestVerifyMixedUp: a log in the data's directory, with another named for it.
func TestVerifyMixedUp(t *testing.T) {
	fsys := verifiable(t)
	opt := testOptions
	opt.LogDir = "/log"
	noErr(t, fsys.MkdirAll("/log/quorumd-1"))
	found, err := Verify(fsys, VerifyOptions{Options: opt})
	noErr(t, err)
	if len(found) == 0 || found[0].Mends {
		t.Errorf("found %s", found)
	}
	if _, _, err := Open(fsys, opt); !errors.Is(err, ErrForeign) {
		t.Errorf("a start: %v", err)
	}
}

// TestVerifyState: the caller reads the state in each snapshot.
func TestVerifyState(t *testing.T) {
	fsys := verifiable(t)
	n := 0
	opt := testOptions
	opt.Load = func(r *SnapshotReader) error {
		for {
			if _, _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				return err
			}
		}
		if n++; n == 2 {
			return errors.New("the digest differs")
		}
		return nil
	}
	found, err := Verify(fsys, VerifyOptions{Options: opt})
	noErr(t, err)
	if n != 2 || len(found) != 1 || !strings.Contains(found[0].String(), "snapshot.0000000000000009 at offset 0: the state in it: the digest differs") {
		t.Errorf("%d snapshots, %s", n, found)
	}
}

// TestVerifyReadError: what cannot be read is no verdict.
func TestVerifyReadError(t *testing.T) {
	for _, name := range []string{"log.*", "snapshot.*", identityName, epochsName} {
		fsys := verifiable(t)
		fsys.Inject(vfs.Fault{Op: vfs.OpRead, Path: name, Err: syscall.EIO})
		if _, err := Verify(fsys, VerifyOptions{Options: testOptions}); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Verify(newFS(t), VerifyOptions{}); err == nil {
		t.Error("options without a directory")
	}
	if found := mustVerify(t, newFS(t)); len(found) == 0 || !strings.Contains(fmt.Sprint(found), "no such directory") {
		t.Errorf("an empty place: %s", found)
	}
}
