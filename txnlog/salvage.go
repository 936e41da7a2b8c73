package txnlog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// Salvage is the longest history that a damaged directory still proves: an
// intact snapshot, or the beginning, and the records that follow it in one
// chain (T1). A chain may go on behind a damaged place, from a mark whose
// position the chain has reached, so records that a snapshot covers may rot
// without loss.
type Salvage struct {
	Snapshot *SnapshotInfo // where it begins; nil is the beginning
	End      zab.Position
	// Known is the highest zxid that the directory gives a sign of: in a record,
	// a snapshot or the record of promises. What is after End is lost.
	Known   zab.Zxid
	Changes []Change // none: there is nothing to mend but what a start mends

	lower bool // the record of promises names an end beyond, or of another history
}

// Change is what is done to one file.
type Change struct {
	Path string
	What string // "remove", "cut", "rewrite", or "replace" of what a rewrite takes the place of
	Size int64  // of a file that is cut

	piece *run // of a file that is rewritten
}

// ErrHopeless: nothing in the directory can be proved.
var ErrHopeless = errors.New("nothing can be recovered here")

// run is a part of a segment in which every frame follows the one before.
type run struct {
	sc         *scan
	start      zab.Position
	last       zab.Position
	off, end   int64
	whole      bool // from the segment's header on
	want       *sought
	first      zab.Zxid // 0: no record
	hasRecords bool
}

func (r *run) holds(p zab.Position) bool { return r.start == p || r.last == p || r.want.has(p) }

// PlanSalvage finds out what can be had, and changes nothing. load is
// Options.Load. Errors wrap ErrHopeless, or are those of Open where what
// is wrong cannot be mended from what is there.
func PlanSalvage(fsys vfs.FS, opt Options, load func(*SnapshotReader) error) (*Salvage, error) {
	s, err := outside(fsys, opt)
	if err != nil {
		return nil, err
	}
	p := &salvager{s: s, load: load, dec: wire.NewDecoder()}
	plan, err := p.plan()
	if err != nil {
		return nil, fmt.Errorf("txnlog: recover: %w", err)
	}
	return plan, nil
}

// salvager is one pass over damaged directories.
type salvager struct {
	s    *Store
	load func(*SnapshotReader) error
	dec  *wire.Decoder

	data, log listing
	runs      []*run
	snaps     []*snapshot // ascending; bad ones have their state
	known     zab.Zxid
}

func (p *salvager) plan() (*Salvage, error) {
	s := p.s
	a, err := s.judge()
	if err != nil {
		return nil, err
	}
	if a.fresh {
		return nil, fmt.Errorf("%w: no server has kept anything in %s", ErrHopeless, s.dataDir)
	}
	if s.promise, err = readPromise(s.fs, s.dataPath(epochsName), p.dec); err != nil {
		return nil, err
	}
	if p.data, err = list(s.fs, s.dataDir); err != nil {
		return nil, err
	}
	if p.log, err = list(s.fs, s.logDir); err != nil {
		return nil, err
	}
	if s.promise.rec.Installing {
		info, err := s.checkInstall(p.data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrHopeless, err)
		}
		return &Salvage{Snapshot: &info, End: info.At, Known: info.At.Zxid}, nil
	}
	p.known = s.promise.rec.End.Zxid
	if err := p.readSnapshots(); err != nil {
		return nil, err
	}
	if err := p.readSegments(); err != nil {
		return nil, err
	}
	return p.choose()
}

func (p *salvager) readSnapshots() error {
	for _, z := range p.data.snapshots {
		sn := &snapshot{zxid: z, path: p.s.dataPath(snapName(z)), state: snapGood}
		p.snaps = append(p.snaps, sn)
		r, err := openSnapFile(p.s.fs, sn.path)
		if err == nil {
			sn.at, sn.size = r.at, r.size
			if p.load != nil {
				err = p.load(r)
			}
			if err == nil {
				err = r.through(r.size)
			}
			closeQuietly(r.f)
			if err != nil {
				sn.state = snapBad
			}
		} else if !isDamage(err) {
			return err
		}
		if err != nil || sn.at.Zxid != z {
			sn.state = snapBad
			continue
		}
		p.known = max(p.known, z)
	}
	return nil
}

// readSegments cuts every segment into runs. A segment of another server is not
// used, whatever it holds.
func (p *salvager) readSegments() error {
	zxids := append(slices.Clone(p.data.snapshots), p.s.promise.rec.End.Zxid)
	paths := make([]string, 0, len(p.log.segments)+1)
	for _, z := range p.log.segments {
		paths = append(paths, p.s.segmentPath(z))
	}
	if p.log.spare {
		paths = append(paths, p.s.logPath(spareName))
	}
	for _, path := range paths {
		if err := p.readRuns(path, zxids); err != nil {
			return err
		}
	}
	return nil
}

func (p *salvager) readRuns(path string, zxids []zab.Zxid) error {
	f, err := p.s.fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var fr frameReader
	sc := newScan(path)
	for {
		r := &run{sc: sc, start: sc.last, off: sc.end, whole: sc.end == 0, want: newSought(slices.Clone(zxids)...)}
		sc.first = 0
		if err := sc.read(f, &fr, p.dec, r.want); err != nil {
			return err
		}
		if sc.newer != nil {
			return fmt.Errorf("%w: segment %s: %w", ErrForeign, path, sc.newer)
		}
		if r.whole {
			r.start = sc.base
		}
		r.last, r.end, r.first, r.hasRecords = sc.last, sc.end, sc.first, sc.first != 0
		p.known = max(p.known, r.last.Zxid)
		if sc.header && r.hasRecords && (sc.server == p.s.opt.Server || sc.server == nameless) {
			p.runs = append(p.runs, r)
		}
		if !sc.header || sc.bad == nil || sc.rest.mark < 0 {
			return nil
		}
		if err := sc.resume(f, sc.rest.mark); err != nil {
			return err
		}
	}
}

// resume goes on at a mark behind a damaged place.
func (sc *scan) resume(f vfs.File, mark int64) error {
	b := make([]byte, markSize)
	if err := readFull(f, b, mark); err != nil {
		return err
	}
	h := wire.ParseHeader(b)
	sc.last, sc.end = zab.At(h.Zxid, h.Prev), mark+markSize
	return nil
}

// choose finds the start that leads furthest.
func (p *salvager) choose() (*Salvage, error) {
	var best []*run
	var from *snapshot
	end, found := zab.Position{}, false
	try := func(start zab.Position, sn *snapshot) {
		chain := p.follow(start)
		at := start
		if n := len(chain); n > 0 {
			at = chain[n-1].last
		}
		// Of two that lead equally far the older start keeps more of the log.
		if !found || at.Zxid > end.Zxid {
			best, from, end, found = chain, sn, at, true
		}
	}
	if chain := p.follow(zab.Position{}); len(chain) > 0 {
		try(zab.Position{}, nil)
	}
	for _, sn := range p.snaps {
		if sn.state != snapBad {
			try(sn.at, sn)
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: %s holds no intact snapshot, and its log does not begin at the beginning", ErrHopeless, p.s.dataDir)
	}
	plan := &Salvage{End: end, Known: max(p.known, end.Zxid)}
	if from != nil {
		plan.Snapshot = &SnapshotInfo{At: from.at, Size: from.size}
	}
	p.changes(plan, best)
	return plan, nil
}

// follow returns the runs that hold start and what comes after it.
func (p *salvager) follow(start zab.Position) []*run {
	var chain []*run
	at := p.best(func(r *run) bool { return r.holds(start) })
	for at != nil {
		chain = append(chain, at)
		last := at.last
		at = p.best(func(r *run) bool { return r.start == last })
	}
	return chain
}

// best returns the run that leads furthest of those that fit. Of two that lead
// equally far a recovery that was interrupted has written one, the whole one.
func (p *salvager) best(fits func(*run) bool) *run {
	var best *run
	for _, r := range p.runs {
		if !fits(r) {
			continue
		}
		if best == nil || r.last.Zxid > best.last.Zxid || r.last == best.last && r.whole && !best.whole {
			best = r
		}
	}
	return best
}

// changes lists what has to be done to the files for only the chain to be left.
func (p *salvager) changes(plan *Salvage, chain []*run) {
	base := plan.End
	if len(chain) > 0 {
		base = chain[0].start
	}
	inChain := func(at zab.Position) bool {
		return at == plan.End || slices.ContainsFunc(chain, func(r *run) bool { return r.holds(at) })
	}
	for _, sn := range p.snaps {
		if sn.state == snapBad || sn.zxid > plan.End.Zxid || sn.zxid >= base.Zxid && !inChain(sn.at) {
			plan.Changes = append(plan.Changes, Change{Path: sn.path, What: "remove"})
		}
	}
	for _, z := range p.log.segments {
		p.segmentChange(plan, chain, p.s.segmentPath(z))
	}
	if p.log.spare {
		p.segmentChange(plan, chain, p.s.logPath(spareName))
	}
	plan.settle()
	rec := p.s.promise.rec.End
	plan.lower = rec.Zxid > plan.End.Zxid || rec.Zxid >= base.Zxid && rec != base && !inChain(rec)
}

// settle sees that a file is not removed when another is written in its place.
func (p *Salvage) settle() {
	for i, c := range p.Changes {
		if c.What == "remove" && slices.ContainsFunc(p.Changes, func(o Change) bool { return o.What == "rewrite" && o.Path == c.Path }) {
			p.Changes[i].What = "replace"
		}
	}
}

func (p *salvager) segmentChange(plan *Salvage, chain []*run, path string) {
	var used []*run
	for _, r := range chain {
		if r.sc.path == path {
			used = append(used, r)
		}
	}
	last := len(chain) > 0 && chain[len(chain)-1].sc.path == path
	spare := filepath.Base(path) == spareName
	switch {
	case len(used) == 0 && spare && !p.written(path):
		return // reserved
	case len(used) == 0:
		plan.Changes = append(plan.Changes, Change{Path: path, What: "remove"})
		return
	case used[0].whole && (spare || filepath.Base(path) == segmentName(used[0].first)):
		sc := used[0].sc
		if torn := last && sc.torn() && used[0].end == sc.end; used[0].end < sc.end || sc.bad != nil && !torn {
			plan.Changes = append(plan.Changes, Change{Path: path, What: "cut", Size: used[0].end})
		}
		used = used[1:]
	default:
		plan.Changes = append(plan.Changes, Change{Path: path, What: "remove"})
	}
	for _, r := range used {
		plan.Changes = append(plan.Changes, Change{Path: p.s.segmentPath(r.first), What: "rewrite", piece: r})
	}
}

// written reports whether a spare segment holds anything.
func (p *salvager) written(path string) bool {
	sc, err := scanSegment(p.s.fs, path, new(frameReader), p.dec, newSought())
	return err != nil || sc.end > 0 || sc.rest.used > 0
}
