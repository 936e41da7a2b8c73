package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/server"
)

// serverStopLimit bounds a clean stop. What is lost after it is only the
// cleanness: nothing acknowledged depends on it.
const serverStopLimit = 15 * time.Second

// reportedError is an error that the log holds already.
type reportedError struct{ error }

// runServer runs one server until ctx ends or the server does.
func runServer(ctx context.Context, c *config.Config, logger zerolog.Logger) error {
	sc := server.FromConfig(c)
	sc.Version = admin.Version(buildVersion())
	sc.Logger = logger
	s, err := server.Open(sc)
	if err != nil {
		logger.Error().Err(err).Msg("server not started")
		return reportedError{err}
	}
	select {
	case <-s.Done():
		if err := s.Err(); err != nil {
			return reportedError{err}
		}
		return nil
	case <-ctx.Done():
	}
	logger.Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping") // the cause names the signal
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), serverStopLimit)
	defer cancel()
	return s.Close(limited)
}
