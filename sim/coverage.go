package sim

import (
	"fmt"
	"io"
	"sort"

	"github.com/quorumd/quorumd/zab"
)

// reachable lists what a set of runs is expected to reach.
var reachable = append([]string{
	"DIFF", "TRUNC", "SNAP", "ack of NEWLEADER", "snapshot",
	"crash", "crash of all", "crash of a quorum", "crash in operation", "crash in start", "silent crash", "kill", "restart storm",
	"starved: receive", "starved: append", "starved: send", "starved: apply", "absence", "leader deposed", "leader usurped", "leader stranded",
	"leader paused", "leader hesitates", "ambush", "wipe", "pause", "long pause", "clock jump", "one server alone has faults",
	"stall", "long stall", "watchdog", "rot", "damage found at start", "damage found by a read",
	"failed sync: error", "failed write: error", "failed create: error", "failed rename: error", "failed syncdir: error",
	"failed truncate: error", "failed preallocate: error", "failed remove: error", "failed read: error",
	"space is low", "space is out", "space is ample", "append waits for space", "write refused: no space", "start refused: error",
	"snapshot failed: no space", "snapshot failed: error",
	"partition", "one way", "partial partition", "swizzle", "clog", "reset", "half-open", "broken stream",
	"repeated vote", "late vote",
	"create", "create2", "createContainer", "createTTL", "delete", "setData", "setACL", "multi", "closeSession", "sync",
	"exists", "getData", "getChildren", "getChildren2", "getACL", "multiRead", "addWatch", "removeWatches", "checkWatches",
	"setWatches", "setWatches2", "multi taken back", "setData: BADVERSION", "delete: BADVERSION", "delete: NOTEMPTY",
	"create: NOCHILDRENFOREPHEMERALS", "setData: NOAUTH", "session expired", "expired while disconnected",
	"watch: NodeCreated", "watch: NodeDeleted", "watch: NodeDataChanged", "watch: NodeChildrenChanged", "watch removed",
	"watch caught up: NodeCreated", "watch caught up: NodeDeleted", "watch caught up: NodeDataChanged",
	"watch caught up: NodeChildrenChanged", "read behind a write", "outcome unknown", "linearizable",
	"client ahead", "client refused: not serving", "wrong password refused", "session back on the same server",
	"connection abandoned", "half-open connection swept", "connection broken with answers on the way",
	"connection closed: moved or lost", "repeated attach refused", "client went away", "client went elsewhere",
	"session wrote through a later connection",
	"keep-alive phase", "keep-alive phase with a change of leader", "a server that was wiped has everything again",
}, zab.NoteSessionExpired.String(), zab.NoteRequestsResent.String(), zab.NotePaused.String(), zab.NoteRoleLost.String(),
	zab.NoteLeadingResigned.String(), zab.NoteWritesRefused.String(), zab.NoteWritesResumed.String())

// Unreached returns what a set of runs should have reached and has not.
func Unreached(seen map[string]uint64) []string {
	var missing []string
	for _, what := range reachable {
		if seen[what] == 0 {
			missing = append(missing, what)
		}
	}
	return missing
}

// WriteSeen prints how often each thing was reached.
func WriteSeen(out io.Writer, seen map[string]uint64) {
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "  %9d  %s\n", seen[name], name)
	}
}
