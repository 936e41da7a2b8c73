package txnlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// snapFileHeader is the body of a snapshot file's first frame, whose zxid and
// prev are the snapshot's position.
type snapFileHeader struct {
	_struct bool `codec:",toarray"`

	Version int64
}

// snapFileEnd is the body of its last frame.
type snapFileEnd struct {
	_struct bool `codec:",toarray"`

	Frames int64 // between header and this
	Bytes  int64 // of the file before this frame
}

// unsyncedSnap is how many bytes of a snapshot are written, or received, between
// two syncs. Bounded, so that the last one does not have to wait for all, nor a
// sync of the log behind it.
const unsyncedSnap = 16 << 20

// frameWriter writes the frames of a snapshot file: each carries its number in
// zxid and the checksum of the one before in prev, so that the last checksum
// covers the whole file.
type frameWriter struct {
	f      vfs.File
	enc    *wire.Encoder
	pack   *packer
	pace   func(bytes int)
	buf    []byte
	off    int64 // where buf goes
	synced int64 // so much is durable
	prev   uint32
	frames int64
}

func (fw *frameWriter) begin(f vfs.File, at zab.Position) error {
	fw.f, fw.enc = f, wire.NewEncoder()
	b, err := fw.enc.AppendStruct(fw.buf, frameSnapFile, at.Zxid, at.CRC, &snapFileHeader{Version: snapVersion})
	if err != nil {
		return err
	}
	fw.buf, fw.prev = b, wire.ParseHeader(b).CRC
	return nil
}

func (fw *frameWriter) frame(kind uint8, body []byte) error {
	kind, body = fw.pack.pack(kind, body)
	fw.frames++
	start := len(fw.buf)
	fw.buf = wire.AppendFrame(fw.buf, kind, zab.Zxid(fw.frames), fw.prev, body)
	fw.prev = wire.ParseHeader(fw.buf[start:]).CRC
	if len(fw.buf) < gatherSize {
		return nil
	}
	return fw.flush()
}

func (fw *frameWriter) flush() error {
	n, err := fw.f.WriteAt(fw.buf, fw.off)
	fw.off += int64(n)
	fw.buf = fw.buf[:0]
	if err == nil && fw.pace != nil {
		fw.pace(n)
	}
	if err == nil && fw.off-fw.synced >= unsyncedSnap {
		err = fw.sync()
	}
	return err
}

func (fw *frameWriter) sync() error {
	fw.synced = fw.off
	return fw.f.Sync()
}

// finish writes the last frame and syncs.
func (fw *frameWriter) finish() error {
	end := snapFileEnd{Frames: fw.frames, Bytes: fw.off + int64(len(fw.buf))}
	b, err := fw.enc.AppendStruct(fw.buf, frameSnapEnd, zab.Zxid(fw.frames+1), fw.prev, &end)
	if err != nil {
		return err
	}
	fw.buf = b
	if err := fw.flush(); err != nil {
		return err
	}
	return fw.sync()
}

// SnapshotReader reads the frames of a snapshot. It belongs to one goroutine.
type SnapshotReader struct {
	f      vfs.File
	path   string
	at     zab.Position
	size   int64
	fr     frameReader
	dec    *wire.Decoder
	unpack unpacker
	packed bool // the version has packed frames
	prev   uint32
	frames int64
	done   bool
	err    error // of the last Next, but for io.EOF
}

// openSnapFile opens a snapshot file and reads its first frame. Errors that
// wrap ErrCorrupt or ErrForeign are about the file, others about reading it.
func openSnapFile(fsys vfs.FS, path string) (*SnapshotReader, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	return beginSnapFile(f, path)
}

// beginSnapFile is openSnapFile for a file that is open; it closes f if it
// fails.
func beginSnapFile(f vfs.File, path string) (*SnapshotReader, error) {
	r := &SnapshotReader{f: f, path: path, dec: wire.NewDecoder()}
	var err error
	if r.size, err = f.Size(); err == nil {
		r.fr.reset(f, 0, r.size)
		err = r.header()
	}
	if err != nil {
		closeQuietly(f)
		return nil, err
	}
	return r, nil
}

func (r *SnapshotReader) header() error {
	h, frame, err := r.fr.next()
	if err != nil {
		return r.wrong(0, err)
	}
	var body snapFileHeader
	if h.Kind != frameSnapFile {
		return r.wrong(0, fmt.Errorf("%w: frame of kind %d is no snapshot's header", errChain, h.Kind))
	}
	if err := r.dec.Body(frame[wire.HeaderSize:], &body); err != nil {
		return r.wrong(0, err)
	}
	if body.Version < 1 || body.Version > snapVersion {
		return fmt.Errorf("%w: snapshot %s is of version %d, this program reads versions 1 to %d",
			ErrForeign, r.path, body.Version, snapVersion)
	}
	r.packed = body.Version > 1
	r.at, r.prev = zab.At(h.Zxid, h.Prev), h.CRC
	return nil
}

// wrong says where the snapshot could not be read and why.
func (r *SnapshotReader) wrong(off int64, err error) error {
	if err == io.EOF {
		err = fmt.Errorf("%w: it ends without a last frame", errDamaged)
	}
	if errors.Is(err, wire.ErrFormat) {
		return fmt.Errorf("%w: snapshot %s at offset %d: %w", ErrForeign, r.path, off, err)
	}
	return frameError("snapshot "+r.path, off, err)
}

// Info describes the snapshot.
func (r *SnapshotReader) Info() SnapshotInfo { return SnapshotInfo{At: r.at, Size: r.size} }

// Next returns the next frame as it was given to the writer; body is valid until
// the next call. io.EOF comes after the last frame, when the whole has been found
// to be intact; an error that wraps ErrCorrupt names file and offset.
func (r *SnapshotReader) Next() (kind uint8, body []byte, err error) {
	if r.done {
		return 0, nil, io.EOF
	}
	kind, body, err = r.next()
	if err != io.EOF {
		r.err = err
	}
	return kind, body, err
}

func (r *SnapshotReader) next() (kind uint8, body []byte, err error) {
	off := r.fr.off
	h, frame, err := r.fr.next()
	if err != nil {
		return 0, nil, r.wrong(off, err)
	}
	if h.Prev != r.prev || h.Zxid != zab.Zxid(r.frames+1) {
		return 0, nil, r.wrong(off, fmt.Errorf("%w: frame %d where %d belongs", errChain, h.Zxid, r.frames+1))
	}
	kind, body = h.Kind, frame[wire.HeaderSize:]
	if kind == frameSnapEnd {
		if err := r.last(off, body); err != nil {
			return 0, nil, r.wrong(off, err)
		}
		return 0, nil, io.EOF
	}
	if kind == frameSnapPacked && r.packed {
		if kind, body, err = r.unpack.unpack(body); err != nil {
			return 0, nil, r.wrong(off, err)
		}
	}
	if kind >= firstOwnKind {
		return 0, nil, r.wrong(off, fmt.Errorf("%w: frame of kind %d in a snapshot", errChain, kind))
	}
	r.frames++
	r.prev = h.CRC
	return kind, body, nil
}

// last holds the frame that ends the file, at off, against what was read.
func (r *SnapshotReader) last(off int64, body []byte) error {
	var end snapFileEnd
	if err := r.dec.Body(body, &end); err != nil {
		return err
	}
	if end.Frames != r.frames || end.Bytes != off || r.fr.off != r.size {
		return fmt.Errorf("%w: %d frames in %d bytes and %d bytes after them, the end says %d in %d",
			errChain, r.frames, off, r.size-r.fr.off, end.Frames, end.Bytes)
	}
	r.done = true
	return nil
}

// Offset returns how many bytes of the file Next is through with.
func (r *SnapshotReader) Offset() int64 { return r.fr.off }

// Close closes the file.
func (r *SnapshotReader) Close() error { return r.f.Close() }

// through reads on until all frames that begin before off have been found
// intact; at the file's size, until the whole has.
func (r *SnapshotReader) through(off int64) error {
	for !r.done && (r.fr.off < off || off == r.size) {
		if _, _, err := r.Next(); err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// verifySnapshot reads a whole snapshot file.
func verifySnapshot(fsys vfs.FS, path string) (SnapshotInfo, error) {
	return readWhole(fsys, path, func(int) bool { return true })
}

// verifySlowly reads a whole snapshot file, however long that takes, unless
// nobody wants to know any more; then the error is ErrClosed.
func (s *Store) verifySlowly(path string) (SnapshotInfo, error) {
	return readWhole(s.fs, path, func(bytes int) bool {
		if s.opt.Pace != nil && bytes > 0 {
			s.opt.Pace(bytes)
		}
		return !s.stopping.Load()
	})
}

// readWhole reads a whole snapshot file, as long as goOn, which is told how many
// bytes were read, wants it to.
func readWhole(fsys vfs.FS, path string, goOn func(bytes int) bool) (SnapshotInfo, error) {
	r, err := openSnapFile(fsys, path)
	if err != nil {
		return SnapshotInfo{}, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	for off := int64(0); ; {
		if !goOn(int(r.fr.off - off)) {
			return SnapshotInfo{}, ErrClosed
		}
		off = r.fr.off
		if _, _, err := r.Next(); err == io.EOF {
			return r.Info(), nil
		} else if err != nil {
			return r.Info(), err
		}
	}
}

// loadSnapshot reads a whole snapshot file and has the owner of the state build
// it, if there is one (Options.Load). The error of reading comes before what is
// thought of the state; a refusal of the state wraps ErrCorrupt or ErrForeign.
func (s *Store) loadSnapshot(path string) (SnapshotInfo, error) {
	if s.opt.Load == nil {
		return verifySnapshot(s.fs, path)
	}
	r, err := openSnapFile(s.fs, path)
	if err != nil {
		return SnapshotInfo{}, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	err = s.opt.Load(r)
	switch {
	case r.err != nil:
		return r.Info(), r.err
	case err == nil:
		return r.Info(), r.through(r.size)
	case errors.Is(err, ErrForeign):
		return r.Info(), fmt.Errorf("the state in snapshot %s: %w", path, err)
	}
	return r.Info(), fmt.Errorf("%w: the state in snapshot %s: %w", ErrCorrupt, path, err)
}
