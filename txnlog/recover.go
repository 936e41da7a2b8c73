package txnlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// recovery is what examine found, before anything is changed.
type recovery struct {
	found Recovered
	scans []*scan // of the segments that hold records, in order
	// remove: a segment after the last of scans holds no whole record. spare: a
	// spare segment exists and is not in scans.
	remove string
	spare  bool
	// adopt: the last of scans is the spare; a crash undid its renaming.
	adopt bool
	// restart: the log ends before the snapshot, which takes its place.
	restart bool
	snaps   []*snapshot
	temps   []string
	want    *sought
}

// isDamage reports whether err is about what a file holds, not about getting
// at it.
func isDamage(err error) bool { return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign) }

// examine reads everything and changes nothing.
func (s *Store) examine() (*recovery, error) {
	data, err := list(s.fs, s.dataDir)
	if err != nil {
		return nil, err
	}
	log, err := list(s.fs, s.logDir)
	if err != nil {
		return nil, err
	}
	r := &recovery{found: Recovered{Epochs: s.promise.rec.Epochs, Ensemble: s.ensemble}}
	r.want = newSought(append(slices.Clone(data.snapshots), s.promise.rec.End.Zxid)...)
	for _, name := range data.temps {
		r.temps = append(r.temps, s.dataPath(name))
	}
	if data.install {
		r.temps = append(r.temps, s.dataPath(installName))
	}
	if s.logDir != s.dataDir {
		for _, name := range log.temps {
			r.temps = append(r.temps, s.logPath(name))
		}
	}
	if err := s.examineLog(r, log); err != nil {
		return nil, err
	}
	if err := s.chooseSnapshot(r, data.snapshots); err != nil {
		return nil, err
	}
	return r, s.checkEnd(r)
}

// examineLog scans the segments, the spare as if it were the last of them.
func (s *Store) examineLog(r *recovery, log listing) error {
	paths := make([]string, 0, len(log.segments)+1)
	for _, z := range log.segments {
		paths = append(paths, s.segmentPath(z))
	}
	if log.spare {
		paths = append(paths, s.logPath(spareName))
	}
	var fr frameReader
	dec := wire.NewDecoder()
	for _, path := range paths {
		sc, err := scanSegment(s.fs, path, &fr, dec, r.want)
		if err != nil {
			return err
		}
		r.scans = append(r.scans, sc)
	}
	if n := len(r.scans); log.spare && r.scans[n-1].end == 0 && r.scans[n-1].rest.used == 0 {
		r.scans, r.spare = r.scans[:n-1], true
	}
	for i, sc := range r.scans {
		if err := s.checkScan(r, i, sc); err != nil {
			return err
		}
	}
	n := len(r.scans)
	if n == 0 {
		return nil
	}
	last := r.scans[n-1]
	r.found.Torn = last.rest.used
	if last.first == 0 {
		r.scans = r.scans[:n-1]
		if last.name == spareName {
			r.spare = true
		} else {
			r.remove = last.path
		}
		return nil
	}
	r.adopt = last.name == spareName
	return nil
}

// checkScan decides about segment i. Only the last may end in anything but
// zeros: the others were synced before their successor was begun.
func (s *Store) checkScan(r *recovery, i int, sc *scan) error {
	last := i == len(r.scans)-1
	switch {
	case sc.newer != nil:
		return fmt.Errorf("%w: segment %s: %w", ErrForeign, sc.path, sc.newer)
	case sc.header && sc.server != s.opt.Server && sc.server != nameless:
		return fmt.Errorf("%w: segment %s belongs to server %d, this is server %d", ErrForeign, sc.path, sc.server, s.opt.Server)
	case sc.bad != nil && !(last && sc.torn()):
		return sc.corrupt(s.remedy(sc))
	case !last && sc.first == 0:
		return sc.corrupt("no records, and segments after it")
	case sc.first != 0 && sc.name != spareName && sc.name != segmentName(sc.first):
		return fmt.Errorf("%w: segment %s begins with record %s", ErrCorrupt, sc.path, sc.first)
	case i > 0 && sc.header && sc.base != r.scans[i-1].last:
		return fmt.Errorf("%w: segment %s follows %s, but the one before it, %s, ends at %s (offset %d): records are missing between them",
			ErrCorrupt, sc.path, sc.base, r.scans[i-1].path, r.scans[i-1].last, r.scans[i-1].end)
	}
	return nil
}

func (s *Store) remedy(sc *scan) string {
	return sc.reason() + "; empty the directories to have this server copied from its peers, or restore a backup"
}

// chooseSnapshot finds the newest intact snapshot from which the log leads on.
func (s *Store) chooseSnapshot(r *recovery, zxids []zab.Zxid) error {
	var base, last zab.Position
	logged := len(r.scans) > 0
	if logged {
		base, last = r.scans[0].base, r.scans[len(r.scans)-1].last
	}
	for _, z := range slices.Backward(zxids) {
		sn := &snapshot{zxid: z, path: s.dataPath(snapName(z))}
		r.snaps = append(r.snaps, sn)
		if err := s.readSnapshot(r, sn); err != nil {
			return err
		}
		if sn.state == snapBad || r.found.Snapshot != nil {
			continue
		}
		switch {
		case !logged, sn.zxid > last.Zxid:
			r.restart = logged
			base, last = sn.at, sn.at
		case sn.zxid < base.Zxid:
			continue
		case sn.at != base && !r.want.has(sn.at):
			return fmt.Errorf("%w: snapshot %s is of %s, which is not in the log; the two are of different histories",
				ErrCorrupt, sn.path, sn.at)
		}
		r.found.Snapshot = &SnapshotInfo{At: sn.at, Size: sn.size}
	}
	slices.Reverse(r.snaps)
	if r.found.Snapshot == nil && base.Zxid > 0 {
		return fmt.Errorf("%w: the log in %s begins after %s, and there is no intact snapshot in %s that reaches it; "+
			"restore one, or empty the directories to have this server copied from its peers", ErrCorrupt, s.logDir, base, s.dataDir)
	}
	if r.found.Snapshot == nil && !logged && len(zxids) > 0 {
		return fmt.Errorf("%w: no snapshot in %s is intact and there is no log; restore one, "+
			"or empty the directories to have this server copied from its peers", ErrCorrupt, s.dataDir)
	}
	if r.restart {
		r.warn("the log ends at %s, before snapshot %s: it goes on from the snapshot", r.scans[len(r.scans)-1].last, last)
	}
	r.found.Base, r.found.Last = base, last
	return nil
}

func (r *recovery) warn(format string, args ...any) {
	r.found.Warnings = append(r.found.Warnings, fmt.Sprintf(format, args...))
}

// readSnapshot reads sn: all of it while no snapshot is chosen, its header
// else. A damaged one is passed over, and one whose state is refused. One that the system fails to read is not:
// that is no finding about what it holds, the next try may succeed, and to be
// told that data is damaged would send people to empty what is whole.
func (s *Store) readSnapshot(r *recovery, sn *snapshot) error {
	var info SnapshotInfo
	var err error
	if r.found.Snapshot == nil {
		info, err = s.loadSnapshot(sn.path)
		sn.state = snapGood
	} else {
		var sr *SnapshotReader
		if sr, err = openSnapFile(s.fs, sn.path); err == nil {
			info = sr.Info()
			err = sr.Close()
		}
	}
	if errors.Is(err, ErrForeign) {
		return err
	}
	if err != nil && !isDamage(err) {
		return fmt.Errorf("%w; nothing was found to be wrong with the data: see to the disk, "+
			"or move this file away to start from an older snapshot", err)
	}
	if err == nil && info.At.Zxid != sn.zxid {
		err = fmt.Errorf("%w: snapshot %s is of %s", ErrCorrupt, sn.path, info.At)
	}
	if err != nil {
		sn.state = snapBad
		r.warn("a snapshot is passed over: %v", err)
		return nil
	}
	sn.at, sn.size = info.At, info.Size
	return nil
}

// checkEnd holds what was recovered against what was once known to be durable.
func (s *Store) checkEnd(r *recovery) error {
	end := s.promise.rec.End
	if r.found.Last.Zxid < end.Zxid {
		return fmt.Errorf("%w: the log in %s ends at %s, but had been durable through %s: its end is missing; "+
			"empty the directories to have this server copied from its peers, or restore a backup",
			ErrCorrupt, s.logDir, r.found.Last, end)
	}
	if r.restart || end.Zxid < r.found.Base.Zxid || end == r.found.Base || r.want.has(end) {
		return nil
	}
	if end == r.found.Last {
		return nil // the snapshot of an empty log
	}
	return fmt.Errorf("%w: the log in %s does not hold %s, through which it had been durable; it is another history",
		ErrCorrupt, s.logDir, end)
}
