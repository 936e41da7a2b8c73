package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/internal/datadir"
	"github.com/quorumd/quorumd/txnlog"
)

func newLog() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "log",
		GroupID: groupData,
		Short:   "Look at, cut and recover a server's log",
		Long: `Look at, cut and recover a server's log. ls and dump take no lock and change
nothing; a server may be running. truncate and recover change the directory of a
server that does not run. To prove a log, and all that lies beside it:
quorumd verify.
` + offlineExits,
		Example: `  quorumd log ls /var/lib/quorumd
  quorumd log dump /var/lib/quorumd --from 0x100000005
  quorumd log recover /var/lib/quorumd`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLogLs(), newLogDump(), newLogTruncate(), newLogRecover())
	return cmd
}

func newLogLs() *cobra.Command {
	var o placeOptions
	cmd := &cobra.Command{
		Use:   "ls DIR",
		Short: "List the log's segments",
		Long:  "List the log's segments: records, zxids, bytes in use, and whether they are good." + "\n" + offlineExits,
		Example: `  quorumd log ls /var/lib/quorumd
  quorumd log ls --config zoo.cfg --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runLogLs(cmd, o, args) },
	}
	o.bind(cmd)
	return cmd
}

// segmentLine is a segment in the output.
type segmentLine struct {
	File    string `json:"file"`
	First   string `json:"first"`
	Last    string `json:"last"`
	Records int    `json:"records"`
	Batches int    `json:"batches"`
	Used    int64  `json:"used"`
	Size    int64  `json:"size"`
	State   string `json:"state"`
	Damage  string `json:"damage,omitempty"`
}

func newSegmentLine(s txnlog.SegmentInfo) segmentLine {
	l := segmentLine{File: s.Path, First: s.First.String(), Last: s.Last.Zxid.String(), Records: s.Records,
		Batches: s.Batches, Used: s.Used, Size: s.Size, State: "good"}
	switch {
	case s.Damage != nil:
		l.State, l.Damage = "damaged", fmt.Sprintf("at offset %d: %v", s.Used, s.Damage)
	case s.Torn > 0:
		l.State = "torn" // a start cuts it
	}
	return l
}

func runLogLs(cmd *cobra.Command, o placeOptions, args []string) error {
	p, err := o.find(args)
	if err != nil {
		return err
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	bad := false
	stop := progress(cmd.ErrOrStderr(), p.Read, p.Size())
	err = p.Segments(nil, func(s txnlog.SegmentInfo) error {
		l := newSegmentLine(s)
		bad = bad || l.Damage != ""
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		return w.put(l, "%s  %s to %s  %d records in %d batches  %d of %d bytes  %s %s",
			l.File, l.First, l.Last, l.Records, l.Batches, l.Used, l.Size, l.State, l.Damage)
	})
	stop()
	if err := w.flush(err); err != nil {
		return err
	}
	if bad {
		return errDamage
	}
	return nil
}

type dumpOptions struct {
	placeOptions
	from, to string
	detail   bool
}

func newLogDump() *cobra.Command {
	var o dumpOptions
	cmd := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print the log's records",
		Long: `Print the log's records, one a line: zxid, time, session, operation, path, bytes
of data and bytes of the record. --detail adds the checksums, the request's
number and origin, who asked, the place in the file, and the data itself, which
may be confidential. A place that is damaged is told on standard error, and the
next segment follows.
` + offlineExits,
		Example: `  quorumd log dump /var/lib/quorumd
  quorumd log dump /var/lib/quorumd --from 0x100000005 --to 0x100000009 --detail
  quorumd log dump --config zoo.cfg --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runLogDump(cmd, o, args) },
	}
	o.bind(cmd)
	cmd.Flags().StringVar(&o.from, "from", "", "the first zxid to print")
	cmd.Flags().StringVar(&o.to, "to", "", "the last zxid to print")
	cmd.Flags().BoolVar(&o.detail, "detail", false, "print all of each record")
	return cmd
}

func runLogDump(cmd *cobra.Command, o dumpOptions, args []string) error {
	from, err := parseZxid("--from", o.from)
	if err != nil {
		return err
	}
	to, err := parseZxid("--to", o.to)
	if err != nil {
		return err
	}
	p, err := o.find(args)
	if err != nil {
		return err
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	bad := false
	err = p.Dump(datadir.DumpOptions{
		From: from, To: to, Detail: o.detail,
		Gone: func(path string) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s was removed while it was to be read, by a purge\n", path)
		},
		Damage: func(path string, off int64, err error) {
			bad = true
			fmt.Fprintf(cmd.ErrOrStderr(), "%s at offset %d: %v\n", path, off, err)
		},
	}, func(r datadir.Record) error {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		return putRecord(w, r)
	})
	if err := w.flush(err); err != nil {
		return err
	}
	if bad {
		return errDamage
	}
	return nil
}

func putRecord(w *printer, r datadir.Record) error {
	err := w.put(r, "%s %s %s %s %s data=%d size=%d", r.Zxid, r.Time, orDash(r.Session), r.Op, orDash(r.Path), r.Data, r.Size)
	if d := r.Detail; d != nil && !w.json && err == nil {
		err = w.put(nil, "    crc=%s prev=%s cxid=%d origin=%d level=%d flags=%d auth=%v %s:%d %q",
			d.CRC, d.Prev, d.Cxid, d.Origin, d.Level, d.Flags, d.Auth, d.File, d.Offset, d.Value)
	}
	return err
}
