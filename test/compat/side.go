package compat

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/quorumd/quorumd/test/harness"
)

// side is one of the two ensembles, with the connections of the slots to it.
type side struct {
	name     string
	ensemble *harness.Ensemble
	links    [slots]*link
	sessions [slots]session
	last     [slots]int64 // zxid of the newest reply
	open     map[int64]session
	audit    *link // a superuser's, which is never compared
	xid      int32
}

// patient is ZooKeeper that does not look for empty containers: it would
// delete them in the middle of a stream, at another time than quorumd.
type patient struct{ harness.Software }

func (p patient) Command(config string) *exec.Cmd {
	c := p.Software.Command(config)
	if p.Name() == "zookeeper" {
		c.Args = slices.Insert(c.Args, 1, "-Dznode.container.checkIntervalMs=86400000")
	}
	return c
}

func settings(software string) []string {
	s := []string{
		"extendedTypesEnabled=true", "enforceQuota=true",
		"DigestAuthenticationProvider.superDigest=" + superDigest,
	}
	if software == "quorumd" {
		s = append(s, "znode.container.checkIntervalMs=86400000")
	}
	return s
}

// startSide runs an ensemble under dir.
func startSide(dir, software string, servers int) (*side, error) {
	kind, err := harness.Named(software)
	if err != nil {
		return nil, err
	}
	e, err := harness.Start(dir, patient{kind}, harness.Options{Servers: servers, Settings: settings(software)})
	if err != nil {
		return nil, err
	}
	return &side{name: software, ensemble: e, open: map[int64]session{}}, nil
}

func (s *side) addr(slot int) string {
	return s.ensemble.Servers[slot%len(s.ensemble.Servers)].Client
}

func (s *side) drop(slot int) {
	if s.links[slot] != nil {
		s.links[slot].close()
		s.links[slot] = nil
	}
}

// begin connects the auditor if it has no connection.
func (s *side) begin() error {
	s.xid = 0
	if err := s.ensemble.Crashed(); err != nil || s.audit != nil {
		return err
	}
	l, _, err := enter(s.addr(0), session{})
	if err != nil {
		return err
	}
	s.audit = l
	auth := step{op: opAuth, scheme: "digest", data: superUser}
	if f, err := s.ask(&auth); err != nil || f.code != 0 {
		return fmt.Errorf("compat: %s: superuser: code %d: %w", s.name, f.code, err)
	}
	return nil
}

// enter connects with a session, or a new one.
func enter(addr string, as session) (*link, welcome, error) {
	l, err := dial(addr)
	if err != nil {
		return nil, welcome{}, err
	}
	l.send(connectFrame(as, 0, 40000, false))
	w, err := l.welcome()
	if err != nil {
		l.close()
		return nil, w, fmt.Errorf("compat: connect: %w", err)
	}
	return l, w, nil
}

// ask does one request as the auditor.
func (s *side) ask(q *step) (frame, error) {
	list, err := s.askAll([]*step{q})
	if err != nil {
		return frame{}, err
	}
	return list[0], nil
}

// askAll does requests as the auditor, all under way at once.
func (s *side) askAll(qs []*step) ([]frame, error) {
	const window = 64
	var answers []frame
	for len(answers) < len(qs) {
		part := qs[len(answers):min(len(qs), len(answers)+window)]
		var b []byte
		for _, q := range part {
			s.xid++
			b = appendText(b, string(append(appendInt(appendInt(nil, s.xid), q.op), q.body("", 0)...)))
		}
		s.audit.send(b)
		for range part {
			f, err := s.audit.next()
			if err != nil {
				if s.name == "zookeeper" && errors.Is(err, errSilent) && len(s.ensemble.Servers) > 1 {
					err = errStalled
				}
				return nil, fmt.Errorf("compat: %s: auditor: %w", s.name, err)
			}
			answers = append(answers, f)
		}
	}
	return answers, nil
}

// baseline makes the home node of a run and returns the zxid at its begin.
func (s *side) baseline(home string) (int64, error) {
	f, err := s.ask(&step{op: opCreate, path: home, acl: openACL})
	if err == nil && f.code != 0 {
		err = fmt.Errorf("compat: %s: create %s: code %d", s.name, home, f.code)
	}
	return f.zxid, err
}

// sync brings the auditor's server up to date.
func (s *side) sync() error {
	_, err := s.ask(&step{op: opSync, path: "/"})
	return err
}

// children lists the paths below each of the paths that exists, sorted.
func (s *side) children(paths []string) ([]string, error) {
	var qs []*step
	for _, p := range paths {
		qs = append(qs, &step{op: opGetChildren, path: p})
	}
	answers, err := s.askAll(qs)
	if err != nil {
		return nil, err
	}
	var below []string
	for i, f := range answers {
		if f.code != 0 {
			continue
		}
		r := reader{b: f.body}
		for _, name := range r.items(func() string { name, _ := r.text(); return name }) {
			below = append(below, strings.TrimSuffix(paths[i], "/")+"/"+name)
		}
	}
	slices.Sort(below)
	return below, nil
}

// under lists a node and everything below it, ancestors first.
func (s *side) under(root string) ([]string, error) {
	level := []string{root}
	all := level
	for len(level) > 0 {
		below, err := s.children(level)
		if err != nil {
			return nil, err
		}
		level = below
		all = append(all, below...)
	}
	return all, nil
}

// permanentNodes cannot be deleted, so their counters go on from run to run.
var permanentNodes = []string{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}

// clean ends the sessions of a run and deletes its nodes.
func (s *side) clean() error {
	for slot := range slots {
		s.drop(slot)
		s.sessions[slot], s.last[slot] = session{}, 0
	}
	for id, as := range s.open {
		if err := s.end(as); err != nil {
			return err
		}
		delete(s.open, id)
	}
	if err := s.sync(); err != nil {
		return err
	}
	for range 3 { // a node may have got a child that the listing did not show
		left, err := s.sweep()
		if err != nil || left == 0 {
			return err
		}
	}
	return errors.New("compat: " + s.name + ": nodes that cannot be deleted")
}

// end closes a session that may have no connection any more.
func (s *side) end(as session) error {
	l, w, err := enter(s.addr(0), as)
	if err != nil {
		return err
	}
	defer l.close()
	if w.session.id == 0 {
		return nil
	}
	l.send(appendText(nil, string(appendInt(appendInt(nil, 1), opClose))))
	_, err = l.next()
	return err
}

// sweep deletes all but the permanent nodes and returns how many there were.
func (s *side) sweep() (int, error) {
	all, err := s.under("/")
	if err != nil {
		return 0, err
	}
	slices.Reverse(all)
	var qs []*step
	for _, p := range all {
		if !slices.Contains(permanentNodes, p) {
			qs = append(qs, &step{op: opDelete, path: p, version: -1})
		}
	}
	_, err = s.askAll(qs)
	return len(qs), err
}

// counters are version, cversion and aversion.
type counters [3]int32

func (s *side) counters(path string) (counters, error) {
	f, err := s.ask(&step{op: opExists, path: path})
	if err != nil {
		return counters{}, err
	}
	r := reader{b: f.body}
	r.take(32)
	return counters{r.int(), r.int(), r.int()}, nil
}

// raise brings the counters of a permanent node up to those in to, with a
// change of the ACL at least, so that it is the usual one.
func (s *side) raise(path string, to counters) error {
	acl := openACL
	if path == "/zookeeper/config" {
		acl = []access{{perms: 1, scheme: "world", id: "anyone"}}
	}
	for {
		have, err := s.counters(path)
		if err != nil || have == to {
			return err
		}
		var qs []*step
		switch {
		case have[0] < to[0]:
			qs = []*step{{op: opSetData, path: path, version: -1}}
		case have[1] < to[1]:
			p := strings.TrimSuffix(path, "/") + "/level"
			qs = []*step{{op: opCreate, path: p, acl: openACL}, {op: opDelete, path: p, version: -1}}
		case have[2] < to[2]:
			qs = []*step{{op: opSetACL, path: path, acl: acl, version: -1}}
		default:
			return fmt.Errorf("compat: %s: %s cannot go from %v back to %v", s.name, path, have, to)
		}
		if _, err := s.askAll(qs); err != nil {
			return err
		}
	}
}

// level makes the permanent nodes of both sides look the same.
func level(a, b *side) error {
	for _, path := range permanentNodes {
		have, err := a.counters(path)
		if err != nil {
			return err
		}
		other, err := b.counters(path)
		if err != nil {
			return err
		}
		to := have
		for i := range to {
			to[i] = max(to[i], other[i])
		}
		// At least one change each, so that both are as old, and the ACL the usual.
		to[0]++
		to[2]++
		if (to[1]-have[1])%2 != 0 || (to[1]-other[1])%2 != 0 {
			return fmt.Errorf("compat: cversion of %s is %d and %d, which creating and deleting cannot level", path, have[1], other[1])
		}
		if err := errors.Join(a.raise(path, to), b.raise(path, to)); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) stop() { s.ensemble.Stop() }
