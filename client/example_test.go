package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/quorumd/quorumd/client"
)

func ExampleConnect() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	servers, chroot := client.ParseConnectString("10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181/app")
	c, err := client.Connect(ctx, servers,
		client.WithChroot(chroot),
		client.WithSessionTimeout(6*time.Second),
		client.WithAuth("digest", []byte("app:secret")),
		client.WithEvents(func(e client.SessionEvent) { log.Println("session:", e.State, e.Server, e.Err) }))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	path, err := c.Create(ctx, "/workers/w-", []byte("10.0.0.7:80"), client.Ephemeral(), client.Sequential())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("registered as", path)
}

// A change that depends on what is there is made with the version that was
// read.
func ExampleClient_Set() {
	increment := func(ctx context.Context, c *client.Client, path string) error {
		for {
			data, stat, err := c.Get(ctx, path)
			if err != nil {
				return err
			}
			_, err = c.Set(ctx, path, append(data, 'x'), stat.Version)
			if !errors.Is(err, client.ErrBadVersion) {
				return err
			}
		}
	}
	_ = increment
}

// Either both nodes change, or none.
func ExampleClient_Multi() {
	move := func(ctx context.Context, c *client.Client, from, to string, data []byte) error {
		_, err := c.Multi(ctx,
			client.DeleteOp(from, client.AnyVersion),
			client.CreateOp(to, data))
		var failed *client.MultiError
		if errors.As(err, &failed) {
			return fmt.Errorf("operation %d on %s: %w", failed.Index, failed.Path, failed.Err)
		}
		return err
	}
	_ = move
}

// A Watcher's events do not carry data: whoever mirrors a tree reads what they
// name, and reads everything again when events may be missing.
func ExampleClient_Watch() {
	mirror := func(ctx context.Context, c *client.Client, root string, reload func(), changed func(path string)) error {
		w, err := c.Watch(ctx, root, client.Recursive)
		if err != nil {
			return err
		}
		defer w.Close()
		reload()
		for {
			select {
			case e, ok := <-w.Events():
				switch {
				case !ok:
					return w.Err()
				case e.Type == client.EventNone:
					reload()
				default:
					changed(e.Path)
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	_ = mirror
}

func ExampleParseConnectString() {
	fmt.Println(client.ParseConnectString("a:2181,b:2181/app"))
	// Output: [a:2181 b:2181] /app
}
