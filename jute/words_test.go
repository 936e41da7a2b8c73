package jute

import (
	"errors"
	"strings"
	"testing"
)

func TestOps(t *testing.T) {
	for op, info := range ops {
		if op.String() != info.name || op.Lop() != info.lop {
			t.Errorf("%d: %s %s", int32(op), op, op.Lop())
		}
		if op.IsRead() && op.IsWrite() {
			t.Errorf("%s is both a read and a write", op)
		}
	}
	for _, op := range []Op{10, 23, 99, 108, -2, -12, 1 << 30, -1 << 31} {
		if op.IsClient() || op.IsRead() || op.IsWrite() || op.Lop() != "NA" {
			t.Errorf("%s is known", op)
		}
	}
	if s := Op(99).String(); s != "op 99" {
		t.Error(s)
	}
	for _, op := range []Op{OpNotification, OpCheck, OpDeleteContainer, OpCreateSession, OpError} {
		if op.IsClient() {
			t.Errorf("a client may send %s", op)
		}
	}
	// The list of client-protocol, section 9.
	refused := map[Op]bool{1: true, 2: true, 5: true, 7: true, 9: true, 13: true, 14: true, 15: true, 16: true, 19: true, 20: true, 21: true}
	for op := Op(-20); op < 120; op++ {
		if op.NeedsWritable() != refused[op] {
			t.Errorf("%s: NeedsWritable %v", op, op.NeedsWritable())
		}
	}
}

func TestCodes(t *testing.T) {
	seen := map[string]Code{}
	for c := range codeTexts {
		for _, s := range []string{c.Error(), c.Name()} {
			if other, ok := seen[s]; ok || s == "" {
				t.Errorf("%d and %d are both %q", c, other, s)
			}
			seen[s] = c
		}
	}
	if s := Code(-126).Error(); s != "error code -126" {
		t.Error(s)
	}
	if CodeOK.Err() != nil || !errors.Is(CodeNoNode.Err(), CodeNoNode) {
		t.Error("Code.Err")
	}
}

func TestCreateFlags(t *testing.T) {
	if CreateFlags(-1).Valid() || CreateFlags(7).Valid() {
		t.Error("flags out of range are valid")
	}
	for f, want := range []string{"", "e", "s", "es", "", "t", "st"} {
		got := ""
		for _, has := range []struct {
			is   bool
			name string
		}{{CreateFlags(f).Ephemeral(), "e"}, {CreateFlags(f).Sequential(), "s"}, {CreateFlags(f).TTL(), "t"}} {
			if has.is {
				got += has.name
			}
		}
		if got != want || !CreateFlags(f).Valid() {
			t.Errorf("flags %d: %q, want %q", f, got, want)
		}
	}
}

func TestValidatePath(t *testing.T) {
	good := []string{"/", "/a", "/...", "/a.b", "/.a", "/a.", "/..a", "/a b", "/é/ü", "/a/b/c", "/\u00a0", "/\ud7ff", "/\uf900", "/\uffef", "/ "}
	bad := map[string]string{
		"":            "empty",
		"a":           "does not begin",
		"a/b":         "does not begin",
		"/a/":         "ends with",
		"//":          "ends with",
		"//a":         "empty component at byte 1",
		"/a//b":       "empty component at byte 3",
		"/.":          "relative component at byte 1",
		"/..":         "relative component",
		"/./a":        "relative component",
		"/a/.":        "relative component at byte 3",
		"/a/..":       "relative component",
		"/a/../b":     "relative component",
		"/a\x00":      "U+0000 at byte 2",
		"/\x01":       "U+0001",
		"/\x1f":       "U+001F",
		"/\x7f":       "U+007F",
		"/\u0080":     "U+0080",
		"/\u009f":     "U+009F",
		"/\ue000":     "U+E000",
		"/\uf8ff":     "U+F8FF",
		"/\ufff0":     "U+FFF0",
		"/\ufffd":     "U+FFFD",
		"/\U0001f600": "U+1F600",
		"/\xff":       "U+FFFD",
		"/\xed\xa0":   "U+FFFD",
	}
	for _, p := range good {
		if err := ValidatePath(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	for p, want := range bad {
		err := ValidatePath(p)
		if !errors.Is(err, ErrPath) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", p, err, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { _ = ValidatePath("/a/fine/path") }); n != 0 {
		t.Errorf("%v allocations for a valid path", n)
	}
}

func TestParentAndName(t *testing.T) {
	cases := [][3]string{{"/a/b", "/a", "b"}, {"/a", "/", "a"}, {"/", "/", ""}, {"/a/", "/a", ""}, {"/a//b", "/a/", "b"}}
	for _, c := range cases {
		if parent, name, ok := ParentAndName(c[0]); parent != c[1] || name != c[2] || !ok {
			t.Errorf("%q: %q %q %v", c[0], parent, name, ok)
		}
	}
	if _, _, ok := ParentAndName("a"); ok {
		t.Error("a path without a slash has a parent")
	}
}
