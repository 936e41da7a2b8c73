package main

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  quorumd version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, built := buildVersion()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "quorumd %s, %s\n", version, built)
			return err
		},
	}
}

// buildVersion returns the module's version with the revision, and the time of
// that revision, as far as the build recorded them.
func buildVersion() (version, built string) {
	version, built = "devel", "1970-01-01 00:00 UTC" // clients take the text apart, so there is always a time
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, built
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			if version == "devel" {
				version += "-" + s.Value[:min(12, len(s.Value))]
			}
		case "vcs.time":
			if at, err := time.Parse(time.RFC3339, s.Value); err == nil {
				built = at.UTC().Format("2006-01-02 15:04 UTC")
			}
		}
	}
	return version, built
}
