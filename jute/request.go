package jute

// PathRequest is the record of OpGetACL and OpGetAllChildrenNumber.
type PathRequest struct{ Path string }

// Decode reads the record. A null path is ErrNullString.
func (q *PathRequest) Decode(r *Reader) { q.Path = r.Path() }

// Append appends the record.
func (q *PathRequest) Append(dst []byte) []byte { return AppendString(dst, q.Path) }

// NullablePath is the record of OpSync, of its reply, which echoes it, and of
// OpGetEphemerals. Null is allowed here and means the same as "/" to the
// latter.
type NullablePath struct {
	Path string
	Null bool
}

// Decode reads the record.
func (q *NullablePath) Decode(r *Reader) {
	var ok bool
	q.Path, ok = r.StrNull()
	q.Null = !ok
}

// Append appends the record.
func (q *NullablePath) Append(dst []byte) []byte { return AppendStringNull(dst, q.Path, q.Null) }

// PathWatchRequest is the record of OpExists, OpGetData, OpGetChildren and
// OpGetChildren2.
type PathWatchRequest struct {
	Path  string
	Watch bool
}

// Decode reads the record. A null path is ErrNullString.
func (q *PathWatchRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Watch = r.Bool()
}

// Append appends the record.
func (q *PathWatchRequest) Append(dst []byte) []byte {
	return AppendBool(AppendString(dst, q.Path), q.Watch)
}

// CreateRequest is the record of OpCreate, OpCreate2 and OpCreateContainer.
type CreateRequest struct {
	Path  string
	Data  []byte // nil is null
	ACL   []ACL
	Flags CreateFlags
}

// Decode reads the record. A null path is ErrNullString. Data aliases the
// input.
func (q *CreateRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Data = r.Buffer()
	q.ACL = r.ACLs()
	q.Flags = CreateFlags(r.Int32())
}

// Append appends the record.
func (q *CreateRequest) Append(dst []byte) []byte {
	dst = AppendString(dst, q.Path)
	dst = AppendBuffer(dst, q.Data)
	dst = AppendACLs(dst, q.ACL)
	return AppendInt32(dst, int32(q.Flags))
}

// CreateTTLRequest is the record of OpCreateTTL.
type CreateTTLRequest struct {
	CreateRequest
	TTL int64 // milliseconds, 1 to MaxTTL
}

// Decode reads the record. A null path is ErrNullString. Data aliases the
// input.
func (q *CreateTTLRequest) Decode(r *Reader) {
	q.CreateRequest.Decode(r)
	q.TTL = r.Int64()
}

// Append appends the record.
func (q *CreateTTLRequest) Append(dst []byte) []byte {
	return AppendInt64(q.CreateRequest.Append(dst), q.TTL)
}

// DeleteRequest is the record of OpDelete.
type DeleteRequest struct {
	Path    string
	Version int32
}

// Decode reads the record. A null path is ErrNullString.
func (q *DeleteRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Version = r.Int32()
}

// Append appends the record.
func (q *DeleteRequest) Append(dst []byte) []byte {
	return AppendInt32(AppendString(dst, q.Path), q.Version)
}

// CheckVersionRequest is the record of OpCheck.
type CheckVersionRequest struct {
	Path    string
	Version int32
}

// Decode reads the record. A null path is ErrNullString.
func (q *CheckVersionRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Version = r.Int32()
}

// Append appends the record.
func (q *CheckVersionRequest) Append(dst []byte) []byte {
	return AppendInt32(AppendString(dst, q.Path), q.Version)
}

// DeleteContainerRequest is the record of OpDeleteContainer: the path's bytes
// as a buffer.
type DeleteContainerRequest struct{ Path string }

// Decode reads the record. A null path is ErrNullString.
func (q *DeleteContainerRequest) Decode(r *Reader) { q.Path = r.Path() }

// Append appends the record.
func (q *DeleteContainerRequest) Append(dst []byte) []byte { return AppendString(dst, q.Path) }

// SetDataRequest is the record of OpSetData.
type SetDataRequest struct {
	Path    string
	Data    []byte // nil is null
	Version int32
}

// Decode reads the record. A null path is ErrNullString. Data aliases the
// input.
func (q *SetDataRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.Data = r.Buffer()
	q.Version = r.Int32()
}

// Append appends the record.
func (q *SetDataRequest) Append(dst []byte) []byte {
	return AppendInt32(AppendBuffer(AppendString(dst, q.Path), q.Data), q.Version)
}

// SetACLRequest is the record of OpSetACL.
type SetACLRequest struct {
	Path    string
	ACL     []ACL
	Version int32 // compared with Stat.Aversion
}

// Decode reads the record. A null path is ErrNullString.
func (q *SetACLRequest) Decode(r *Reader) {
	q.Path = r.Path()
	q.ACL = r.ACLs()
	q.Version = r.Int32()
}

// Append appends the record.
func (q *SetACLRequest) Append(dst []byte) []byte {
	return AppendInt32(AppendACLs(AppendString(dst, q.Path), q.ACL), q.Version)
}

// ReconfigRequest is the record of OpReconfig. Which of the three strings is
// null decides between the incremental and the full form.
type ReconfigRequest struct {
	Joining, Leaving, NewMembers             string
	JoiningNull, LeavingNull, NewMembersNull bool
	CurConfigID                              int64 // -1 for any
}

// Decode reads the record.
func (q *ReconfigRequest) Decode(r *Reader) {
	str := func() (string, bool) {
		s, ok := r.StrNull()
		return s, !ok
	}
	q.Joining, q.JoiningNull = str()
	q.Leaving, q.LeavingNull = str()
	q.NewMembers, q.NewMembersNull = str()
	q.CurConfigID = r.Int64()
}

// Append appends the record.
func (q *ReconfigRequest) Append(dst []byte) []byte {
	dst = AppendStringNull(dst, q.Joining, q.JoiningNull)
	dst = AppendStringNull(dst, q.Leaving, q.LeavingNull)
	dst = AppendStringNull(dst, q.NewMembers, q.NewMembersNull)
	return AppendInt64(dst, q.CurConfigID)
}
