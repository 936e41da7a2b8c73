package client

import (
	"context"
	"fmt"

	"github.com/quorumd/quorumd/jute"
)

// Op is an operation of a multi, made by CreateOp, SetOp, DeleteOp or CheckOp.
type Op struct {
	kind    jute.Op
	name    string
	path    string
	data    []byte
	version int32
	create  []CreateOption
}

// CreateOp creates a node, as Create does.
func CreateOp(path string, data []byte, opts ...CreateOption) Op {
	return Op{kind: jute.OpCreate, name: "create", path: path, data: data, create: opts}
}

// SetOp replaces a node's data, as Set does.
func SetOp(path string, data []byte, version int32) Op {
	return Op{kind: jute.OpSetData, name: "set", path: path, data: data, version: version}
}

// DeleteOp removes a node, as Delete does.
func DeleteOp(path string, version int32) Op {
	return Op{kind: jute.OpDelete, name: "delete", path: path, version: version}
}

// CheckOp changes nothing: it fails if the node does not exist or, unless
// AnyVersion is given, has another version.
func CheckOp(path string, version int32) Op {
	return Op{kind: jute.OpCheck, name: "check", path: path, version: version}
}

// Result is what came of an operation of a multi.
type Result struct {
	Path string // of the operation; for a create that of the new node
	Stat Stat   // after a set; after a create of a container or TTL node
	// Err is nil if the multi succeeded, else that of this operation, or
	// ErrNotTried if another one failed.
	Err error
}

// record is one operation as it goes over the wire.
type multiRecord struct {
	op  jute.Op
	rec appender
}

// multiRequest is the record of a multi.
type multiRequest []multiRecord

// Append appends the record.
func (q multiRequest) Append(dst []byte) []byte {
	for _, m := range q {
		dst = (&jute.MultiHeader{Type: m.op, Err: -1}).Append(dst)
		dst = m.rec.Append(dst)
	}
	return jute.MultiEnd.Append(dst)
}

// encodeMulti makes the record of ops.
func (c *Client) encodeMulti(ops []Op) (multiRequest, error) {
	q := make(multiRequest, len(ops))
	for i := range ops {
		o := &ops[i]
		m := &q[i]
		m.op = o.kind
		var err error
		if o.kind == jute.OpCreate {
			m.op, m.rec, err = c.encodeCreate(o.path, o.data, o.create)
		} else if err = jute.ValidatePath(o.path); err != nil {
			err = fmt.Errorf("%w: %w", ErrBadArguments, err)
		}
		if err != nil {
			return nil, &MultiError{Index: i, Op: o.name, Path: o.path, Err: err}
		}
		switch o.kind {
		case jute.OpSetData:
			m.rec = &jute.SetDataRequest{Path: c.outbound(o.path), Data: o.data, Version: o.version}
		case jute.OpDelete:
			m.rec = &jute.DeleteRequest{Path: c.outbound(o.path), Version: o.version}
		case jute.OpCheck:
			m.rec = &jute.CheckVersionRequest{Path: c.outbound(o.path), Version: o.version}
		}
		if m.rec == nil {
			return nil, &MultiError{Index: i, Err: fmt.Errorf("%w: not made by CreateOp, SetOp, DeleteOp or CheckOp", ErrBadArguments)}
		}
	}
	return q, nil
}

// Multi does all operations as one transaction, in order, or none of them. If
// one fails the error wraps a *MultiError, which says which and why, and the
// results are there as well.
func (c *Client) Multi(ctx context.Context, ops ...Op) ([]Result, error) {
	q, err := c.encodeMulti(ops)
	if err != nil {
		return nil, &Error{Op: "multi", Err: err}
	}
	p := multiResponse{c: c, ops: ops}
	if err := c.call(ctx, request{op: jute.OpMulti, name: "multi", rec: q}, &p); err != nil {
		return nil, err
	}
	if p.failed != nil {
		return p.results, &Error{Op: "multi", Err: p.failed}
	}
	return p.results, nil
}

// multiResponse decodes the reply to a multi.
type multiResponse struct {
	c       *Client
	ops     []Op
	results []Result
	failed  *MultiError
}

// Decode reads the record.
func (p *multiResponse) Decode(r *jute.Reader) {
	p.results = make([]Result, 0, len(p.ops))
	for i := range p.ops {
		op, ok := jute.NextMultiOp(r, func(jute.Op) bool { return true })
		if !ok {
			break
		}
		p.results = append(p.results, p.result(i, op, r))
	}
	if r.Err() == nil && len(p.results) < len(p.ops) {
		// A reply with too few results has ended early; reading on past its
		// end leaves the error in r.
		r.Int64()
	}
	if p.failed != nil {
		for i := range p.results {
			if i != p.failed.Index {
				p.results[i].Err = ErrNotTried
			}
		}
	}
}

// result decodes the result of the i-th operation.
func (p *multiResponse) result(i int, op jute.Op, r *jute.Reader) Result {
	res := Result{Path: p.ops[i].path}
	switch op {
	case jute.OpError:
		var e jute.ErrorResponse
		e.Decode(r)
		if e.Err != jute.CodeOK && p.failed == nil {
			p.failed = &MultiError{Index: i, Op: p.ops[i].name, Path: p.ops[i].path, Err: e.Err}
			res.Err = e.Err
		}
	case jute.OpCreate:
		var created jute.CreateResponse
		created.Decode(r)
		res.Path = p.c.inbound(created.Path)
	case jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL:
		var created jute.Create2Response
		created.Decode(r)
		res.Path, res.Stat = p.c.inbound(created.Path), created.Stat
	case jute.OpSetData:
		res.Stat.Decode(r)
	}
	return res
}
