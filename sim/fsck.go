package sim

import (
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// fsck opens what is left of a server's disk after the worst crash there is,
// without the server: the log is one chain, the epochs are those confirmed,
// and snapshot and log give the tree of the history (O12).
func (k *checker) fsck(n *node) {
	if n.stillDamaged() {
		return // damage that nobody has come across yet
	}
	disk := n.fs.CrashClone(k.w.rng, vfs.KeepNothing)
	opt := txnlog.Options{LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: 16 << 10}
	findings, err := txnlog.Verify(disk, txnlog.VerifyOptions{Options: opt})
	if err != nil {
		k.w.fail("%v: its disk cannot be read: %v", n, err)
		return
	}
	for _, f := range findings {
		if !f.Mends {
			k.w.fail("%v: on its disk: %s", n, f)
		}
	}
	store, found, err := txnlog.Open(disk, opt)
	if err != nil {
		k.w.fail("%v: its disk cannot be opened: %v", n, err)
		return
	}
	defer func() {
		if err := store.Close(); err != nil {
			k.w.fail("%v: its disk cannot be closed: %v", n, err)
		}
	}()
	if d := k.durable[n.index]; found.Epochs != d.epochs || !k.logs[n.index].holds(found.Last) || found.Last.Zxid < d.synced {
		k.w.fail("%v: its disk has %s and %+v, confirmed was %+v", n, found.Last, found.Epochs, d)
	}
	state := replica.NewState()
	if found.Snapshot != nil {
		if state, err = load(store, found.Snapshot.At); err != nil {
			k.w.fail("%v: its newest snapshot cannot be loaded: %v", n, err)
			return
		}
		k.matches(n, state)
	}
	k.replay(n, store, state)
	k.complete(n, state)
}

// complete judges that a state is that of the whole history.
func (k *checker) complete(n *node, state *replica.State) {
	if end := k.end(); state.Applied() != end {
		k.w.fail("%v: its disk replays to %s, the history ends at %s", n, state.Applied(), end)
	}
}

// replay applies the log to a state and holds every step against the history.
func (k *checker) replay(n *node, store *txnlog.Store, state *replica.State) {
	end := k.end()
	for state.Applied().Zxid < end.Zxid {
		res, err := store.ReadLog(zab.LogRead{After: state.Applied().Zxid, MaxBytes: 1 << 20})
		if err != nil || res.Gone || len(res.Records) == 0 {
			k.w.fail("%v: its log cannot be read after %s: %v", n, state.Applied(), err)
			return
		}
		for i := range res.Records {
			if res.Records[i].Zxid > end.Zxid {
				return
			}
			state.Apply(&res.Records[i])
		}
		k.matches(n, state)
	}
}

// matches compares a state with the digest of the history there.
func (k *checker) matches(n *node, state *replica.State) {
	z := state.Applied().Zxid
	if want, ok := k.digests[z]; ok && want != state.Digest() {
		k.w.fail("%v: its disk gives digest %016x at %s, the servers had %016x", n, state.Digest(), z, want)
	}
}

// sessionsMatch judges a server's sessions and ephemerals at the end: there is
// no ephemeral whose session is not live (O5).
func (k *checker) sessionsMatch(n *node) {
	for _, id := range n.state.EphemeralSessions() {
		if !k.model.alive(id) {
			k.w.fail("%v has ephemerals %v of session %s, which is over", n, n.state.Ephemerals(id), id)
		}
		if got, want := n.state.Ephemerals(id), k.model.ephemerals(id); !slices.Equal(got, want) {
			k.w.fail("%v has ephemerals %v of session %s, the model has %v", n, got, id, want)
		}
	}
	if n.state.SessionCount() != len(k.model.sessions) {
		k.w.fail("%v has %d sessions, the model has %d", n, n.state.SessionCount(), len(k.model.sessions))
	}
}
