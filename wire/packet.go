package wire

import (
	"fmt"
	"reflect"

	"github.com/quorumd/quorumd/zab"
)

// packetForm says whether a kind exists and what its body is.
type packetForm struct {
	known bool
	body  reflect.Type // nil: header only
}

// forms is zab's table of packet kinds in Go.
var forms = [firstFileKind]packetForm{
	zab.KindTxn:          {true, reflect.TypeFor[zab.Txn]()},
	zab.KindAck:          {true, nil},
	zab.KindCommit:       {true, nil},
	zab.KindPing:         {true, reflect.TypeFor[zab.Ping]()},
	zab.KindPong:         {true, reflect.TypeFor[zab.Pong]()},
	zab.KindFollowerInfo: {true, reflect.TypeFor[zab.FollowerInfo]()},
	zab.KindLeaderInfo:   {true, nil},
	zab.KindAckEpoch:     {true, reflect.TypeFor[zab.AckEpoch]()},
	zab.KindDiff:         {true, nil},
	zab.KindTrunc:        {true, reflect.TypeFor[zab.Trunc]()},
	zab.KindSnap:         {true, reflect.TypeFor[zab.Snap]()},
	zab.KindSnapChunk:    {true, reflect.TypeFor[zab.SnapChunk]()},
	zab.KindSnapAck:      {true, nil},
	zab.KindReady:        {true, reflect.TypeFor[zab.Ready]()},
	zab.KindNewLeader:    {true, reflect.TypeFor[zab.NewLeader]()},
	zab.KindAckNewLeader: {true, nil},
	zab.KindUpToDate:     {true, nil},
	zab.KindForward:      {true, reflect.TypeFor[zab.Request]()},
	zab.KindReject:       {true, reflect.TypeFor[zab.Reject]()},
	zab.KindAttach:       {true, reflect.TypeFor[zab.Attach]()},
	zab.KindAttached:     {true, reflect.TypeFor[zab.Attached]()},
	zab.KindSync:         {true, reflect.TypeFor[zab.SyncAsk]()},
	zab.KindSyncDone:     {true, reflect.TypeFor[zab.SyncAsk]()},
	zab.KindNotification: {true, reflect.TypeFor[zab.Notification]()},
	zab.KindStored:       {true, nil},
}

func formOf(k zab.PacketKind) packetForm {
	if int(k) >= len(forms) {
		return packetForm{}
	}
	return forms[k]
}

// AppendPacket appends p to dst. A record goes out as it is. dst is returned
// unchanged with an error, which means that p's kind and body do not belong
// together: a mistake of the caller.
func (e *Encoder) AppendPacket(dst []byte, p *zab.Packet) ([]byte, error) {
	form := formOf(p.Kind)
	switch {
	case !form.known:
		return dst, fmt.Errorf("%w: %s", ErrUnknownKind, p.Kind)
	case p.Kind == zab.KindTxn:
		if len(p.Record.Bytes) < HeaderSize {
			return dst, fmt.Errorf("wire: %s without a record", p.Kind)
		}
		return append(dst, p.Record.Bytes...), nil
	case form.body == nil:
		if p.Body != nil {
			return dst, fmt.Errorf("wire: %s with a body (%T), it has none", p.Kind, p.Body)
		}
		return AppendFrame(dst, uint8(p.Kind), p.Zxid, 0, nil), nil
	}
	v := reflect.ValueOf(p.Body)
	if v.Kind() != reflect.Pointer || v.Type().Elem() != form.body || v.IsNil() {
		return dst, fmt.Errorf("wire: %s with body %T, it needs a *%s", p.Kind, p.Body, form.body)
	}
	return e.AppendStruct(dst, uint8(p.Kind), p.Zxid, 0, p.Body)
}

// Packet verifies and decodes a whole frame, header and body, whose header is
// h. The packet of a record aliases frame with Record.Bytes, and its Txn is
// decoded; no other packet aliases frame. Errors wrap ErrShort, ErrCorrupt,
// ErrFormat or ErrUnknownKind.
func (d *Decoder) Packet(h Header, frame []byte) (zab.Packet, error) {
	n := HeaderSize + int(h.Length)
	if len(frame) < n {
		return zab.Packet{}, fmt.Errorf("%w: %d of %d bytes", ErrShort, len(frame), n)
	}
	if len(frame) > n {
		return zab.Packet{}, fmt.Errorf("%w: %d bytes given for a frame of %d", ErrCorrupt, len(frame), n)
	}
	body := frame[HeaderSize:]
	kind := zab.PacketKind(h.Kind)
	if !h.Verify(frame[:HeaderSize], body) {
		return zab.Packet{}, fmt.Errorf("%w: checksum of a %s of %d bytes does not match", ErrCorrupt, kind, n)
	}
	if err := h.check(); err != nil {
		return zab.Packet{}, err
	}
	form := formOf(kind)
	if !form.known {
		return zab.Packet{}, fmt.Errorf("%w: %d", ErrUnknownKind, h.Kind)
	}
	p := zab.Packet{Kind: kind, Zxid: h.Zxid}
	if kind == zab.KindTxn {
		return d.record(h, frame)
	}
	if form.body == nil {
		if len(body) != 0 {
			return zab.Packet{}, fmt.Errorf("%w: %s with a body of %d bytes, it has none", ErrCorrupt, kind, len(body))
		}
		return p, nil
	}
	v := reflect.New(form.body).Interface()
	if err := d.Body(body, v); err != nil {
		return zab.Packet{}, err
	}
	p.Body = v
	return p, nil
}

func (d *Decoder) record(h Header, frame []byte) (zab.Packet, error) {
	t, err := d.Txn(frame[HeaderSize:])
	if err != nil {
		return zab.Packet{}, err
	}
	n := len(frame)
	rec := zab.Record{Zxid: h.Zxid, Prev: h.Prev, CRC: h.CRC, Bytes: frame[:n:n], Txn: t}
	return zab.Packet{Kind: zab.KindTxn, Zxid: h.Zxid, Record: rec}, nil
}
