package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quorumd/quorumd/client"
)

const (
	defaultServer = "127.0.0.1:2181"
	// closeTimeout bounds how long the end of a session is waited for. It
	// expires by itself when nobody hears of it.
	closeTimeout = 2 * time.Second
	anyVersion   = -1
)

// clientOptions are the flags that every client command has.
type clientOptions struct {
	servers string
	timeout time.Duration
	auth    []string
}

func (o *clientOptions) bind(flags *pflag.FlagSet) {
	flags.StringVarP(&o.servers, "servers", "s", defaultServer, "servers to try, host:port,host:port,...[/chroot]")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long connecting and the request may take")
	flags.StringArrayVar(&o.auth, "auth", nil, "scheme:identity to present, e.g. digest:user:password; may be repeated")
}

// connect opens a session.
func (o *clientOptions) connect(ctx context.Context) (*client.Client, error) {
	servers, chroot := client.ParseConnectString(o.servers)
	opts := []client.Option{client.WithChroot(chroot)}
	for _, a := range o.auth {
		scheme, identity, ok := strings.Cut(a, ":")
		if !ok {
			return nil, fmt.Errorf("--auth %s: no scheme; write e.g. --auth digest:user:password", a)
		}
		opts = append(opts, client.WithAuth(scheme, []byte(identity)))
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	c, err := client.Connect(ctx, servers, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.servers, err)
	}
	return c, nil
}

// with runs f with a session and closes the session. The context of f ends
// with the command's and, unless hold is set, with the time limit.
func (o *clientOptions) with(cmd *cobra.Command, hold bool, f func(context.Context, *client.Client) error) error {
	c, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), closeTimeout)
		defer cancel()
		_ = c.Close(ctx)
	}()
	ctx := cmd.Context()
	if !hold {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	return f(ctx, c)
}
