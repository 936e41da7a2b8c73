package jute

import "strconv"

// EventType says what happened to a watched node.
type EventType int32

// A server sends types 1 to 4. The others are made up by client libraries.
const (
	EventNone                   EventType = -1
	EventNodeCreated            EventType = 1
	EventNodeDeleted            EventType = 2
	EventNodeDataChanged        EventType = 3
	EventNodeChildrenChanged    EventType = 4
	EventDataWatchRemoved       EventType = 5
	EventChildWatchRemoved      EventType = 6
	EventPersistentWatchRemoved EventType = 7
)

var eventNames = map[EventType]string{
	EventNone:                   "None",
	EventNodeCreated:            "NodeCreated",
	EventNodeDeleted:            "NodeDeleted",
	EventNodeDataChanged:        "NodeDataChanged",
	EventNodeChildrenChanged:    "NodeChildrenChanged",
	EventDataWatchRemoved:       "DataWatchRemoved",
	EventChildWatchRemoved:      "ChildWatchRemoved",
	EventPersistentWatchRemoved: "PersistentWatchRemoved",
}

// String returns the type's name as the protocol's documents spell it.
func (t EventType) String() string {
	if n, ok := eventNames[t]; ok {
		return n
	}
	return "event " + strconv.Itoa(int(t))
}

// KeeperState is the state of a session as an event tells it.
type KeeperState int32

// A server sends StateSyncConnected only. The others are made up by client
// libraries.
const (
	StateDisconnected      KeeperState = 0
	StateNoSyncConnected   KeeperState = 1
	StateSyncConnected     KeeperState = 3
	StateAuthFailed        KeeperState = 4
	StateConnectedReadOnly KeeperState = 5
	StateSaslAuthenticated KeeperState = 6
	StateClosed            KeeperState = 7
	StateExpired           KeeperState = -112
)

// AddWatchMode is the kind of watch that OpAddWatch sets.
type AddWatchMode int32

const (
	WatchPersistent          AddWatchMode = 0 // data and child events of the exact path
	WatchPersistentRecursive AddWatchMode = 1 // created, deleted, changed for the path and all below it
)

// WatcherType names the watches that OpCheckWatches and OpRemoveWatches mean.
type WatcherType int32

const (
	WatcherChildren            WatcherType = 1
	WatcherData                WatcherType = 2 // data and exists watches
	WatcherAny                 WatcherType = 3 // everything of this connection on the path
	WatcherPersistent          WatcherType = 4 // since 3.9
	WatcherPersistentRecursive WatcherType = 5 // since 3.9
)

// WatcherEvent is the body of a notification.
type WatcherEvent struct {
	Type  EventType
	State KeeperState
	Path  string
}

// Decode reads the record.
func (e *WatcherEvent) Decode(r *Reader) {
	e.Type = EventType(r.Int32())
	e.State = KeeperState(r.Int32())
	e.Path = r.Path()
}

// Append appends the record.
func (e *WatcherEvent) Append(dst []byte) []byte {
	dst = AppendInt32(dst, int32(e.Type))
	dst = AppendInt32(dst, int32(e.State))
	return AppendString(dst, e.Path)
}

// AppendNotification appends the whole notification with its length: what a
// connection is sent when a watch fires. zxid is the transaction's that fired
// it, ZxidNone for none.
func AppendNotification(dst []byte, zxid int64, e WatcherEvent) []byte {
	start := len(dst)
	dst = BeginFrame(dst)
	dst = (&ReplyHeader{Xid: XidNotification, Zxid: zxid}).Append(dst)
	return EndFrame(e.Append(dst), start)
}

// AddWatchRequest is the record of OpAddWatch.
type AddWatchRequest struct {
	Path string
	Mode AddWatchMode // not checked by Decode
}

// Decode reads the record. A null path is ErrNullString.
func (q *AddWatchRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Mode = AddWatchMode(r.Int32())
}

// Append appends the record.
func (q *AddWatchRequest) Append(dst []byte) []byte {
	return AppendInt32(AppendString(dst, q.Path), int32(q.Mode))
}

// CheckWatchesRequest is the record of OpCheckWatches and OpRemoveWatches.
type CheckWatchesRequest struct {
	Path string
	Type WatcherType // not checked by Decode
}

// Decode reads the record. A null path is ErrNullString.
func (q *CheckWatchesRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Type = WatcherType(r.Int32())
}

// Append appends the record.
func (q *CheckWatchesRequest) Append(dst []byte) []byte {
	return AppendInt32(AppendString(dst, q.Path), int32(q.Type))
}

// SetWatchesRequest is the record of OpSetWatches: the standard watches of a
// client that comes back after it lost its connection.
type SetWatchesRequest struct {
	RelativeZxid int64 // the last zxid that the client has seen
	Data         []string
	Exist        []string
	Child        []string
}

// Decode reads the record. A null vector is ErrNullVector, a null path in one
// ErrNullString.
func (q *SetWatchesRequest) Decode(r *Reader) {
	q.RelativeZxid = r.Int64()
	q.Data = r.Paths()
	q.Exist = r.Paths()
	q.Child = r.Paths()
}

// Append appends the record; a nil vector is written as an empty one.
func (q *SetWatchesRequest) Append(dst []byte) []byte {
	dst = AppendInt64(dst, q.RelativeZxid)
	dst = appendPaths(dst, q.Data)
	dst = appendPaths(dst, q.Exist)
	return appendPaths(dst, q.Child)
}

// SetWatches2Request is the record of OpSetWatches2.
type SetWatches2Request struct {
	SetWatchesRequest
	Persistent          []string
	PersistentRecursive []string
}

// Decode reads the record. A null vector is ErrNullVector, a null path in one
// ErrNullString.
func (q *SetWatches2Request) Decode(r *Reader) {
	q.SetWatchesRequest.Decode(r)
	q.Persistent = r.Paths()
	q.PersistentRecursive = r.Paths()
}

// Append appends the record; a nil vector is written as an empty one.
func (q *SetWatches2Request) Append(dst []byte) []byte {
	dst = q.SetWatchesRequest.Append(dst)
	dst = appendPaths(dst, q.Persistent)
	return appendPaths(dst, q.PersistentRecursive)
}
