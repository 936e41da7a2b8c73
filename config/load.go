package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/quorumd/quorumd/zab"
)

// maxFileBytes bounds a configuration file; ZooKeeper's largest example has 3 KiB.
const maxFileBytes = 1 << 20

// Load reads the configuration file at path, then applies sets, each
// "key=value", on top of it, and checks the whole. Warnings are things that are
// odd but do no harm; they are returned with an error too. The error is
// Problems.
//
// A path of "" reads no file: sets must then hold at least dataDir.
func Load(path string, sets []string) (c *Config, warnings []Problem, err error) {
	return load(path, sets, os.ReadFile)
}

// unusable is the one problem of a file that is not looked into.
func unusable(path, format string, args ...any) Problems {
	return Problems{{File: path, Text: fmt.Sprintf(format, args...)}}
}

// load is Load with the file system left to the caller.
func load(path string, sets []string, readFile func(string) ([]byte, error)) (*Config, []Problem, error) {
	l := &loader{
		file: path, readFile: readFile, cfg: withDefaults(),
		at: map[string]property{}, acted: actedOn(), known: knownKeys(), protecting: protecting(),
	}
	l.cfg.Path = path
	if path != "" {
		src, err := readFile(path)
		if err != nil {
			return nil, nil, unusable(path, "cannot be read: %v; name a zoo.cfg that this user may read", withoutPath(err))
		}
		if len(src) > maxFileBytes {
			return nil, nil, unusable(path, "has %d bytes, the limit is %d; is it a configuration file?", len(src), maxFileBytes)
		}
		if line, b := binary(src); line > 0 {
			return nil, nil, unusable(path, "holds the byte 0x%02x on line %d, which no text has; is it a configuration file?", b, line)
		}
		l.addFile(path, string(src))
	}
	l.addSets(sets)
	l.apply()
	l.addDynamic()
	l.checkAll()
	l.reportKeys()
	if len(l.problems) > 0 {
		l.problems.sort()
		return nil, l.warnings, l.problems
	}
	return l.cfg, l.warnings, nil
}

// binary returns the first control character that is no blank, and its line
// from 1; 0 when there is none. Bytes above ASCII may be Latin-1, as Java has it.
func binary(src []byte) (line int, b byte) {
	for i, b := range src {
		if b == 0x7f || b < ' ' && (b < '\t' || b > '\r') {
			return 1 + bytes.Count(src[:i], []byte{'\n'}), b
		}
	}
	return 0, 0
}

// withoutPath strips the path that os puts in its errors, which the caller
// names already.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// loader gathers one configuration.
type loader struct {
	file     string
	readFile func(string) ([]byte, error)
	cfg      *Config

	acted      map[string]setter
	known      map[string]string
	protecting map[string][]string

	at         map[string]property // by bare key: the one that counts
	order      []string            // the keys of at, as first met
	members    []property          // server., group. and weight. lines
	badServers int                 // server lines that could not be read
	idle       []property          // known, without effect
	unknown    []property

	problems Problems
	warnings []Problem
}

func (l *loader) problem(p property, format string, args ...any) {
	l.problems = append(l.problems, Problem{p.file, p.line, p.key, p.value, fmt.Sprintf(format, args...)})
}

func (l *loader) warn(p property, format string, args ...any) {
	l.warnings = append(l.warnings, Problem{p.file, p.line, p.key, p.value, fmt.Sprintf(format, args...)})
}

// where is the place to blame for key: its line, or the file when it is absent.
func (l *loader) where(key string) property {
	if p, ok := l.at[key]; ok {
		return p
	}
	return property{file: l.file}
}

// bareKey drops the prefix of a system property.
func bareKey(key string) string { return strings.TrimPrefix(key, "zookeeper.") }

func isMemberKey(key string) bool {
	return strings.HasPrefix(key, "server.") || strings.HasPrefix(key, "group.") || strings.HasPrefix(key, "weight.")
}

func (l *loader) addFile(file, src string) {
	props, problems := parseProperties(file, src)
	l.problems = append(l.problems, problems...)
	for _, p := range props {
		l.add(p)
	}
}

func (l *loader) addSets(sets []string) {
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		p := property{file: FlagSource, key: key, value: value}
		if !ok || key == "" {
			l.problem(property{file: FlagSource, key: s}, "not key=value; write e.g. --set tickTime=2000")
			continue
		}
		l.add(p)
	}
}

// add notes one property. The last one of a key counts, as in Java, but a
// member given twice is an error: one of the two addresses would be lost. Flags
// are there to be put over what comes before them.
func (l *loader) add(p property) {
	bare := bareKey(p.key)
	old, again := l.at[bare]
	if again && old.file == p.file && p.file != FlagSource {
		if isMemberKey(bare) {
			l.badServers++
			l.problem(p, "given twice, first on line %d; every id has one line", old.line)
			return
		}
		l.warn(p, "given twice, first on line %d; the last one counts", old.line)
	}
	if !again {
		l.order = append(l.order, bare)
	}
	l.at[bare] = p
}

// apply sets every key and sorts out those that are not acted on.
func (l *loader) apply() {
	for _, bare := range l.order {
		p := l.at[bare]
		if set, ok := l.acted[bare]; ok {
			if err := set(l.cfg, p.value); err != nil {
				l.problem(p, "%v", err)
			}
			continue
		}
		switch {
		case isMemberKey(bare):
			l.members = append(l.members, p)
		case bare == "clientPort", bare == "clientPortAddress", bare == "peerType",
			bare == "dynamicConfigFile", bare == "standaloneEnabled":
			// checkAll reads them.
		case l.asksForProtection(bare, p):
		default:
			why, ok := lookup(l.known, bare)
			switch {
			case !ok:
				l.unknown = append(l.unknown, p)
			case !agrees(bare, p.value, why):
				l.idle = append(l.idle, p)
			}
		}
	}
}

// asksForProtection reports, as an error, a key that would make ZooKeeper
// protect something that quorumd cannot protect.
func (l *loader) asksForProtection(bare string, p property) bool {
	harmless, ok := lookup(l.protecting, bare)
	if !ok || slices.ContainsFunc(harmless, func(h string) bool { return strings.EqualFold(h, p.value) }) {
		return false
	}
	l.problem(p, "asks for protection that this version does not have (no TLS, no SASL); "+
		"remove the line only if the network is protected otherwise")
	return true
}

// addDynamic reads the membership from dynamicConfigFile.
func (l *loader) addDynamic() {
	p, ok := l.at["dynamicConfigFile"]
	if !ok {
		return
	}
	if p.value == "" {
		l.problem(p, "not a path; write e.g. dynamicConfigFile=/etc/quorumd/zoo.cfg.dynamic or leave it out")
		return
	}
	for _, m := range l.members {
		l.problem(m, "the members are in the file that dynamicConfigFile names; move this line there")
	}
	src, err := l.readFile(p.value)
	if err != nil {
		l.problem(p, "cannot be read: %v", withoutPath(err))
		return
	}
	if len(src) > maxFileBytes {
		l.problem(p, "has %d bytes, the limit is %d", len(src), maxFileBytes)
		return
	}
	if line, b := binary(src); line > 0 {
		l.problem(p, "holds the byte 0x%02x on line %d, which no text has; is it a configuration file?", b, line)
		return
	}
	l.cfg.DynamicConfigFile, l.cfg.Version = p.value, versionOfFile(p.value)
	l.members = nil
	props, problems := parseProperties(p.value, string(src))
	l.problems = append(l.problems, problems...)
	for _, d := range props {
		switch {
		case isMemberKey(d.key):
			l.members = append(l.members, d)
		case d.key == "version":
			if n, err := wholeNumber("0x"+d.value, "", "", 0, 1<<62); err == nil {
				l.cfg.Version = zab.Zxid(n)
			}
		default:
			l.problem(d, "a dynamic file holds server., group. and weight. lines only; move this line to %s", l.file)
		}
	}
}
