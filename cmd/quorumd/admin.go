package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/client"
	"github.com/quorumd/quorumd/internal/fourletter"
)

type adminOptions struct {
	server  string
	timeout time.Duration
}

func newAdmin() *cobra.Command {
	var o adminOptions
	cmd := &cobra.Command{
		Use:     "admin WORD",
		GroupID: groupServer,
		Short:   "Send a four-letter word to one server",
		Long: `Send a four-letter word to one server's client port and print the answer.

  ruok  is the process there           srvr  role, zxid, latency, counts
  isro  read-write or read-only        stat  srvr with the connections
  mntr  every gauge and counter        cons  the connections in full
  conf  the configuration in effect    csnp  ask for a snapshot, answers its zxid

A server answers the words in its 4lw.commands.whitelist only, srvr by default;
a word that it refuses is an error.`,
		Example: `  quorumd admin srvr
  quorumd admin mntr --server 127.0.0.1:2182`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runAdmin(cmd, o, args[0]) },
	}
	cmd.Flags().StringVar(&o.server, "server", defaultServer, "the server's client address, host or host:port")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 5*time.Second, "how long to wait for the answer")
	return cmd
}

func runAdmin(cmd *cobra.Command, o adminOptions, word string) error {
	if err := checkTimeout(o.timeout); err != nil {
		return err
	}
	server, err := client.ServerAddress(o.server)
	if err != nil {
		return invalid("--server: %w", err)
	}
	answer, err := fourletter.Ask(cmd.Context(), server, word, o.timeout)
	if err != nil {
		return err
	}
	if fourletter.Refused(answer) {
		return fmt.Errorf("%s answers: %s Add the word to its 4lw.commands.whitelist", server, strings.TrimSpace(answer))
	}
	if !strings.HasSuffix(answer, "\n") {
		answer += "\n" // ruok, isro and conf end without one
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), answer)
	return err
}
