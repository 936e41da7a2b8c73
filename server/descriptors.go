package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/server/clientport"
	"github.com/quorumd/quorumd/server/peer"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// ErrFewDescriptors: the limit of open files is below what the server needs.
var ErrFewDescriptors = errors.New("too few file descriptors")

// What a server needs of file descriptors.
const (
	clientsUnlimited       = 64 // clients, where the configuration does not say how many
	descriptorsPerPeer     = 6  // two election connections, links old and new, dials
	descriptorsLog         = 8  // locks and directories (two each), epochs, the active segment, the next, one that was rolled
	readersPerLearner      = 2  // the segment that a learner leaves and the one that it goes on in
	descriptorsSnapshots   = 3  // one that is written, read back, received; and each learner may be sent one
	descriptorsProcess     = 16 // standard files, listeners, the poller, looking up names
	descriptorReserve      = 64
	readersMost            = 1024 // segments kept open where descriptors are plenty
	readersLeast           = 2
	readersPartOfSurplus   = 4 // log readers get one part in so many of what nobody needs
	clientsPartWhenTooFew  = 4 // of a limit below the need, clients get one part in so many
	readersPartWhenTooFew  = 8
	descriptorsWarnedBelow = 2 // times the need
)

// descriptorPart is one part of the sum.
type descriptorPart struct {
	class string
	n     int64
}

// descriptorBudget says what the descriptors of the process are for. Peers, the
// log and the snapshots have theirs whatever clients do: the client port takes
// no more connections than clients.
type descriptorBudget struct {
	limit   int64 // 0 when the system does not tell
	parts   []descriptorPart
	needed  int64
	clients int // connections that the client port takes, 0 is unlimited
	readers int // segments that may be open for reading
}

// budgetOf shares out limit. The first part is the clients'.
func budgetOf(cfg *Config, limit int64) descriptorBudget {
	members := max(len(cfg.Members), 1)
	clients := cfg.Client.MaxConnections
	if clients == 0 {
		clients = cfg.Client.MaxPerAddress
	}
	if clients == 0 {
		clients = clientsUnlimited
	}
	b := descriptorBudget{limit: limit, readers: readersPerLearner * (members + 1)} // the others, the server's own apply, and a learner that comes back before it is gone
	peers := 0
	if !cfg.standalone() {
		peers = descriptorsPerPeer*(members-1) + peer.MaxStrangers
	}
	b.parts = []descriptorPart{
		{"clients", int64(clients)},
		{"peers", int64(peers)},
		{"log", descriptorsLog},
		{"log_readers", int64(b.readers)},
		{"snapshots", int64(descriptorsSnapshots + members - 1)},
		{"admin", clientport.WordPlaces},
		{"process", descriptorsProcess},
		{"reserve", descriptorReserve},
	}
	for _, p := range b.parts {
		b.needed += p.n
	}
	if limit > 0 {
		b.share(cfg.Client.MaxConnections)
	}
	return b
}

// share gives out what is more, or less, than is needed.
func (b *descriptorBudget) share(maxConnections int) {
	surplus := b.limit - b.needed
	if surplus < 0 {
		b.readers = int(min(int64(b.readers), max(b.limit/readersPartWhenTooFew, readersLeast)))
		b.clients = int(max(b.limit/clientsPartWhenTooFew, 1))
	} else {
		more := min(surplus/readersPartOfSurplus, max(readersMost-int64(b.readers), 0))
		b.readers += int(more)
		b.clients = int(min(b.parts[0].n+surplus-more, 1<<31-1))
	}
	if maxConnections > 0 {
		b.clients = min(b.clients, maxConnections)
	}
}

// sum is the budget as a sentence.
func (b *descriptorBudget) sum() string {
	parts := make([]string, len(b.parts))
	for i, p := range b.parts {
		parts[i] = p.class + " " + strconv.FormatInt(p.n, 10)
	}
	return strings.Join(parts, " + ") + " = " + strconv.FormatInt(b.needed, 10)
}

// short reports a limit below the need.
func (b *descriptorBudget) short() error {
	if b.limit == 0 || b.limit >= b.needed {
		return nil
	}
	return fmt.Errorf("server: %w: the limit of open files is %d, needed are %s; raise it (ulimit -n, LimitNOFILE) "+
		"to at least %d, lower maxCnxns or maxClientCnxns, or set descriptorCheckEnabled=false to start all the same",
		ErrFewDescriptors, b.limit, b.sum(), descriptorsWarnedBelow*b.needed)
}

// descriptors are the server's budget and what has become of it.
type descriptors struct {
	budget descriptorBudget
	high   atomic.Int64 // the most that were seen open
}

// planDescriptors compares the need with the limit, to which the runtime has
// raised the soft limit, and says so. An error says that the server is not to
// start.
func (s *Server) planDescriptors() error {
	_, limit := s.openDescriptors()
	b := budgetOf(&s.cfg, limit)
	s.descriptors.budget = b
	ev, text := s.log.Info(), "file descriptors"
	if err := b.short(); err != nil {
		if !s.cfg.SkipDescriptorCheck {
			return err
		}
		ev, text = s.log.Warn(), "file descriptors: the limit is below the need, and descriptorCheckEnabled=false; expect refusals"
	} else if limit > 0 && limit < descriptorsWarnedBelow*b.needed {
		ev, text = s.log.Warn(), "few file descriptors; raise the limit of open files (ulimit -n) to at least twice what is needed"
	}
	for _, p := range b.parts {
		ev = ev.Int64(p.class, p.n)
	}
	ev.Int64("needed", b.needed).Int64("limit", limit).Int("client_limit", b.clients).
		Int("log_reader_limit", b.readers).Msg(text)
	return nil
}

// openDescriptors counts the descriptors of the process and notes the most.
func (s *Server) openDescriptors() (open, limit int64) {
	open, limit = clientport.Descriptors()
	for high := s.descriptors.high.Load(); open > high && !s.descriptors.high.CompareAndSwap(high, open); {
		high = s.descriptors.high.Load()
	}
	return open, limit
}

// descriptorFigures are the lines of mntr about descriptors and about the
// segments open for reading.
func (s *Server) descriptorFigures(st *txnlog.Stats, p *peer.Figures) []admin.Metric {
	open, limit := s.openDescriptors()
	b, r := &s.descriptors.budget, &st.Readers
	lines := []admin.Metric{
		{Name: "quorumd_descriptors_open", Value: open},
		{Name: "quorumd_descriptors_high_water", Value: s.descriptors.high.Load()},
		{Name: "quorumd_descriptors_limit", Value: limit},
		{Name: "quorumd_descriptors_needed", Value: b.needed},
	}
	for _, part := range b.parts {
		lines = append(lines, admin.Metric{Name: "quorumd_descriptors_needed_" + part.class, Value: part.n})
	}
	return append(lines,
		admin.Metric{Name: "quorumd_descriptors_refused_peer", Value: int64(p.NoDescriptor)},
		admin.Metric{Name: "quorumd_descriptors_refused_log", Value: int64(r.Refused + st.SegmentsRefused)},
		admin.Metric{Name: "quorumd_descriptors_refused_snapshot", Value: int64(st.SnapshotsRefused)},
		admin.Metric{Name: "quorumd_log_segments_open", Value: int64(r.Open)},
		admin.Metric{Name: "quorumd_log_segments_open_limit", Value: int64(r.Places)},
		admin.Metric{Name: "quorumd_log_segments_open_high_water", Value: int64(r.Highest)},
		admin.Metric{Name: "quorumd_log_segments_wanted", Value: int64(r.Wanted)},
		admin.Metric{Name: "quorumd_log_segment_hits", Value: int64(r.Hits)},
		admin.Metric{Name: "quorumd_log_segment_misses", Value: int64(r.Misses)},
		admin.Metric{Name: "quorumd_log_segment_evictions", Value: int64(r.Evictions)},
		admin.Metric{Name: "quorumd_log_segment_reopened", Value: int64(r.Reopened)},
		admin.Metric{Name: "quorumd_log_segment_expired", Value: int64(r.Expired)},
		admin.Metric{Name: "quorumd_log_segment_waits", Value: int64(r.Waits)},
	)
}

// descriptorEnv are the budget's lines of the word envi.
func (s *Server) descriptorEnv() []admin.Pair {
	b := &s.descriptors.budget
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	return []admin.Pair{
		{Key: "quorumd.descriptors.limit", Value: n(b.limit)},
		{Key: "quorumd.descriptors.needed", Value: b.sum()},
		{Key: "quorumd.descriptors.clients", Value: n(int64(b.clients))},
		{Key: "quorumd.descriptors.log_readers", Value: n(int64(b.readers))},
	}
}

// tendReaders looks after the segments open for reading. What is wrong with them
// is said once, until it is over.
func (s *Server) tendReaders() {
	s.openDescriptors()
	note, ok := s.store.TendReaders()
	switch {
	case !ok:
	case note.Kind == txnlog.ReadersThrash:
		s.log.Warn().Int("limit", note.Places).Int("needed", note.Wanted).Uint64("reads", note.Reads).Uint64("reopened", note.Reopened).
			Msg("segments of the log are closed for room while learners read them, and opened again; raise the limit of open files (ulimit -n)")
	default:
		s.log.Info().Int("limit", note.Places).Msg("segments of the log stay open while they are read")
	}
}

// How long the read of a log waits for a descriptor.
const (
	descriptorRetryMin = 10 * time.Millisecond
	descriptorRetryMax = time.Second
)

// readLog reads the log. Where there is no descriptor for it, it waits for one:
// what is in the log is not in doubt. It gives up like a disk that stands still.
func (s *Server) readLog(q zab.LogRead) (zab.LogReadResult, error) {
	began := time.Now()
	for wait := descriptorRetryMin; ; wait = min(2*wait, descriptorRetryMax) {
		res, err := s.store.ReadLog(q)
		if !errors.Is(err, txnlog.ErrNoDescriptor) || time.Since(began) > s.cfg.DiskStall {
			return res, err
		}
		if wait == descriptorRetryMin {
			s.log.Warn().Err(err).Msg("the log cannot be read for want of a file descriptor; trying again")
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.quit:
			timer.Stop()
			return res, err
		}
	}
}
