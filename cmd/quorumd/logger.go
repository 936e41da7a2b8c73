package main

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
)

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

type logOptions struct {
	format string
	level  string
}

func (o *logOptions) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.format, "log-format", "auto", "json, console, or auto: console on a terminal, else json")
	flags.StringVar(&o.level, "log-level", "info", "trace, debug, info, warn or error")
}

// newLogger returns the logger that everything else is handed.
func newLogger(out io.Writer, o logOptions) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(o.level)
	if err != nil || o.level == "" {
		return zerolog.Nop(), invalid("--log-level %s: no such level; write trace, debug, info, warn or error", o.level)
	}
	switch {
	case o.format == "console", o.format == "auto" && isTerminal(out):
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: "15:04:05.000", NoColor: !isTerminal(out)}
	case o.format == "json", o.format == "auto":
	default:
		return zerolog.Nop(), invalid("--log-format %s: no such format; write json, console or auto", o.format)
	}
	return zerolog.New(out).Level(level).Hook(zerolog.HookFunc(stamp)), nil
}

// stamp puts the time on every event. It is a hook since zerolog's own
// timestamp has a resolution that is one for the whole process.
func stamp(e *zerolog.Event, _ zerolog.Level, _ string) { e.Str("time", time.Now().Format(timeFormat)) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
