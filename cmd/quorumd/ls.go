package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type lsOptions struct {
	clientOptions
	recursive bool
	stat      bool
}

func newLs() *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:     "ls [PATH]",
		GroupID: groupClient,
		Short:   "List a node's children",
		Long:    "List a node's children, sorted, one a line. Without PATH the root's.",
		Example: `  quorumd ls
  quorumd ls /app --stat
  quorumd ls --recursive /app`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLs(cmd, o, strings.Join(slices.Concat(args, []string{"/"})[:1], ""))
		},
	}
	o.bind(cmd.Flags())
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "list everything below, with full paths")
	cmd.Flags().BoolVar(&o.stat, "stat", false, "print the node's own figures too")
	return cmd
}

func runLs(cmd *cobra.Command, o lsOptions, path string) error {
	out := cmd.OutOrStdout()
	return o.with(cmd, false, func(ctx context.Context, c *client.Client) error {
		if o.recursive {
			return listBelow(ctx, c, out, path)
		}
		children, stat, err := c.Children(ctx, path)
		if err != nil {
			return err
		}
		slices.Sort(children)
		for _, name := range children {
			fmt.Fprintln(out, name)
		}
		if o.stat {
			return printStat(out, stat)
		}
		return nil
	})
}

// listBelow prints path and every path below it, parents first. A node that
// goes while the list is made is left out.
func listBelow(ctx context.Context, c *client.Client, out io.Writer, path string) error {
	fmt.Fprintln(out, path)
	children, _, err := c.Children(ctx, path)
	if err != nil {
		return err
	}
	slices.Sort(children)
	for _, name := range children {
		below := strings.TrimSuffix(path, "/") + "/" + name
		if err := listBelow(ctx, c, out, below); err != nil && !errors.Is(err, client.ErrNoNode) {
			return err
		}
	}
	return nil
}
