package jute

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// record is what every record of the package can do.
type record interface {
	Decode(*Reader)
	Append([]byte) []byte
}

// unhex decodes hex with blanks and bars in it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const statHex = `0000000100000002 0000000100000003 0000000000000004 0000000000000005
	00000006 00000007 00000008 0000000000000009 0000000a 0000000b 000000010000000c`

var stat = Stat{
	Czxid: 0x100000002, Mzxid: 0x100000003, Ctime: 4, Mtime: 5, Version: 6, Cversion: 7, Aversion: 8,
	EphemeralOwner: 9, DataLength: 10, NumChildren: 11, Pzxid: 0x10000000c,
}

// goldens are records with the bytes they have on the wire. The bytes of the
// connect frames and of the failed multi are those seen from ZooKeeper 3.8.
var goldens = []struct {
	name string
	rec  record
	hex  string
}{
	{"connect, new session, old client", &ConnectRequest{Timeout: 10000, Password: make([]byte, 16)},
		"00000000 0000000000000000 00002710 0000000000000000 00000010 00000000000000000000000000000000"},
	{"connect, old session", &ConnectRequest{LastZxidSeen: 0x100000005, Timeout: 4000, SessionID: 0x100000c1cba0000,
		Password: []byte("0123456789abcdef"), HasReadOnly: true},
		"00000000 0000000100000005 00000fa0 0100000c1cba0000 00000010 30313233343536373839616263646566 00"},
	{"connected", &ConnectResponse{Timeout: 10000, SessionID: 0x100000c1cba0000, Password: []byte("0123456789abcdef"), HasReadOnly: true, ReadOnly: true},
		"00000000 00002710 0100000c1cba0000 00000010 30313233343536373839616263646566 01"},
	{"refused", &ConnectResponse{Password: make([]byte, 16)},
		"00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000"},
	{"ping", &RequestHeader{Xid: XidPing, Op: OpPing}, "fffffffe 0000000b"},
	{"close", &RequestHeader{Xid: 7, Op: OpCloseSession}, "00000007 fffffff5"},
	{"reply with an error", &ReplyHeader{Xid: 3, Zxid: 0x100000002, Err: CodeNoNode}, "00000003 0000000100000002 ffffff9b"},
	{"stat", &stat, statHex},
	{"acl", &ACL{Perms: PermAll, ID: ID{Scheme: "world", ID: "anyone"}},
		"0000001f 00000005 776f726c64 00000006 616e796f6e65"},
	{"acl with null id", &ACL{Perms: 1, ID: ID{Scheme: "auth", IDNull: true}}, "00000001 00000004 61757468 ffffffff"},
	{"create", &CreateRequest{Path: "/a", Data: []byte("hi"), ACL: []ACL{{Perms: 1, ID: ID{Scheme: "w", ID: "a"}}}, Flags: FlagEphemeralSequential},
		"00000002 2f61 00000002 6869 00000001 00000001 00000001 77 00000001 61 00000003"},
	{"create, null data, null acl", &CreateRequest{Path: "/a"}, "00000002 2f61 ffffffff ffffffff 00000000"},
	{"create, empty data, empty acl", &CreateRequest{Path: "/a", Data: []byte{}, ACL: []ACL{}}, "00000002 2f61 00000000 00000000 00000000"},
	{"createTTL", &CreateTTLRequest{CreateRequest{Path: "/a", Flags: FlagPersistentTTL}, MaxTTL},
		"00000002 2f61 ffffffff ffffffff 00000005 000000ffffffffff"},
	{"delete", &DeleteRequest{Path: "/a", Version: -1}, "00000002 2f61 ffffffff"},
	{"check", &CheckVersionRequest{Path: "/a", Version: 2}, "00000002 2f61 00000002"},
	{"deleteContainer", &DeleteContainerRequest{Path: "/a"}, "00000002 2f61"},
	{"getData", &PathWatchRequest{Path: "/a", Watch: true}, "00000002 2f61 01"},
	{"getACL", &PathRequest{Path: "/a"}, "00000002 2f61"},
	{"sync", &NullablePath{Path: "/"}, "00000001 2f"},
	{"sync null", &NullablePath{Null: true}, "ffffffff"},
	{"setData", &SetDataRequest{Path: "/a", Data: []byte{0xff}, Version: 1}, "00000002 2f61 00000001 ff 00000001"},
	{"setACL", &SetACLRequest{Path: "/a", ACL: []ACL{}, Version: -1}, "00000002 2f61 00000000 ffffffff"},
	{"reconfig", &ReconfigRequest{JoiningNull: true, Leaving: "3", NewMembersNull: true, CurConfigID: -1},
		"ffffffff 00000001 33 ffffffff ffffffffffffffff"},
	{"auth", &AuthRequest{Scheme: "digest", Auth: []byte("u:p")}, "00000000 00000006 646967657374 00000003 753a70"},
	{"sasl", &SASLToken{}, "ffffffff"},
	{"createSession", &CreateSessionRequest{Timeout: 4000}, "00000fa0"},
	{"addWatch", &AddWatchRequest{Path: "/a", Mode: WatchPersistentRecursive}, "00000002 2f61 00000001"},
	{"removeWatches", &CheckWatchesRequest{Path: "/a", Type: WatcherAny}, "00000002 2f61 00000003"},
	{"setWatches", &SetWatchesRequest{RelativeZxid: 5, Data: []string{"/a"}, Exist: []string{}, Child: []string{"/b", "/"}},
		"0000000000000005 00000001 00000002 2f61 00000000 00000002 00000002 2f62 00000001 2f"},
	{"setWatches2", &SetWatches2Request{SetWatchesRequest{5, []string{}, []string{}, []string{}}, []string{"/p"}, []string{"/r"}},
		"0000000000000005 00000000 00000000 00000000 00000001 00000002 2f70 00000001 00000002 2f72"},
	{"event", &WatcherEvent{Type: EventNodeDeleted, State: StateSyncConnected, Path: "/a"}, "00000002 00000003 00000002 2f61"},
	{"multi header", &MultiHeader{Type: OpSetData, Err: -1}, "00000005 00 ffffffff"},
	{"multi end", &MultiHeader{Type: OpError, Done: true, Err: -1}, "ffffffff 01 ffffffff"},
	{"created", &CreateResponse{Path: "/a"}, "00000002 2f61"},
	{"created2", &Create2Response{Path: "/a", Stat: stat}, "00000002 2f61" + statHex},
	{"exists", &StatResponse{Stat: stat}, statHex},
	{"data", &GetDataResponse{Data: []byte("x"), Stat: stat}, "00000001 78" + statHex},
	{"null data", &GetDataResponse{Stat: stat}, "ffffffff" + statHex},
	{"acls", &GetACLResponse{ACL: WorldACL(PermRead), Stat: stat},
		"00000001 00000001 00000005 776f726c64 00000006 616e796f6e65" + statHex},
	{"children", &GetChildrenResponse{Children: []string{"a", ""}}, "00000002 00000001 61 00000000"},
	{"no children", &GetChildren2Response{Children: []string{}, Stat: stat}, "00000000" + statHex},
	{"ephemerals", &GetEphemeralsResponse{Ephemerals: []string{"/e"}}, "00000001 00000002 2f65"},
	{"total", &GetAllChildrenNumberResponse{Total: 3}, "00000003"},
	{"error response", &ErrorResponse{Err: CodeNodeExists}, "ffffff92"},
	{"whoAmI", &WhoAmIResponse{Clients: []ClientInfo{{"ip", "127.0.0.1"}}}, "00000001 00000002 6970 00000009 3132372e302e302e31"},
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			want := unhex(t, g.hex)
			if got := g.rec.Append(nil); !bytes.Equal(got, want) {
				t.Errorf("encoded\n%x, want\n%x", got, want)
			}
			for _, alias := range []bool{false, true} {
				back := reflect.New(reflect.TypeOf(g.rec).Elem()).Interface().(record)
				r := Reader{b: want, alias: alias}
				back.Decode(&r)
				if r.Err() != nil || r.Len() != 0 {
					t.Fatalf("decoding: error %v, %d bytes left", r.Err(), r.Len())
				}
				if !reflect.DeepEqual(back, g.rec) {
					t.Errorf("decoded %+v, want %+v", back, g.rec)
				}
			}
		})
	}
}

// TestTruncated holds every decoder to J4: no prefix of a record is a record.
func TestTruncated(t *testing.T) {
	for _, g := range goldens {
		whole := unhex(t, g.hex)
		for n := range whole {
			switch g.rec.(type) {
			case *ConnectRequest, *ConnectResponse:
				if n == 44 || n == 36 { // the last byte is optional
					continue
				}
			}
			rec := reflect.New(reflect.TypeOf(g.rec).Elem()).Interface().(record)
			r := NewReader(whole[:n])
			rec.Decode(&r)
			if r.Err() == nil {
				t.Errorf("%s: %d of %d bytes decode without an error to %+v", g.name, n, len(whole), rec)
			}
			if r.Code() != CodeMarshallingError {
				t.Errorf("%s: code %v", g.name, r.Code())
			}
		}
	}
}

// TestFailedMulti is the reply of ZooKeeper to a multi of three operations
// whose second failed.
func TestFailedMulti(t *testing.T) {
	want := unhex(t, `ffffffff 00 00000000 00000000 | ffffffff 00 ffffff92 ffffff92 |
		ffffffff 00 fffffffe fffffffe | ffffffff 01 ffffffff`)
	var got []byte
	for _, code := range []Code{CodeOK, CodeNodeExists, CodeRuntimeInconsistency} {
		got = AppendMultiError(got, code)
	}
	if got = MultiEnd.Append(got); !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}
}

func TestNotification(t *testing.T) {
	want := unhex(t, "0000001e ffffffff ffffffffffffffff 00000000 00000001 00000003 00000002 2f61")
	got := AppendNotification([]byte("before"), ZxidNone, WatcherEvent{EventNodeCreated, StateSyncConnected, "/a"})
	if !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Errorf("got %x", got)
	}
}

func TestNextMultiOp(t *testing.T) {
	var b []byte
	b = (&MultiHeader{Type: OpDelete, Err: -1}).Append(b)
	b = (&DeleteRequest{"/a", -1}).Append(b)
	b = (&MultiHeader{Type: OpSetACL, Err: -1}).Append(b)
	end := MultiEnd.Append(nil)

	r := NewReader(b)
	op, ok := NextMultiOp(&r, Op.AllowedInMulti)
	if !ok || op != OpDelete {
		t.Fatal(op, ok, r.Err())
	}
	var d DeleteRequest
	d.Decode(&r)
	if _, ok = NextMultiOp(&r, Op.AllowedInMulti); ok || r.Err() != ErrOp {
		t.Error("setACL in a multi:", ok, r.Err())
	}
	r = NewReader(end)
	if _, ok = NextMultiOp(&r, Op.AllowedInMulti); ok || r.Err() != nil {
		t.Error("end of a multi:", ok, r.Err())
	}
	r = NewReader(nil)
	if _, ok = NextMultiOp(&r, Op.AllowedInMulti); ok || r.Err() != ErrShort {
		t.Error("missing end of a multi:", ok, r.Err())
	}
}
