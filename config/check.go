package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// checkAll checks what takes more than one key.
func (l *loader) checkAll() {
	c := l.cfg
	l.readMembers()
	if _, given := l.at["dataDir"]; !given {
		l.problem(property{file: l.file}, "dataDir is missing; write e.g. dataDir=/var/lib/quorumd")
	}
	if c.DataLogDir == "" {
		c.DataLogDir = c.DataDir
	}
	c.deriveTimeouts()
	if c.MinSessionTimeout > c.MaxSessionTimeout {
		l.problem(l.where("minSessionTimeout"), "the smallest session timeout, %d ms, exceeds the largest, %d ms; set maxSessionTimeout too",
			c.MinSessionTimeout.Milliseconds(), c.MaxSessionTimeout.Milliseconds())
	}
	l.checkMode()
	l.checkIdentity()
	l.checkClientAddr()
}

// checkMode decides between a standalone server and an ensemble.
func (l *loader) checkMode() {
	voters, observers := l.cfg.roles()
	place := property{file: l.file}
	standaloneEnabled := true
	if p, given := l.at["standaloneEnabled"]; given {
		place = p
		set := boolean(func(*Config) *bool { return &standaloneEnabled }, false, "standaloneEnabled=true")
		if err := set(l.cfg, p.value); err != nil {
			l.problem(p, "%v", err)
		}
	}
	switch {
	case l.badServers > 0:
		return // what the lines would add up to is unknown, and they are reported
	case !standaloneEnabled && len(voters) == 0:
		l.problem(place, "there must be at least one participant; add e.g. server.1=10.0.0.1:2888:3888")
	case standaloneEnabled && len(voters) == 0 && len(observers) > 0:
		l.problem(place, "observers without a participant; add the server lines of the participants")
	case standaloneEnabled && len(voters) == 1 && len(observers) > 0:
		l.problem(place, "observers of a standalone server; add participants or write standaloneEnabled=false")
	case standaloneEnabled && len(voters) <= 1:
		l.cfg.Standalone = true
		if len(voters) == 1 {
			l.warn(place, "one participant only: running standalone; write standaloneEnabled=false for an ensemble of one")
		}
	case len(voters) == 2:
		l.warn(place, "two participants: no failure of a server is tolerated; use three")
	case len(voters)%2 == 0:
		l.warn(place, "an even number of participants (%d) tolerates no more failures than %d", len(voters), len(voters)-1)
	}
	if l.cfg.Standalone || len(voters) == 0 {
		return
	}
	for _, key := range []string{"initLimit", "syncLimit"} {
		if _, given := l.at[key]; !given {
			l.problem(property{file: l.file}, "%s is missing; an ensemble needs it, write e.g. %s=%s", key, key,
				map[string]string{"initLimit": "10", "syncLimit": "5"}[key])
		}
	}
}

// checkIdentity reads myid and finds this server among the members.
func (l *loader) checkIdentity() {
	c := l.cfg
	if c.DataDir == "" || l.badServers > 0 {
		return
	}
	id, found, problem := readMyID(c.DataDir, l.readFile)
	if problem != nil {
		l.problems = append(l.problems, *problem)
		return
	}
	name := filepath.Join(c.DataDir, MyIDFile)
	if c.Standalone {
		c.ServerID = 0
		if len(c.Servers) == 1 {
			c.ServerID = c.Servers[0].ID
		}
		if found && len(c.Servers) == 1 && id != c.ServerID {
			l.problem(property{file: name, line: 1}, "the id is %d, the only server line is server.%d; is this another server's data directory?", id, c.ServerID)
		} else if found {
			c.ServerID = id
		}
		return
	}
	if !found {
		l.problem(property{file: name}, "file is missing; write the N of this server's server.N line into it, e.g. echo 1 > %s", name)
		return
	}
	c.ServerID = id
	self, ok := c.Self()
	if !ok {
		l.problem(property{file: name, line: 1}, "the id is %d, and there is no server.%d line in %s; is this another server's data directory?", id, id, l.memberFile())
		return
	}
	if p, given := l.at["peerType"]; given {
		role, err := parseRole(p.value)
		if err != nil {
			l.problem(p, "%v", err)
		} else if role != self.Role {
			l.warn(p, "the line server.%d says %s, which counts", id, self.Role)
		}
	}
}

func (l *loader) memberFile() string {
	if l.cfg.DynamicConfigFile != "" {
		return l.cfg.DynamicConfigFile
	}
	return l.file
}

// checkClientAddr joins clientPort, clientPortAddress and the server's own line.
func (l *loader) checkClientAddr() {
	c := l.cfg
	static, hostGiven := l.staticClientAddr()
	self, ok := c.Self()
	line := Endpoint{}
	if ok {
		line = self.Client
	}
	switch {
	case static.Port == 0 && line.Port == 0:
		if _, given := l.at["clientPort"]; !given {
			l.problem(property{file: l.file}, "clientPort is missing, no client could connect; write e.g. clientPort=2181")
		}
		return
	case static.Port == 0:
		c.ClientAddr = line
	case line.Port == 0:
		c.ClientAddr = static
	default:
		c.ClientAddr = line
		if static.Port != line.Port || (hostGiven && !strings.EqualFold(static.Host, line.Host)) {
			l.problem(l.where("clientPort"), "the line server.%d says that clients connect to %s; make them agree or leave clientPort out", self.ID, line)
		}
	}
	if ok && !c.Standalone && (c.ClientAddr.Port == self.Quorum.Port || c.ClientAddr.Port == self.Election.Port) &&
		(c.ClientAddr.wildcard() || strings.EqualFold(c.ClientAddr.Host, self.Quorum.Host)) {
		l.problem(l.where("clientPort"), "port %d is a quorum or election port of server.%d too; every port has one use", c.ClientAddr.Port, self.ID)
	}
}

// staticClientAddr reads clientPort and clientPortAddress. A port of 0 means
// that none is given.
func (l *loader) staticClientAddr() (e Endpoint, hostGiven bool) {
	if p, given := l.at["clientPort"]; given {
		port, err := wholeNumber(p.value, "a TCP port", "clientPort=2181", 0, 65535)
		switch {
		case err != nil:
			l.problem(p, "not a TCP port; write e.g. clientPort=2181")
		case port == 0 && len(l.members) == 0:
			l.problem(p, "0 means no client port, and then no client could connect; write e.g. clientPort=2181")
		default:
			e = Endpoint{Host: "0.0.0.0", Port: int(port)}
		}
	}
	p, given := l.at["clientPortAddress"]
	if !given {
		return e, false
	}
	host, rest, err := splitHost(bracketed(p.value))
	if err != nil || rest != "" {
		l.problem(p, "not a host name or address; write e.g. clientPortAddress=127.0.0.1")
		return e, false
	}
	if e.Port == 0 {
		if _, portGiven := l.at["clientPort"]; !portGiven {
			l.problem(p, "has no effect without clientPort; write e.g. clientPort=2181")
		}
		return e, false
	}
	e.Host = host
	return e, true
}

// bracketed puts brackets around a bare IPv6 address: here no port follows,
// so it is clear without them.
func bracketed(host string) string {
	if strings.Count(host, ":") > 1 && !strings.HasPrefix(host, "[") {
		return "[" + host + "]"
	}
	return host
}

// reportKeys makes the two warnings about keys without effect.
func (l *loader) reportKeys() {
	if len(l.unknown) > 0 {
		names := make([]string, len(l.unknown))
		for i, p := range l.unknown {
			names[i] = place(p)
			if like := l.similar(bareKey(p.key)); like != "" {
				names[i] += fmt.Sprintf(" (did you mean %s?)", like)
			}
		}
		l.warnings = append(l.warnings, Problem{File: l.file, Text: "unknown keys have no effect: " + enumerate(names, ", ")})
	}
	if len(l.idle) > 0 {
		names := make([]string, len(l.idle))
		for i, p := range l.idle {
			why, _ := lookup(l.known, bareKey(p.key))
			names[i] = place(p) + ": " + why
		}
		l.warnings = append(l.warnings, Problem{File: l.file, Text: "these keys of ZooKeeper have no effect: " + enumerate(names, "; ")})
	}
}

// enumerateMax bounds how many keys one warning names; ZooKeeper itself knows
// about a hundred and fifty, of which no file has many.
const enumerateMax = 40

func enumerate(names []string, separator string) string {
	if more := len(names) - enumerateMax; more > 0 {
		names = append(names[:enumerateMax:enumerateMax], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, separator)
}

// place names a key with its line.
func place(p property) string {
	if p.line == 0 {
		return printable(p.key) + " (" + FlagSource + ")"
	}
	return fmt.Sprintf("%s (line %d)", printable(p.key), p.line)
}
