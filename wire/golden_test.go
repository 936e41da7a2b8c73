package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// goldenDir holds one file per kind of frame of format 1. A change in any of
// them is a change of format: raise Format and keep these files readable.
const goldenDir = "../testdata/wire/format1"

func TestGoldenPackets(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			frame, err := NewEncoder().AppendPacket(nil, &s.packet)
			if err != nil {
				t.Fatal(err)
			}
			stored := golden(t, s.name, describe(&s.packet), frame)
			got, err := NewDecoder().Packet(ParseHeader(stored), stored)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, s.packet) {
				t.Errorf("decoded\n%+v\nwant\n%+v", got, s.packet)
			}
		})
	}
}

func TestGoldenEpochs(t *testing.T) {
	want := zab.Epochs{Accepted: 8, AcceptedBy: 3, Current: 7}
	frame, err := NewEncoder().AppendStruct(nil, FrameEpochs, 5, 0, &want)
	if err != nil {
		t.Fatal(err)
	}
	stored := golden(t, "epochs", fmt.Sprintf("%+v", want), frame)
	h, body, n, err := ParseFrame(stored, 1024)
	if err != nil || n != len(stored) || h.Kind != FrameEpochs || h.Zxid != 5 {
		t.Fatalf("header %+v, %d bytes, %v", h, n, err)
	}
	var got zab.Epochs
	if err := NewDecoder().Body(body, &got); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

// golden compares frame with the file of that name and returns the bytes the
// file holds.
func golden(t *testing.T, name, text string, frame []byte) []byte {
	t.Helper()
	path := filepath.Join(goldenDir, name+".txt")
	content := text + "\n\n" + hex.Dump(frame)
	if *rewrite {
		if err := os.MkdirAll(goldenDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != content {
		t.Errorf("%s changed: the format is not what it was\nfile:\n%s\nnow:\n%s", path, b, content)
	}
	return undump(t, string(b))
}

// undump reads back what hex.Dump wrote after the first blank line.
func undump(t *testing.T, content string) []byte {
	t.Helper()
	_, dump, ok := strings.Cut(content, "\n\n")
	if !ok {
		t.Fatal("golden file without a blank line")
	}
	var out bytes.Buffer
	for line := range strings.Lines(dump) {
		digits, _, _ := strings.Cut(line, "|")
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits[8:]), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	return out.Bytes()
}

func describe(p *zab.Packet) string {
	s := fmt.Sprintf("%s zxid=%s", p.Kind, p.Zxid)
	switch {
	case p.Kind == zab.KindTxn:
		s += fmt.Sprintf(" prev=%08x crc=%08x %+v", p.Record.Prev, p.Record.CRC, *p.Record.Txn)
	case p.Body != nil:
		s += fmt.Sprintf(" %+v", reflect.ValueOf(p.Body).Elem().Interface())
	}
	return s
}
