package main

import (
	"context"
	"errors"
	"slices"
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
		Long: `Delete a node. With --recursive of / everything goes but /zookeeper, which is the
servers' own; of /zookeeper and what is built into it --recursive is refused.`,
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
	chroot := o.chroot()
	if full := fullPath(chroot, path); o.recursive && slices.Contains(systemNodes, full) {
		return invalid("%s is a system node, which the servers need; nothing was deleted", full)
	}
	return o.with(cmd, false, func(ctx context.Context, c *client.Client) error {
		if o.recursive {
			return deleteBelow(ctx, c, chroot, path, true)
		}
		return c.Delete(ctx, path, o.version)
	})
}

// systemNodes are built into every tree; the servers do not let go of them.
var systemNodes = []string{"/zookeeper", "/zookeeper/config", "/zookeeper/quota"}

// fullPath is the servers' name for a path below a chroot.
func fullPath(chroot, path string) string {
	if full := chroot + strings.TrimSuffix(path, "/"); full != "" {
		return full
	}
	return "/"
}

// deleteBelow deletes what is below path, then path. What others delete
// meanwhile is fine, but for the node that was asked for. The system nodes and
// the root stay.
func deleteBelow(ctx context.Context, c *client.Client, chroot, path string, asked bool) error {
	full := fullPath(chroot, path)
	if slices.Contains(systemNodes, full) {
		return nil
	}
	children, _, err := c.Children(ctx, path)
	for _, name := range children {
		if err := deleteBelow(ctx, c, chroot, strings.TrimSuffix(path, "/")+"/"+name, false); err != nil {
			return err
		}
	}
	if err == nil && full != "/" {
		err = c.Delete(ctx, path, anyVersion)
	}
	if errors.Is(err, client.ErrNoNode) && !asked {
		return nil
	}
	return err
}
