package txnlog

import (
	"errors"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

// TestNamelessDirectory: the directory of a server that ran alone without a
// myid becomes that of the id it is given, with its log, and then of no other.
func TestNamelessDirectory(t *testing.T) {
	fsys, c := newFS(t), newChain()
	opt := testOptions
	opt.Server = nameless
	s, _ := mustOpenWith(t, fsys, opt)
	if _, err := s.Do([]zab.DiskOp{{Op: 1, Kind: zab.DiskAppend, Records: c.run(3, 10)}}); err != nil {
		t.Fatal(err)
	}
	noErr(t, s.SetEnsemble(77))
	noErr(t, s.Close())

	opt.Server = 3
	s, found := mustOpenWith(t, fsys, opt)
	if found.Last != c.at || found.Ensemble != 77 {
		t.Fatalf("found %+v, want the log to %s and ensemble 77", found, c.at)
	}
	noErr(t, s.Close())
	opt.Server = 2
	if _, _, err := Open(fsys, opt); !errors.Is(err, ErrForeign) {
		t.Fatalf("opened as server 2: %v", err)
	}
}
