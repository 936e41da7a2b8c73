package txnlog

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// sought collects the positions that the log has at certain zxids.
type sought struct {
	zxids []zab.Zxid // ascending
	at    []zab.Position
	next  int
}

func newSought(zxids ...zab.Zxid) *sought {
	slices.Sort(zxids)
	return &sought{zxids: slices.Compact(zxids)}
}

// pass is told every position of the log in order.
func (w *sought) pass(p zab.Position) {
	for w.next < len(w.zxids) && w.zxids[w.next] <= p.Zxid {
		if w.zxids[w.next] == p.Zxid {
			w.at = append(w.at, p)
		}
		w.next++
	}
}

func (w *sought) has(p zab.Position) bool { return slices.Contains(w.at, p) }

// scan reads one segment and says how far it is good.
type scan struct {
	path string
	name string // for messages
	size int64

	header bool
	server zab.ServerID
	salt   uint32 // checksum of the header
	base   zab.Position
	first  zab.Zxid
	last   zab.Position
	end    int64 // after the last good frame
	mark   int64 // offset of the last mark, 0 if there is none: what is before it was durable (T3)
	index  []place
	each   func(off int64, h wire.Header, frame []byte) error // sees every good frame, nil for nobody

	bad   error // why the frame at end is not good; nil: nothing but zeros follow
	rest  rest
	newer error // a frame that a newer program wrote
}

// scanSegment reads a segment from its beginning. The error is one of reading;
// what the bytes mean is in the scan.
func scanSegment(fsys vfs.FS, path string, fr *frameReader, dec *wire.Decoder, want *sought) (*scan, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	sc := newScan(path)
	return sc, sc.read(f, fr, dec, want)
}

func newScan(path string) *scan { return &scan{path: path, name: filepath.Base(path)} }

// read reads on from the end of what was found good, in the file as large as it
// is now.
func (sc *scan) read(f vfs.File, fr *frameReader, dec *wire.Decoder, want *sought) error {
	var err error
	if sc.size, err = f.Size(); err != nil {
		return err
	}
	if sc.size < sc.end {
		return fmt.Errorf("read %s: %w", sc.path, io.ErrUnexpectedEOF)
	}
	sc.bad, sc.newer = nil, nil
	fr.reset(f, sc.end, sc.size)
	if err := sc.frames(fr, dec, want); err != nil {
		return fmt.Errorf("read %s at offset %d: %w", sc.path, fr.off, err)
	}
	var salt *uint32
	if sc.header {
		salt = &sc.salt
	}
	if sc.rest, err = inspect(f, sc.end, sc.size, salt, fr.buf); err != nil {
		return fmt.Errorf("read %s after offset %d: %w", sc.path, sc.end, err)
	}
	if sc.rest.used == 0 {
		sc.bad = nil
	}
	return nil
}

// frames reads frames until one is not good.
func (sc *scan) frames(fr *frameReader, dec *wire.Decoder, want *sought) error {
	for {
		h, frame, err := fr.next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, wire.ErrFormat):
			sc.newer = err
			return nil
		case errors.Is(err, errDamaged):
			sc.bad = err
			return nil
		case err != nil:
			return err
		}
		if sc.bad = sc.accept(h, frame, dec, want); sc.bad != nil {
			return nil
		}
		if sc.each != nil {
			if err := sc.each(sc.end, h, frame); err != nil {
				return err
			}
		}
		sc.end = fr.off
	}
}

// accept takes the frame at sc.end, or says why it does not belong there.
func (sc *scan) accept(h wire.Header, frame []byte, dec *wire.Decoder, want *sought) error {
	switch {
	case !sc.header:
		return sc.acceptHeader(h, frame, dec, want)
	case h.Kind == frameMark:
		if !isMark(h, frame, sc.end, sc.salt) || zab.At(h.Zxid, h.Prev) != sc.last {
			return fmt.Errorf("%w: mark of another place (%s, the log is at %s)",
				errChain, zab.At(h.Zxid, h.Prev), sc.last)
		}
		sc.mark = sc.end
		return nil
	case h.Kind != uint8(zab.KindTxn):
		return fmt.Errorf("%w: frame of kind %d in a log", errChain, h.Kind)
	case h.Prev != sc.last.CRC || h.Zxid <= sc.last.Zxid:
		return fmt.Errorf("%w: record %s follows %08x, the log is at %s", errChain, h.Zxid, h.Prev, sc.last)
	}
	if sc.first == 0 {
		sc.first = h.Zxid
	}
	if n := len(sc.index); n == 0 || sc.end-sc.index[n-1].off >= indexEvery {
		sc.index = append(sc.index, place{sc.last, sc.end})
	}
	sc.last = zab.At(h.Zxid, h.CRC)
	want.pass(sc.last)
	return nil
}

// errChain: an intact frame that cannot follow what is before it. No write
// that was cut short leaves that.
var errChain = errors.New("broken chain")

func (sc *scan) acceptHeader(h wire.Header, frame []byte, dec *wire.Decoder, want *sought) error {
	if h.Kind != wire.FrameSegment {
		return fmt.Errorf("%w: frame of kind %d where the header belongs", errChain, h.Kind)
	}
	var body segmentHeader
	if err := dec.Body(frame[wire.HeaderSize:], &body); err != nil {
		return fmt.Errorf("%w: header: %w", errChain, err)
	}
	if body.Version != formatVersion {
		sc.newer = fmt.Errorf("segment of version %d, this program reads version %d", body.Version, formatVersion)
		return sc.newer
	}
	sc.header, sc.server, sc.salt = true, body.Server, h.CRC
	sc.base = zab.At(h.Zxid, h.Prev)
	sc.last = sc.base
	want.pass(sc.base)
	return nil
}

// torn reports whether what follows the good frames is what an interrupted
// write leaves: not zeros, not a frame that can only have been put there by a
// mistake, and nothing that was written after a later sync (invariant T3).
func (sc *scan) torn() bool {
	return sc.bad != nil && !errors.Is(sc.bad, errChain) && sc.rest.mark < 0
}

// corrupt says that the segment is damaged at the end of its good frames.
func (sc *scan) corrupt(why string) error {
	return fmt.Errorf("%w: segment %s at offset %d, after %s: %s", ErrCorrupt, sc.path, sc.end, sc.last, why)
}

// reason explains a scan that is neither clean nor torn.
func (sc *scan) reason() string {
	if sc.rest.mark >= 0 {
		return fmt.Sprintf("%v; what was at this place was synced before offset %d was written", sc.bad, sc.rest.mark)
	}
	return sc.bad.Error()
}
