package api

import (
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/nlp"
)

// metrics are the figures of one server, in a registry of their own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec   // route, status
	seconds  *prometheus.HistogramVec // route
	answers  *prometheus.CounterVec   // outcome, aspect
	thinking prometheus.Histogram
	keys     *prometheus.CounterVec // key, status
}

// newMetrics makes the figures; streams holds a token for each open stream.
func newMetrics(e Engine, documents func() uint64, streams chan struct{}) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "govqa_requests_total", Help: "HTTP requests by route pattern and status."},
			[]string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "govqa_request_seconds", Help: "Time to serve a request by route pattern; of a stream, to its end.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15)},
			[]string{"route"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "govqa_answers_total", Help: "Answers by outcome and aspect."},
			[]string{"outcome", "aspect"}),
		thinking: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "govqa_answer_seconds", Help: "Time the engine took for an answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15)}),
		keys: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "govqa_key_requests_total", Help: "HTTP requests with an API key, by the key's name and status."},
			[]string{"key", "status"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.answers, m.thinking, m.keys,
		gauge("govqa_edition", "Edition that answers rest on.", func() float64 { return float64(e.Edition()) }),
		gauge("govqa_streams", "Event streams open.", func() float64 { return float64(len(streams)) }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if documents != nil {
		m.registry.MustRegister(gauge("govqa_index_documents", "Documents in the index.",
			func() float64 { return float64(documents()) }))
	}
	return m
}

func gauge(name, help string, read func() float64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
}

// buildInfo says which version runs, as a figure that is always 1.
func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "govqa_build_info", Help: "The version that runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}}, func() float64 { return 1 })
}

func (m *metrics) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

func (m *metrics) keyed(k Key, status int) {
	m.keys.WithLabelValues(k.Name, strconv.Itoa(status)).Inc()
}

func (m *metrics) answer(a answer.Answer, took time.Duration) {
	outcome, aspect := string(a.Outcome), string(a.Aspect)
	if !slices.Contains(answer.Outcomes, a.Outcome) {
		outcome = "other"
	}
	if !slices.Contains(nlp.Aspects, a.Aspect) {
		aspect = "other"
	}
	m.answers.WithLabelValues(outcome, aspect).Inc()
	m.thinking.Observe(took.Seconds())
}

// handler replies with the figures in the text format of Prometheus.
func (m *metrics) handler() fiber.Handler {
	return adaptor.HTTPHandler(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true}))
}
