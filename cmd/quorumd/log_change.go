package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/internal/datadir"
	"github.com/quorumd/quorumd/txnlog"
)

type truncateOptions struct {
	placeOptions
	to  string
	yes bool
}

func newLogTruncate() *cobra.Command {
	var o truncateOptions
	cmd := &cobra.Command{
		Use:   "truncate DIR --to ZXID",
		Short: "Cut the log behind a record",
		Long: `Cut the log behind the record ZXID, which is kept, with the snapshots beyond it.
The server must not run. What is cut is copied first, to cut-TIME beside the
quorumd-1 that it was in. Writes that clients were told are done may be lost: in
an ensemble, cut no server that takes part in a quorum, but empty its directory
and let it join.
` + offlineExits,
		Example: `  quorumd log truncate /var/lib/quorumd --to 0x100000005
  quorumd log truncate /var/lib/quorumd --to 0x100000005 --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runTruncate(cmd, o, args) },
	}
	o.bind(cmd)
	cmd.Flags().StringVar(&o.to, "to", "", "the last zxid to keep")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

func runTruncate(cmd *cobra.Command, o truncateOptions, args []string) error {
	if o.to == "" {
		return invalid("--to is missing; write the last zxid to keep, e.g. --to 0x100000005")
	}
	to, err := parseZxid("--to", o.to)
	if err != nil {
		return err
	}
	p, err := o.find(args)
	if err != nil {
		return err
	}
	held, err := p.Hold(time.Now())
	if err != nil {
		return err
	}
	defer held.Close() //nolint:errcheck // the process ends
	cut, err := held.PlanCut(to)
	if err != nil {
		return err
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	if cut.Records == 0 {
		return w.flush(w.put(cutLine{At: cut.At.Zxid.String()}, "the log ends at %s; nothing is cut", cut.At.Zxid))
	}
	question := fmt.Sprintf("This loses %d records, %s of %s to %s of %s, from %d sessions, and %d snapshots. Clients may have been told that these writes are done.",
		cut.Records, cut.First, cut.Since, cut.Last, cut.Until, cut.Sessions, len(cut.Snapshots))
	if err := confirm(cmd, o.yes, question); err != nil {
		return err
	}
	dirs, err := held.Truncate(cut)
	if err != nil {
		return err
	}
	line := cutLine{cut.At.Zxid.String(), cut.Records, cut.First.String(), cut.Last.String(), cut.Snapshots, dirs}
	return w.flush(w.put(line, "the log ends at %s; %d records were cut, %s to %s, and %d snapshots; copies are in %s",
		line.At, line.Records, line.First, line.Last, len(line.Snapshots), strings.Join(dirs, " and ")))
}

// cutLine is what truncate and recover print in JSON.
type cutLine struct {
	At        string   `json:"end"`
	Records   int      `json:"records"`
	First     string   `json:"first,omitempty"`
	Last      string   `json:"last,omitempty"`
	Snapshots []string `json:"snapshots,omitempty"`
	Copies    []string `json:"copies,omitempty"`
}

type recoverOptions struct {
	placeOptions
	yes bool
}

func newLogRecover() *cobra.Command {
	var o recoverOptions
	cmd := &cobra.Command{
		Use:   "recover DIR [DIR...]",
		Short: "Bring a damaged directory to what it still proves, or compare several servers'",
		Long: `With one directory: bring it to the longest history that it proves, an intact
snapshot and the chain of records behind it, say what is lost, and ask. The
server must not run. What is removed or cut is copied first, to cut-TIME beside
the quorumd-1 that it was in.

With several directories, those of the servers of one ensemble or copies of
them: show what each proves, which one is the most up to date, and what choosing
each would lose. Nothing is changed.

In an ensemble whose other servers are well, do not recover: move the damaged
quorumd-1 away and start, and the server is copied from its peers.
` + offlineExits,
		Example: `  quorumd log recover /var/lib/quorumd
  quorumd log recover /var/lib/quorumd --yes
  quorumd log recover /mnt/server1 /mnt/server2 /mnt/server3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return runSurvey(cmd, o, args)
			}
			return runRecover(cmd, o, args)
		},
	}
	o.bind(cmd)
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

func runRecover(cmd *cobra.Command, o recoverOptions, args []string) error {
	p, err := o.find(args)
	if err != nil {
		return err
	}
	held, err := p.Hold(time.Now())
	if err != nil {
		return err
	}
	defer held.Close() //nolint:errcheck // the process ends
	stop := progress(cmd.ErrOrStderr(), p.Read, p.Size())
	plan, err := held.PlanRecovery()
	stop()
	if errors.Is(err, txnlog.ErrHopeless) || errors.Is(err, txnlog.ErrCorrupt) {
		return fmt.Errorf("%w; use another server's copy: move quorumd-1 away and start, or compare what is left with quorumd log recover DIR DIR", err)
	}
	if err != nil {
		return err
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	if !plan.Needed() {
		return w.flush(w.put(recoveryLine{End: plan.End.Zxid.String()},
			"nothing has to be recovered: the history ends at %s, and a start repairs what there may be", plan.End.Zxid))
	}
	for _, c := range plan.Changes {
		fmt.Fprintf(cmd.ErrOrStderr(), "  %s %s\n", c.What, c.Path)
	}
	if err := confirm(cmd, o.yes, recoverQuestion(plan)); err != nil {
		return err
	}
	dirs, err := held.Recover(plan)
	if err != nil {
		return err
	}
	line := recoveryLine{End: plan.End.Zxid.String(), Known: plan.Known.String(), Copies: dirs}
	return w.flush(w.put(line, "recovered: the history ends at %s; copies of what was removed or cut are in %s",
		line.End, strings.Join(dirs, " and ")))
}

func recoverQuestion(plan *txnlog.Salvage) string {
	from := "the beginning"
	if plan.Snapshot != nil {
		from = "the snapshot of " + plan.Snapshot.At.Zxid.String()
	}
	text := fmt.Sprintf("What is proved begins with %s and ends at %s.", from, plan.End.Zxid)
	if plan.Known > plan.End.Zxid {
		return text + fmt.Sprintf(" What came after it, up to %s at least, is lost; clients may have been told that these writes are done. "+
			"If another server has them, move quorumd-1 away instead and start.", plan.Known)
	}
	return text + " No record is lost."
}

type recoveryLine struct {
	End    string   `json:"end"`
	Known  string   `json:"known,omitempty"`
	Copies []string `json:"copies,omitempty"`
}

// copyLine is a server's copy in the output.
type copyLine struct {
	Dir      string `json:"dir"`
	Server   int64  `json:"server"`
	Accepted int64  `json:"acceptedEpoch"`
	Current  int64  `json:"currentEpoch"`
	End      string `json:"end"`   // last durable zxid that is proved
	Known    string `json:"known"` // last zxid there is a sign of
	Starts   bool   `json:"starts"`
	Best     bool   `json:"best"`
	Loses    string `json:"loses"`
}

func runSurvey(cmd *cobra.Command, o recoverOptions, args []string) error {
	if o.config != "" || o.logDir != "" || o.yes {
		return invalid("several directories are compared, not changed: leave out --config, --log-dir and --yes")
	}
	var places []*datadir.Place
	for _, dir := range args {
		p, err := o.find([]string{dir})
		if err != nil {
			return err
		}
		places = append(places, p)
	}
	copies, err := datadir.Survey(places)
	if err != nil {
		return err
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	bad := slices.ContainsFunc(copies, func(c *datadir.Copy) bool { return !c.Starts })
	for i, c := range copies {
		l := copyLine{Dir: c.Place.DataDir, Server: int64(c.Place.Server), Accepted: int64(c.Epochs.Accepted),
			Current: int64(c.Epochs.Current), End: c.End.Zxid.String(), Known: c.Known.String(),
			Starts: c.Starts, Best: i == 0 && c.Hopeless == nil, Loses: loses(c, copies)}
		err := w.put(l, "%s  server %d  epochs %d accepted, %d current  ends at %s  %s",
			l.Dir, l.Server, l.Accepted, l.Current, l.End, l.Loses)
		if err != nil {
			return err
		}
	}
	if !o.json() {
		if err := w.put(nil, "%s", advice(copies)); err != nil {
			return err
		}
	}
	if err := w.flush(nil); err != nil {
		return err
	}
	if bad {
		return errDamage
	}
	return nil
}

// loses says what choosing a copy would lose.
func loses(c *datadir.Copy, copies []*datadir.Copy) string {
	known := c.Known
	for _, other := range copies {
		known = max(known, other.Known)
	}
	switch {
	case c.Hopeless != nil:
		return "cannot be used: " + plainError{c.Hopeless}.Error()
	case c == copies[0] && known > c.End.Zxid:
		return fmt.Sprintf("the most up to date; it loses what there is a sign of up to %s", known)
	case c == copies[0]:
		return "the most up to date; it loses nothing that any of them has"
	case c.End == copies[0].End:
		return "as up to date as the first"
	case c.Diverges:
		return fmt.Sprintf("its end is in another history than the most up to date copy's, which goes on with %d records", c.Behind)
	case c.Behind < 0:
		return "it loses what came after its end; how much, the most up to date copy's log does not tell any more"
	}
	return fmt.Sprintf("it loses %d records of the most up to date copy", c.Behind)
}

func advice(copies []*datadir.Copy) string {
	best := copies[0]
	switch {
	case best.Hopeless != nil:
		return "None of them can be used; restore a backup."
	case !best.Starts:
		return fmt.Sprintf("Use server %d's copy: quorumd log recover %s, start it, and have the others copied from it with empty directories.",
			best.Place.Server, best.Place.DataDir)
	}
	return fmt.Sprintf("Use server %d's copy, %s: it starts as it is. A server whose copy is damaged is copied from it when its quorumd-1 is moved away.",
		best.Place.Server, best.Place.DataDir)
}
