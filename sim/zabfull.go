package sim

import "github.com/quorumd/quorumd/zab"

// life is what one server delivered between two crashes: everything through
// from, out of its snapshots, then seq.
type life struct {
	node zab.ServerID
	from zab.Zxid
	seq  []zab.Position
}

// run is all that was delivered and broadcast in a run, for the definitions as
// they are published.
type run struct {
	lives     []*life
	primaries map[zab.Epoch]*primary
}

// violated returns the name of a published invariant that does not hold, or "".
func (r *run) violated() string {
	for _, inv := range []struct {
		name  string
		holds func() bool
	}{
		{"Integrity", r.Integrity}, {"TotalOrder", r.TotalOrder}, {"Agreement", r.Agreement},
		{"LocalPrimaryOrder", r.LocalPrimaryOrder}, {"GlobalPrimaryOrder", r.GlobalPrimaryOrder},
	} {
		if !inv.holds() {
			return inv.name
		}
	}
	return ""
}

// Integrity: what a server delivered was broadcast by some primary.
func (r *run) Integrity() bool {
	sent := map[zab.Position]bool{}
	for _, p := range r.primaries {
		for _, pos := range p.broadcast {
			sent[pos] = true
		}
	}
	return r.each(func(_ *life, p zab.Position) bool { return sent[p] })
}

// each reports whether f holds of every delivery.
func (r *run) each(f func(l *life, p zab.Position) bool) bool {
	for _, l := range r.lives {
		for _, p := range l.seq {
			if !f(l, p) {
				return false
			}
		}
	}
	return true
}

// Agreement: if f delivered a and g delivered b, then g delivered a or f
// delivered b. What a server starts with it has delivered in an earlier life,
// or another has for it.
func (r *run) Agreement() bool {
	return r.pairs(func(f, g *life) bool {
		onlyF, onlyG := false, false
		for i, j := 0, 0; i < len(f.seq) || j < len(g.seq); {
			switch {
			case j == len(g.seq) || i < len(f.seq) && f.seq[i].Zxid < g.seq[j].Zxid:
				onlyF = onlyF || f.seq[i].Zxid > g.from
				i++
			case i == len(f.seq) || f.seq[i].Zxid > g.seq[j].Zxid:
				onlyG = onlyG || g.seq[j].Zxid > f.from
				j++
			case f.seq[i] != g.seq[j]:
				return false
			default:
				i++
				j++
			}
		}
		return !onlyF || !onlyG
	})
}

func (r *run) pairs(f func(a, b *life) bool) bool {
	for i, a := range r.lives {
		for _, b := range r.lives[i+1:] {
			if len(a.seq) > 0 && len(b.seq) > 0 && !f(a, b) {
				return false
			}
		}
	}
	return true
}

// TotalOrder: if one server delivers a before b, any server that delivers b
// delivered a before it.
func (r *run) TotalOrder() bool {
	place := map[zab.Position]zab.Position{} // what stands before each
	for _, l := range r.lives {
		for i := 1; i < len(l.seq); i++ {
			before, ok := place[l.seq[i]]
			if ok && before != l.seq[i-1] {
				return false
			}
			place[l.seq[i]] = l.seq[i-1]
		}
	}
	return true
}

// LocalPrimaryOrder: the records of one primary are delivered in the order in
// which it broadcast them, with none before missing.
func (r *run) LocalPrimaryOrder() bool {
	order := map[zab.Position]int{}
	for _, p := range r.primaries {
		for i, pos := range p.broadcast {
			order[pos] = i
		}
	}
	for _, l := range r.lives {
		for i, p := range l.seq {
			switch {
			case i > 0 && l.seq[i-1].Zxid.Epoch() == p.Zxid.Epoch():
				if order[p] != order[l.seq[i-1]]+1 {
					return false
				}
			case l.from.Epoch() != p.Zxid.Epoch() && order[p] != 0:
				return false
			}
		}
	}
	return true
}

// GlobalPrimaryOrder: of two delivered records of different epochs, the one of
// the lower epoch comes first.
func (r *run) GlobalPrimaryOrder() bool {
	for _, l := range r.lives {
		last := l.from.Epoch()
		for _, p := range l.seq {
			if p.Zxid.Epoch() < last {
				return false
			}
			last = p.Zxid.Epoch()
		}
	}
	return true
}
