package zabsync

import "github.com/quorumd/quorumd/zab"

// Mode is a way to bring a learner up to date.
type Mode uint8

// Modes of synchronisation.
const (
	Diff Mode = iota + 1
	Trunc
	Snap
)

func (m Mode) String() string {
	return [...]string{"", "DIFF", "TRUNC", "SNAP"}[m]
}

// Choose decides how to bring up to date a learner whose log ends at last,
// when at is the greatest position of the leader's history that is not after
// last, and gone says that the leader's log begins after last.
func Choose(last, at zab.Position, gone bool) Mode {
	switch {
	case gone:
		return Snap
	case at == last:
		return Diff
	case at.Zxid < last.Zxid:
		return Trunc
	default:
		// The same zxid with another past: one of the two was not written by
		// this ensemble. Only a whole copy is safe.
		return Snap
	}
}
