package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

// maxStdin bounds data read from standard input; servers take less.
const maxStdin = 64 << 20

// dataArg returns the data that an argument gives: itself, or standard input
// for "-".
func dataArg(cmd *cobra.Command, arg string) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxStdin+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(data) > maxStdin {
		return nil, fmt.Errorf("standard input holds more than %d bytes", maxStdin)
	}
	return data, nil
}

// printStat writes a node's figures as zkCli.sh does.
func printStat(w io.Writer, s client.Stat) error {
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("Mon Jan 02 15:04:05 MST 2006") }
	_, err := fmt.Fprintf(w, `cZxid = 0x%x
ctime = %s
mZxid = 0x%x
mtime = %s
pZxid = 0x%x
cversion = %d
dataVersion = %d
aclVersion = %d
ephemeralOwner = 0x%x
dataLength = %d
numChildren = %d
`, s.Czxid, at(s.Ctime), s.Mzxid, at(s.Mtime), s.Pzxid, s.Cversion, s.Version, s.Aversion,
		uint64(s.EphemeralOwner), s.DataLength, s.NumChildren)
	return err
}

// node is what the JSON output says of a node. Data that is not UTF-8 goes
// into Base64, which Go's encoding of []byte is.
type node struct {
	Path   string   `json:"path"`
	Data   *string  `json:"data,omitempty"`
	Base64 []byte   `json:"base64,omitempty"`
	Stat   nodeStat `json:"stat"`
}

// nodeStat is client.Stat with the names that ZooKeeper's documentation uses.
type nodeStat struct {
	Czxid          int64 `json:"czxid"`
	Mzxid          int64 `json:"mzxid"`
	Pzxid          int64 `json:"pzxid"`
	Ctime          int64 `json:"ctime"`
	Mtime          int64 `json:"mtime"`
	Version        int32 `json:"version"`
	Cversion       int32 `json:"cversion"`
	Aversion       int32 `json:"aversion"`
	EphemeralOwner int64 `json:"ephemeralOwner"`
	DataLength     int32 `json:"dataLength"`
	NumChildren    int32 `json:"numChildren"`
}

func newNode(path string, s client.Stat) node {
	return node{Path: path, Stat: nodeStat{
		Czxid: s.Czxid, Mzxid: s.Mzxid, Pzxid: s.Pzxid, Ctime: s.Ctime, Mtime: s.Mtime,
		Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion,
		EphemeralOwner: s.EphemeralOwner, DataLength: s.DataLength, NumChildren: s.NumChildren,
	}}
}

// withData adds the node's data.
func (n node) withData(data []byte) node {
	if utf8.Valid(data) {
		text := string(data)
		n.Data = &text
	} else {
		n.Base64 = data
	}
	return n
}

func printJSON(w io.Writer, v any) error {
	return json.NewEncoder(w).Encode(v)
}
