package txnlog

import (
	"errors"
	"slices"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// segments follows the chain of the log. After a place that is damaged the
// later segments are still looked at, each for itself.
func (v *verifier) segments() error {
	paths := make([]string, 0, len(v.log.segments)+1)
	for _, z := range v.log.segments {
		paths = append(paths, v.s.segmentPath(z))
	}
	if v.log.spare {
		paths = append(paths, v.s.logPath(spareName))
	}
	var fr frameReader
	var scans []*scan
	for i, path := range paths {
		sc, err := v.scan(path, &fr, len(paths)-i <= 2)
		if err != nil {
			return err
		}
		scans = append(scans, sc)
	}
	if n := len(scans); v.log.spare && scans[n-1].end == 0 && scans[n-1].rest.used == 0 {
		scans = scans[:n-1] // reserved, as it should be
	}
	var prev *scan
	for i, sc := range scans {
		v.segment(sc, prev, i == len(scans)-1)
		if sc.first == 0 {
			continue
		}
		if !v.logged {
			v.base = sc.base
		}
		v.logged, v.last, prev = true, sc.last, sc
	}
	return nil
}

// scan reads a segment. A server may be appending to the last, and to the one
// before it while the last is the spare.
func (v *verifier) scan(path string, fr *frameReader, tail bool) (*scan, error) {
	sc := newScan(path)
	sc.each = func(off int64, h wire.Header, frame []byte) error { return v.contents(path, off, h, frame) }
	if v.pause != nil && tail {
		return sc, scanTail(v.s.fs, sc, fr, v.dec, v.want, v.pause)
	}
	f, err := v.s.fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return sc, sc.read(f, fr, v.dec, v.want)
}

// segment judges one segment after prev, nil for the first.
func (v *verifier) segment(sc, prev *scan, last bool) {
	wrong := func(off int64, format string, args ...any) {
		v.broken = true
		v.add(sc.path, off, remedyPeers, format, args...)
	}
	switch {
	case sc.newer != nil:
		wrong(sc.end, "%v", sc.newer)
	case sc.bad != nil && !(last && sc.torn()):
		wrong(sc.end, "after %s: %s", sc.last, sc.reason())
	case sc.bad != nil:
		v.add(sc.path, sc.end, remedyStart, "%d bytes of a write that was interrupted", sc.rest.used)
	case sc.first == 0 && !last:
		wrong(sc.end, "no records, and segments after it")
	case sc.first == 0:
		v.add(sc.path, 0, remedyStart, "a segment that was begun and holds no record")
	case sc.name == spareName:
		v.add(sc.path, 0, remedyStart, "a crash undid the name of a segment")
	}
	if sc.first != 0 && sc.name != spareName && sc.name != segmentName(sc.first) {
		wrong(0, "it begins with record %s", sc.first)
	}
	if sc.header && sc.server != v.s.opt.Server && sc.server != nameless {
		wrong(0, "it belongs to server %d, this is server %d", sc.server, v.s.opt.Server)
	}
	if prev != nil && sc.header && sc.base != prev.last {
		wrong(0, "it follows %s, but %s ends at %s: records are missing between them", sc.base, prev.path, prev.last)
	}
}

// contents decodes a record of the good part of a segment. It sees the very
// bytes that the chain was followed through: a second look under the same name
// may meet another file, since a running server renames and makes segments.
func (v *verifier) contents(path string, off int64, h wire.Header, frame []byte) error {
	if h.Kind != uint8(zab.KindTxn) {
		return nil
	}
	if _, err := v.dec.Txn(frame[wire.HeaderSize:]); err != nil {
		v.add(path, off, remedyPeers, "record %s cannot be decoded: %v", h.Zxid, err)
	}
	return nil
}

// snapshots reads every snapshot and finds its place in the log.
func (v *verifier) snapshots() error {
	if v.data.install && !v.rec.Installing {
		v.add(v.s.dataPath(installName), 0, remedyStart, "a snapshot that was being received")
	}
	chosen := false
	for _, z := range slices.Backward(v.data.snapshots) {
		path := v.s.dataPath(snapName(z))
		info, err := verifySnapshot(v.s.fs, path)
		switch {
		case errors.Is(err, ErrForeign):
			v.add(path, 0, "run the version of quorumd that wrote it, or move it away", "%v", err)
			continue
		case isDamage(err):
			v.add(path, 0, remedySnap, "%v", err)
			continue
		case err != nil:
			return err
		case info.At.Zxid != z:
			v.add(path, 0, remedySnap, "it is of %s", info.At)
			continue
		}
		if err := v.state(path); err != nil {
			return err
		}
		if v.rec.Installing {
			continue
		}
		v.place(path, info.At, &chosen)
	}
	if chosen || v.rec.Installing || v.base == (zab.Position{}) && len(v.data.snapshots) == 0 {
		return nil
	}
	if v.base != (zab.Position{}) || !v.logged {
		v.add(v.s.dataDir, 0, remedyPeers, "no intact snapshot reaches the log, which begins after %s", v.base)
	}
	return nil
}

// place holds an intact snapshot against the log.
func (v *verifier) place(path string, at zab.Position, chosen *bool) {
	switch {
	case v.broken:
	case !v.logged || at.Zxid > v.last.Zxid:
		// The log goes on from here, or did not reach it durably: what a
		// snapshot holds is committed.
		if v.logged && !*chosen {
			v.add(path, 0, remedyStart, "the log ends at %s, before the snapshot", v.last)
		}
		if !*chosen {
			v.ahead = v.logged
			v.base, v.last, v.logged = at, at, false
		}
	case at.Zxid < v.base.Zxid:
		return // of no use, and no harm
	case at != v.base && !v.want.has(at):
		v.add(path, 0, remedyPeers, "it is of %s, which is not in the log; the two are of different histories", at)
		return
	}
	*chosen = true
}

// state has the caller read the state that a snapshot holds.
func (v *verifier) state(path string) error {
	if v.load == nil {
		return nil
	}
	r, err := openSnapFile(v.s.fs, path)
	if err != nil && !isDamage(err) {
		return err
	}
	if err == nil {
		err = v.load(r)
		closeQuietly(r.f)
	}
	if err != nil {
		v.add(path, 0, remedySnap, "the state in it: %v", err)
	}
	return nil
}
