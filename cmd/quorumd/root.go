package main

import "github.com/spf13/cobra"

// newRoot builds the whole tree of commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "quorumd",
		Short: "A coordination service that speaks ZooKeeper's protocol",
		Long: `quorumd keeps a replicated tree of znodes with sessions, watches and ACLs.
Every ZooKeeper client works with it unchanged, and it reads ZooKeeper's zoo.cfg.`,
		Example: `  quorumd serve                                 one server, 127.0.0.1:2181, ./quorumd-data
  quorumd serve --config /etc/quorumd/zoo.cfg   one server of an ensemble
  quorumd ensemble --servers 3                  three servers on this machine
  quorumd create /greeting hello
  quorumd get /greeting
  quorumd admin srvr`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddGroup(
		&cobra.Group{ID: groupServer, Title: "Servers:"},
		&cobra.Group{ID: groupClient, Title: "Client:"},
		&cobra.Group{ID: groupData, Title: "Data directories:"},
	)
	root.AddCommand(
		newServe(), newEnsemble(), newAdmin(), newSim(),
		newCreate(), newGet(), newSet(), newLs(), newStat(), newDelete(), newWatch(),
		newVerify(), newLog(), newSnapshot(),
		newVersion(),
	)
	return root
}

const (
	groupServer = "server"
	groupClient = "client"
	groupData   = "data"
)
