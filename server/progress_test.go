package server

import (
	"slices"
	"testing"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// TestProgressFigures: what is under way is told, for each learner that is sent
// a snapshot, and nothing of those that are not.
func TestProgressFigures(t *testing.T) {
	s := &Server{}
	var status replica.Status
	status.Learners = slices.Grow(status.Learners, 2)[:2]
	status.Learners[0].Server, status.Learners[0].SnapAcked, status.Learners[0].SnapSize = 2, 10, 70
	status.Learners[1].Server = 3
	values := func() map[string]int64 {
		m := map[string]int64{}
		for _, line := range s.progressFigures(&status) {
			m[line.Name] = line.Value
		}
		return m
	}
	s.progress.asked([]zab.DiskOp{{Kind: zab.DiskSnapBegin, Size: 500}})
	s.progress.stored(&zab.DiskDone{Kind: zab.DiskSnapBegin})
	s.progress.stored(&zab.DiskDone{Kind: zab.DiskSnapChunk, Off: 400})
	got := values()
	if got["quorumd_snapshot_receive_bytes"] != 400 || got["quorumd_snapshot_receive_bytes_total"] != 500 {
		t.Errorf("received: %v", got)
	}
	_, third := got["quorumd_snapshot_send_bytes_3"]
	if got["quorumd_snapshot_send_bytes_2"] != 10 || got["quorumd_snapshot_send_bytes_total_2"] != 70 || third {
		t.Errorf("sent: %v", got)
	}
	s.progress.stored(&zab.DiskDone{Kind: zab.DiskEpochs}) // the link was lost, another leader is there
	if got := values(); got["quorumd_snapshot_receive_bytes"] != 0 || got["quorumd_snapshot_receive_bytes_total"] != 0 {
		t.Errorf("after the end: %v", got)
	}
}
