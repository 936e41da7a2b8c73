package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
	"github.com/quorumd/quorumd/internal/datadir"
	"github.com/quorumd/quorumd/internal/fourletter"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
)

func newSnapshot() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snapshot",
		GroupID: groupData,
		Short:   "Look at, compare and take snapshots",
		Long: `Look at, compare and take snapshots. Those that read take no lock and change
nothing; a server may be running. dump, check and diff read whole snapshots into
memory, which takes about as much as a server that holds the same data.
` + offlineExits,
		Example: `  quorumd snapshot ls /var/lib/quorumd
  quorumd snapshot check /var/lib/quorumd
  quorumd snapshot take --server 127.0.0.1:2181`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSnapshotLs(), newSnapshotCheck(), newSnapshotDump(), newSnapshotDiff(), newSnapshotTake())
	return cmd
}

func newSnapshotLs() *cobra.Command {
	var o placeOptions
	cmd := &cobra.Command{
		Use:   "ls DIR",
		Short: "List the snapshots",
		Example: `  quorumd snapshot ls /var/lib/quorumd
  quorumd snapshot ls --config zoo.cfg --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := o.find(args)
			if err != nil {
				return err
			}
			files, err := p.Snapshots()
			if err != nil {
				return err
			}
			w := newPrinter(cmd.OutOrStdout(), o.json())
			for _, f := range files {
				s := datadir.Snapshot{File: f.Path, Zxid: f.Zxid.String(), Size: f.Size}
				if err := w.put(s, "%s  %s  %d bytes", s.File, s.Zxid, s.Size); err != nil {
					return err
				}
			}
			return w.flush(nil)
		},
	}
	o.bind(cmd)
	return cmd
}

// snapshotOptions choose one snapshot.
type snapshotOptions struct {
	placeOptions
	zxid string
}

func (o *snapshotOptions) bind(cmd *cobra.Command, usage string) {
	o.placeOptions.bind(cmd)
	cmd.Flags().StringVar(&o.zxid, "zxid", "", usage)
}

func newSnapshotCheck() *cobra.Command {
	var o snapshotOptions
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Read snapshots and prove them",
		Long:  "Read snapshots from end to end and prove them: frames, counts and the digest of the\nstate." + "\n" + offlineExits,
		Example: `  quorumd snapshot check /var/lib/quorumd
  quorumd snapshot check /var/lib/quorumd --zxid 0x100000005`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runSnapshotCheck(cmd, o, args) },
	}
	o.bind(cmd, "the snapshot to check; all if it is left out")
	return cmd
}

func runSnapshotCheck(cmd *cobra.Command, o snapshotOptions, args []string) error {
	z, err := parseZxid("--zxid", o.zxid)
	if err != nil {
		return err
	}
	p, err := o.find(args)
	if err != nil {
		return err
	}
	files, err := p.Snapshots()
	if z != 0 && err == nil {
		var one txnlog.SnapshotFile
		one, err = p.Choose(z)
		files = []txnlog.SnapshotFile{one}
	}
	if err != nil {
		return err
	}
	var size int64
	for _, f := range files {
		size += f.Size
	}
	w := newPrinter(cmd.OutOrStdout(), o.json())
	bad := false
	stop := progress(cmd.ErrOrStderr(), p.Read, size)
	defer stop()
	for _, f := range files {
		s, err := p.Check(f)
		if err == nil {
			err = cmd.Context().Err()
		}
		if err != nil {
			return w.flush(err)
		}
		verdict := fmt.Sprintf("intact: %d nodes, %d ephemerals, %d sessions, digest %s", s.Nodes, s.Ephemerals, s.Sessions, s.Digest)
		if s.Damage != "" {
			bad, verdict = true, "damaged: "+s.Damage
		}
		if err := w.put(s, "%s  %d bytes  %s", s.File, s.Size, verdict); err != nil {
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

// read reads the snapshot that the options choose.
func (o *snapshotOptions) read(cmd *cobra.Command, args []string) (*replica.State, error) {
	z, err := parseZxid("--zxid", o.zxid)
	if err != nil {
		return nil, err
	}
	p, err := o.find(args)
	if err != nil {
		return nil, err
	}
	f, err := p.Choose(z)
	if err != nil {
		return nil, err
	}
	defer progress(cmd.ErrOrStderr(), p.Read, f.Size)()
	return p.State(f.Path)
}

func newSnapshotDump() *cobra.Command {
	var o snapshotOptions
	var data bool
	cmd := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print the znodes of a snapshot",
		Long: `Print the znodes of a snapshot, one a line, parents first. --data adds the data,
which may be confidential; JSON has it in Base64.
` + offlineExits,
		Example: `  quorumd snapshot dump /var/lib/quorumd
  quorumd snapshot dump /var/lib/quorumd --zxid 0x100000005 --data --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			state, err := o.read(cmd, args)
			if err != nil {
				return err
			}
			w := newPrinter(cmd.OutOrStdout(), o.json())
			err = datadir.Nodes(state, func(n datadir.Node) error {
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				if !data {
					n.Data = nil
				}
				return putNode(w, n)
			})
			return w.flush(err)
		},
	}
	o.bind(cmd, "the snapshot to print; the newest if it is left out")
	cmd.Flags().BoolVar(&data, "data", false, "print the data too")
	return cmd
}

func putNode(w *printer, n datadir.Node) error {
	kind := "persistent"
	switch {
	case n.Owner != "":
		kind = "ephemeral of " + n.Owner
	case n.Container:
		kind = "container"
	case n.TTL > 0:
		kind = fmt.Sprintf("ttl %d ms", n.TTL)
	}
	line := fmt.Sprintf("%s czxid=%s mzxid=%s %s versions=%d,%d,%d children=%d size=%d acl=%s %s", n.Path, n.Czxid, n.Mzxid,
		n.Mtime, n.Version, n.Cversion, n.Aversion, n.Children, n.Size, strings.Join(n.ACL, ","), kind)
	if len(n.Data) > 0 {
		line += fmt.Sprintf(" %q", n.Data)
	}
	return w.put(n, "%s", line)
}

func newSnapshotDiff() *cobra.Command {
	var o placeOptions
	var from, to, other string
	cmd := &cobra.Command{
		Use:   "diff DIR",
		Short: "Compare two snapshots",
		Long: `Compare two snapshots of a server, or of two servers with --with: which znodes
and sessions were added, removed or changed. Two servers' snapshots of the same
zxid must not differ.

Exit codes: 0 they are equal; 1 it could not be done; 2 wrong arguments;
3 they differ.`,
		Example: `  quorumd snapshot diff /var/lib/quorumd --from 0x100000005 --to 0x200000009
  quorumd snapshot diff /mnt/server1 --with /mnt/server2 --from 0x100000005 --to 0x100000005`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a := snapshotOptions{placeOptions: o, zxid: from}
			b := snapshotOptions{placeOptions: o, zxid: to}
			before, err := a.read(cmd, args)
			if err != nil {
				return err
			}
			if other != "" {
				b.config, args = "", []string{other}
			}
			after, err := b.read(cmd, args)
			if err != nil {
				return err
			}
			return putDiff(cmd, o.json(), before, after)
		},
	}
	o.bind(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the snapshot to compare with; the newest if it is left out")
	cmd.Flags().StringVar(&to, "to", "", "the snapshot that is compared; the newest if it is left out")
	cmd.Flags().StringVar(&other, "with", "", "the data directory of the second snapshot")
	return cmd
}

func putDiff(cmd *cobra.Command, json bool, before, after *replica.State) error {
	w := newPrinter(cmd.OutOrStdout(), json)
	differs := false
	err := datadir.Diff(before, after, func(d datadir.Difference) error {
		differs = true
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		for _, n := range []*datadir.Node{d.Before, d.After} {
			if n != nil {
				n.Data = nil // may be confidential, and large
			}
		}
		return w.put(d, "%s", diffLine(d))
	})
	if err := w.flush(err); err != nil {
		return err
	}
	if differs {
		return errDamage
	}
	return nil
}

// diffLine marks a difference as diff does.
func diffLine(d datadir.Difference) string {
	if d.Session != "" {
		return map[string]string{"added": "+", "removed": "-", "changed": "!"}[d.Kind] + " session " + d.Session
	}
	switch d.Kind {
	case "added":
		return fmt.Sprintf("+ %s mzxid=%s size=%d", d.Path, d.After.Mzxid, d.After.Size)
	case "removed":
		return fmt.Sprintf("- %s mzxid=%s size=%d", d.Path, d.Before.Mzxid, d.Before.Size)
	}
	return fmt.Sprintf("! %s %s, was %s", d.Path, figures(d.After), figures(d.Before))
}

func figures(n *datadir.Node) string {
	return fmt.Sprintf("mzxid=%s pzxid=%s versions=%d,%d,%d size=%d children=%d acl=%s",
		n.Mzxid, n.Pzxid, n.Version, n.Cversion, n.Aversion, n.Size, n.Children, strings.Join(n.ACL, ","))
}

type takeOptions struct {
	server  string
	timeout time.Duration
	output  placeOptions
}

func newSnapshotTake() *cobra.Command {
	var o takeOptions
	cmd := &cobra.Command{
		Use:   "take",
		Short: "Have a running server write a snapshot",
		Long: `Have a running server write a snapshot, with the four-letter word csnp, which has
to be in its 4lw.commands.whitelist. It prints the zxid that the snapshot will
hold at least, and does not wait for it to be written: see quorumd snapshot ls.`,
		Example: `  quorumd snapshot take
  quorumd snapshot take --server 127.0.0.1:2182 --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSnapshotTake(cmd, o) },
	}
	cmd.Flags().StringVar(&o.server, "server", defaultServer, "the server's client address, host or host:port")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 5*time.Second, "how long to wait for the answer")
	o.output.bindOutput(cmd)
	return cmd
}

func runSnapshotTake(cmd *cobra.Command, o takeOptions) error {
	if err := o.output.check(); err != nil {
		return err
	}
	if err := checkTimeout(o.timeout); err != nil {
		return err
	}
	server, err := client.ServerAddress(o.server)
	if err != nil {
		return invalid("--server: %w", err)
	}
	answer, err := fourletter.Ask(cmd.Context(), server, "csnp", o.timeout)
	if err != nil {
		return err
	}
	if fourletter.Refused(answer) {
		return fmt.Errorf("%s answers: %s Add the word to its 4lw.commands.whitelist", server, strings.TrimSpace(answer))
	}
	answer = strings.TrimSpace(answer)
	if !strings.HasPrefix(answer, "0x") {
		return fmt.Errorf("%s answers: %s Is a snapshot being written already?", server, answer)
	}
	w := newPrinter(cmd.OutOrStdout(), o.output.json())
	return w.flush(w.put(map[string]string{"zxid": answer}, "%s", answer))
}
