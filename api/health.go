package api

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/corpus"
)

// A Health is the reply of a service that is well.
type Health struct {
	Status  string         `json:"status" enum:"ok" doc:"总为 ok"`
	Edition corpus.Edition `json:"edition" doc:"当前版次"`
}

func (s *Server) registerHealth() {
	s.app.Get("/healthz", s.healthz)
	s.app.Get("/readyz", s.readyz)
	s.app.Get("/metrics", s.private, s.metrics.handler())
}

// ready is nil when questions can be answered.
func (s *Server) ready() error {
	if err := s.engine.Ready(); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	return nil
}

// healthz says that the process is alive, whatever it can do.
func (s *Server) healthz(c *fiber.Ctx) error { return s.well(c) }

// readyz says whether questions can be sent here.
func (s *Server) readyz(c *fiber.Ctx) error {
	if s.draining() {
		return fmt.Errorf("%w: shutting down", errNotReady)
	}
	if err := s.ready(); err != nil {
		return err
	}
	return s.well(c)
}

func (s *Server) well(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(Health{"ok", s.engine.Edition()})
}

// private keeps out everyone but this machine and keys for figures, unless the
// figures are public.
func (s *Server) private(c *fiber.Ctx) error {
	if s.cfg.MetricsPublic || s.local(c) {
		return c.Next()
	}
	k, ok := KeyOf(c.UserContext())
	if !ok {
		return errPrivate
	}
	if err := k.allow(scopeMetrics); err != nil {
		return err
	}
	return c.Next()
}
