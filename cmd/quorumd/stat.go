package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type statOptions struct {
	clientOptions
	json bool
}

func newStat() *cobra.Command {
	var o statOptions
	cmd := &cobra.Command{
		Use:     "stat PATH",
		GroupID: groupClient,
		Short:   "Print a node's figures",
		Example: `  quorumd stat /app
  quorumd stat --json /app`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runStat(cmd, o, args[0]) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().BoolVar(&o.json, "json", false, "print one line of JSON")
	return cmd
}

func runStat(cmd *cobra.Command, o statOptions, path string) error {
	return o.with(cmd, false, func(ctx context.Context, c *client.Client) error {
		stat, found, err := c.Exists(ctx, path)
		if err != nil {
			return err
		}
		if !found {
			return &client.Error{Op: "stat", Path: path, Err: client.ErrNoNode}
		}
		if o.json {
			return printJSON(cmd.OutOrStdout(), newNode(path, stat))
		}
		return printStat(cmd.OutOrStdout(), stat)
	})
}
