package datadir

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

// golden compares text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *rewrite {
		noErr(t, os.MkdirAll("testdata", 0o755))
		noErr(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	noErr(t, err)
	if got != string(want) {
		t.Errorf("%s differs; run with -rewrite and read the difference\n%s", file, got)
	}
}

// TestFindRefuses: each place that is none is named, with what to do.
func TestFindRefuses(t *testing.T) {
	fsys := vfs.NewMem()
	for _, dir := range []string{"/empty", "/zk/version-2", "/old/quorumd-9"} {
		noErr(t, fsys.MkdirAll(dir))
	}
	for _, name := range []string{"/file", "/zk/version-2/log.1"} {
		_, err := fsys.Create(name)
		noErr(t, err)
	}
	filled(t, "/alone", 0, fsys).close()
	myid, err := fsys.Create("/alone/myid")
	noErr(t, err)
	_, err = myid.WriteAt([]byte("many\n"), 0)
	noErr(t, err)
	for dir, want := range map[string]string{
		"/none": "does not exist", "/empty": "holds no quorumd-1", "/file": "is a file",
		"/zk": "ZooKeeper's data", "/old": "another version of quorumd", "/alone": "no server id",
	} {
		_, err := Find(fsys, dir, "")
		if !errors.Is(err, ErrPlace) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	fsys.Inject(vfs.Fault{Op: vfs.OpList, Err: syscall.EACCES})
	if _, err := Find(fsys, "/empty", ""); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "run this as the user") {
		t.Errorf("no permission: %v", err)
	}
}

// TestFindSplit: the log in a directory of its own has to be named.
func TestFindSplit(t *testing.T) {
	fsys := vfs.NewMem()
	opt := txnlog.Options{DataDir: "/d", LogDir: "/l", Server: 3}
	store, _, err := txnlog.Open(fsys, opt)
	noErr(t, err)
	noErr(t, store.Close())
	if _, err := Find(fsys, "/d", ""); !errors.Is(err, ErrPlace) || !strings.Contains(err.Error(), "--log-dir") {
		t.Errorf("without the log: %v", err)
	}
	p, err := Find(fsys, "/d/quorumd-1", "/l/quorumd-1")
	noErr(t, err)
	if p.Server != 3 || p.DataDir != "/d" || p.LogDir != "/l" {
		t.Errorf("%+v", p)
	}
}

// TestVerify: the verdict for each kind of damage.
func TestVerify(t *testing.T) {
	in := func(name string) string { return filepath.Join(testDir, layoutDir, name) }
	segment, last := in("log.0000000100000001"), in("log.0000000100000008")
	old, newest := in("snapshot.0000000100000004"), in("snapshot.0000000100000007")
	change := func(path string, f func([]byte) []byte) func(*vfs.MemFS) {
		return func(m *vfs.MemFS) { spoil(t, m, path, f) }
	}
	for _, test := range []struct {
		name  string
		spoil func(*vfs.MemFS)
		want  Verdict
		say   string
	}{
		{"nothing", func(*vfs.MemFS) {}, Sound, "everything is intact"},
		{"segment header", change(segment, flip(25)), Refused, segment},
		{"record header", change(segment, flip(60)), Refused, segment},
		{"record body", change(segment, flip(150)), Refused, segment},
		{"missing segment", func(m *vfs.MemFS) { noErr(t, m.Remove(in("log.0000000100000005"))) }, Refused, "records are missing"},
		{"torn tail", change(last, func(b []byte) []byte { copy(b[len(b)-50:], "torn"); return b }), Repairable, "next start"},
		{"rotten old snapshot", change(old, flip(200)), Degraded, old},
		{"rotten new snapshot", change(newest, flip(200)), Degraded, newest},
		{"one epochs slot", change(in("epochs"), flip(30)), Repairable, "next start"},
		{"both epochs slots", change(in("epochs"), func(b []byte) []byte { return flip(4126)(flip(30)(b)) }), Refused, "neither slot"},
		{"foreign segment", func(m *vfs.MemFS) {
			other := vfs.NewMem()
			filled(t, testDir, 2, other).close()
			b, err := vfs.ReadFile(other, last, 1<<20)
			noErr(t, err)
			spoil(t, m, last, func([]byte) []byte { return b })
		}, Refused, "belongs to server 2"},
	} {
		fsys := vfs.NewMem()
		filled(t, testDir, 1, fsys).close()
		test.spoil(fsys)
		p := find(t, fsys, testDir)
		ops := fsys.Ops()
		report, err := p.Verify(noPause)
		noErr(t, err)
		if report.Verdict != test.want || !strings.Contains(report.Sentence, test.say) || fsys.Ops() != ops {
			t.Errorf("%s: %s: %s; disk changed: %v", test.name, report.Verdict, report.Sentence, fsys.Ops() != ops)
		}
	}
}

// TestVerifyStarts: a server starts exactly where the verdict is not Refused.
func TestVerifyStarts(t *testing.T) {
	verdicts := map[Verdict]int{}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		fsys := vfs.NewMem()
		r := filled(t, testDir, 1, fsys)
		r.close()
		dir := filepath.Join(testDir, layoutDir)
		names, err := fsys.List(dir)
		noErr(t, err)
		name := names[rng.IntN(len(names))]
		off := rng.IntN(1 << 14)
		spoil(t, fsys, filepath.Join(dir, name), func(b []byte) []byte {
			if len(b) > 0 {
				b[off%len(b)] ^= 1 << rng.IntN(8)
			}
			return b
		})
		p, err := Find(fsys, testDir, "")
		noErr(t, err)
		report, err := p.Verify(noPause)
		noErr(t, err)
		verdicts[report.Verdict]++
		store, _, err := txnlog.Open(fsys, r.opt)
		if (err == nil) != (report.Verdict != Refused) {
			t.Errorf("seed %d, %s at %d: %s: %s; Open: %v", seed, name, off, report.Verdict, report.Sentence, err)
		}
		if err == nil {
			noErr(t, store.Close())
		}
	}
	for _, v := range []Verdict{Sound, Repairable, Degraded, Refused} {
		if verdicts[v] == 0 {
			t.Errorf("no directory was %s: %v", v, verdicts)
		}
	}
}

func TestDump(t *testing.T) {
	fsys := vfs.NewMem()
	r := filled(t, testDir, 1, fsys)
	p := find(t, fsys, testDir) // the server runs on
	var out strings.Builder
	line := func(rec Record) error {
		b, err := json.Marshal(rec)
		fmt.Fprintf(&out, "%s\n", b)
		return err
	}
	noErr(t, p.Dump(DumpOptions{Pause: noPause}, line))
	out.WriteString("--- from 0x100000005 to 0x100000006 in detail\n")
	noErr(t, p.Dump(DumpOptions{From: zab.NewZxid(1, 5), To: zab.NewZxid(1, 6), Detail: true, Pause: noPause}, line))
	golden(t, "dump.txt", out.String())
	r.close()
}

func TestSnapshots(t *testing.T) {
	fsys := vfs.NewMem()
	filled(t, testDir, 1, fsys).close()
	p := find(t, fsys, testDir)
	files, err := p.Snapshots()
	noErr(t, err)
	var out strings.Builder
	show := func(v any) error {
		b, err := json.Marshal(v)
		fmt.Fprintf(&out, "%s\n", b)
		return err
	}
	for _, f := range files {
		s, err := p.Check(f)
		noErr(t, err)
		noErr(t, show(s))
	}
	before, err := p.State(files[0].Path)
	noErr(t, err)
	after, err := p.State(files[1].Path)
	noErr(t, err)
	out.WriteString("--- nodes\n")
	noErr(t, Nodes(before, func(n Node) error { return show(n) }))
	out.WriteString("--- diff\n")
	noErr(t, Diff(before, after, func(d Difference) error { return show(d) }))
	golden(t, "snapshots.txt", out.String())
	if err := Diff(after, after, func(d Difference) error { return errors.New(d.Path) }); err != nil {
		t.Errorf("it differs from itself: %v", err)
	}
	if _, err := p.Choose(5); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("a snapshot of 0x5: %v", err)
	}
}

func TestTruncate(t *testing.T) {
	fsys := vfs.NewMem()
	r := filled(t, testDir, 1, fsys)
	p := find(t, fsys, testDir)
	if _, err := p.Hold(time.Unix(0, 0)); !errors.Is(err, ErrRunning) {
		t.Errorf("beside a server: %v", err)
	}
	r.close()
	h, err := p.Hold(time.Unix(0, 0))
	noErr(t, err)
	for _, z := range []zab.Zxid{zab.NewZxid(1, 99), zab.NewZxid(2, 1)} {
		if _, err := h.PlanCut(z); !errors.Is(err, ErrCut) {
			t.Errorf("cut at %s: %v", z, err)
		}
	}
	cut, err := h.PlanCut(zab.NewZxid(1, 6))
	noErr(t, err)
	if cut.Records != 3 || cut.First != zab.NewZxid(1, 7) || cut.Last != zab.NewZxid(1, 9) || len(cut.Snapshots) != 1 || cut.Sessions != 1 {
		t.Errorf("%+v", cut)
	}
	dirs, err := h.Truncate(cut)
	noErr(t, err)
	if len(dirs) != 1 || dirs[0] != "/data/cut-19700101T000000Z" {
		t.Errorf("copies in %v", dirs)
	}
	names, err := fsys.List(dirs[0])
	noErr(t, err)
	if got := strings.Join(names, " "); !strings.Contains(got, "snapshot.0000000100000007") || !strings.Contains(got, "log.0000000100000008") || !strings.Contains(got, "epochs") {
		t.Errorf("copied were %s", got)
	}
	found, err := txnlog.Examine(fsys, r.opt)
	if err != nil || found.Last != cut.At {
		t.Errorf("the log ends at %s, %v", found.Last, err)
	}
	if report, err := p.Verify(noPause); err != nil || report.Verdict != Sound {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestSurvey: four servers, one behind, one of another history, one damaged.
func TestSurvey(t *testing.T) {
	fsys := vfs.NewMem()
	best := filled(t, "/s1", 1, fsys)
	best.close()
	behind := newRig(t, "/s2", 2, fsys)
	behind.epochs(zab.Epochs{Accepted: 1, AcceptedBy: 1, Current: 1})
	var recs []zab.Record
	noErr(t, txnlog.WalkLog(fsys, best.opt, txnlog.Walk{To: zab.NewZxid(1, 5), Record: func(rec zab.Record, _ string, _ int64) error {
		rec.Bytes = append([]byte(nil), rec.Bytes...)
		recs = append(recs, rec)
		return nil
	}}))
	_, err := behind.store.Do([]zab.DiskOp{{Kind: zab.DiskAppend, Records: recs}})
	noErr(t, err)
	behind.close()
	filled(t, "/s3", 3, fsys).close()
	noErr(t, fsys.Remove("/s3/quorumd-1/epochs"))
	other := newRig(t, "/s4", 4, fsys)
	other.bootstrap()
	other.create("/other", "history")
	other.close()
	copies, err := Survey([]*Place{find(t, fsys, "/s4"), find(t, fsys, "/s3"), find(t, fsys, "/s2"), find(t, fsys, "/s1")})
	noErr(t, err)
	var got []string
	for _, c := range copies {
		got = append(got, fmt.Sprintf("%d %s behind %d starts %v hopeless %v diverges %v", c.Place.Server, c.End.Zxid, c.Behind, c.Starts, c.Hopeless != nil, c.Diverges))
	}
	want := "1 0x100000009 behind 0 starts true hopeless false diverges false\n" +
		"2 0x100000005 behind 4 starts true hopeless false diverges false\n" +
		"4 0x100000003 behind 6 starts true hopeless false diverges true\n" +
		"3 0x0 behind 0 starts false hopeless true diverges false"
	if strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// TestRecover: a record that a snapshot covers rots, and a record at the end.
func TestRecover(t *testing.T) {
	fsys := vfs.NewMem()
	r := filled(t, testDir, 1, fsys)
	r.close()
	spoil(t, fsys, "/data/quorumd-1/log.0000000100000001", flip(150))
	spoil(t, fsys, "/data/quorumd-1/snapshot.0000000100000004", flip(150))
	p := find(t, fsys, testDir)
	h, err := p.Hold(time.Unix(0, 0))
	noErr(t, err)
	plan, err := h.PlanRecovery()
	noErr(t, err)
	if plan.End != r.at || !plan.Needed() {
		t.Errorf("%+v, the history ends at %s", plan, r.at)
	}
	_, err = h.Recover(plan)
	noErr(t, err)
	if report, err := p.Verify(noPause); err != nil || report.Verdict != Sound {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestLookOnly is invariant F1.
func TestLookOnly(t *testing.T) {
	fsys := vfs.NewMem()
	filled(t, testDir, 1, fsys).close()
	p := find(t, fsys, testDir)
	ops := fsys.Ops()
	for name, change := range map[string]func() error{
		"create": func() error { _, err := p.look.Create("/x"); return err },
		"write":  func() error { _, err := p.look.OpenReadWrite("/x"); return err },
		"rename": func() error { return p.look.Rename("/x", "/y") },
		"remove": func() error { return p.look.Remove("/x") },
		"mkdir":  func() error { return p.look.MkdirAll("/x") },
		"sync":   func() error { return p.look.SyncDir("/") },
		"dir":    func() error { _, err := p.look.OpenDir("/"); return err },
		"lock":   func() error { _, err := p.look.Lock("/x"); return err },
	} {
		if err := change(); !errors.Is(err, errLookOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := p.look.Open("/data/quorumd-1/epochs")
	noErr(t, err)
	if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, errLookOnly) || f.Truncate(0) == nil || f.Sync() == nil || f.Preallocate(9) == nil {
		t.Errorf("a file that was opened to read: %v", err)
	}
	if fsys.Ops() != ops {
		t.Error("the disk was changed")
	}
}
