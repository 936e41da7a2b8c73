package sim

import (
	"path"
	"strings"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
)

// purge removes what is not needed any more. Where something on the disk is
// damaged, it is judged by what it leaves: as many intact snapshots as are to be
// kept, or all that there were (ZOOKEEPER-3231).
func (n *node) purge() error {
	keep := n.w.knobs.keep
	if !n.rotten {
		return n.store.Purge(keep)
	}
	before := n.intact()
	err := n.store.Purge(keep)
	if after := n.intact(); err == nil && after < min(before, keep) {
		n.w.fail("%v: a purge leaves %d intact snapshots of %d, %d are to be kept", n, after, before, keep)
	}
	return err
}

// intact counts the snapshots in which nothing is damaged.
func (n *node) intact() int {
	disk := n.fs.CrashClone(source(n.w.opt.Seed, "purge"), vfs.KeepAll)
	dir := diskDirs[1]
	names, err := disk.List(dir)
	if err != nil {
		return 0
	}
	findings, err := txnlog.Verify(disk, txnlog.VerifyOptions{Options: txnlog.Options{
		LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: n.w.knobs.segment,
	}})
	if err != nil {
		return 0
	}
	damaged := map[string]bool{}
	for _, f := range findings {
		damaged[path.Base(f.File)] = !f.Mends
	}
	count := 0
	for _, name := range names {
		if strings.HasPrefix(name, "snapshot.0") && !strings.HasSuffix(name, ".tmp") && !damaged[name] {
			count++
		}
	}
	return count
}
