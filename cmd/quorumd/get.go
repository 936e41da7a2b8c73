package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type getOptions struct {
	clientOptions
	stat bool
	json bool
}

func newGet() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:     "get PATH",
		GroupID: groupClient,
		Short:   "Print a node's data",
		Long:    "Print a node's data, with a newline behind it unless it is empty or ends in one.",
		Example: `  quorumd get /app/config
  quorumd get --stat /app/config
  quorumd get --json /app/config --servers 127.0.0.1:2181,127.0.0.1:2182`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runGet(cmd, o, args[0]) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().BoolVar(&o.stat, "stat", false, "print the node's figures too")
	cmd.Flags().BoolVar(&o.json, "json", false, "print data and figures as one line of JSON")
	return cmd
}

func runGet(cmd *cobra.Command, o getOptions, path string) error {
	return o.with(cmd, false, func(ctx context.Context, c *client.Client) error {
		data, stat, err := c.Get(ctx, path)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if o.json {
			return printJSON(out, newNode(path, stat).withData(data))
		}
		if n := len(data); n > 0 && data[n-1] != '\n' {
			data = append(data, '\n')
		}
		if _, err := out.Write(data); err != nil || !o.stat {
			return err
		}
		return printStat(out, stat)
	})
}
