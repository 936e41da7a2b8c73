package config

import (
	"strconv"
	"strings"
)

// property is one key of a properties file with the line its key stands on.
type property struct {
	file  string
	line  int
	key   string // as written, unescaped
	value string // unescaped, trimmed
}

// parseProperties reads Java properties syntax. Keys are returned in the order
// of the file, repeated ones included.
func parseProperties(file, src string) ([]property, []Problem) {
	var props []property
	var problems []Problem
	lines := splitLines(src)
	for i := 0; i < len(lines); i++ {
		text := trimLeft(lines[i])
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		first := i + 1
		for continued(text) && i+1 < len(lines) {
			i++
			text = text[:len(text)-1] + trimLeft(lines[i])
		}
		if continued(text) {
			text = text[:len(text)-1] // a backslash at the very end continues nothing
		}
		key, value := splitProperty(text)
		p := property{file: file, line: first}
		var badKey, badValue bool
		p.key, badKey = unescape(key)
		p.value, badValue = unescape(value)
		p.value = strings.TrimSpace(p.value)
		if badKey || badValue {
			problems = append(problems, Problem{
				File: file, Line: first, Key: key, Value: value,
				Text: `malformed \u escape; write \u and four hexadecimal digits, or double the backslash`,
			})
			continue
		}
		props = append(props, p)
	}
	return props, problems
}

// splitLines splits at \n, \r\n and \r.
func splitLines(src string) []string {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	src = strings.ReplaceAll(src, "\r", "\n")
	return strings.Split(src, "\n")
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

func trimLeft(s string) string { return strings.TrimLeft(s, " \t\f") }

// continued reports whether a line ends in an odd number of backslashes.
func continued(s string) bool {
	n := len(s) - len(strings.TrimRight(s, `\`))
	return n%2 == 1
}

// splitProperty cuts a logical line into key and value, both still escaped.
func splitProperty(s string) (key, value string) {
	end := len(s)
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		if s[i] == '=' || s[i] == ':' || isBlank(s[i]) {
			end = i
			break
		}
	}
	key, value = s[:end], trimLeft(s[end:])
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = trimLeft(value[1:])
	}
	return key, value
}

// unescape resolves backslash escapes; bad is set for a malformed \u.
func unescape(s string) (out string, bad bool) {
	if !strings.ContainsRune(s, '\\') {
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if i+4 >= len(s) {
				return s, true
			}
			n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
			if err != nil {
				return s, true
			}
			b.WriteRune(rune(n))
			i += 4
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), false
}
