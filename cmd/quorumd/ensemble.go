package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/internal/ensemble"
)

type ensembleOptions struct {
	dir       string
	servers   int
	observers int
	basePort  int
	logLevel  string
}

func newEnsemble() *cobra.Command {
	var o ensembleOptions
	cmd := &cobra.Command{
		Use:     "ensemble",
		GroupID: groupServer,
		Short:   "Run an ensemble of servers on this machine",
		Long: `Run an ensemble of separate server processes on loopback until Ctrl-C, and say
what becomes of each. Configurations, data and logs are kept under --dir;
started again there, the ensemble goes on with the same data and ports.

A server that dies is reported and not started again. Use the commands below,
from another terminal, to look, to kill and to start again.`,
		Example: `  quorumd ensemble --servers 3
  quorumd ensemble --servers 5 --observers 1 --dir /tmp/five --base-port 3181
  quorumd ensemble status
  quorumd ensemble kill-leader
  quorumd ensemble start-server 2
  quorumd ensemble kill-leader --dir /tmp/five`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runEnsemble(cmd, o) },
	}
	cmd.PersistentFlags().StringVar(&o.dir, "dir", "./quorumd-ensemble", "where the ensemble is kept")
	cmd.Flags().IntVar(&o.servers, "servers", 3, "how many servers vote")
	cmd.Flags().IntVar(&o.observers, "observers", 0, "how many servers learn without a vote")
	cmd.Flags().IntVar(&o.basePort, "base-port", 0, "client port of the first server; 0 takes free ports from 2181 on")
	cmd.Flags().StringVar(&o.logLevel, "log-level", "info", "what the servers log: trace, debug, info, warn or error")
	cmd.AddCommand(newEnsembleStatus(&o), newEnsembleKillLeader(&o), newEnsembleStartServer(&o))
	return cmd
}

func runEnsemble(cmd *cobra.Command, o ensembleOptions) error {
	if _, err := newLogger(cmd.ErrOrStderr(), logOptions{format: "json", level: o.logLevel}); err != nil {
		return err
	}
	layout, err := openOrCreate(cmd, o)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	return ensemble.Run(cmd.Context(), ensemble.Options{
		Layout: layout, Out: cmd.OutOrStdout(), Orphaned: orphanedBy(exe),
		Command: func(configFile string) []string {
			return []string{exe, "serve", "--config", configFile, "--log-format", "json", "--log-level", o.logLevel}
		},
	})
}

// openOrCreate reads the ensemble in --dir, or makes one. Flags that
// contradict an ensemble that is there are refused: obeying them would mean
// another ensemble.
func openOrCreate(cmd *cobra.Command, o ensembleOptions) (*ensemble.Layout, error) {
	layout, err := ensemble.Open(o.dir)
	if errors.Is(err, ensemble.ErrNoEnsemble) {
		return ensemble.Create(o.dir, o.servers, o.observers, o.basePort)
	}
	if err != nil {
		return nil, err
	}
	servers, observers := layout.Size()
	changed := func(flag string, differs bool) bool { return cmd.Flags().Changed(flag) && differs }
	if changed("servers", servers != o.servers) || changed("observers", observers != o.observers) ||
		changed("base-port", o.basePort != 0 && layout.Members[0].Client != o.basePort) {
		return nil, invalid("%s holds an ensemble of %d servers and %d observers at %s; leave out the flags to run it, or choose another --dir",
			o.dir, servers, observers, layout.ConnectString())
	}
	return layout, nil
}

// orphanedBy returns the check for a parent that is gone, for a program that
// "go run" built: go run passes no SIGTERM on, and its parent would look in
// vain for what it started. Other parents may end without ending the ensemble.
func orphanedBy(exe string) func() bool {
	if !strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return nil
	}
	parent := os.Getppid()
	return func() bool { return os.Getppid() != parent }
}
