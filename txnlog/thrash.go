package txnlog

// When the places of the segment cache are judged.
const (
	// thrashReads is how many reads a judgement needs, and thrashRests after how
	// many calls with fewer the few are forgotten.
	thrashReads = 32
	thrashRests = 10
)

// ReaderNoteKind says what a ReaderNote is about.
type ReaderNoteKind uint8

// The kinds of ReaderNote.
const (
	// ReadersThrash: segments are closed for room while they are being read, and
	// opened again for the next read.
	ReadersThrash ReaderNoteKind = iota + 1
	// ReadersSettled: they are not any more.
	ReadersSettled
)

// ReaderNote is told once, when things change.
type ReaderNote struct {
	Kind     ReaderNoteKind
	Places   int
	Wanted   int    // places that would do
	Reads    uint64 // since the last judgement
	Reopened uint64 // of these
}

// thrash finds out whether the cache is smaller than what is being read. A pass
// over the log opens every segment once and closes it once, and that is nothing
// to worry about, however many there are. What a larger cache would have saved is
// opening again what somebody was in the middle of.
type thrash struct {
	reads, opens, again uint64 // since the last judgement
	most                int    // places that these would have needed
	rests               int
	on                  bool
	wanted              int // as of the last judgement
}

func (t *thrash) read()   { t.reads++ }
func (t *thrash) opened() { t.opens++ }

func (t *thrash) reopened(needed int) {
	t.again++
	t.most = max(t.most, needed)
}

// judge says what has changed. It thrashes when most opens, and a quarter of all
// reads, were of segments that a reader had to find open.
func (t *thrash) judge(places int) (ReaderNote, bool) {
	if t.reads < thrashReads {
		if t.rests++; t.rests < thrashRests {
			return ReaderNote{}, false
		}
	}
	was := t.on
	t.on = t.reads >= thrashReads && 2*t.again > t.opens && 4*t.again >= t.reads
	note := ReaderNote{Kind: ReadersSettled, Places: places, Wanted: t.most, Reads: t.reads, Reopened: t.again}
	if t.on {
		note.Kind = ReadersThrash
	}
	*t = thrash{on: t.on, wanted: t.most}
	return note, t.on != was
}
