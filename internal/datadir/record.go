package datadir

import (
	"fmt"
	"strings"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// Record is one record of a log, for people.
type Record struct {
	Zxid    string  `json:"zxid"`
	Time    string  `json:"time"` // of the leader's clock, UTC
	Session string  `json:"session,omitempty"`
	Op      string  `json:"op"`
	Path    string  `json:"path,omitempty"` // of a multi: all of them, and a comma between
	Data    int     `json:"data"`           // bytes of data
	Size    int     `json:"size"`           // bytes of the record
	Detail  *Detail `json:"detail,omitempty"`
}

// Detail is the rest of a record.
type Detail struct {
	CRC    string   `json:"crc"`
	Prev   string   `json:"prev"`
	Cxid   int32    `json:"cxid"`
	Origin int64    `json:"origin"` // server whose client asked
	Level  uint16   `json:"level"`
	Flags  uint16   `json:"flags"`
	Auth   []string `json:"auth,omitempty"`
	Value  []byte   `json:"value,omitempty"` // the data of a create or set
	File   string   `json:"file"`
	Offset int64    `json:"offset"`
}

// DumpOptions say which records, and how much of each.
type DumpOptions struct {
	From, To zab.Zxid // To 0 is no bound
	Detail   bool
	Pause    func()
	// Gone is told of a segment that was removed while the log was read, Damage
	// of a place behind which a segment could not be read.
	Gone   func(path string)
	Damage func(path string, off int64, err error)
}

// Dump shows each record of the log to visit.
func (p *Place) Dump(o DumpOptions, visit func(Record) error) error {
	return txnlog.WalkLog(p.look, p.Options(), txnlog.Walk{
		From: o.From, To: o.To, Pause: o.Pause, Gone: o.Gone,
		Record: func(rec zab.Record, path string, off int64) error {
			out := describe(&rec)
			if o.Detail {
				out.Detail = detail(&rec, path, off)
			}
			return visit(out)
		},
		Segment: func(s txnlog.SegmentInfo) error {
			if s.Damage != nil && o.Damage != nil {
				o.Damage(s.Path, s.Used, s.Damage)
			}
			return nil
		},
	})
}

// Segments shows each segment of the log to visit.
func (p *Place) Segments(pause func(), visit func(txnlog.SegmentInfo) error) error {
	return txnlog.WalkLog(p.look, p.Options(), txnlog.Walk{Segment: visit, Pause: pause})
}

func wall(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func describe(rec *zab.Record) Record {
	op := operation(rec.Txn.Op, rec.Txn.Body)
	out := Record{
		Zxid: rec.Zxid.String(), Time: wall(rec.Txn.Time), Op: op.name,
		Path: op.path, Data: len(op.data), Size: len(rec.Bytes),
	}
	if rec.Txn.Session != 0 {
		out.Session = rec.Txn.Session.String()
	}
	return out
}

func detail(rec *zab.Record, path string, off int64) *Detail {
	t := rec.Txn
	d := &Detail{
		CRC: fmt.Sprintf("%08x", rec.CRC), Prev: fmt.Sprintf("%08x", rec.Prev), Cxid: t.Cxid,
		Origin: int64(t.Origin), Level: t.Level, Flags: uint16(t.Flags), File: path, Offset: off,
		Value: operation(t.Op, t.Body).data,
	}
	for _, a := range t.Auth {
		id := a.ID
		if a.Scheme == jute.SchemeDigest { // a user's name, without what his password hashes to
			id, _, _ = strings.Cut(id, ":")
		}
		d.Auth = append(d.Auth, a.Scheme+":"+id)
	}
	return d
}

// op is what a transaction asks for. A request that cannot be decoded has a
// name only: it fails when it is applied.
type op struct {
	name, path string
	data       []byte
}

func operation(code int32, body []byte) op {
	switch code {
	case zab.OpBootstrap:
		return op{name: "bootstrap"}
	case zab.OpReap:
		return op{name: "reap", path: string(body)}
	case zab.OpExpire:
		return op{name: "expire"}
	case zab.OpConfig:
		return op{name: "config", data: body}
	}
	r := jute.NewReader(body)
	if jute.Op(code) == jute.OpMulti {
		return multi(&r)
	}
	return request(jute.Op(code), &r)
}

func request(code jute.Op, r *jute.Reader) op {
	out := op{name: code.String()}
	switch code {
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer:
		var q jute.CreateRequest
		q.Decode(r)
		out.path, out.data = q.Path, q.Data
	case jute.OpCreateTTL:
		var q jute.CreateTTLRequest
		q.Decode(r)
		out.path, out.data = q.Path, q.Data
	case jute.OpDelete:
		var q jute.DeleteRequest
		q.Decode(r)
		out.path = q.Path
	case jute.OpSetData:
		var q jute.SetDataRequest
		q.Decode(r)
		out.path, out.data = q.Path, q.Data
	case jute.OpSetACL:
		var q jute.SetACLRequest
		q.Decode(r)
		out.path = q.Path
	case jute.OpCheck:
		var q jute.CheckVersionRequest
		q.Decode(r)
		out.path = q.Path
	}
	return out
}

// multi sums up the operations of a multi.
func multi(r *jute.Reader) op {
	out := op{name: "multi"}
	var paths []string
	for {
		code, more := jute.NextMultiOp(r, jute.Op.AllowedInMulti)
		if !more || r.Err() != nil {
			break
		}
		one := request(code, r)
		paths = append(paths, one.name+" "+one.path)
		out.data = append(out.data, one.data...)
	}
	out.path = strings.Join(paths, ",")
	return out
}
