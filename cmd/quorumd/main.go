// Command quorumd is the coordination service: the server, a local ensemble of
// servers, and a client for the shell, in one program.
//
// Every command is one file: an options struct, a constructor that returns the
// *cobra.Command, and a short run function; what it does lives in packages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/config"
)

// Exit codes, those of ZooKeeper's server process where it has one.
const (
	exitOK         = 0
	exitFailure    = 1
	exitInvocation = 2 // wrong arguments or configuration
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean stop. From then on signals have their
	// usual effect, so the second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the process's exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	parsed := false
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	cmd, err := root.ExecuteContextC(ctx)
	var problems config.Problems
	var reported reportedError
	switch {
	case err == nil:
		return exitOK
	case !parsed:
		fmt.Fprintf(stderr, "%s: %v\nsee: %s --help\n", cmd.CommandPath(), err, cmd.CommandPath())
		return exitInvocation
	case errors.As(err, &problems):
		fmt.Fprintln(stderr, err)
		return exitInvocation
	case errors.As(err, &reported):
		return exitFailure
	default:
		// The library's own name says nothing to who typed the command.
		fmt.Fprintf(stderr, "%s: %s\n", cmd.CommandPath(), strings.TrimPrefix(err.Error(), "client: "))
		return exitFailure
	}
}
