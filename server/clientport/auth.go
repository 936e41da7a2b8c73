package clientport

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// auth answers an auth request at once: it may overtake what is pending. A
// refusal ends the connection.
func (c *conn) auth(r request, now time.Duration) bool {
	scheme, data, ok := parseAuth(r.body)
	if !ok {
		return c.reply(r, now, int32(jute.CodeMarshallingError), nil)
	}
	if ids, ok := c.authenticate(scheme, data); !ok || !c.identify(ids) {
		c.p.figures.authFailed.Add(1)
		c.p.noisy.Warn().Str("client", c.remote).Stringer("session", c.session).Str("scheme", printable(scheme)).
			Msg("authentication refused; connection closed")
		c.reply(r, now, int32(jute.CodeAuthFailed), nil)
		c.end(endLinger, whyAuth)
		return false
	}
	return c.reply(r, now, 0, nil)
}

// parseAuth decodes type (not looked at), scheme and auth; null is empty.
func parseAuth(b []byte) (scheme, data string, ok bool) {
	if len(b) < 4 {
		return "", "", false
	}
	b = b[4:]
	first, ok := encodedString(b)
	if !ok {
		return "", "", false
	}
	second, ok := encodedString(b[len(first):])
	if !ok {
		return "", "", false
	}
	return string(first[4:]), string(second[4:]), true
}

// authenticate returns the ids that a scheme gives for what the client sent.
func (c *conn) authenticate(scheme, data string) ([]zab.Identity, bool) {
	switch scheme {
	case "ip":
		return []zab.Identity{{Scheme: "ip", ID: c.addr.String()}}, true
	case "digest":
		if c.p.cfg.DigestDisabled {
			return nil, false
		}
		id := digestID(data)
		ids := []zab.Identity{{Scheme: "digest", ID: id}}
		if c.p.cfg.SuperDigest != "" && id == c.p.cfg.SuperDigest {
			ids = append(ids, zab.Identity{Scheme: "super"})
		}
		return ids, true
	}
	return nil, false
}

// digestID is user:BASE64(SHA1(user:password)), the user being what precedes
// the first colon. Text without a colon is a user.
func digestID(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	user, _, _ := strings.Cut(text, ":")
	sum := sha1.Sum([]byte(text))
	return user + ":" + base64.StdEncoding.EncodeToString(sum[:])
}

// identify adds ids to the connection's. It reports false when they would be
// too many: every write carries them to every server.
func (c *conn) identify(ids []zab.Identity) bool {
	have := c.Identities()
	all := slices.Clone(have)
	for _, id := range ids {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	size := 0
	for _, id := range all {
		size += len(id.Scheme) + len(id.ID)
	}
	if len(all) > maxIdentities || size > maxIdentityBytes {
		return false
	}
	if len(all) > len(have) {
		c.ids.Store(&all)
	}
	return true
}

// printable shortens what a client sent for a log line.
func printable(s string) string {
	const longest = 32
	return strings.ToValidUTF8(s[:min(len(s), longest)], "?")
}

// wall is the wall clock in ms since 1970, for people.
func (p *Port) wall() int64 { return p.start.UnixMilli() + p.now().Milliseconds() }

// word answers a four-letter word. The connection ends with the answer.
func (c *conn) word(name string) {
	c.took()
	c.in.r += 4
	var argument []byte
	if name == "stmk" {
		const n = 8
		for c.in.w-c.in.r < n {
			if !c.readSome() {
				return
			}
		}
		argument = binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(c.in.buf[c.in.r:]))
	}
	text := c.p.words.Answer(nil, name, argument, source{c.p})
	c.mu.Lock()
	if c.ending == endNot {
		if len(text) > 0 {
			c.append(text)
		}
		c.endLocked(endLinger, whyWord)
	}
	c.mu.Unlock()
	<-c.done
}
