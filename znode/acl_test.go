package znode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

func entry(perms int32, scheme, id string) jute.ACL {
	return jute.ACL{Perms: perms, ID: jute.ID{Scheme: scheme, ID: id}}
}

func aclText(acl []jute.ACL) string {
	var b strings.Builder
	for _, a := range acl {
		fmt.Fprintf(&b, "%d %s:%s, ", a.Perms, a.ID.Scheme, a.ID.ID)
	}
	return strings.TrimSuffix(b.String(), ", ")
}

func (r *rig) getACL(path string) (string, jute.Code) {
	body, code := r.read(jute.OpGetACL, nil, &jute.PathRequest{Path: path})
	var a jute.GetACLResponse
	if code == 0 {
		decode(r.t, body, &a)
	}
	return aclText(a.ACL), code
}

// TestACLFixUp is about which lists are accepted and what becomes of them.
func TestACLFixUp(t *testing.T) {
	x509 := zab.Identity{Scheme: "x509", ID: "CN=x"}
	rows := []struct {
		acl  []jute.ACL
		who  []zab.Identity
		want string // the list as it is stored, or the error code
	}{
		{open(), nil, "31 world:anyone"},
		{[]jute.ACL{entry(0, "world", "anyone")}, nil, "0 world:anyone"},
		{[]jute.ACL{entry(1, "world", "anyone"), entry(1, "world", "anyone"), entry(2, "world", "anyone")}, nil, "1 world:anyone, 2 world:anyone"},
		{[]jute.ACL{entry(31, "world", "x")}, nil, "-114"},
		{[]jute.ACL{entry(31, "auth", "")}, nil, "-114"},
		{[]jute.ACL{entry(31, "auth", "")}, []zab.Identity{{Scheme: "ip", ID: "1.2.3.4"}}, "-114"},
		{[]jute.ACL{entry(3, "auth", "x")}, []zab.Identity{{Scheme: "ip", ID: "1.2.3.4"}, ann, bob}, "3 digest:ann:hash, 3 digest:bob:hash"},
		{[]jute.ACL{entry(1, "digest", "ann:x")}, nil, "1 digest:ann:x"},
		{[]jute.ACL{entry(1, "digest", ":x")}, nil, "1 digest::x"},
		{[]jute.ACL{entry(1, "digest", "ann:x::")}, nil, "1 digest:ann:x::"},
		{[]jute.ACL{entry(1, "digest", "ann")}, nil, "-114"},
		{[]jute.ACL{entry(1, "digest", "ann:")}, nil, "-114"},
		{[]jute.ACL{entry(1, "digest", "a:b:c")}, nil, "-114"},
		{[]jute.ACL{entry(1, "digest", "")}, nil, "-114"},
		{[]jute.ACL{entry(1, "ip", "10.0.0.0/8")}, nil, "1 ip:10.0.0.0/8"},
		{[]jute.ACL{entry(1, "ip", "10.0.0.0/33")}, nil, "-114"},
		{[]jute.ACL{entry(1, "ip", "10.0.0")}, nil, "-114"},
		{[]jute.ACL{entry(1, "ip", "fe80::/10")}, nil, "1 ip:fe80::/10"},
		{[]jute.ACL{entry(1, "super", "")}, []zab.Identity{boss}, "-114"},
		{[]jute.ACL{entry(1, "unknown", "x")}, nil, "-114"},
		{[]jute.ACL{entry(1, "x509", "CN=x")}, nil, "-114"},
		{[]jute.ACL{entry(1, "x509", "CN=y")}, []zab.Identity{x509}, "1 x509:CN=y"},
		{[]jute.ACL{entry(31, "world", "anyone"), entry(1, "digest", "bad")}, nil, "-114"},
	}
	for _, row := range rows {
		r := newRig(t)
		r.who = row.who
		code := r.do(jute.OpCreate, &jute.CreateRequest{Path: "/a", ACL: row.acl})
		got := fmt.Sprint(int32(code))
		if code == 0 {
			r.who = []zab.Identity{boss}
			got, _ = r.getACL("/a")
		}
		if got != row.want {
			t.Errorf("%s by %v: %s, want %s", aclText(row.acl), row.who, got, row.want)
		}
		checkTree(t, r.tree)
	}
}

func TestNullInACL(t *testing.T) {
	build := func(scheme, id string, noScheme, noID bool) []byte {
		b := jute.AppendString(nil, "/a")
		b = jute.AppendInt32(jute.AppendInt32(jute.AppendNull(b), 1), 31)
		b = jute.AppendStringNull(b, scheme, noScheme)
		b = jute.AppendStringNull(b, id, noID)
		return jute.AppendInt32(b, 0)
	}
	for _, row := range []struct {
		body []byte
		want jute.Code
	}{
		{build("", "x", true, false), jute.CodeInvalidACL},
		{build("digest", "", false, true), jute.CodeMarshallingError},
		{build("other", "", false, true), jute.CodeInvalidACL},
		{build("world", "anyone", false, false), jute.CodeOK},
	} {
		if code, _ := newRig(t).as(1, jute.OpCreate, row.body); code != row.want {
			t.Errorf("%x: %v, want %v", row.body, code, row.want)
		}
	}
}

// TestPermissions grants one permission at a time and tries everything.
func TestPermissions(t *testing.T) {
	multiCheck := func(path string) []byte {
		body := (&jute.MultiHeader{Type: jute.OpCheck}).Append(nil)
		return jute.MultiEnd.Append((&jute.CheckVersionRequest{Path: path, Version: -1}).Append(body))
	}
	for _, perm := range []int32{0, 1, 2, 4, 8, 16} {
		r := newRig(t)
		r.create("/a", "")
		r.create("/a/kid", "")
		r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: "/a", ACL: jute.WorldACL(perm), Version: -1}, &jute.StatResponse{})
		try := func(name string, code jute.Code, needs int32) {
			t.Helper()
			if allowed := code == 0; allowed != (perm&needs != 0) || !allowed && code != jute.CodeNoAuth {
				t.Errorf("%s with permission %d: %v", name, perm, code)
			}
		}
		for _, op := range []jute.Op{jute.OpExists, jute.OpGetData, jute.OpGetChildren, jute.OpGetChildren2, jute.OpGetAllChildrenNumber} {
			_, code := r.read(op, nil, &jute.PathWatchRequest{Path: "/a"})
			try(op.String(), code, jute.PermRead)
		}
		_, code := r.getACL("/a")
		try("getACL", code, jute.PermRead|jute.PermAdmin)
		_, reply := r.as(1, jute.OpMulti, multiCheck("/a"))
		rd := jute.NewReader(reply)
		var h jute.MultiHeader
		h.Decode(&rd)
		try("check", h.Err, jute.PermRead)
		try("create", r.do(jute.OpCreate, createReq("/a/new", "", 0)), jute.PermCreate)
		try("delete", r.do(jute.OpDelete, &jute.DeleteRequest{Path: "/a/kid", Version: -1}), jute.PermDelete)
		try("setData", r.do(jute.OpSetData, &jute.SetDataRequest{Path: "/a", Version: -1}), jute.PermWrite)
		try("setACL", r.do(jute.OpSetACL, &jute.SetACLRequest{Path: "/a", ACL: open(), Version: -1}), jute.PermAdmin)
		checkTree(t, r.tree)
	}
}

func TestGetACLMasksDigests(t *testing.T) {
	r := newRig(t)
	acl := []jute.ACL{entry(1, "world", "anyone"), entry(31, "digest", "ann:hash"), entry(1, "ip", "fe80::1")}
	r.ok(jute.OpCreate, &jute.CreateRequest{Path: "/a", ACL: acl}, &jute.CreateResponse{})
	if got, _ := r.getACL("/a"); got != "1 world:anyone, 31 digest:ann:x, 1 ip:fe80::1" {
		t.Error(got)
	}
	r.who = []zab.Identity{ann}
	if got, _ := r.getACL("/a"); got != aclText(acl) {
		t.Error(got)
	}
}

func TestWhoMayWhat(t *testing.T) {
	ip := func(s string) []zab.Identity { return []zab.Identity{{Scheme: "ip", ID: s}} }
	for _, row := range []struct {
		acl  jute.ACL
		who  []zab.Identity
		want bool
	}{
		{entry(1, "digest", "ann:hash"), nil, false},
		{entry(1, "digest", "ann:hash"), []zab.Identity{bob}, false},
		{entry(1, "digest", "ann:hash"), []zab.Identity{bob, ann}, true},
		{entry(1, "digest", "ann:hash"), []zab.Identity{{Scheme: "sasl", ID: "ann:hash"}}, false},
		{entry(2, "digest", "ann:hash"), []zab.Identity{ann}, false},
		{entry(0, "digest", "ann:hash"), []zab.Identity{boss}, true},
		{entry(1, "ip", "10.1.2.3"), ip("10.1.2.3"), true},
		{entry(1, "ip", "10.1.2.3"), ip("10.1.2.4"), false},
		{entry(1, "ip", "10.1.2.3/0"), ip("99.1.2.4"), true},
		{entry(1, "ip", "10.1.0.0/15"), ip("10.0.255.1"), true},
		{entry(1, "ip", "10.1.0.0/16"), ip("10.0.255.1"), false},
		{entry(1, "ip", "10.1.2.3"), ip("::ffff:10.1.2.3"), true},
		{entry(1, "ip", "fe80::/10"), ip("febf::1%eth0"), true},
		{entry(1, "ip", "fe80::/10"), ip("fec0::1"), false},
		{entry(1, "ip", "2001:db8::1"), ip("2001:0DB8:0:0:0:0:0:1"), true},
		{entry(1, "ip", "::/0"), ip("10.1.2.3"), false},
		{entry(1, "ip", "10.1.2.3"), ip("not an address"), false},
	} {
		a := makeACL(string(jute.AppendACLs(nil, []jute.ACL{row.acl})))
		if got := a.allows(jute.PermRead, rights{ids: row.who}); got != row.want {
			t.Errorf("%s for %v: %v", aclText([]jute.ACL{row.acl}), row.who, got)
		}
		if !a.allows(jute.PermRead, rights{skip: true}) {
			t.Error("skipACL does not skip")
		}
	}
}

func TestParseIP(t *testing.T) {
	for text, want := range map[string]string{
		"1.2.3.4": "4 32 01020304", "0.0.0.0": "4 32 00000000", "255.255.255.255": "4 32 ffffffff",
		"::": "16 128 00", "::1": "16 128 01", "1::": "16 128 00", "1:2:3:4:5:6:7:8": "16 128 08",
		"::1.2.3.4": "16 128 04", "::ffff:1.2.3.4": "4 32 01020304", "fe80::1%eth0": "16 128 01",
	} {
		ip, ok := parseIP(text)
		tail := ip.addr[:4]
		if ip.size == 16 {
			tail = ip.addr[15:]
		}
		if got := fmt.Sprintf("%d %d %x", ip.size, ip.bits, tail); !ok || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.", ".1.2.3", "a.b.c.d", "1.2.3.4 ",
		":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "12345::", "g::", "::1.2.3",
		"1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5",
	} {
		if ip, ok := parseIP(text); ok {
			t.Errorf("%q is %+v", text, ip)
		}
	}
}

func TestWhoAmI(t *testing.T) {
	r := newRig(t)
	r.who = []zab.Identity{{Scheme: "ip", ID: "1.2.3.4"}, ann, boss, {Scheme: "odd", ID: "x"}}
	body, _ := r.tree.Read(jute.OpWhoAmI, nil, r.caller(nil), nil)
	var w jute.WhoAmIResponse
	decode(t, body, &w)
	if got := fmt.Sprintf("%+v", w); !strings.Contains(got, "[{Scheme:ip User:1.2.3.4} {Scheme:digest User:ann} {Scheme:super User:} {Scheme:odd User:}]") {
		t.Error(got)
	}
}
