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

	"github.com/quorumd/quorumd/client"
	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/internal/ensemble"
	"github.com/quorumd/quorumd/internal/fourletter"
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
	case errors.Is(err, errDamage):
		return exitDamage
	default:
		fmt.Fprintf(stderr, "%s: %v\n", cmd.CommandPath(), plainError{err})
		if wrongInvocation(err) {
			return exitInvocation
		}
		return exitFailure
	}
}

// invocationError is an error of the command line itself, found after cobra has
// parsed it.
type invocationError struct{ error }

func (e invocationError) Unwrap() error { return e.error }

func invalid(format string, args ...any) error {
	return invocationError{fmt.Errorf(format, args...)}
}

// wrongInvocation reports whether the same command line can only fail again.
func wrongInvocation(err error) bool {
	var invocation invocationError
	return errors.As(err, &invocation) || errors.Is(err, client.ErrBadArguments) ||
		errors.Is(err, fourletter.ErrWord) || errors.Is(err, ensemble.ErrArgument)
}

// plainError leaves out the names of packages that an error begins with. They
// say nothing to who typed the command, and some are the command's own.
type plainError struct{ error }

func (e plainError) Error() string {
	text := e.error.Error()
	for _, prefix := range []string{"ensemble: ", "fourletter: ", "config: ", "client: ", "connect: ", "txnlog: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

func (e plainError) Unwrap() error { return e.error }
