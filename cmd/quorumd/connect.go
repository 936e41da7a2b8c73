package main

import (
	"context"
	"errors"
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
	flags.StringVar(&o.servers, "servers", defaultServer, "servers to try, host:port,host:port,...[/chroot]")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long connecting and the request may take")
	flags.StringArrayVar(&o.auth, "auth", nil, "scheme:identity to present, e.g. digest:user:password; may be repeated")
}

func checkTimeout(timeout time.Duration) error {
	if timeout <= 0 {
		return invalid("--timeout %v: no time is left for anything; write e.g. --timeout 10s", timeout)
	}
	return nil
}

// parse takes --servers apart, so that what can never connect is refused at
// once.
func (o *clientOptions) parse() (servers []string, chroot string, err error) {
	if scheme, _, ok := strings.Cut(o.servers, "://"); ok {
		return nil, "", invalid("--servers %s: leave out %s://; write host:port,host:port[/chroot]", o.servers, scheme)
	}
	servers, chroot = client.ParseConnectString(o.servers)
	if len(servers) == 0 {
		return nil, "", invalid("--servers %q names no server; write host:port,host:port[/chroot]", o.servers)
	}
	for _, s := range servers {
		if _, err := client.ServerAddress(s); err != nil {
			return nil, "", invalid("--servers: %w", err)
		}
	}
	return servers, chroot, nil
}

// chroot is the path that --servers ends in, "" for none.
func (o *clientOptions) chroot() string {
	_, chroot := client.ParseConnectString(o.servers)
	return chroot
}

// connect opens a session.
func (o *clientOptions) connect(ctx context.Context) (*client.Client, error) {
	if err := checkTimeout(o.timeout); err != nil {
		return nil, err
	}
	servers, chroot, err := o.parse()
	if err != nil {
		return nil, err
	}
	opts := []client.Option{client.WithChroot(chroot)}
	for _, a := range o.auth {
		scheme, identity, ok := strings.Cut(a, ":")
		if !ok {
			return nil, invalid("--auth %s: no scheme; write e.g. --auth digest:user:password", a)
		}
		opts = append(opts, client.WithAuth(scheme, []byte(identity)))
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	c, err := client.Connect(ctx, servers, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.servers, plainError{err})
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
	return o.explain(cmd.Context(), c, f(ctx, c))
}

// explain adds to an error that a node is missing that the chroot is, if so.
func (o *clientOptions) explain(ctx context.Context, c *client.Client, err error) error {
	chroot := o.chroot()
	if !errors.Is(err, client.ErrNoNode) || chroot == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if _, found, errRoot := c.Exists(ctx, "/"); errRoot != nil || found {
		return err
	}
	return fmt.Errorf("%w; the chroot %s does not exist, create it with --servers without the chroot", err, chroot)
}
