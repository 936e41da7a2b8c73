package jute

// ID is an identity: who holds a permission, or who a connection is.
type ID struct {
	Scheme string
	ID     string
	// SchemeNull and IDNull tell null from empty: a server answers both with
	// CodeInvalidACL, except a null id of SchemeDigest, which is CodeMarshallingError.
	SchemeNull bool
	IDNull     bool
}

// Decode reads the record.
func (d *ID) Decode(r *Reader) {
	var ok bool
	d.Scheme, ok = r.StrNull()
	d.SchemeNull = !ok
	d.ID, ok = r.StrNull()
	d.IDNull = !ok
}

// Append appends the record.
func (d *ID) Append(dst []byte) []byte {
	dst = AppendStringNull(dst, d.Scheme, d.SchemeNull)
	return AppendStringNull(dst, d.ID, d.IDNull)
}

// ACL is one entry of an access control list.
type ACL struct {
	Perms int32 // bits; those above PermAll are kept as given
	ID    ID
}

// aclMin is the least number of bytes of an encoded ACL.
const aclMin = 12

// Decode reads the record.
func (a *ACL) Decode(r *Reader) {
	a.Perms = r.Int32()
	a.ID.Decode(r)
}

// Append appends the record.
func (a *ACL) Append(dst []byte) []byte { return a.ID.Append(AppendInt32(dst, a.Perms)) }

// WorldACL returns the list that gives the permissions to everybody.
func WorldACL(perms int32) []ACL {
	return []ACL{{Perms: perms, ID: ID{Scheme: SchemeWorld, ID: IDAnyone}}}
}

// OpenACL gives every permission to everybody. It must not be changed.
var OpenACL = WorldACL(PermAll)

// ACLs reads a vector of ACL: nil for null, not nil if empty.
func (r *Reader) ACLs() []ACL {
	n, ok := r.Count(aclMin)
	if !ok {
		return nil
	}
	v := make([]ACL, n)
	for i := range v {
		v[i].Decode(r)
	}
	return whole(r, v)
}

// AppendACLs appends a vector of ACL; nil is null.
func AppendACLs(dst []byte, v []ACL) []byte {
	if v == nil {
		return AppendNull(dst)
	}
	dst = AppendInt32(dst, int32(len(v)))
	for i := range v {
		dst = v[i].Append(dst)
	}
	return dst
}
