package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/internal/ensemble"
	"github.com/quorumd/quorumd/zab"
)

// startWait bounds how long start-server waits for the server to serve.
const startWait = 30 * time.Second

func newEnsembleStatus(o *ensembleOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show every server's role, process and last transaction",
		Example: "  quorumd ensemble status --dir ./quorumd-ensemble",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			layout, err := ensemble.Open(o.dir)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SERVER\tROLE\tADDRESS\tPROCESS\tZXID\tCONNECTIONS\tNODES")
			for _, st := range layout.Statuses(cmd.Context()) {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", st.ID, st.Role, st.Addr(), orDash(st.Pid),
					orDash(st.Zxid), orDash(st.Connections), orDash(st.Nodes))
			}
			return w.Flush()
		},
	}
}

// orDash writes a zero value as a dash.
func orDash[T comparable](v T) string {
	var zero T
	if v == zero {
		return "-"
	}
	return fmt.Sprint(v)
}

func newEnsembleKillLeader(o *ensembleOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "kill-leader",
		Short: "Kill the leader's process as kill -9 does",
		Example: `  quorumd ensemble kill-leader
  quorumd ensemble kill-leader --dir /tmp/five`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			layout, err := ensemble.Open(o.dir)
			if err != nil {
				return err
			}
			st, err := layout.KillLeader(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "killed server %d, the leader, process %d, at zxid %s\n", st.ID, st.Pid, st.Zxid)
			return err
		},
	}
}

func newEnsembleStartServer(o *ensembleOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "start-server N",
		Short: "Start a server of a running ensemble again",
		Long:  "Start a server of a running ensemble again. N is the number that kill-leader printed.",
		Example: `  quorumd ensemble start-server 2
  quorumd ensemble start-server 2 --dir /tmp/five`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 8)
			if err != nil {
				return invalid("%q is no server id; write the N of serverN", args[0])
			}
			layout, err := ensemble.Open(o.dir)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), startWait)
			defer cancel()
			st, err := layout.StartServer(ctx, zab.ServerID(id))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "server %d is %s, process %d\n", st.ID, st.Role, st.Pid)
			return err
		},
	}
}
