package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/corpus"
)

// A Health is the reply of a service that is well enough to answer.
type Health struct {
	Status     string            `json:"status" enum:"ok,degraded" doc:"ok 一切正常；degraded 能回答，但有部件不正常"`
	Edition    corpus.Edition    `json:"edition" doc:"当前版次"`
	Components map[string]string `json:"components,omitempty" doc:"各部件：ok，或者哪里不正常"`
}

// A Check looks at one part of the service.
type Check struct {
	Name  string       // store, disk, index …
	Vital bool         // without it no question can be answered
	Probe func() error // nil when all is well; it must not wait
}

// The states of a Health and of its components.
const (
	healthOK       = "ok"
	healthDegraded = "degraded"
)

func (s *Server) registerHealth() {
	s.app.Get("/healthz", s.healthz)
	s.app.Get("/readyz", s.readyz)
	s.app.Get("/metrics", s.private, s.metrics.handler())
}

// checks are the configured ones, and those that the server makes itself.
func (s *Server) checks() []Check {
	return append([]Check{
		{"draining", true, func() error {
			if s.draining() {
				return errors.New("shutting down")
			}
			return nil
		}},
		{"view", true, s.engine.Ready},
	}, s.cfg.Checks...)
}

// ready is nil when questions can be answered.
func (s *Server) ready() error {
	if err := s.engine.Ready(); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	return nil
}

// healthz says that the process is alive, whatever it can do.
func (s *Server) healthz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(Health{Status: healthOK, Edition: s.engine.Edition()})
}

// readyz says whether questions can be sent here, and how each part is. What
// exactly is wrong only this machine is told.
func (s *Server) readyz(c *fiber.Ctx) error {
	h := Health{Status: healthOK, Edition: s.engine.Edition(), Components: map[string]string{}}
	var vital error
	for _, check := range s.checks() {
		err := check.Probe()
		h.Components[check.Name] = healthOK
		if err == nil {
			continue
		}
		h.Status, h.Components[check.Name] = healthDegraded, healthDegraded
		if s.local(c) {
			h.Components[check.Name] = err.Error()
		}
		if check.Vital {
			vital = errors.Join(vital, fmt.Errorf("%s: %w", check.Name, err))
		}
	}
	if vital != nil {
		return s.unready(vital, h)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(h)
}

// unready is the problem of a service that cannot answer: its errors name the
// parts that are not well.
func (s *Server) unready(cause error, h Health) *Problem {
	s.log.Warn("not ready", "err", cause)
	p := *problemOf(errNotReady)
	for _, name := range slices.Sorted(maps.Keys(h.Components)) {
		if state := h.Components[name]; state != healthOK {
			p.Errors = append(p.Errors, FieldProblem{name, state})
		}
	}
	return &p
}

// componentHealth are the checks as figures.
type componentHealth struct {
	checks func() []Check
	desc   *prometheus.Desc
}

func newComponentHealth(checks func() []Check) *componentHealth {
	return &componentHealth{checks, prometheus.NewDesc("govqa_component_ok", "1 if a part of the service is well.", []string{"component"}, nil)}
}

// Describe implements [prometheus.Collector].
func (h *componentHealth) Describe(ch chan<- *prometheus.Desc) { ch <- h.desc }

// Collect implements [prometheus.Collector].
func (h *componentHealth) Collect(ch chan<- prometheus.Metric) {
	for _, check := range h.checks() {
		ok := 1.0
		if check.Probe() != nil {
			ok = 0
		}
		ch <- prometheus.MustNewConstMetric(h.desc, prometheus.GaugeValue, ok, check.Name)
	}
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
