package txnlog

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
)

// Who reads the directories of a running server takes no lock and meets its
// work under way. Damage stays; what is under way does not. So whatever looks
// wrong is looked at again after a pause.
//
//	a bad place at the log's end    read on from there: if more is good now, it
//	                                was a write under way, and reading ends
//	a file that is gone, or shorter read the directories anew: a purge, a
//	                                truncation, an installation
//	a finding                       counts if the next reading finds the same
const (
	liveReadings = 10 // of the directories, at most
	tailLooks    = 5  // at one bad place
	livePause    = 20 * time.Millisecond
)

// moved reports whether err is what a reader meets when a server removes or
// cuts files.
func moved(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF)
}

// settle calls read until it succeeds twice with the same findings, or with
// none that matters.
func settle(pause func(), read func() ([]Finding, error)) ([]Finding, error) {
	var before []Finding
	var err error
	seen := false
	for n := range liveReadings {
		if n > 0 {
			pause()
		}
		var found []Finding
		found, err = read()
		if err != nil && !moved(err) {
			return nil, err
		}
		if err != nil {
			seen = false
			continue
		}
		serious := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.Mends })
		if len(serious) == 0 || seen && slices.Equal(before, serious) {
			return found, nil
		}
		before, seen = serious, true
	}
	return before, err
}

// scanTail is scanSegment for a segment that a server may be appending to.
func scanTail(fsys vfs.FS, sc *scan, fr *frameReader, dec *wire.Decoder, want *sought, pause func()) error {
	f, err := fsys.Open(sc.path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if err := sc.read(f, fr, dec, want); err != nil {
		return err
	}
	for n := 0; n < tailLooks && (sc.bad != nil || sc.newer != nil); n++ {
		pause()
		end := sc.end
		if err := sc.read(f, fr, dec, want); err != nil {
			return err
		}
		if sc.end > end {
			sc.bad, sc.newer, sc.rest = nil, nil, rest{mark: -1}
		}
	}
	return nil
}
