package sim

import (
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
)

// anyRotten reports whether something is damaged on any server's disk.
func (w *world) anyRotten() bool {
	return slices.ContainsFunc(w.nodes, func(n *node) bool { return n.rotten })
}

// stillDamaged looks whether what was damaged on a server's disk is still
// there: a purge or a received snapshot may have taken it away. Once it is gone
// nothing is excused by it any more.
func (n *node) stillDamaged() bool {
	if !n.rotten && n.whole {
		return false
	}
	disk := n.fs.CrashClone(source(n.w.opt.Seed, "repair"), vfs.KeepAll)
	findings, err := txnlog.Verify(disk, txnlog.VerifyOptions{Options: txnlog.Options{
		LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: n.w.knobs.segment,
	}})
	if err != nil || slices.ContainsFunc(findings, func(f txnlog.Finding) bool { return !f.Mends }) {
		return true
	}
	n.w.say("nothing is damaged on the disk of %d any more", n.id)
	n.w.check.mark("damage gone")
	n.rotten, n.whole = false, true
	return false
}
