package txnlog

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

func TestSnapshots(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	if res := s.SnapRead(zab.SnapRead{ID: 1, Open: true}); !res.Failed {
		t.Errorf("opened a snapshot that is not there: %+v", res)
	}
	c := newChain()
	mustDo(t, s, appendOp(c.run(10, 100)...))
	w, err := s.CreateSnapshot(c.at)
	noErr(t, err)
	if _, err := s.CreateSnapshot(c.at); !errors.Is(err, ErrBusy) {
		t.Errorf("second writer: %v", err)
	}
	var bodies []string
	for i := range 30 {
		body := strings.Repeat("b", i*i*40)
		if i%2 == 0 {
			body = string(noise(i * i * 40))
		}
		bodies = append(bodies, body)
		noErr(t, w.Frame(wire.FrameSnapNodes, []byte(body)))
	}
	snapAt := c.at
	mustDo(t, s, appendOp(c.run(10, 100)...)) // writes go on
	noErr(t, w.Commit())
	if err := w.Commit(); !errors.Is(err, ErrClosed) {
		t.Errorf("second commit: %v", err)
	}
	noErr(t, s.Close())
	s, r := mustOpen(t, fsys)
	if r.Snapshot == nil || r.Snapshot.At != snapAt || r.Last != c.at {
		t.Fatalf("recovered %+v", r)
	}
	sr, err := s.OpenSnapshot(r.Snapshot.At)
	noErr(t, err)
	for _, want := range bodies {
		kind, body, err := sr.Next()
		if err != nil || kind != wire.FrameSnapNodes || string(body) != want {
			t.Fatalf("frame: kind %d, %d bytes, %v", kind, len(body), err)
		}
	}
	if _, _, err := sr.Next(); err != io.EOF {
		t.Errorf("end: %v", err)
	}
	noErr(t, sr.Close())
	if _, err := s.OpenSnapshot(c.at); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("a snapshot of another position: %v", err)
	}
	if _, err := s.CreateSnapshot(zab.At(1000, 0)); err == nil {
		t.Error("a snapshot beyond the log's end was begun")
	}
	w, err = s.CreateSnapshot(c.at)
	noErr(t, err)
	if err := w.Frame(frameSnapEnd, nil); err == nil {
		t.Error("a frame of our own kind was taken")
	}
	if err := w.Commit(); err == nil {
		t.Error("commit after an error")
	}
	if got := files(t, fsys); strings.Contains(got, "tmp") {
		t.Errorf("left: %s", got)
	}
}

// TestSendAndInstall reads a snapshot from one store while it is purged and
// installs it in another that has a history of its own.
func TestSendAndInstall(t *testing.T) {
	from := newFS(t)
	s, _ := mustOpen(t, from)
	c := newChain()
	mustDo(t, s, appendOp(c.run(10, 100)...))
	snap(t, s, c.at)
	at := c.at
	open := s.SnapRead(zab.SnapRead{ID: 5, Open: true})
	if open.Failed || open.At != at || open.ID != 5 {
		t.Fatalf("%+v", open)
	}
	mustDo(t, s, appendOp(c.run(10, 100)...))
	snap(t, s, c.at)
	noErr(t, s.Purge(1))
	ops := []zab.DiskOp{{Kind: zab.DiskSnapBegin, At: open.At, Size: open.Size}}
	for off := int64(0); off < open.Size; {
		res := s.SnapRead(zab.SnapRead{ID: 5, Off: off, Len: 100})
		if res.Failed || res.Off != off || res.At != at {
			t.Fatalf("%+v", res)
		}
		ops = append(ops, zab.DiskOp{Kind: zab.DiskSnapChunk, Off: off, Data: res.Data})
		off += int64(len(res.Data))
	}
	s.SnapRead(zab.SnapRead{ID: 5, Close: true})
	if res := s.SnapRead(zab.SnapRead{ID: 5, Off: 0, Len: 1}); !res.Failed {
		t.Error("read after close")
	}

	to := newFS(t)
	d, _ := mustOpen(t, to)
	other := newChain()
	mustDo(t, d, appendOp(other.run(7, 900)...))
	snap(t, d, other.at)
	mustDo(t, d, appendOp(other.run(20, 900)...))
	done := mustDo(t, d, append(ops, zab.DiskOp{Kind: zab.DiskSnapEnd})...)
	end := done[len(done)-1]
	if !end.OK || end.At != at || done[len(done)-2].Off != open.Size {
		t.Fatalf("installed: %+v", end)
	}
	if got := files(t, to); got != "snapshot...00a" {
		t.Errorf("left: %s", got)
	}
	if d.Base() != at || len(readAll(t, d, at.Zxid)) != 0 {
		t.Errorf("base %s", d.Base())
	}
	res, err := d.ReadLog(zab.LogRead{After: at.Zxid - 1})
	if err != nil || !res.Gone {
		t.Errorf("before the base: %+v, %v", res, err)
	}
	c.at = at
	mustDo(t, d, appendOp(c.run(3, 10)...))
	noErr(t, d.Close())
	_, r := mustOpen(t, to)
	if r.Base != at || r.Last != c.at || r.Snapshot.At != at {
		t.Errorf("recovered %+v", r)
	}
}

func TestInstallRefusesDamage(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(10, 100)...))
	at := zab.At(500, 77)
	file := foreignSnapshot(t, at, 1000)
	try := func(what string, ops []zab.DiskOp) {
		t.Helper()
		done := mustDo(t, s, ops...)
		if end := done[len(done)-1]; end.OK || end.At != c.at {
			t.Errorf("%s: %+v", what, end)
		}
	}
	for _, off := range []int{4, 30, 100, len(file) - 1} {
		bad := bytes.Clone(file)
		bad[off] ^= 1
		try("bit flip", snapOps(bad, at, 300))
	}
	try("cut", snapOps(file[:len(file)-20], at, 300))
	try("other position", snapOps(file, zab.At(501, 77), 300))
	try("long", snapOps(append(bytes.Clone(file), 0), at, 300))
	ops := snapOps(file, at, 300)
	try("missing piece", append(ops[:2:2], ops[3:]...))
	try("end without begin", []zab.DiskOp{{Kind: zab.DiskSnapEnd}})
	done := mustDo(t, s, ops[0], ops[1], ops[1])
	if done[1].Off != 300 || !done[1].OK || done[2].Off != 300 || done[2].OK {
		t.Errorf("a piece twice: %+v", done[1:])
	}
	if got := readAll(t, s, 0); len(got) != 10 {
		t.Errorf("the log changed: %s", zxids(got))
	}
	done = mustDo(t, s, snapOps(file, at, 300)...) // begins anew
	if end := done[len(done)-1]; !end.OK || end.At != at {
		t.Errorf("the good one: %+v", end)
	}
}

func TestPurge(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for range 5 {
		mustDo(t, s, appendOp(c.run(3, 100)...))
		snap(t, s, c.at)
	}
	mustDo(t, s, appendOp(c.run(3, 100)...))
	noErr(t, s.Purge(6))
	if got := files(t, fsys); !strings.Contains(got, "snapshot...003") || !strings.Contains(got, "log...001") {
		t.Errorf("purged with too few snapshots: %s", got)
	}
	// The newest three are damaged: they do not count (ZOOKEEPER-3231).
	for _, z := range []zab.Zxid{9, 12, 15} {
		edit(t, fsys, inDir(snapName(z)), flip(200))
	}
	noErr(t, s.Close())
	s, r := mustOpen(t, fsys)
	if r.Snapshot.At.Zxid != 6 || len(r.Warnings) != 3 || r.Last != c.at {
		t.Fatalf("recovered %+v", r)
	}
	noErr(t, s.Purge(3))
	if got := files(t, fsys); !strings.Contains(got, "snapshot...003") {
		t.Errorf("damaged snapshots counted: %s", got)
	}
	noErr(t, s.Purge(1))
	want := "log...004 log...007 log...00a log...00d log...010 snapshot...006 snapshot...009 snapshot...00c snapshot...00f"
	// The segment that begins at 4 ends at 6, which is the snapshot's.
	want = strings.TrimPrefix(want, "log...004 ")
	if got := files(t, fsys); got != want {
		t.Errorf("left: %s", got)
	}
	if st := s.Stats(); st.BadSnapshots != 3 || st.Snapshots != 4 {
		t.Errorf("%+v", st)
	}
	if got := readAll(t, s, 6); len(got) != 12 {
		t.Errorf("log after the purge: %s", zxids(got))
	}
	noErr(t, s.Close())
	if _, r := mustOpen(t, fsys); r.Base.Zxid != 6 || r.Last != c.at {
		t.Errorf("recovered %+v", r)
	}
}
