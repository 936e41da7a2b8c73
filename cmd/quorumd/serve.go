package main

import (
	"github.com/spf13/cobra"

	"github.com/quorumd/quorumd/config"
)

type serveOptions struct {
	config string
	set    []string
	log    logOptions
}

// defaultDataDir holds the data of a server that was given no configuration.
const defaultDataDir = "./quorumd-data"

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:     "serve",
		GroupID: groupServer,
		Short:   "Run one server",
		Long: `Run one server until SIGTERM or SIGINT, which stop it cleanly; a second signal
ends it at once.

The configuration is ZooKeeper's zoo.cfg. Without server.N lines the server runs
alone. Without any configuration it runs alone on 127.0.0.1:2181 with its data
in ./quorumd-data.`,
		Example: `  quorumd serve
  quorumd serve --config /etc/quorumd/zoo.cfg
  quorumd serve --config zoo.cfg --set snapCount=1000 --log-level debug`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd, o) },
	}
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "the zoo.cfg to read")
	cmd.Flags().StringArrayVar(&o.set, "set", nil, "key=value, counts more than the file; may be repeated")
	o.log.bind(cmd.Flags())
	return cmd
}

func runServe(cmd *cobra.Command, o serveOptions) error {
	logger, err := newLogger(cmd.ErrOrStderr(), o.log)
	if err != nil {
		return err
	}
	c, warnings, err := loadConfig(o)
	for _, w := range warnings {
		ev := logger.Warn().Str("component", "config").Str("file", w.File)
		if w.Line > 0 { // else it is about the whole file
			ev = ev.Int("line", w.Line)
		}
		ev.Str("warning", w.String()).Msg("configuration")
	}
	if err != nil {
		return err
	}
	return runServer(cmd.Context(), c, logger)
}

// loadConfig reads the configuration, or makes the built-in one when none of
// the flags names any.
func loadConfig(o serveOptions) (*config.Config, []config.Problem, error) {
	if o.config == "" && len(o.set) == 0 {
		return config.Default(defaultDataDir), nil, nil
	}
	sets := o.set
	if o.config == "" {
		sets = append(config.DefaultSets(defaultDataDir), sets...)
	}
	return config.Load(o.config, sets)
}
