package jute

// DefaultMaxBuffer is the default of jute.maxbuffer: the largest frame, in
// bytes, that a server accepts.
const DefaultMaxBuffer = 0xfffff

// MaxTTL is the longest time to live of a node, in milliseconds (about 34
// years). The shortest is 1.
const MaxTTL = 0xffffffffff

// PasswordSize is the length of a session's password in bytes.
const PasswordSize = 16

// StatSize is the length of an encoded Stat in bytes.
const StatSize = 68

// Xids with a meaning of their own. Ordinary requests have positive ones.
const (
	XidNotification int32 = -1 // server to client only
	XidPing         int32 = -2 // also in the reply, whatever was sent
	XidAuth         int32 = -4 // by convention
	XidSetWatches   int32 = -8 // by convention
)

// ZxidNone stands in the reply header of an unimplemented operation, and in
// that of events that no transaction caused.
const ZxidNone int64 = -1

// VersionAny as an expected version turns the check off.
const VersionAny int32 = -1

// CreateFlags says what kind of node to make.
type CreateFlags int32

const (
	FlagPersistent              CreateFlags = 0
	FlagEphemeral               CreateFlags = 1
	FlagPersistentSequential    CreateFlags = 2
	FlagEphemeralSequential     CreateFlags = 3
	FlagContainer               CreateFlags = 4 // with OpCreateContainer; OpCreate makes a persistent node
	FlagPersistentTTL           CreateFlags = 5 // with OpCreateTTL only
	FlagPersistentSequentialTTL CreateFlags = 6 // with OpCreateTTL only
)

// Valid reports whether the flags are among those that the protocol knows.
func (f CreateFlags) Valid() bool { return f >= FlagPersistent && f <= FlagPersistentSequentialTTL }

// Sequential reports whether a number is put at the name's end.
func (f CreateFlags) Sequential() bool {
	return f == FlagPersistentSequential || f == FlagEphemeralSequential || f == FlagPersistentSequentialTTL
}

// Ephemeral reports whether the node becomes the session's own.
func (f CreateFlags) Ephemeral() bool {
	return f == FlagEphemeral || f == FlagEphemeralSequential
}

// TTL reports whether the node gets a time to live.
func (f CreateFlags) TTL() bool {
	return f == FlagPersistentTTL || f == FlagPersistentSequentialTTL
}

// Permission bits of an ACL entry.
const (
	PermRead   int32 = 1
	PermWrite  int32 = 2
	PermCreate int32 = 4
	PermDelete int32 = 8
	PermAdmin  int32 = 16
	PermAll    int32 = 31
)

// Schemes of identities and of ACL entries.
const (
	SchemeWorld  = "world"
	SchemeAuth   = "auth"
	SchemeDigest = "digest"
	SchemeIP     = "ip"
	SchemeX509   = "x509"
	SchemeSASL   = "sasl"
	SchemeSuper  = "super"
	IDAnyone     = "anyone" // the only id of SchemeWorld
)
