package sim

import (
	"path"
	"slices"
	"strings"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
)

// purge removes what is not needed any more, and is judged by what it leaves: as
// many intact snapshots as are to be kept, or all that there were
// (ZOOKEEPER-3231).
func (n *node) purge(keep int) error {
	before := n.intact()
	err := n.store.Purge(keep)
	if after := n.intact(); err == nil && after < min(before, keep) {
		n.w.fail("%v: a purge leaves %d intact snapshots of %d, %d are to be kept", n, after, before, keep)
	}
	return err
}

// intact counts the snapshots in which nothing is damaged. They are read only
// where something on the disk is: that takes long.
func (n *node) intact() int {
	names := n.snapshots()
	if n.rotten {
		damaged := n.damaged()
		names = slices.DeleteFunc(names, func(name string) bool { return damaged[name] })
	}
	return len(names)
}

// snapshots returns the names of the snapshots on the disk, oldest first.
func (n *node) snapshots() []string {
	names, err := n.fs.List(diskDirs[1])
	if err != nil {
		n.w.fail("%v: %v", n, err)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, "snapshot.0") || strings.HasSuffix(name, ".tmp")
	})
}

// damaged returns the names of the files that are damaged.
func (n *node) damaged() map[string]bool {
	disk := n.fs.CrashClone(source(n.w.opt.Seed, "purge"), vfs.KeepAll)
	findings, err := txnlog.Verify(disk, txnlog.VerifyOptions{Options: txnlog.Options{
		LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: n.w.knobs.segment,
	}})
	if err != nil {
		n.w.fail("%v: %v", n, err)
	}
	return beyondMending(findings)
}

// beyondMending returns the base names of the files of which anything is found
// that the next start does not mend.
func beyondMending(findings []txnlog.Finding) map[string]bool {
	files := make(map[string]bool)
	for _, f := range findings {
		name := path.Base(f.File)
		files[name] = files[name] || !f.Mends
	}
	return files
}
