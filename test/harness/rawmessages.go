package harness

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Op is a request's number in ZooKeeper's protocol.
type Op int32

// The operations that the tests use.
const (
	OpCreate      Op = 1
	OpDelete      Op = 2
	OpExists      Op = 3
	OpGetData     Op = 4
	OpSetData     Op = 5
	OpGetChildren Op = 8
	OpSync        Op = 9
	OpPing        Op = 11
	OpCheck       Op = 13
	OpMulti       Op = 14
	OpCreate2     Op = 15
	OpClose       Op = -11
)

// Modes of a create.
const (
	Persistent = 0
	Ephemeral  = 1
	Sequential = 2
)

// Code is the error number of a reply, 0 for success.
type Code int32

// The codes that the tests tell apart.
const (
	CodeOK             Code = 0
	CodeNoNode         Code = -101
	CodeBadVersion     Code = -103
	CodeNodeExists     Code = -110
	CodeSessionExpired Code = -112
)

func (c Code) Error() string { return fmt.Sprintf("zookeeper error %d", int32(c)) }

// errShort is what a reply gives that ends before the record it should hold.
var errShort = errors.New("harness: the reply ends early")

// Request is an operation with its encoded record.
type Request struct {
	Op   Op
	Body []byte
}

func appendInt(b []byte, v int32) []byte  { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func appendLong(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(appendInt(b, int32(len(v))), v...)
}

// Create makes a node that everyone may do everything with; mode is a sum of
// Ephemeral and Sequential. The reply holds the path, which CreatedPath reads.
func Create(path string, data []byte, mode int32) Request {
	return Request{OpCreate, createBody(path, data, mode)}
}

// Create2 is Create whose reply holds the path and the Stat.
func Create2(path string, data []byte, mode int32) Request {
	return Request{OpCreate2, createBody(path, data, mode)}
}

func createBody(path string, data []byte, mode int32) []byte {
	const all = 31
	b := appendBytes(appendBytes(nil, path), data)
	b = appendInt(appendInt(b, 1), all)
	b = appendBytes(appendBytes(b, "world"), "anyone")
	return appendInt(b, mode)
}

// Delete removes a node; version -1 is any.
func Delete(path string, version int32) Request {
	return Request{OpDelete, appendInt(appendBytes(nil, path), version)}
}

// SetData replaces a node's data; version -1 is any.
func SetData(path string, data []byte, version int32) Request {
	return Request{OpSetData, appendInt(appendBytes(appendBytes(nil, path), data), version)}
}

// Check is an operation of a Multi that demands a version.
func Check(path string, version int32) Request {
	return Request{OpCheck, appendInt(appendBytes(nil, path), version)}
}

// GetData reads a node's data and Stat.
func GetData(path string, watch bool) Request { return Request{OpGetData, watchBody(path, watch)} }

// Exists reads a node's Stat.
func Exists(path string, watch bool) Request { return Request{OpExists, watchBody(path, watch)} }

// GetChildren lists the names of a node's children.
func GetChildren(path string, watch bool) Request {
	return Request{OpGetChildren, watchBody(path, watch)}
}

func watchBody(path string, watch bool) []byte {
	b := appendBytes(nil, path)
	if watch {
		return append(b, 1)
	}
	return append(b, 0)
}

// Sync makes the server catch up with the leader before later reads.
func Sync(path string) Request { return Request{OpSync, appendBytes(nil, path)} }

// Ping keeps the session.
func Ping() Request { return Request{OpPing, nil} }

// Multi does all of the operations or none.
func Multi(ops ...Request) Request {
	var b []byte
	for _, op := range ops {
		b = appendInt(append(appendInt(b, int32(op.Op)), 0), -1)
		b = append(b, op.Body...)
	}
	return Request{OpMulti, appendInt(append(appendInt(b, -1), 1), -1)}
}

// Stat is a node's bookkeeping.
type Stat struct {
	Czxid, Mzxid, Ctime, Mtime  int64
	Version, Cversion, Aversion int32
	EphemeralOwner              int64
	DataLength, NumChildren     int32
	Pzxid                       int64
}

const statLength = 68

// Reply is a server's answer, or a watch event when Xid is -1. Its Body is
// valid until the next reply is read.
type Reply struct {
	Xid  int32
	Zxid int64
	Code Code
	Body []byte
}

// Err is the reply's code as an error, nil for success.
func (r *Reply) Err() error {
	if r.Code == CodeOK {
		return nil
	}
	return r.Code
}

// Stat reads the Stat that ends the replies of create2, exists, getData and setData.
func (r *Reply) Stat() (Stat, error) {
	if len(r.Body) < statLength {
		return Stat{}, errShort
	}
	b := r.Body[len(r.Body)-statLength:]
	long := func() int64 { v := binary.BigEndian.Uint64(b); b = b[8:]; return int64(v) }
	word := func() int32 { v := binary.BigEndian.Uint32(b); b = b[4:]; return int32(v) }
	return Stat{
		Czxid: long(), Mzxid: long(), Ctime: long(), Mtime: long(),
		Version: word(), Cversion: word(), Aversion: word(),
		EphemeralOwner: long(), DataLength: word(), NumChildren: word(), Pzxid: long(),
	}, nil
}

// Data reads the data at the head of a getData reply, or the path of a create's;
// it is valid as long as the Body.
func (r *Reply) Data() ([]byte, error) {
	data, _, err := cutBytes(r.Body)
	return data, err
}

// Names reads the list of a getChildren reply.
func (r *Reply) Names() ([]string, error) {
	if len(r.Body) < 4 {
		return nil, errShort
	}
	count := int32(binary.BigEndian.Uint32(r.Body))
	rest := r.Body[4:]
	if count < 0 || int(count) > len(rest)/4 {
		return nil, errShort
	}
	names := make([]string, count)
	for i := range names {
		name, after, err := cutBytes(rest)
		if err != nil {
			return nil, err
		}
		names[i], rest = string(name), after
	}
	return names, nil
}

func cutBytes(b []byte) (data, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errShort
	}
	n := int32(binary.BigEndian.Uint32(b))
	if n == -1 {
		return nil, b[4:], nil
	}
	if n < 0 || int(n) > len(b)-4 {
		return nil, nil, errShort
	}
	return b[4 : 4+n], b[4+n:], nil
}
