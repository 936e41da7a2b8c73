package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// subDir is the one directory under dataDir and dataLogDir that is ours. Its
// number is the version of the layout.
const (
	subDir       = subDirPrefix + "1"
	subDirPrefix = "quorumd-"
	// foreignDir is where ZooKeeper keeps its data under the same settings.
	foreignDir = "version-2"
)

// Names in the directories.
const (
	lockName      = "LOCK"
	identityName  = "identity"
	epochsName    = "epochs"
	spareName     = "log.next"
	installName   = "snapshot.install"
	segmentPrefix = "log."
	snapPrefix    = "snapshot."
	tmpSuffix     = ".tmp"
)

func segmentName(first zab.Zxid) string { return fmt.Sprintf("%s%016x", segmentPrefix, uint64(first)) }
func snapName(at zab.Zxid) string       { return fmt.Sprintf("%s%016x", snapPrefix, uint64(at)) }

// zxidOf reads the number of a name made by segmentName or snapName.
func zxidOf(name, prefix string) (zab.Zxid, bool) {
	hex, ok := strings.CutPrefix(name, prefix)
	if !ok || len(hex) != 16 || strings.ToLower(hex) != hex {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 63) // 63: a zxid is not negative
	return zab.Zxid(n), err == nil
}

// listing is what a directory of ours holds, by what the names say.
type listing struct {
	segments  []zab.Zxid // ascending, as are snapshots
	snapshots []zab.Zxid
	temps     []string
	identity  bool
	epochs    bool
	spare     bool
	install   bool
}

// list reads a directory and refuses what does not belong there: a file that
// we did not write may be somebody's only copy of something, and a sign that
// the setting points to the wrong place.
func list(fsys vfs.FS, dir string) (listing, error) {
	var l listing
	names, err := fsys.List(dir)
	if err != nil {
		return l, fmt.Errorf("txnlog: list %s: %w", dir, err)
	}
	for _, name := range names {
		if z, ok := zxidOf(name, segmentPrefix); ok {
			l.segments = append(l.segments, z)
			continue
		}
		if z, ok := zxidOf(name, snapPrefix); ok {
			l.snapshots = append(l.snapshots, z)
			continue
		}
		switch {
		case name == lockName:
		case name == identityName:
			l.identity = true
		case name == epochsName:
			l.epochs = true
		case name == spareName:
			l.spare = true
		case name == installName:
			l.install = true
		case strings.HasSuffix(name, tmpSuffix):
			l.temps = append(l.temps, name)
		default:
			return l, fmt.Errorf("%w: %s holds %q, which no quorumd of this version writes; move it away",
				ErrForeign, dir, name)
		}
	}
	slices.Sort(l.segments)
	slices.Sort(l.snapshots)
	return l, nil
}

// checkForeign refuses a directory named in the configuration that holds the
// data of another program or of another version of this one, and none of ours.
func checkForeign(fsys vfs.FS, root string) error {
	names, err := fsys.List(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("txnlog: list %s: %w", root, err)
	}
	if slices.Contains(names, subDir) {
		return nil
	}
	for _, name := range names {
		if strings.HasPrefix(name, subDirPrefix) {
			return fmt.Errorf("%w: %s holds %s but no %s: another version of quorumd wrote it; run that version",
				ErrForeign, root, name, subDir)
		}
	}
	if !slices.Contains(names, foreignDir) {
		return nil
	}
	inside, err := fsys.List(filepath.Join(root, foreignDir))
	if err != nil {
		return fmt.Errorf("txnlog: list %s: %w", filepath.Join(root, foreignDir), err)
	}
	if len(inside) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s holds ZooKeeper's data (%s) and none of quorumd's; import that data first, "+
		"or name an empty directory, or move %s away to start with an empty tree", ErrForeign, root, foreignDir, foreignDir)
}
