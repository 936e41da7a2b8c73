package txnlog

import (
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files; commit the change only if the formats were meant to change")

const goldenDir = "../testdata/txnlog"

// goldenStore has one of each file, with fixed contents.
func goldenStore(t *testing.T) *vfs.MemFS {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	first := c.next(zab.NewZxid(1, 1), 8)
	mustDo(t, s,
		zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 2, AcceptedBy: 3, Current: 1}},
		appendOp(first))
	mustDo(t, s, appendOp(c.next(zab.NewZxid(1, 2), 3), c.next(zab.NewZxid(2, 1), 1)))
	w, err := s.CreateSnapshot(first.Position())
	noErr(t, err)
	noErr(t, w.Frame(wire.FrameSnapMeta, []byte("meta")))
	noErr(t, w.Frame(wire.FrameSnapNodes, []byte("nodes")))
	noErr(t, w.Frame(wire.FrameSnapNodes, []byte(strings.Repeat("many nodes ", 100))))
	noErr(t, w.Commit())
	noErr(t, s.Close())
	return fsys
}

// TestGolden compares every format with what was written once, and opens what
// was written once.
func TestGolden(t *testing.T) {
	now := goldenStore(t)
	old := newFS(t)
	noErr(t, old.MkdirAll(filepath.Join(testDir, subDir)))
	for _, name := range []string{identityName, epochsName, segmentName(zab.NewZxid(1, 1)), snapName(zab.NewZxid(1, 1))} {
		b, err := vfs.ReadFile(now, inDir(name), 1<<20)
		noErr(t, err)
		dump := dumpTrimmed(b)
		path := filepath.Join(goldenDir, strings.ReplaceAll(name, ".", "-")+".hex")
		if *rewrite {
			noErr(t, os.MkdirAll(goldenDir, 0o755))
			noErr(t, os.WriteFile(path, []byte(dump), 0o644))
		}
		want, err := os.ReadFile(path)
		noErr(t, err)
		if dump != string(want) {
			t.Errorf("%s differs from %s:\n%s", name, path, dump)
		}
		makeFile(t, old, inDir(name), undump(t, string(want)))
	}
	s, r, err := Open(old, testOptions)
	noErr(t, err)
	defer s.Close()
	if r.Last.Zxid != zab.NewZxid(2, 1) || r.Snapshot == nil || r.Snapshot.At.Zxid != zab.NewZxid(1, 1) ||
		r.Epochs != (zab.Epochs{Accepted: 2, AcceptedBy: 3, Current: 1}) || len(readAll(t, s, 0)) != 3 {
		t.Errorf("the golden files were read as %+v", r)
	}
}

// TestGoldenSnapshot1 reads a snapshot as the first version wrote it.
func TestGoldenSnapshot1(t *testing.T) {
	dump, err := os.ReadFile(filepath.Join(goldenDir, "snapshot-0000000100000001-v1.hex"))
	noErr(t, err)
	fsys := newFS(t)
	makeFile(t, fsys, "/old", undump(t, string(dump)))
	r, err := ReadSnapshot(fsys, "/old")
	noErr(t, err)
	defer r.Close()
	var got []string
	for {
		kind, body, err := r.Next()
		if err == io.EOF {
			break
		}
		noErr(t, err)
		got = append(got, fmt.Sprintf("%d %s", kind, body))
	}
	if r.Info().At.Zxid != zab.NewZxid(1, 1) || strings.Join(got, ", ") != "131 meta, 134 nodes" {
		t.Errorf("read %v of %s", got, r.Info().At)
	}
}

const dumpLine = 16

// dumpTrimmed is hex.Dump without the lines that are all zeros.
func dumpTrimmed(b []byte) string {
	var out strings.Builder
	zeros := strings.Repeat("00 ", 8) + " " + strings.Repeat("00 ", 8)
	for _, line := range strings.SplitAfter(hex.Dump(b), "\n") {
		if !strings.Contains(line, zeros) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func undump(t *testing.T, dump string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(dump) {
		off, err := hex.DecodeString(line[:8])
		noErr(t, err)
		at := int(off[0])<<24 | int(off[1])<<16 | int(off[2])<<8 | int(off[3])
		row, err := hex.DecodeString(strings.ReplaceAll(line[10:10+3*dumpLine+1], " ", ""))
		noErr(t, err)
		b = append(b, make([]byte, at-len(b))...)
		b = append(b, row...)
	}
	return b
}
