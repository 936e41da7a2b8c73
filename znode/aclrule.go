package znode

import (
	"strings"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// Schemes that ACLs and identities are of.
const (
	schemeWorld  = jute.SchemeWorld
	schemeAuth   = jute.SchemeAuth
	schemeDigest = jute.SchemeDigest
	schemeIP     = jute.SchemeIP
	schemeX509   = jute.SchemeX509
	schemeSASL   = jute.SchemeSASL
	schemeKey    = "key"
	schemeSuper  = jute.SchemeSuper
)

// aclRule is one entry of an ACL.
type aclRule struct {
	perms            int32
	scheme, id       string
	noScheme, noID   bool    // null on the wire; a stored rule has neither
	addresses        ipRange // of an ip rule
	anyone, hasRange bool
}

// Caller is whoever reads: a connection of this server.
type Caller struct {
	Watcher    Watcher // nil when watches cannot be set
	Session    zab.SessionID
	Identities []zab.Identity
	SkipACL    bool // the ensemble's setting, as in zab.FlagSkipACL
}

// rights are what access is decided by.
type rights struct {
	ids  []zab.Identity
	skip bool
}

func (c *Caller) rights() rights { return rights{c.Identities, c.SkipACL} }

// skipACLs reads over a vector of ACL entries and returns its bytes.
func skipACLs(r *jute.Reader) string {
	before := r.Rest()
	n, _ := r.Count(12) // perms and two lengths
	for range n {
		r.Int32()
		r.Buffer()
		r.Buffer()
		if r.Err() != nil {
			return ""
		}
	}
	return view(before[:len(before)-len(r.Rest())])
}

// parseRules reads a vector of ACL entries; ok is false when it is malformed.
// Null and negative counts give no rules. The rules alias text.
func parseRules(text string) (rules []aclRule, ok bool) {
	r := jute.NewReader([]byte(text))
	n, _ := r.Count(12)
	rules = make([]aclRule, 0, n)
	for range n {
		var a aclRule
		a.perms = r.Int32()
		scheme, id := r.Buffer(), r.Buffer()
		a.scheme, a.noScheme = view(scheme), scheme == nil
		a.id, a.noID = view(id), id == nil
		if a.scheme == schemeIP {
			a.addresses, a.hasRange = parseIPRange(a.id)
		}
		a.anyone = a.scheme == schemeWorld && a.id == jute.IDAnyone
		rules = append(rules, a)
	}
	return rules, r.Err() == nil
}

func (a *aclRule) same(b *aclRule) bool {
	return a.perms == b.perms && a.scheme == b.scheme && a.id == b.id &&
		a.noScheme == b.noScheme && a.noID == b.noID
}

func appendRule(dst []byte, perms int32, scheme, id string) []byte {
	return jute.AppendString(jute.AppendString(jute.AppendInt32(dst, perms), scheme), id)
}

// admit checks that an ACL as it came in a request may be stored, and returns
// its id with a reference for the node that gets it: duplicates are dropped
// and "auth" is replaced by who the caller is.
func (t *Tree) admit(text string, ids []zab.Identity) (aclID, jute.Code) {
	if text == openText {
		return aclOpen, jute.CodeOK
	}
	if id, ok := t.acls.known[text]; ok && t.acls.get(id).plain {
		t.acls.retain(id)
		return id, jute.CodeOK
	}
	rules, ok := parseRules(text)
	switch {
	case !ok:
		return 0, jute.CodeMarshallingError
	case len(rules) == 0:
		return 0, jute.CodeInvalidACL
	}
	out := make([]byte, 4, len(text)+4)
	count := int32(0)
	for i := range rules {
		a := &rules[i]
		if duplicate(rules[:i], a) {
			continue
		}
		if a.scheme == schemeAuth {
			n := count
			for j := range ids {
				if authenticated(ids[j].Scheme) {
					out = appendRule(out, a.perms, ids[j].Scheme, ids[j].ID)
					count++
				}
			}
			if count == n {
				return 0, jute.CodeInvalidACL
			}
			continue
		}
		if code := a.check(ids); code != jute.CodeOK {
			return 0, code
		}
		out = appendRule(out, a.perms, a.scheme, a.id)
		count++
	}
	jute.AppendInt32(out[:0], count)
	return t.acls.intern(view(out)), jute.CodeOK
}

func duplicate(seen []aclRule, a *aclRule) bool {
	for i := range seen {
		if seen[i].same(a) {
			return true
		}
	}
	return false
}

// check reports whether a rule of another scheme than auth may be stored. The
// schemes of TLS certificates and SASL are known to work in this ensemble when
// the caller has an identity of theirs; the record brings the identities, so
// every server decides alike.
func (a *aclRule) check(ids []zab.Identity) jute.Code {
	ok := false
	switch {
	case a.noScheme:
	case a.noID && (a.scheme == schemeWorld || a.scheme == schemeDigest || a.scheme == schemeIP):
		return jute.CodeMarshallingError
	case a.scheme == schemeWorld:
		ok = a.anyone
	case a.scheme == schemeDigest:
		ok = strings.Count(strings.TrimRight(a.id, ":"), ":") == 1
	case a.scheme == schemeIP:
		ok = a.hasRange
	case a.scheme == schemeX509 || a.scheme == schemeSASL:
		for i := range ids {
			ok = ok || ids[i].Scheme == a.scheme
		}
		ok = ok && a.id != ""
	}
	if !ok {
		return jute.CodeInvalidACL
	}
	return jute.CodeOK
}

// authenticated reports whether an identity of the scheme proves who somebody
// is; an address does not.
func authenticated(scheme string) bool {
	switch scheme {
	case schemeDigest, schemeSASL, schemeX509, schemeKey:
		return true
	}
	return false
}

// allows reports whether who has one of the permissions in want.
func (t *Tree) allows(id aclID, want int32, who rights) bool {
	return id == aclOpen || t.acls.get(id).allows(want, who)
}

func (a *acl) allows(want int32, who rights) bool {
	if who.skip || len(a.rules) == 0 {
		return true
	}
	for i := range who.ids {
		if who.ids[i].Scheme == schemeSuper {
			return true
		}
	}
	for i := range a.rules {
		r := &a.rules[i]
		if r.perms&want != 0 && (r.anyone || r.matches(who.ids)) {
			return true
		}
	}
	return false
}

func (a *aclRule) matches(ids []zab.Identity) bool {
	for i := range ids {
		if ids[i].Scheme != a.scheme {
			continue
		}
		switch a.scheme {
		case schemeDigest, schemeX509, schemeSASL:
			if ids[i].ID == a.id {
				return true
			}
		case schemeIP:
			if ip, ok := parseIP(ids[i].ID); ok && a.hasRange && a.addresses.holds(&ip) {
				return true
			}
		}
	}
	return false
}

// appendACL appends the ACL as getACL shows it: to those who may not change it
// the second half of digests is covered.
func (a *acl) appendACL(dst []byte, masked bool) []byte {
	if !masked {
		return append(dst, a.text...)
	}
	dst = jute.AppendInt32(dst, int32(len(a.rules)))
	for i := range a.rules {
		r := &a.rules[i]
		id := r.id
		if user, _, ok := strings.Cut(id, ":"); ok && r.scheme == schemeDigest {
			id = user + ":x"
		}
		dst = appendRule(dst, r.perms, r.scheme, id)
	}
	return dst
}
