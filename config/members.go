package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/quorumd/quorumd/zab"
)

// readMembers turns the member lines into Servers, Groups and Weights.
func (l *loader) readMembers() {
	seen := map[zab.ServerID]property{}
	for _, p := range l.members {
		kind, number, _ := strings.Cut(bareKey(p.key), ".")
		switch kind {
		case "server":
			l.readServer(p, number, seen)
		case "group":
			l.readGroup(p, number)
		case "weight":
			l.readWeight(p, number)
		}
	}
	slices.SortFunc(l.cfg.Servers, func(a, b Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(l.cfg.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(l.cfg.Weights, func(a, b Weight) int { return cmp.Compare(a.ID, b.ID) })
	l.checkAddresses(seen)
	l.checkGroups()
}

func (l *loader) readServer(p property, number string, seen map[zab.ServerID]property) {
	id, err := parseServerID(number)
	if err != nil {
		l.badServers++
		l.problem(p, "%v", err)
		return
	}
	if first, twice := seen[id]; twice {
		l.badServers++
		l.problem(p, "server %d is given twice, first on line %d; every id has one line", id, first.line)
		return
	}
	seen[id] = p
	s, err := parseServer(id, p.value)
	if err != nil {
		l.badServers++
		l.problem(p, "%v", err)
		return
	}
	l.cfg.Servers = append(l.cfg.Servers, s)
}

func (l *loader) readGroup(p property, number string) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		l.problem(p, "the group's number is no whole number; write e.g. group.1=1:2:3")
		return
	}
	g := Group{ID: n}
	for part := range strings.SplitSeq(p.value, ":") {
		id, err := parseServerID(strings.TrimSpace(part))
		if err != nil {
			l.problem(p, "%v; write e.g. group.1=1:2:3", err)
			return
		}
		g.Members = append(g.Members, id)
	}
	slices.Sort(g.Members) // G3: 2:1 is the same group
	l.cfg.Groups = append(l.cfg.Groups, g)
}

func (l *loader) readWeight(p property, number string) {
	id, err := parseServerID(number)
	if err != nil {
		l.problem(p, "%v", err)
		return
	}
	w, err := wholeNumber(p.value, "votes", "weight.1=1", 0, 1<<20)
	if err != nil {
		l.problem(p, "%v", err)
		return
	}
	l.cfg.Weights = append(l.cfg.Weights, Weight{id, w})
}

// checkAddresses refuses two uses of one host:port. A client address on the
// wildcard is each machine's own, so it may repeat.
func (l *loader) checkAddresses(lines map[zab.ServerID]property) {
	users := map[Endpoint]zab.ServerID{}
	for _, s := range l.cfg.Servers {
		for _, e := range []Endpoint{s.Quorum, s.Election, s.Client} {
			if e.Port == 0 || (e == s.Client && e.wildcard()) {
				continue
			}
			e.Host = strings.ToLower(e.Host)
			if other, taken := users[e]; taken {
				l.problem(lines[s.ID], "the address %s is used by server.%d already; every server needs its own", e, other)
				break
			}
			users[e] = s.ID
		}
	}
}

// checkGroups requires every voter in exactly one group when there are groups.
func (l *loader) checkGroups() {
	if len(l.cfg.Groups) == 0 && len(l.cfg.Weights) == 0 {
		return
	}
	place := property{file: l.file}
	if len(l.members) > 0 {
		place.file = l.members[0].file
	}
	voters, _ := l.cfg.roles()
	if len(l.cfg.Groups) == 0 {
		l.problem(place, "weight lines count within groups only; add group lines, e.g. group.1=1:2:3")
		return
	}
	in := map[zab.ServerID]int{}
	for _, g := range l.cfg.Groups {
		for _, id := range g.Members {
			in[id]++
			if !slices.Contains(voters, id) {
				l.problem(place, "group.%d names server %d, which is no participant", g.ID, id)
			}
		}
	}
	for _, id := range voters {
		if in[id] != 1 {
			l.problem(place, "server %d is in %d groups; every participant is in exactly one", id, in[id])
		}
	}
	for _, w := range l.cfg.Weights {
		if !slices.Contains(voters, w.ID) {
			l.problem(place, "weight.%d is for a server that is no participant", w.ID)
		}
	}
}
