package harness

import (
	"bytes"
	"strings"
	"testing"
)

// TestLifecycle takes an ensemble through everything that tests do to one.
func TestLifecycle(t *testing.T) {
	e := Run(t, Options{})
	leader, err := e.Leader()
	if err != nil {
		t.Fatal(err)
	}
	write(t, leader.Client, "/before", "1")

	followers := e.Followers(leader)
	steps := []struct {
		name string
		do   func() error
	}{
		{"follower ends on SIGTERM", followers[0].Terminate},
		{"follower starts again", followers[0].Start},
		{"all serve", e.WaitServing},
		{"leader is killed", leader.Kill},
		{"another leads", func() error { _, err := e.Leader(); return err }},
		{"old leader is emptied", leader.Wipe},
		{"old leader starts again", leader.Start},
		{"all serve again", e.WaitServing},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
	}
	for _, s := range e.Servers {
		read(t, s.Client, "/before", "1")
	}
	if mode := leader.Mode(); mode != "follower" {
		t.Errorf("the emptied server came back as %q", mode)
	}
}

// TestRaw proves the client: each kind of request, and a session that moves.
func TestRaw(t *testing.T) {
	e := Run(t, Options{Servers: 1})
	c, err := DialNew(e.Servers[0].Client)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 1000)
	cases := []struct {
		request Request
		code    Code
		has     string
	}{
		{Create("/r", []byte("one"), Persistent), CodeOK, "/r"},
		{Create("/r", nil, Persistent), CodeNodeExists, ""},
		{Create2("/r/s-", []byte(long), Sequential|Ephemeral), CodeOK, "/r/s-0000000000"},
		{GetChildren("/r", false), CodeOK, "s-0000000000"},
		{GetData("/r/s-0000000000", false), CodeOK, long},
		{SetData("/r", []byte("two"), 0), CodeOK, ""},
		{SetData("/r", []byte("two"), 0), CodeBadVersion, ""},
		{Multi(Check("/r", 1), SetData("/r", []byte("three"), 1)), CodeOK, ""},
		{Sync("/r"), CodeOK, "/r"},
		{Ping(), CodeOK, ""},
		{GetData("/r", true), CodeOK, "three"},
		{Exists("/nope", false), CodeNoNode, ""},
		{Delete("/r/s-0000000000", -1), CodeOK, ""},
		{Exists("/r", false), CodeOK, ""},
	}
	for _, k := range cases {
		r, err := c.Do(k.request)
		if err != nil {
			t.Fatalf("op %d: %v", k.request.Op, err)
		}
		if r.Code != k.code || !bytes.Contains(r.Body, []byte(k.has)) {
			t.Errorf("op %d: code %d and %q, want %d and %q", k.request.Op, r.Code, r.Body, k.code, k.has)
		}
	}
	if err := c.Abort(); err != nil {
		t.Fatal(err)
	}
	again, err := Dial(e.Servers[0].Client, c.Session, replyLimit)
	if err != nil {
		t.Fatal(err)
	}
	if again.Session.ID != c.Session.ID {
		t.Errorf("session %#x became %#x", c.Session.ID, again.Session.ID)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(e.Servers[0].Client, c.Session, replyLimit); err != ErrSessionExpired {
		t.Errorf("a closed session was taken up again: %v", err)
	}
}

func write(t *testing.T, addr, path, data string) {
	t.Helper()
	c, err := DialNew(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if _, err := c.Must(Create(path, []byte(data), Persistent)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, addr, path, want string) {
	t.Helper()
	c, err := DialNew(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	if _, err := c.Must(Sync(path)); err != nil {
		t.Fatal(err)
	}
	r, err := c.Must(GetData(path, false))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Data(); err != nil || string(got) != want {
		t.Errorf("%s: %s is %q, %v; want %q", addr, path, got, err, want)
	}
}
