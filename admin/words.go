package admin

import (
	"encoding/binary"
	"strconv"
)

// NotServing is the answer of most words while the server does not serve.
const NotServing = "This ZooKeeper instance is not currently serving requests\n"

// DefaultTraceMask is ZooKeeper's trace mask at start.
const DefaultTraceMask = 306

// StmkArgument is how many bytes follow the word stmk: the mask, big endian.
const StmkArgument = 8

// word says how a four-letter word is answered.
type word struct {
	idle   bool // answered while the server does not serve (A2)
	answer func(dst []byte, src Source) []byte
}

// lookup finds the entry of a word.
func lookup(name string) (word, bool) {
	switch name {
	case "ruok":
		return word{true, func(dst []byte, _ Source) []byte { return append(dst, "imok"...) }}, true
	case "isro":
		return word{true, appendIsro}, true
	case "envi":
		return word{true, appendEnvi}, true
	case "gtmk":
		return word{true, appendMask}, true
	case "stmk":
		return word{true, appendMask}, true
	case "srvr":
		return word{false, appendSrvr}, true
	case "stat":
		return word{false, appendStat}, true
	case "mntr":
		return word{false, appendMntr}, true
	case "cons":
		return word{false, appendCons}, true
	case "conf":
		return word{false, appendConf}, true
	case "dirs":
		return word{false, appendDirs}, true
	case "hash":
		return word{false, appendHash}, true
	case "wchs":
		return word{false, appendWchs}, true
	case "wchc":
		return word{false, appendWchc}, true
	case "wchp":
		return word{false, appendWchp}, true
	case "dump":
		return word{false, appendDump}, true
	case "crst":
		return word{false, appendCrst}, true
	case "srst":
		return word{false, appendSrst}, true
	case "csnp":
		return word{false, appendCsnp}, true
	}
	return word{}, false
}

// Known reports whether the first four bytes of a connection are a word.
// Anything else is the length of a frame.
func Known(first [4]byte) bool {
	_, ok := lookup(string(first[:]))
	return ok
}

// IsTelnetClose reports whether the first four bytes are what telnet sends on
// Control-C; such a connection is closed without a word.
func IsTelnetClose(first [4]byte) bool {
	return first == [4]byte{0xff, 0xf4, 0xff, 0xfd}
}

// Words is the whitelist. The zero value answers nothing.
type Words struct {
	allowed map[string]bool
}

// NewWords allows the words listed; * allows every word, and a name that does
// not exist is ignored.
func NewWords(list []string) Words {
	w := Words{allowed: make(map[string]bool, len(list))}
	for _, name := range list {
		w.allowed[name] = true
	}
	return w
}

// Allows reports whether the word is in the whitelist.
func (w Words) Allows(name string) bool { return w.allowed[name] || w.allowed["*"] }

// Answer appends the answer to a known word. For stmk, argument holds the
// StmkArgument bytes that followed the word; other words have none.
func (w Words) Answer(dst []byte, name string, argument []byte, src Source) []byte {
	if !w.Allows(name) {
		dst = append(dst, name...)
		return append(dst, " is not executed because it is not in the whitelist.\n"...)
	}
	entry, ok := lookup(name)
	if !ok {
		return dst
	}
	if !entry.idle && !src.Server().Serving {
		return append(dst, NotServing...)
	}
	if name == "stmk" && len(argument) == StmkArgument {
		src.SetTraceMask(int64(binary.BigEndian.Uint64(argument)))
	}
	return entry.answer(dst, src)
}

func appendIsro(dst []byte, src Source) []byte {
	if !src.Server().Serving {
		return append(dst, "null"...)
	}
	return append(dst, "rw"...)
}

func appendMask(dst []byte, src Source) []byte {
	return strconv.AppendInt(dst, src.TraceMask(), 10)
}

func appendCrst(dst []byte, src Source) []byte {
	src.ResetConns()
	return append(dst, "Connection stats reset.\n"...)
}

func appendSrst(dst []byte, src Source) []byte {
	src.ResetServer()
	return append(dst, "Server stats reset.\n"...)
}

// SnapshotRefused is the answer to csnp when no snapshot can be asked for now.
const SnapshotRefused = "Failed to schedule snapshot creation task.\n"

// appendCsnp asks for a snapshot, as ClickHouse Keeper's word of that name
// does, and answers the zxid that it will reach at least.
func appendCsnp(dst []byte, src Source) []byte {
	at, ok := src.TakeSnapshot()
	if !ok {
		return append(dst, SnapshotRefused...)
	}
	return append(append(dst, at.String()...), '\n')
}
