package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type deleteOptions struct {
	clientOptions
	version   int32
	recursive bool
}

func newDelete() *cobra.Command {
	var o deleteOptions
	cmd := &cobra.Command{
		Use:     "delete PATH",
		GroupID: groupClient,
		Short:   "Delete a node",
		Example: `  quorumd delete /app/config
  quorumd delete --version 7 /app/config
  quorumd delete --recursive /app`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runDelete(cmd, o, args[0]) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().Int32Var(&o.version, "version", anyVersion, "only when the data has this version; -1 is any")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "delete everything below first, node by node")
	cmd.MarkFlagsMutuallyExclusive("version", "recursive")
	return cmd
}

func runDelete(cmd *cobra.Command, o deleteOptions, path string) error {
	return o.with(cmd, false, func(ctx context.Context, c *client.Client) error {
		if o.recursive {
			return deleteBelow(ctx, c, path, true)
		}
		return c.Delete(ctx, path, o.version)
	})
}

// deleteBelow deletes what is below path, then path. What others delete
// meanwhile is fine, but for the node that was asked for.
func deleteBelow(ctx context.Context, c *client.Client, path string, asked bool) error {
	children, _, err := c.Children(ctx, path)
	for _, name := range children {
		if err := deleteBelow(ctx, c, strings.TrimSuffix(path, "/")+"/"+name, false); err != nil {
			return err
		}
	}
	if err == nil {
		err = c.Delete(ctx, path, anyVersion)
	}
	if errors.Is(err, client.ErrNoNode) && !asked {
		return nil
	}
	return err
}
