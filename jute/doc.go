// Package jute is the client protocol of ZooKeeper, written by hand: the
// primitive encodings, every record that crosses a client connection, and the
// numbers (opcodes, error codes, flags) they carry. It imports the standard
// library only and knows nothing of trees, sessions or sockets.
//
// # Bytes
//
// All integers are big-endian two's complement. Nothing is tagged: a record is
// its fields in order.
//
//	frame    │ length i32 │ body ... │            both directions
//	string   │ length i32 │ UTF-8 ... │           -1 is null
//	buffer   │ length i32 │ bytes ... │           -1 is null
//	vector   │ count i32  │ item, item, ... │     -1 is null
//	bool     │ u8 │                              any non-zero byte is true
//
//	request  │ xid i32 │ op i32 │ record ... │
//	reply    │ xid i32 │ zxid i64 │ err i32 │ record ... │
//	connect  │ version i32 │ lastZxid i64 │ timeout i32 │ session i64 │ passwd buffer │ readOnly bool (optional) │
//	event    │ xid -1 │ zxid i64 │ err 0 │ type i32 │ state i32 │ path string │
//	multi    { │ op i32 │ done 0 │ err i32 │ record ... │ } │ -1 │ done 1 │ -1 │
//
// # Decoding
//
// A [Reader] goes over a byte slice and keeps its first error, so that a
// record's fields are read without a check after each and [Reader.Err] is
// asked once at the end. After an error every read gives a zero value. Bytes
// after a record are not an error: the protocol ignores them ([Reader.Rest]).
//
// # Null
//
// Null and empty differ on the wire, and for a node's data they must be kept
// apart: a null buffer is a nil slice, an empty one is not nil. For strings
// there is one rule: a path or an element of a vector of paths that must not
// be null is read with [Reader.Path], to which null is the error
// [ErrNullString] (the server answers -5). Where null is allowed and means
// something the record says so with a field of its own ([NullablePath],
// [ID.IDNull]). Everywhere else null reads as "".
//
// # Invariants
//
//	J1  a length or count is compared with the bytes that remain before
//	    anything is allocated: memory taken is at most a constant factor of
//	    the input's length
//	J2  decoding never panics, whatever the bytes
//	J3  what Append writes, Decode reads back as the same value
//	J4  a Decode that fails leaves an error in the reader; a partial record
//	    is never mistaken for a whole one
package jute
