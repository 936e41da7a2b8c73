package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/quorumd/quorumd/zab"
)

// PasswordSize is the length of a session password in bytes, as the client
// protocol has it.
const PasswordSize = 16

// Password derives the password of a session from the ensemble's secret
// (zab.Bootstrap), so that every server can check it and nobody can compute it
// from the id.
func Password(secret []byte, id zab.SessionID) [PasswordSize]byte {
	mac := hmac.New(sha256.New, secret)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	mac.Write(b[:])
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	return [PasswordSize]byte(sum[:PasswordSize])
}

// CheckPassword reports whether password is that of the session, in a time
// that does not depend on where they differ.
func CheckPassword(secret []byte, id zab.SessionID, password []byte) bool {
	want := Password(secret, id)
	return subtle.ConstantTimeCompare(want[:], password) == 1
}
