package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/server/clientport"
	"github.com/quorumd/quorumd/server/peer"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// Server is one running server.
type Server struct {
	cfg   Config
	log   zerolog.Logger
	start time.Time

	store  *txnlog.Store
	loader loader
	port   clients
	peers  peers
	inbox  *inbox
	loop   *loop

	// stateMu is the lock over the state and over which state it is. state is
	// read under it and replaced by the applier alone. The loop never takes it.
	stateMu ranked.RWMutex[ranked.State]
	state   *replica.State

	status  atomic.Pointer[replica.Status]
	figures figures
	// progress is that of snapshots under way.
	progress progress

	descriptors descriptors

	applier     *applier
	disk        *diskRunner
	logReads    *mailbox[zab.LogRead]  // bound: one for apply and one for each learner
	snapReads   *mailbox[zab.SnapRead] // bound: the leader's snapshot window for each learner
	snapshots   *snapshotter
	pacer       *pacer
	notes       *noteBook
	watchdog    *watchdog // of the disk
	aborted     atomic.Bool
	workers     sync.WaitGroup // that end with quit
	quit        chan struct{}
	closing     chan struct{}
	closingOnce sync.Once
	failed      chan struct{}
	done        chan struct{}

	errMu ranked.Mutex[ranked.Leaf]
	err   error
}

// clients is the client port as the server sees it.
type clients interface {
	BeforeApply(rec *zab.Record)
	Applied(rec *zab.Record, res znode.Result)
	Answer(a zab.Answer)
	SetServing(on bool)
	CloseAll(reason string)
	Touched(dst []zab.SessionID) []zab.SessionID
	Flush()
	NoDescriptor() int64
	Addr() net.Addr
	Close()
}

// peers is the transport between servers as the loop sees it.
type peers interface {
	Send(sends []zab.Send)
	Notify(n zab.Notify)
	Dial(id zab.ServerID)
	CloseLink(id zab.LinkID)
	Figures() peer.Figures
	Close()
}

// Open recovers the server from its disk, opens its ports and starts it. It
// serves clients once an ensemble has a leader and this server is up to date.
func Open(cfg Config) (*Server, error) {
	cfg.setDefaults()
	s := &Server{
		cfg: cfg, log: cfg.Logger.With().Int64("sid", int64(cfg.Self)).Logger(), start: time.Now(),
		inbox: newInbox(), logReads: newMailbox[zab.LogRead](), snapReads: newMailbox[zab.SnapRead](),
		quit: make(chan struct{}), closing: make(chan struct{}), failed: make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.planDescriptors(); err != nil {
		return nil, err
	}
	s.loader.progress = &s.progress
	s.pacer = newPacer(cfg.SnapRate, s.quit)
	s.watchdog = newWatchdog(cfg.DiskStall, s.abort)
	s.watchdog.start() // what is found on the disk is read first of all
	if err := s.restore(); err != nil {
		s.watchdog.stop()
		return nil, err
	}
	s.notes = newNoteBook(s.log)
	s.applier = newApplier(s)
	s.disk = newDiskRunner(s)
	s.snapshots = newSnapshotter(s)
	if err := s.openPorts(); err != nil {
		err = joinClose(err, s.store)
		s.watchdog.stop()
		return nil, err
	}
	s.run()
	return s, nil
}

// restore opens the disk and builds the state and the replica from it.
func (s *Server) restore() error {
	began := time.Now()
	store, found, err := txnlog.Open(watchedFS{s.cfg.FS, s.watchdog}, txnlog.Options{
		DataDir: s.cfg.DataDir, LogDir: s.cfg.LogDir, Server: s.cfg.Self, SegmentSize: s.cfg.SegmentSize,
		OpenSegments: s.descriptors.budget.readers, Load: s.loader.load,
		Pace: s.pacer.spend,
	})
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	for _, w := range found.Warnings {
		s.log.Warn().Str("warning", w).Msg("recovery")
	}
	state := replica.NewState()
	if found.Snapshot != nil {
		state = s.loader.take(found.Snapshot.At)
	}
	boot, err := newBootstrap()
	if err != nil {
		return joinClose(err, store)
	}
	s.store, s.state = store, state
	r := replica.New(replica.Config{
		Self: s.cfg.Self, Ensemble: s.cfg.Ensemble, Tick: s.cfg.Tick, InitLimit: s.cfg.InitLimit,
		SyncLimit: s.cfg.SyncLimit, Flags: s.cfg.Flags, Members: s.cfg.Digest, Bootstrap: boot,
		Membership: s.cfg.Membership,
	}, replica.Start{
		Last: found.Last, Applied: state.Applied(), Epochs: found.Epochs,
		Sessions: state.Sessions(), Ensemble: state.Ensemble(), Members: state.Membership(), Identity: found.Ensemble,
	})
	s.loop = newLoop(s, r)
	status := r.Status()
	s.status.Store(&status)
	s.log.Info().Stringer("log_end", found.Last).Stringer("applied", state.Applied()).
		Int64("accepted_epoch", int64(found.Epochs.Accepted)).Int64("current_epoch", int64(found.Epochs.Current)).
		Int64("torn_bytes", found.Torn).Dur("took", time.Since(began)).Str("data_dir", s.cfg.DataDir).Msg("recovered")
	return nil
}

// newBootstrap draws the name and the secret that an ensemble gets if this
// server is its first leader.
func newBootstrap() (zab.Bootstrap, error) {
	b := zab.Bootstrap{Secret: make([]byte, 32)}
	var name [8]byte
	for b.Ensemble == 0 {
		if _, err := rand.Read(name[:]); err != nil {
			return b, fmt.Errorf("server: draw random bytes: %w", err)
		}
		b.Ensemble = binary.LittleEndian.Uint64(name[:])
	}
	if _, err := rand.Read(b.Secret); err != nil {
		return b, fmt.Errorf("server: draw random bytes: %w", err)
	}
	return b, nil
}

// joinClose closes the store of a server that did not come to be.
func joinClose(err error, store *txnlog.Store) error {
	if cerr := store.Close(); cerr != nil {
		return fmt.Errorf("%w; and closing: %w", err, cerr)
	}
	return err
}

// openPorts opens the ports for peers, then the client port: four-letter words
// are answered at once, and ask for the figures of everything else.
func (s *Server) openPorts() error {
	s.port, s.peers = noClients{}, noPeers{}
	if !s.cfg.standalone() {
		t, err := peer.Open(peer.Config{
			Self: s.cfg.Self, Members: s.cfg.Members, Digest: s.cfg.Digest,
			ListenOnAll: s.cfg.ListenOnAll, BindAttempts: s.cfg.BindAttempts,
			ConnectTimeout: s.cfg.ConnectTimeout, WriteTimeout: time.Duration(s.cfg.SyncLimit) * s.cfg.Tick,
			Network: s.cfg.Network, Log: s.log.With().Str("component", "peer").Logger(),
		}, peerHost{s})
		if err != nil {
			return fmt.Errorf("server: %w", err)
		}
		s.peers = t
	}
	if s.cfg.Client.Listen == "" {
		return nil
	}
	port, err := clientport.Open(s.clientConfig(), portHost{s})
	if err != nil {
		s.inbox.close()
		s.peers.Close()
		return fmt.Errorf("server: %w", err)
	}
	s.port = port
	s.log.Info().Stringer("address", port.Addr()).Msg("client port open")
	return nil
}

func (s *Server) clientConfig() clientport.Config {
	c := s.cfg.Client
	c.Self, c.Grace, c.CatchUp = s.cfg.Self, s.cfg.Tick, s.cfg.Tick/2
	c.Budget = s.descriptors.budget.clients
	c.Admin = s.adminHooks()
	c.Log = s.log.With().Str("component", "clientport").Logger()
	return c
}

// run starts the goroutines.
func (s *Server) run() {
	for _, f := range []func(){s.loop.run, s.readLogs, s.readSnapshots, s.snapshots.run, s.chores} {
		s.workers.Add(1)
		go func() {
			defer s.workers.Done()
			f()
		}()
	}
	s.applier.start()
	s.disk.start()
	s.notes.start()
	go s.supervise()
}

// fail ends the server because of err; the first cause counts (Y5).
func (s *Server) fail(err error) {
	s.errMu.Lock()
	first := s.err == nil
	if first {
		s.err = err
	}
	s.errMu.Unlock()
	if first {
		close(s.failed)
	}
}

// abort ends the process because the server cannot be ended.
func (s *Server) abort(err error) {
	if s.aborted.CompareAndSwap(false, true) {
		if cause := s.Err(); cause != nil {
			err = fmt.Errorf("%w; after: %w", err, cause)
		}
		s.cfg.Abort(err)
	}
}

// supervise waits for the end of the server and carries it out: doors first,
// then the loop and its helpers, then the applier, then the disk.
func (s *Server) supervise() {
	defer close(s.done)
	limit := make(<-chan time.Time)
	select {
	case <-s.closing:
	case <-s.failed:
		timer := time.NewTimer(s.cfg.StopLimit)
		defer timer.Stop()
		limit = timer.C
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.tearDown()
	}()
	select {
	case <-ended:
	case <-limit:
		s.abort(fmt.Errorf("server: not ended %v after its failure", s.cfg.StopLimit))
		<-ended
	}
	if err := s.Err(); err != nil {
		s.log.Error().Err(err).Msg("server failed")
		return
	}
	s.log.Info().Msg("server stopped")
}

func (s *Server) tearDown() {
	s.port.Close()
	close(s.quit) // the loop ends before its links do, and calls no election about it
	s.store.Stop()
	s.workers.Wait()
	s.applier.stop() // after the loop, so that what was committed is applied
	s.inbox.close()  // readers of links may wait in it
	s.peers.Close()
	s.disk.stop()
	if err := s.store.Close(); err != nil {
		s.fail(fmt.Errorf("server: close: %w", err))
	}
	s.watchdog.stop()
	s.notes.stop()
}

// Close ends the server in good order: nobody is let in, connections are
// closed, what the disk was asked to do is done, everything is closed. The
// error is that of Err, or ctx's when that ends first; then the server is
// still on its way out.
func (s *Server) Close(ctx context.Context) error {
	s.closingOnce.Do(func() { close(s.closing) })
	select {
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("server: still closing: %w", ctx.Err())
	}
}

// Done is closed when the server has ended, by Close or by a failure.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns the failure that has ended or is ending the server, nil if none.
func (s *Server) Err() error {
	s.errMu.Lock()
	defer s.errMu.Unlock()
	return s.err
}

// Status returns what the server last published about itself.
func (s *Server) Status() replica.Status { return *s.status.Load() }

// ClientAddr returns the address that clients connect to.
func (s *Server) ClientAddr() net.Addr { return s.port.Addr() }

// Digest returns the position of the applied history and the state's digest
// there: equal on all servers at equal positions.
func (s *Server) Digest() (zab.Position, uint64) {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	return s.state.Applied(), s.state.Digest()
}
