package jute

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPath: a path is not one that a node can have. ValidatePath wraps it.
var ErrPath = errors.New("invalid path")

// ValidatePath returns nil if a node can have the path, else an error that
// names the rule and wraps ErrPath.
//
// A path begins with '/', does not end with it unless it is the root, has no
// empty component, none that is "." or "..", and no character that is a
// control character (U+0000 to U+001F, U+007F to U+009F), a surrogate, of the
// private use area or above U+FFEF. Astral characters are refused because
// they are surrogates to the protocol, invalid UTF-8 because it decodes to
// U+FFFD.
func ValidatePath(path string) error {
	if path == "" {
		return fmt.Errorf("%w: it is empty", ErrPath)
	}
	if path[0] != '/' {
		return fmt.Errorf("%w %q: it does not begin with '/'", ErrPath, path)
	}
	if path == "/" {
		return nil
	}
	if path[len(path)-1] == '/' {
		return fmt.Errorf("%w %q: it ends with '/'", ErrPath, path)
	}
	component := 1 // where the component that is being read begins
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		switch path[component:i] {
		case "":
			return fmt.Errorf("%w %q: empty component at byte %d", ErrPath, path, component)
		case ".", "..":
			return fmt.Errorf("%w %q: relative component at byte %d", ErrPath, path, component)
		}
		component = i + 1
	}
	for i, r := range path {
		if refusedRune(r) {
			return fmt.Errorf("%w %q: character %U at byte %d", ErrPath, path, r, i)
		}
	}
	return nil
}

// refusedRune reports whether no path may hold the character.
func refusedRune(r rune) bool {
	return r <= 0x1f || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0
}

// ParentAndName splits a path at its last '/': "/a/b" into "/a" and "b", "/a"
// into "/" and "a", "/" into "/" and "". ok is false if there is no '/'.
func ParentAndName(path string) (parent, name string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	switch {
	case i < 0:
		return "", "", false
	case i == 0:
		return "/", path[1:], true
	}
	return path[:i], path[i+1:], true
}
