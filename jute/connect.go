package jute

// ConnectRequest is the first frame that a client sends.
type ConnectRequest struct {
	ProtocolVersion int32 // clients send 0; not checked by servers
	LastZxidSeen    int64
	Timeout         int32 // wanted session timeout, milliseconds
	SessionID       int64 // 0 asks for a new session
	Password        []byte
	ReadOnly        bool
	// HasReadOnly says whether the ReadOnly byte is there at all. Old clients
	// do not send it, and the response carries it only if the request did.
	HasReadOnly bool
}

// Decode reads the record. Password aliases the input.
func (c *ConnectRequest) Decode(r *Reader) {
	c.ProtocolVersion = r.Int32()
	c.LastZxidSeen = r.Int64()
	c.Timeout = r.Int32()
	c.SessionID = r.Int64()
	c.Password = r.Buffer()
	c.HasReadOnly = r.Len() > 0
	c.ReadOnly = c.HasReadOnly && r.Bool()
}

// Append appends the record.
func (c *ConnectRequest) Append(dst []byte) []byte {
	dst = AppendInt32(dst, c.ProtocolVersion)
	dst = AppendInt64(dst, c.LastZxidSeen)
	dst = AppendInt32(dst, c.Timeout)
	dst = AppendInt64(dst, c.SessionID)
	dst = AppendBuffer(dst, c.Password)
	if c.HasReadOnly {
		dst = AppendBool(dst, c.ReadOnly)
	}
	return dst
}

// ConnectResponse answers a ConnectRequest. Timeout 0 means that the session
// is refused: unknown, expired, or a wrong password.
type ConnectResponse struct {
	ProtocolVersion int32
	Timeout         int32 // negotiated session timeout, milliseconds
	SessionID       int64
	Password        []byte
	ReadOnly        bool
	HasReadOnly     bool // as in the request
}

// Decode reads the record. Password aliases the input.
func (c *ConnectResponse) Decode(r *Reader) {
	c.ProtocolVersion = r.Int32()
	c.Timeout = r.Int32()
	c.SessionID = r.Int64()
	c.Password = r.Buffer()
	c.HasReadOnly = r.Len() > 0
	c.ReadOnly = c.HasReadOnly && r.Bool()
}

// Append appends the record.
func (c *ConnectResponse) Append(dst []byte) []byte {
	dst = AppendInt32(dst, c.ProtocolVersion)
	dst = AppendInt32(dst, c.Timeout)
	dst = AppendInt64(dst, c.SessionID)
	dst = AppendBuffer(dst, c.Password)
	if c.HasReadOnly {
		dst = AppendBool(dst, c.ReadOnly)
	}
	return dst
}

// RequestHeader begins every frame from a client after the first.
type RequestHeader struct {
	Xid int32
	Op  Op
}

// RequestHeaderSize is the length of an encoded RequestHeader in bytes.
const RequestHeaderSize = 8

// Decode reads the record.
func (h *RequestHeader) Decode(r *Reader) {
	h.Xid = r.Int32()
	h.Op = Op(r.Int32())
}

// Append appends the record.
func (h *RequestHeader) Append(dst []byte) []byte {
	return AppendInt32(AppendInt32(dst, h.Xid), int32(h.Op))
}

// ReplyHeader begins every frame from a server after the first. With an error
// no record follows.
type ReplyHeader struct {
	Xid  int32
	Zxid int64
	Err  Code
}

// ReplyHeaderSize is the length of an encoded ReplyHeader in bytes.
const ReplyHeaderSize = 16

// Decode reads the record.
func (h *ReplyHeader) Decode(r *Reader) {
	h.Xid = r.Int32()
	h.Zxid = r.Int64()
	h.Err = Code(r.Int32())
}

// Append appends the record.
func (h *ReplyHeader) Append(dst []byte) []byte {
	return AppendInt32(AppendInt64(AppendInt32(dst, h.Xid), h.Zxid), int32(h.Err))
}

// AuthRequest is the record of OpAuth.
type AuthRequest struct {
	Type   int32 // clients send 0; ignored
	Scheme string
	Auth   []byte
}

// Decode reads the record. Auth aliases the input.
func (q *AuthRequest) Decode(r *Reader) {
	q.Type = r.Int32()
	q.Scheme = r.Str()
	q.Auth = r.Buffer()
}

// Append appends the record.
func (q *AuthRequest) Append(dst []byte) []byte {
	dst = AppendInt32(dst, q.Type)
	dst = AppendString(dst, q.Scheme)
	return AppendBuffer(dst, q.Auth)
}

// SASLToken is the record of OpSASL and of its reply.
type SASLToken struct{ Token []byte }

// Decode reads the record. Token aliases the input.
func (t *SASLToken) Decode(r *Reader) { t.Token = r.Buffer() }

// Append appends the record.
func (t *SASLToken) Append(dst []byte) []byte { return AppendBuffer(dst, t.Token) }

// CreateSessionRequest is the record of OpCreateSession, which a server makes
// of a ConnectRequest.
type CreateSessionRequest struct {
	Timeout int32 // milliseconds
}

// Decode reads the record.
func (q *CreateSessionRequest) Decode(r *Reader) { q.Timeout = r.Int32() }

// Append appends the record.
func (q *CreateSessionRequest) Append(dst []byte) []byte { return AppendInt32(dst, q.Timeout) }
