package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
)

type watchOptions struct {
	clientOptions
	recursive bool
	count     int
}

func newWatch() *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:     "watch PATH",
		GroupID: groupClient,
		Short:   "Print what happens to a node until interrupted",
		Long: `Print every change of a node and of its list of children until interrupted, one
a line: the kind of event and the path. The node need not exist.`,
		Example: `  quorumd watch /app
  quorumd watch --recursive /app
  quorumd watch --count 1 /app/ready`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runWatch(cmd, o, args[0]) },
	}
	o.bind(cmd.Flags())
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "everything below too")
	cmd.Flags().IntVarP(&o.count, "count", "n", 0, "end after so many events; 0 is never")
	return cmd
}

func runWatch(cmd *cobra.Command, o watchOptions, path string) error {
	if o.count < 0 {
		return invalid("--count %d: write how many events to wait for, or 0 for no end", o.count)
	}
	mode := client.Persistent
	if o.recursive {
		mode = client.Recursive
	}
	return o.with(cmd, true, func(ctx context.Context, c *client.Client) error {
		limited, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		w, err := c.Watch(limited, path, mode)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "watching", path)
		for n := 0; o.count == 0 || n < o.count; n++ {
			select {
			case <-ctx.Done():
				return nil // an interrupt is how this ends
			case ev, ok := <-w.Events():
				if !ok {
					return w.Err()
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), eventName(ev), ev.Path); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// eventName is the event's type; for none it says what that means.
func eventName(ev client.Event) string {
	if ev.Type == client.EventNone {
		return "Reconnected (events may have been missed)"
	}
	return ev.Type.String()
}
