package server

import (
	"strconv"
	"sync/atomic"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// progress is how far the snapshots under way are. All is 0 where there is none.
type progress struct {
	nodes, ofNodes, bytes atomic.Int64 // of the one being written
	received, ofReceived  atomic.Int64 // bytes of the one being received
	loaded, ofLoaded      atomic.Int64 // bytes of the one whose state is being built
}

// writing notes how far a snapshot is; of is 0 when it is over.
func (p *progress) writing(nodes, of, bytes int64) {
	p.nodes.Store(nodes)
	p.ofNodes.Store(of)
	p.bytes.Store(bytes)
}

// loading notes how far a snapshot's state is built; of is 0 when it is over.
func (p *progress) loading(bytes, of int64) {
	p.loaded.Store(bytes)
	p.ofLoaded.Store(of)
}

// asked notes that the disk begins to receive a snapshot.
func (p *progress) asked(ops []zab.DiskOp) {
	for i := range ops {
		if ops[i].Kind == zab.DiskSnapBegin {
			p.received.Store(0)
			p.ofReceived.Store(ops[i].Size)
		}
	}
}

// stored notes what the disk did for a snapshot being received. Any other
// operation tells that it is over, or was given up.
func (p *progress) stored(done *zab.DiskDone) {
	switch done.Kind {
	case zab.DiskSnapBegin:
	case zab.DiskSnapChunk:
		p.received.Store(done.Off)
	default:
		p.received.Store(0)
		p.ofReceived.Store(0)
	}
}

// progressFigures are the lines of mntr about snapshots under way.
func (s *Server) progressFigures(status *replica.Status) []admin.Metric {
	p := &s.progress
	lines := []admin.Metric{
		{Name: "quorumd_snapshot_write_znodes", Value: p.nodes.Load()},
		{Name: "quorumd_snapshot_write_znodes_total", Value: p.ofNodes.Load()},
		{Name: "quorumd_snapshot_write_bytes", Value: p.bytes.Load()},
		{Name: "quorumd_snapshot_receive_bytes", Value: p.received.Load()},
		{Name: "quorumd_snapshot_receive_bytes_total", Value: p.ofReceived.Load()},
		{Name: "quorumd_snapshot_load_bytes", Value: p.loaded.Load()},
		{Name: "quorumd_snapshot_load_bytes_total", Value: p.ofLoaded.Load()},
	}
	for _, l := range status.Learners {
		if l.SnapSize == 0 {
			continue
		}
		id := strconv.FormatInt(int64(l.Server), 10)
		lines = append(lines,
			admin.Metric{Name: "quorumd_snapshot_send_bytes_" + id, Value: l.SnapAcked},
			admin.Metric{Name: "quorumd_snapshot_send_bytes_total_" + id, Value: l.SnapSize})
	}
	return lines
}
