package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/quorumd/quorumd/zab"
)

// Role says whether a member votes.
type Role uint8

// The roles of a member.
const (
	Participant Role = iota
	Observer
)

// String returns the word of a server line.
func (r Role) String() string {
	if r == Observer {
		return "observer"
	}
	return "participant"
}

// Server is one member of the ensemble, one server.N line.
type Server struct {
	ID       zab.ServerID
	Quorum   Endpoint // where the leader listens for learners
	Election Endpoint // where votes are received
	Role     Role
	Client   Endpoint // zero when the line does not say
}

// maxServerID is the largest id: a session id holds its server's id in one byte.
const maxServerID = 255

// String writes the value of the server line: host:quorum:election:role[;client].
func (s Server) String() string {
	var b strings.Builder
	b.WriteString(s.Quorum.String())
	b.WriteByte(':')
	b.WriteString(strconv.Itoa(s.Election.Port))
	b.WriteByte(':')
	b.WriteString(s.Role.String())
	if s.Client.Port != 0 {
		b.WriteByte(';')
		b.WriteString(s.Client.String())
	}
	return b.String()
}

var (
	errGrammar = errors.New("a server line is host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort]," +
		" e.g. server.1=10.0.0.1:2888:3888;2181")
	errMultiAddress = errors.New("several addresses for one server are not supported; give the one that every peer can reach")
	errSecurePort   = errors.New("a secure client port needs TLS, which this version does not have; leave out the third part")
	errSamePorts    = errors.New("the quorum port and the election port of one server must differ, e.g. host:2888:3888")
)

// parseServer reads the value of a server.N line.
func parseServer(id zab.ServerID, value string) (Server, error) {
	s := Server{ID: id}
	parts := strings.Split(value, ";")
	if len(parts) > 3 {
		return s, errGrammar
	}
	if len(parts) == 3 && strings.TrimSpace(parts[2]) != "" {
		return s, errSecurePort
	}
	if strings.Contains(parts[0], "|") {
		return s, errMultiAddress
	}
	if err := s.parsePeerPart(strings.TrimSpace(parts[0])); err != nil {
		return s, err
	}
	if len(parts) >= 2 && strings.TrimSpace(parts[1]) != "" {
		client, err := parseClientPart(strings.TrimSpace(parts[1]))
		if err != nil {
			return s, err
		}
		s.Client = client
	}
	return s, nil
}

// parsePeerPart reads host:quorumPort:electionPort[:role].
func (s *Server) parsePeerPart(text string) error {
	host, rest, err := splitHost(text)
	if err != nil {
		return err
	}
	fields := strings.Split(rest, ":")
	if len(fields) > 3 {
		return errBrackets
	}
	if len(fields) < 2 {
		return errGrammar
	}
	quorum, err := parsePort(fields[0])
	if err != nil {
		return fmt.Errorf("quorum port %s: %w", printable(fields[0]), err)
	}
	election, err := parsePort(fields[1])
	if err != nil {
		return fmt.Errorf("election port %s: %w", printable(fields[1]), err)
	}
	if quorum == election {
		return errSamePorts
	}
	if len(fields) == 3 {
		if s.Role, err = parseRole(fields[2]); err != nil {
			return err
		}
	}
	s.Quorum, s.Election = Endpoint{host, quorum}, Endpoint{host, election}
	return nil
}

func parseRole(s string) (Role, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "participant":
		return Participant, nil
	case "observer":
		return Observer, nil
	}
	return Participant, fmt.Errorf("%s is no role; write participant or observer", printable(s))
}

// parseClientPart reads [host:]port.
func parseClientPart(text string) (Endpoint, error) {
	if !strings.Contains(text, ":") {
		port, err := parsePort(text)
		if err != nil {
			return Endpoint{}, fmt.Errorf("client port %s: %w", printable(text), err)
		}
		return Endpoint{"0.0.0.0", port}, nil
	}
	host, rest, err := splitHost(text)
	if err != nil {
		return Endpoint{}, err
	}
	port, err := parsePort(rest)
	if err != nil {
		return Endpoint{}, fmt.Errorf("client port %s: %w", printable(rest), err)
	}
	return Endpoint{host, port}, nil
}

// parseServerID reads the N of server.N, weight.N and of myid.
func parseServerID(s string) (zab.ServerID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxServerID || s[0] == '+' || s[0] == '-' {
		return zab.NoServer, fmt.Errorf("a server id is a whole number from 0 to %d", maxServerID)
	}
	return zab.ServerID(n), nil
}
