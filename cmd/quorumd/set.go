package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type setOptions struct {
	clientOptions
	version int32
	stat    bool
}

func newSet() *cobra.Command {
	var o setOptions
	cmd := &cobra.Command{
		Use:     "set PATH DATA",
		GroupID: groupClient,
		Short:   "Set a node's data",
		Long:    "Set a node's data. DATA of - is read from standard input.",
		Example: `  quorumd set /app/config '{"size":4}'
  quorumd set --version 7 /app/config new
  quorumd set /app/config - --servers 127.0.0.1:2182`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return runSet(cmd, o, args) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().Int32Var(&o.version, "version", anyVersion, "only when the data has this version; -1 is any")
	cmd.Flags().BoolVar(&o.stat, "stat", false, "print the node's figures")
	return cmd
}

func runSet(cmd *cobra.Command, o setOptions, args []string) error {
	data, err := dataArg(cmd, args[1])
	if err != nil {
		return err
	}
	return o.with(cmd, false, func(ctx context.Context, c *client.Client) error {
		stat, err := c.Set(ctx, args[0], data, o.version)
		if err != nil || !o.stat {
			return err
		}
		return printStat(cmd.OutOrStdout(), stat)
	})
}
