package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

The one-letter flags are those of zkCli.sh: -s -e -c -t. The parent must exist.

An ephemeral node lives as long as the session that made it: with --ephemeral
the command holds the session, and the node, until it is interrupted.`,
		Example: `  quorumd create /app
  quorumd create /app/config '{"size":3}'
  quorumd create -s /app/job-
  quorumd create --ephemeral --sequential /app/worker- here
  quorumd create --ttl 1h /app/cache`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return runCreate(cmd, o, args) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().BoolVarP(&o.ephemeral, "ephemeral", "e", false, "the node goes with the session, which is held until an interrupt")
	cmd.Flags().BoolVarP(&o.sequential, "sequential", "s", false, "a number is added to the name")
	cmd.Flags().BoolVarP(&o.container, "container", "c", false, "the node goes when its last child has gone")
	cmd.Flags().DurationVarP(&o.ttl, "ttl", "t", 0, "the node goes when it has no children and was not changed for so long")
	cmd.MarkFlagsMutuallyExclusive("ephemeral", "container", "ttl")
	return cmd
}

func runCreate(cmd *cobra.Command, o createOptions, args []string) error {
	if cmd.Flags().Changed("ttl") && o.ttl < time.Millisecond {
		return invalid("--ttl %v: a node lives at least a millisecond; write e.g. --ttl 1h, or leave it out for a node that stays", o.ttl)
	}
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
			return o.hint(args[0], err)
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

// hint adds to an error of create what it means here.
func (o createOptions) hint(path string, err error) error {
	parent := path[:max(strings.LastIndexByte(path, '/'), 0)]
	switch {
	case errors.Is(err, client.ErrNoNode) && parent != "":
		return fmt.Errorf("%w: its parent %s is missing, create that first", err, parent)
	case errors.Is(err, client.ErrUnimplemented) && o.ttl != 0:
		return fmt.Errorf("%w; a TTL needs extendedTypesEnabled=true in the configuration of every server", err)
	}
	return err
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
