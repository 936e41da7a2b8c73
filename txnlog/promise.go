package txnlog

import (
	"errors"
	"fmt"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// The epochs file has two slots for the same record. Their distance keeps them
// apart even where the disk's sector is 4 KiB.
const (
	slotSize   = 512
	slotStride = 4096
	slots      = 2
	epochsSize = (slots-1)*slotStride + slotSize
)

// promiseRecord is what the epochs file holds.
type promiseRecord struct {
	_struct bool `codec:",toarray"`

	Version int64
	Epochs  zab.Epochs
	// End: the log was durable through here when this was written, and has not
	// been cut since. A log that ends before it has lost something.
	End zab.Position
	// Installing: the received snapshot of position Install is whole, and
	// everything else in the directories is void (invariant T6).
	Installing bool
	Install    zab.Position
}

// promiseFile is the epochs file. A record has a sequence number, in the
// frame's zxid, and is written to one slot, synced, and then to the other:
// a torn write leaves the old record in the other slot, and once a save is
// done, either slot may be lost.
type promiseFile struct {
	f      vfs.File
	path   string
	id     uint64 // vfs.Info.ID
	seq    int64
	rec    promiseRecord
	newest int64 // a slot that holds rec
}

// createPromise makes the file of a server that has promised nothing.
func createPromise(fsys vfs.FS, path string) (*promiseFile, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return nil, err
	}
	p := &promiseFile{f: f, path: path}
	if err = p.identify(); err == nil {
		err = p.save(promiseRecord{})
	}
	if err != nil {
		closeQuietly(f)
		return nil, err
	}
	return p, nil
}

// openPromise reads the newest intact record.
func openPromise(fsys vfs.FS, path string, dec *wire.Decoder) (*promiseFile, error) {
	f, err := fsys.OpenReadWrite(path)
	if err != nil {
		return nil, err
	}
	p := &promiseFile{f: f, path: path}
	if err = p.identify(); err == nil {
		err = p.read(dec)
	}
	if err != nil {
		closeQuietly(f)
		return nil, err
	}
	return p, nil
}

// readPromise is openPromise for who only looks: nothing is held open.
func readPromise(fsys vfs.FS, path string, dec *wire.Decoder) (*promiseFile, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	p := &promiseFile{f: f, path: path}
	if err := p.read(dec); err != nil {
		return nil, err
	}
	p.f = nil
	return p, nil
}

// identify notes which file it is, for Store.Present.
func (p *promiseFile) identify() error {
	info, err := p.f.Info()
	p.id = info.ID
	return err
}

func (p *promiseFile) read(dec *wire.Decoder) error {
	size, err := p.f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, epochsSize)
	if err := readFull(p.f, b[:min(size, epochsSize)], 0); err != nil {
		return fmt.Errorf("read %s: %w", p.path, err)
	}
	for i := range int64(slots) {
		seq, rec, err := parseSlot(b, i, dec)
		if errors.Is(err, ErrForeign) {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if err == nil && seq > p.seq {
			p.seq, p.rec, p.newest = seq, rec, i
		}
	}
	if p.seq == 0 {
		return fmt.Errorf("%w: %s: neither slot holds an intact record", ErrCorrupt, p.path)
	}
	return nil
}

// parseSlot reads slot i of the file's bytes: the record and its number.
func parseSlot(b []byte, i int64, dec *wire.Decoder) (int64, promiseRecord, error) {
	var rec promiseRecord
	h, body, _, err := wire.ParseFrame(b[i*slotStride:i*slotStride+slotSize], slotSize-wire.HeaderSize)
	switch {
	case errors.Is(err, wire.ErrFormat):
		return 0, rec, fmt.Errorf("%w: %w", ErrForeign, err)
	case err == nil && h.Kind != wire.FrameEpochs:
		err = fmt.Errorf("%w: frame of kind %d", errChain, h.Kind)
	case err == nil:
		err = dec.Body(body, &rec)
	}
	if err != nil {
		return 0, rec, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if rec.Version != formatVersion {
		return 0, rec, fmt.Errorf("%w: version %d, this program reads version %d", ErrForeign, rec.Version, formatVersion)
	}
	return int64(h.Zxid), rec, nil
}

// save writes rec to both slots, durably.
func (p *promiseFile) save(rec promiseRecord) error {
	rec.Version = formatVersion
	p.seq++
	p.rec = rec
	return p.write()
}

// write writes the newest record to both slots. The one that holds it, or the
// one before it, comes last: a crash during the first write must not meet a
// slot that an earlier crash has torn.
func (p *promiseFile) write() error {
	frame, err := wire.NewEncoder().AppendStruct(nil, wire.FrameEpochs, zab.Zxid(p.seq), 0, &p.rec)
	if err != nil {
		return err
	}
	slot := make([]byte, slotSize)
	must.Hold(len(frame) <= slotSize, "T6", "record of %d bytes in a slot of %d", len(frame), slotSize)
	copy(slot, frame)
	for _, i := range [slots]int64{1 - p.newest, p.newest} {
		if _, err := p.f.WriteAt(slot, i*slotStride); err != nil {
			return fmt.Errorf("write %s: %w", p.path, err)
		}
		if err := p.f.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", p.path, err)
		}
	}
	return nil
}

// mend writes both slots again: after a crash or damage they differ, and what
// a process wrote whose sync failed may be equal and not on the disk (V1).
func (p *promiseFile) mend() error { return p.write() }

// advance saves new epochs or a new end of the log.
func (p *promiseFile) advance(epochs zab.Epochs, end zab.Position) error {
	rec := p.rec
	rec.Epochs, rec.End = epochs, end
	return p.save(rec)
}

func (p *promiseFile) close() {
	if p != nil {
		closeQuietly(p.f)
	}
}

// saveEpochs performs DiskEpochs.
func (s *Store) saveEpochs(e zab.Epochs) error {
	old := s.promise.rec.Epochs
	if e.Current > e.Accepted || e.Accepted < old.Accepted || e.Current < old.Current {
		must.Fail("Z1", "epochs %+v after %+v", e, old)
	}
	return s.promise.advance(e, s.w.synced)
}
