package replica

import "github.com/quorumd/quorumd/zab"

// Bounds of what is handed out to be applied and has not been (R11). The shell
// holds no more than that, and one read of the log.
const (
	WindowRecords = 4096
	WindowBytes   = 8 << 20
)

// applyWindow holds what was handed out until the shell has applied it: the
// last zxid and the size of each run, oldest first.
type applyWindow struct {
	limit   int // records; 0 is WindowRecords
	runs    []handedRun
	head    int // runs before head are applied
	records int
	bytes   int
}

type handedRun struct {
	last           zab.Zxid
	records, bytes int
}

// full reports whether nothing more is to be handed out.
func (w *applyWindow) full() bool {
	limit := w.limit
	if limit == 0 {
		limit = WindowRecords
	}
	return w.records >= limit || w.bytes >= WindowBytes
}

// add notes a record that was handed out. Runs are cut where telling of them
// would free too little or too much at a time.
func (w *applyWindow) add(z zab.Zxid, size int) {
	w.records++
	w.bytes += size
	if n := len(w.runs); n > w.head {
		if run := &w.runs[n-1]; run.records < runRecords && run.bytes < runBytes {
			run.last = z
			run.records++
			run.bytes += size
			return
		}
	}
	w.runs = append(w.runs, handedRun{z, 1, size})
}

// A run is what is freed at a time: small enough against the window that the
// shell is never left without work.
const (
	runRecords = 64
	runBytes   = 256 << 10
)

// applied frees everything through z.
func (w *applyWindow) applied(z zab.Zxid) {
	for w.head < len(w.runs) && w.runs[w.head].last <= z {
		w.records -= w.runs[w.head].records
		w.bytes -= w.runs[w.head].bytes
		w.head++
	}
	if w.head == len(w.runs) {
		w.runs, w.head = w.runs[:0], 0
	} else if w.head > 64 && w.head > len(w.runs)/2 {
		n := copy(w.runs, w.runs[w.head:])
		w.runs, w.head = w.runs[:n], 0
	}
}

// reset forgets what was handed out: it belongs to a state that was replaced.
func (w *applyWindow) reset() { *w = applyWindow{limit: w.limit, runs: w.runs[:0]} }
