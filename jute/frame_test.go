package jute

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 600), 0, 5).Draw(t, "bodies")
		var b []byte
		for _, body := range bodies {
			start := len(b)
			b = append(BeginFrame(b), body...)
			b = EndFrame(b, start)
		}
		rest, stream := b, iotest.OneByteReader(bytes.NewReader(b))
		var buf []byte
		for _, want := range bodies {
			got, n, err := ParseFrame(rest, 600)
			if err != nil || n != len(want)+FrameHeader || !bytes.Equal(got, want) {
				t.Fatalf("parsed %x, %d, %v, want %x", got, n, err, want)
			}
			rest = rest[n:]
			if buf, err = ReadFrame(stream, buf, 600); err != nil || !bytes.Equal(buf, want) {
				t.Fatalf("read %x, %v, want %x", buf, err, want)
			}
		}
		if _, err := ReadFrame(stream, buf, 600); err != io.EOF {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestFrameLimits(t *testing.T) {
	cases := []struct {
		hex  string
		want error
	}{
		{"000fffff", nil},
		{"00100000", ErrFrame},
		{"ffffffff", ErrFrame},
		{"80000000", ErrFrame},
		{"000000", nil},
		{"", nil},
	}
	for _, c := range cases {
		_, n, err := ParseFrame(unhex(t, c.hex), DefaultMaxBuffer)
		if n != 0 || !errors.Is(err, c.want) {
			t.Errorf("%s: %d, %v, want %v", c.hex, n, err, c.want)
		}
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0, 16, 0, 0}), nil, DefaultMaxBuffer); !errors.Is(err, ErrFrame) {
		t.Error("too long a frame:", err)
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0, 0, 0, 2}), nil, DefaultMaxBuffer); err != io.ErrUnexpectedEOF {
		t.Error("cut after the length:", err)
	}
	if _, err := ReadFrame(bytes.NewReader([]byte{0, 0}), nil, DefaultMaxBuffer); err != io.ErrUnexpectedEOF {
		t.Error("cut in the length:", err)
	}
}
