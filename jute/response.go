package jute

// CreateResponse answers OpCreate.
type CreateResponse struct{ Path string }

// Decode reads the record.
func (p *CreateResponse) Decode(r *Reader) { p.Path = r.Path() }

// Append appends the record.
func (p *CreateResponse) Append(dst []byte) []byte { return AppendString(dst, p.Path) }

// Create2Response answers OpCreate2, OpCreateContainer and OpCreateTTL.
type Create2Response struct {
	Path string
	Stat Stat
}

// Decode reads the record.
func (p *Create2Response) Decode(r *Reader) {
	p.Path = r.Path()
	p.Stat.Decode(r)
}

// Append appends the record.
func (p *Create2Response) Append(dst []byte) []byte {
	return p.Stat.Append(AppendString(dst, p.Path))
}

// StatResponse answers OpExists, OpSetData and OpSetACL.
type StatResponse struct{ Stat Stat }

// Decode reads the record.
func (p *StatResponse) Decode(r *Reader) { p.Stat.Decode(r) }

// Append appends the record.
func (p *StatResponse) Append(dst []byte) []byte { return p.Stat.Append(dst) }

// GetDataResponse answers OpGetData and OpReconfig.
type GetDataResponse struct {
	Data []byte // nil is null
	Stat Stat
}

// Decode reads the record. Data aliases the input.
func (p *GetDataResponse) Decode(r *Reader) {
	p.Data = r.Buffer()
	p.Stat.Decode(r)
}

// Append appends the record.
func (p *GetDataResponse) Append(dst []byte) []byte {
	return p.Stat.Append(AppendBuffer(dst, p.Data))
}

// GetACLResponse answers OpGetACL.
type GetACLResponse struct {
	ACL  []ACL
	Stat Stat
}

// Decode reads the record.
func (p *GetACLResponse) Decode(r *Reader) {
	p.ACL = r.ACLs()
	p.Stat.Decode(r)
}

// Append appends the record.
func (p *GetACLResponse) Append(dst []byte) []byte {
	return p.Stat.Append(AppendACLs(dst, p.ACL))
}

// GetChildrenResponse answers OpGetChildren. Names are relative and in no
// order.
type GetChildrenResponse struct{ Children []string }

// Decode reads the record.
func (p *GetChildrenResponse) Decode(r *Reader) { p.Children = r.Strings() }

// Append appends the record; nil is written as an empty vector.
func (p *GetChildrenResponse) Append(dst []byte) []byte { return appendPaths(dst, p.Children) }

// GetChildren2Response answers OpGetChildren2.
type GetChildren2Response struct {
	Children []string
	Stat     Stat
}

// Decode reads the record.
func (p *GetChildren2Response) Decode(r *Reader) {
	p.Children = r.Strings()
	p.Stat.Decode(r)
}

// Append appends the record; nil is written as an empty vector.
func (p *GetChildren2Response) Append(dst []byte) []byte {
	return p.Stat.Append(appendPaths(dst, p.Children))
}

// GetEphemeralsResponse answers OpGetEphemerals.
type GetEphemeralsResponse struct{ Ephemerals []string }

// Decode reads the record.
func (p *GetEphemeralsResponse) Decode(r *Reader) { p.Ephemerals = r.Strings() }

// Append appends the record; nil is written as an empty vector.
func (p *GetEphemeralsResponse) Append(dst []byte) []byte { return appendPaths(dst, p.Ephemerals) }

// GetAllChildrenNumberResponse answers OpGetAllChildrenNumber.
type GetAllChildrenNumberResponse struct{ Total int32 }

// Decode reads the record.
func (p *GetAllChildrenNumberResponse) Decode(r *Reader) { p.Total = r.Int32() }

// Append appends the record.
func (p *GetAllChildrenNumberResponse) Append(dst []byte) []byte { return AppendInt32(dst, p.Total) }

// ErrorResponse stands for a failed operation in a multi's reply, and with
// CodeOK answers OpAddWatch.
type ErrorResponse struct{ Err Code }

// Decode reads the record.
func (p *ErrorResponse) Decode(r *Reader) { p.Err = Code(r.Int32()) }

// Append appends the record.
func (p *ErrorResponse) Append(dst []byte) []byte { return AppendInt32(dst, int32(p.Err)) }

// ClientInfo is one identity of a connection, without its secret.
type ClientInfo struct {
	Scheme string
	User   string
}

// Decode reads the record.
func (c *ClientInfo) Decode(r *Reader) {
	c.Scheme = r.Str()
	c.User = r.Str()
}

// Append appends the record.
func (c *ClientInfo) Append(dst []byte) []byte {
	return AppendString(AppendString(dst, c.Scheme), c.User)
}

// WhoAmIResponse answers OpWhoAmI.
type WhoAmIResponse struct{ Clients []ClientInfo }

// Decode reads the record.
func (p *WhoAmIResponse) Decode(r *Reader) {
	n, ok := r.Count(8)
	if !ok {
		p.Clients = nil
		return
	}
	p.Clients = make([]ClientInfo, n)
	for i := range p.Clients {
		p.Clients[i].Decode(r)
	}
	p.Clients = whole(r, p.Clients)
}

// Append appends the record; nil is written as an empty vector.
func (p *WhoAmIResponse) Append(dst []byte) []byte {
	dst = AppendInt32(dst, int32(len(p.Clients)))
	for i := range p.Clients {
		dst = p.Clients[i].Append(dst)
	}
	return dst
}
