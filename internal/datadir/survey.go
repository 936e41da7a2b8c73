package datadir

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// Copy is what one server's directory can offer.
type Copy struct {
	Place    *Place
	Epochs   zab.Epochs
	End      zab.Position // of the history that the directory proves
	Known    zab.Zxid     // the last that it gives a sign of
	Starts   bool         // a server starts on it as it is
	Salvage  *txnlog.Salvage
	Hopeless error // nothing can be had
	// Behind is how many records of the most up to date copy it lacks, -1 where
	// that copy's log does not tell.
	Behind int
	// Diverges: its end is not in the history of the most up to date copy.
	Diverges bool
}

// Survey compares the directories of servers of one ensemble, the most up to
// date first: current epoch, then the end of what is proved, as elections do.
func Survey(places []*Place) ([]*Copy, error) {
	copies := make([]*Copy, 0, len(places))
	for _, p := range places {
		c, err := p.offer()
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	slices.SortStableFunc(copies, func(a, b *Copy) int {
		if h := cmp.Compare(rank(b), rank(a)); h != 0 {
			return h
		}
		return cmp.Or(cmp.Compare(b.Epochs.Current, a.Epochs.Current), cmp.Compare(b.End.Zxid, a.End.Zxid),
			cmp.Compare(ready(b), ready(a)))
	})
	best := copies[0]
	for _, c := range copies[1:] {
		if err := c.compare(best); err != nil {
			return nil, err
		}
	}
	return copies, nil
}

// rank puts what can be used before what cannot.
func rank(c *Copy) int {
	if c.Hopeless != nil {
		return 0
	}
	return 1
}

// ready puts, of equals, those that need no recovery first.
func ready(c *Copy) int {
	if c.Starts {
		return 1
	}
	return 0
}

// offer reads what a directory proves.
func (p *Place) offer() (*Copy, error) {
	c := &Copy{Place: p}
	c.Epochs, _, _ = txnlog.ReadEpochs(p.look, p.Options()) // where they are lost, PlanSalvage says so
	plan, err := txnlog.PlanSalvage(p.look, p.Options(), p.load)
	if err != nil {
		c.Hopeless = err
		return c, nil
	}
	c.Salvage, c.End, c.Known = plan, plan.End, plan.Known
	c.Starts = p.starts()
	return c, nil
}

// compare counts what c lacks of best.
func (c *Copy) compare(best *Copy) error {
	if c.Hopeless != nil || best.Hopeless != nil || c.End == best.End {
		return nil
	}
	met, after, first := false, 0, zab.Zxid(0)
	err := txnlog.WalkLog(best.Place.look, best.Place.Options(), txnlog.Walk{
		To: best.End.Zxid,
		Record: func(rec zab.Record, _ string, _ int64) error {
			if first == 0 {
				first = rec.Zxid
			}
			switch {
			case rec.Position() == c.End || rec.Zxid > c.End.Zxid && rec.Prev == c.End.CRC && after == 0:
				met = true
			}
			if rec.Zxid > c.End.Zxid {
				after++
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("compare with %s: %w", best.Place.DataDir, err)
	}
	c.Behind = after
	switch {
	case first == 0 || first > c.End.Zxid && !met:
		c.Behind = -1 // the log was purged up to a snapshot behind c's end
	case !met:
		c.Diverges = true
	}
	return nil
}
