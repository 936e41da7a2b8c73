package wire

import (
	"github.com/quorumd/quorumd/zab"
)

// sample is one packet of each kind, with a value in every field.
type sample struct {
	name   string
	packet zab.Packet
}

func samplePosition() zab.Position { return zab.At(zab.NewZxid(7, 41), 0xdeadbeef) }

func sampleTxn() *zab.Txn {
	return &zab.Txn{
		Time: 1700000000000, Session: 0x0100018bcfe56800, Cxid: 12, Origin: 1, Seq: 0x8000000000000001,
		Level: 1, Flags: zab.FlagExtendedTypes, Op: 5,
		Auth: []zab.Identity{{Scheme: "ip", ID: "127.0.0.1"}, {Scheme: "digest", ID: "u:hash"}},
		Body: []byte("\x00\x00\x00\x02/a\xff\xff\xff\xff\xff\xff\xff\xff"),
	}
}

func samples() []sample {
	z := zab.NewZxid(7, 42)
	rec, err := NewEncoder().EncodeRecord(samplePosition().CRC, z, sampleTxn())
	if err != nil {
		panic(err)
	}
	session := zab.SessionID(0x0100018bcfe56800)
	place := zab.Place{Zxid: z, Count: 3}
	body := func(name string, k zab.PacketKind, z zab.Zxid, v any) sample {
		return sample{name, zab.Packet{Kind: k, Zxid: z, Body: v}}
	}
	return []sample{
		{"record", zab.Packet{Kind: zab.KindTxn, Zxid: z, Record: rec}},
		body("ack", zab.KindAck, z, nil),
		body("commit", zab.KindCommit, z, nil),
		body("ping", zab.KindPing, 99, &zab.Ping{Heard: 17}),
		body("pong", zab.KindPong, 99, &zab.Pong{Touched: []zab.SessionID{session, session + 1}}),
		body("follower-info", zab.KindFollowerInfo, 0, &zab.FollowerInfo{Server: 3, Observer: true, Accepted: 7, Ensemble: 0xcafe}),
		body("leader-info", zab.KindLeaderInfo, zab.NewZxid(8, 0), nil),
		body("ack-epoch", zab.KindAckEpoch, 0, &zab.AckEpoch{Current: 7, Last: samplePosition(), Counts: true, Amnesiac: true}),
		body("diff", zab.KindDiff, z, nil),
		body("trunc", zab.KindTrunc, z, &zab.Trunc{To: samplePosition()}),
		body("snap", zab.KindSnap, z, &zab.Snap{At: samplePosition(), Size: 123456}),
		body("snap-chunk", zab.KindSnapChunk, 0, &zab.SnapChunk{Off: 65536, Data: []byte{0, 1, 2, 255}, Last: true}),
		body("snap-ack", zab.KindSnapAck, 65540, nil),
		body("ready", zab.KindReady, 0, &zab.Ready{At: samplePosition(), NeedSnap: true}),
		body("new-leader", zab.KindNewLeader, z, &zab.NewLeader{Epoch: 8, End: samplePosition()}),
		body("ack-new-leader", zab.KindAckNewLeader, z, nil),
		body("up-to-date", zab.KindUpToDate, z, nil),
		body("forward", zab.KindForward, 0, &zab.Request{Session: session, Cxid: -4, Seq: 5, Op: 1,
			Auth: []zab.Identity{{Scheme: "ip", ID: "::1"}}, Body: []byte("body")}),
		body("reject", zab.KindReject, 0, &zab.Reject{Seq: 5, Session: session, Reason: zab.RejectMoved}),
		body("attach", zab.KindAttach, 0, &zab.Attach{Seq: 6, Session: session, Timeout: 4000, At: place}),
		body("attached", zab.KindAttached, 0, &zab.Attached{Seq: 6, Session: session, OK: true, At: place}),
		body("sync", zab.KindSync, 0, &zab.SyncAsk{Seq: 7, Session: session}),
		body("sync-done", zab.KindSyncDone, z, &zab.SyncAsk{Seq: 7, Session: session}),
		body("stored", zab.KindStored, z, nil),
		body("notification", zab.KindNotification, 0, &zab.Notification{From: 2, State: zab.Leading, Round: 3,
			Vote: zab.Vote{Leader: 2, Epoch: 7, Zxid: z}, Amnesiac: true, Blank: true, Members: 0xfeed}),
	}
}
