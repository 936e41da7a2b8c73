package server

import (
	"syscall"

	"github.com/quorumd/quorumd/txnlog"
)

// What the server needs of file descriptors besides clients.
const (
	descriptorsPerPeer = 6  // two election connections, links old and new, dials
	descriptorsFixed   = 16 // listeners, locks, epochs, log, spare, snapshots, standard files
	descriptorReserve  = 64
)

// descriptorsNeeded is the budget of file descriptors. Clients count as far as
// their number is limited.
func (s *Server) descriptorsNeeded() int64 {
	return int64(descriptorsFixed + descriptorReserve + txnlog.DefaultOpenSegments +
		descriptorsPerPeer*len(s.cfg.Members) + s.cfg.Client.MaxConnections)
}

// warnDescriptors compares the budget with the limit of the system. The
// runtime has already raised the soft limit to the hard one.
func (s *Server) warnDescriptors() {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return
	}
	needed := s.descriptorsNeeded()
	if limit := int64(min(r.Cur, 1<<62)); limit < 2*needed {
		s.log.Warn().Int64("limit", limit).Int64("needed", needed).
			Msg("few file descriptors; raise the limit of open files (ulimit -n) to at least twice what is needed")
	}
}
