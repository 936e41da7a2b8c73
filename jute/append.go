package jute

import "encoding/binary"

// AppendInt32 appends v in four bytes.
func AppendInt32(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }

// AppendInt64 appends v in eight bytes.
func AppendInt64(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// AppendBool appends v in one byte.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendBuffer appends a buffer; nil is null.
func AppendBuffer(dst, v []byte) []byte {
	if v == nil {
		return AppendNull(dst)
	}
	dst = AppendInt32(dst, int32(len(v)))
	return append(dst, v...)
}

// AppendString appends a string, never null.
func AppendString(dst []byte, v string) []byte {
	dst = AppendInt32(dst, int32(len(v)))
	return append(dst, v...)
}

// AppendStringNull appends a string, or null if null is true.
func AppendStringNull(dst []byte, v string, null bool) []byte {
	if null {
		return AppendNull(dst)
	}
	return AppendString(dst, v)
}

// AppendStrings appends a vector of strings; nil is null.
func AppendStrings(dst []byte, v []string) []byte {
	if v == nil {
		return AppendNull(dst)
	}
	dst = AppendInt32(dst, int32(len(v)))
	for _, s := range v {
		dst = AppendString(dst, s)
	}
	return dst
}

// appendPaths appends a vector that is never null: the server refuses null.
func appendPaths(dst []byte, v []string) []byte {
	if v == nil {
		return AppendInt32(dst, 0)
	}
	return AppendStrings(dst, v)
}

// AppendNull appends a null string, buffer or vector.
func AppendNull(dst []byte) []byte { return AppendInt32(dst, -1) }
