package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type createOptions struct {
	clientOptions
	ephemeral  bool
	sequential bool
	container  bool
	ttl        time.Duration
}

func newCreate() *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:     "create PATH [DATA]",
		GroupID: groupClient,
		Short:   "Create a node and print its path",
		Long: `Create a node and print its path. DATA of - is read from standard input.

An ephemeral node lives as long as the session that made it: with --ephemeral
the command holds the session, and the node, until it is interrupted.`,
		Example: `  quorumd create /app
  quorumd create /app/config '{"size":3}'
  quorumd create --sequential /app/job-
  quorumd create --ephemeral --sequential /app/worker- here
  quorumd create --ttl 1h /app/cache`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return runCreate(cmd, o, args) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().BoolVarP(&o.ephemeral, "ephemeral", "e", false, "the node goes with the session, which is held until an interrupt")
	cmd.Flags().BoolVarP(&o.sequential, "sequential", "q", false, "a number is added to the name")
	cmd.Flags().BoolVarP(&o.container, "container", "c", false, "the node goes when its last child has gone")
	cmd.Flags().DurationVarP(&o.ttl, "ttl", "t", 0, "the node goes when it has no children and was not changed for so long")
	cmd.MarkFlagsMutuallyExclusive("ephemeral", "container", "ttl")
	return cmd
}

func runCreate(cmd *cobra.Command, o createOptions, args []string) error {
	var data []byte
	if len(args) == 2 {
		var err error
		if data, err = dataArg(cmd, args[1]); err != nil {
			return err
		}
	}
	return o.with(cmd, o.ephemeral, func(ctx context.Context, c *client.Client) error {
		limited, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		path, err := c.Create(limited, args[0], data, o.mode()...)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), path); err != nil || !o.ephemeral {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // an interrupt is how this ends
		case <-c.Done():
			return c.Err()
		}
	})
}

func (o createOptions) mode() []client.CreateOption {
	var opts []client.CreateOption
	if o.ephemeral {
		opts = append(opts, client.Ephemeral())
	}
	if o.sequential {
		opts = append(opts, client.Sequential())
	}
	if o.container {
		opts = append(opts, client.Container())
	}
	if o.ttl != 0 {
		opts = append(opts, client.TTL(o.ttl))
	}
	return opts
}
