package server

import (
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// Every digestEvery-th zxid's digest is kept, the newest maxDigests of them;
// these are ZooKeeper's numbers, so that its tools can compare servers.
const (
	digestEvery = 128
	maxDigests  = 1024
)

// figures are the server's numbers for people.
type figures struct {
	busy       busyShare    // the loop's
	applyBusy  busyShare    // the applier's
	snapshots  atomic.Int64 // written
	snapErrors atomic.Int64

	leadingSince atomic.Int64 // server clock, ns; 0 is not leading
	proposalLast atomic.Int64
	proposalMin  atomic.Int64
	proposalMax  atomic.Int64 // 0 before the first proposal

	digestMu ranked.Mutex[ranked.Leaf]
	digests  []admin.Digest // oldest first
}

// applied keeps the digest when it is time to. The state is write-locked.
func (f *figures) applied(z zab.Zxid, state *replica.State) {
	if z.Counter()%digestEvery != 0 {
		return
	}
	f.digestMu.Lock()
	defer f.digestMu.Unlock()
	if len(f.digests) == maxDigests {
		f.digests = append(f.digests[:0], f.digests[1:]...)
	}
	f.digests = append(f.digests, admin.Digest{Zxid: z, Digest: state.Digest()})
}

func (f *figures) kept() []admin.Digest {
	f.digestMu.Lock()
	defer f.digestMu.Unlock()
	return append([]admin.Digest(nil), f.digests...)
}

// observe notes what a leader proposes and since when it leads.
func (f *figures) observe(status *replica.Status, now time.Duration, ops []zab.DiskOp) {
	if status.State != zab.Leading {
		f.leadingSince.Store(0)
		return
	}
	if status.Phase != replica.PhaseBroadcast {
		return
	}
	if f.leadingSince.Load() == 0 {
		f.leadingSince.Store(max(int64(now), 1))
	}
	for i := range ops {
		for j := range ops[i].Records {
			f.proposed(int64(len(ops[i].Records[j].Bytes)))
		}
	}
}

// proposed notes the size of a proposal. Only the loop calls it.
func (f *figures) proposed(size int64) {
	f.proposalLast.Store(size)
	if least := f.proposalMin.Load(); least == 0 || size < least {
		f.proposalMin.Store(size)
	}
	if size > f.proposalMax.Load() {
		f.proposalMax.Store(size)
	}
}

func (f *figures) proposals() admin.Sizes {
	if f.proposalMax.Load() == 0 {
		return admin.NoSizes()
	}
	return admin.Sizes{Last: f.proposalLast.Load(), Min: f.proposalMin.Load(), Max: f.proposalMax.Load()}
}

// busyWindow is the time over which busy shares are taken.
const busyWindow = time.Second

// busyShare is the share of its time that a goroutine was at work in the last
// whole window: the first thing to look at when a server is slow.
type busyShare struct {
	since    time.Time // the goroutine's own
	busy     time.Duration
	permille atomic.Int64
}

// add notes one pass.
func (b *busyShare) add(began, ended time.Time) {
	if b.since.IsZero() {
		b.since = began
	}
	b.busy += ended.Sub(began)
	window := ended.Sub(b.since)
	if window < busyWindow {
		return
	}
	b.permille.Store(int64(1000 * b.busy / window))
	b.since, b.busy = ended, 0
}
