package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	var o placeOptions
	cmd := &cobra.Command{
		Use:     "verify DIR",
		GroupID: groupData,
		Short:   "Prove a whole data directory",
		Long: `Read everything in a data directory and prove it: the chain of the log across
its segments, its marks, the zxids, every record, the record of epochs, and
every snapshot with its digest. It says in one sentence what is wrong and what
to do, and then lists all that it found.

It takes no lock and changes nothing; a server may be running.
` + offlineExits,
		Example: `  quorumd verify /var/lib/quorumd
  quorumd verify --config /etc/quorumd/zoo.cfg --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runVerify(cmd, o, args) },
	}
	o.bind(cmd)
	return cmd
}

// verifyReport is the JSON of a report.
type verifyReport struct {
	Dir      string        `json:"dir"`
	Server   int64         `json:"server"`
	Verdict  string        `json:"verdict"`
	Sentence string        `json:"sentence"`
	Findings []findingJSON `json:"findings"`
}

type findingJSON struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	Mends  bool   `json:"mends"`
}

func runVerify(cmd *cobra.Command, o placeOptions, args []string) error {
	p, err := o.find(args)
	if err != nil {
		return err
	}
	stop := progress(cmd.ErrOrStderr(), p.Read, p.Size())
	report, err := p.Verify(nil)
	stop()
	if err != nil {
		return err
	}
	out := verifyReport{
		Dir: report.DataDir, Server: report.Server, Verdict: string(report.Verdict),
		Sentence: report.Sentence, Findings: []findingJSON{},
	}
	text := fmt.Sprintf("%s (server %d): %s: %s", out.Dir, out.Server, out.Verdict, out.Sentence)
	for _, f := range report.Findings {
		out.Findings = append(out.Findings, findingJSON{f.File, f.Offset, f.What, f.Remedy, f.Mends})
		text += "\n  " + f.String()
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	if err := w.flush(w.put(out, "%s", text)); err != nil {
		return err
	}
	if !report.Fine() {
		return errDamage
	}
	return nil
}
