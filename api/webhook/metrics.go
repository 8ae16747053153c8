package webhook

import "github.com/prometheus/client_golang/prometheus"

// counts are the figures of a queue.
type counts struct {
	queue    *Queue
	attempts *prometheus.CounterVec // endpoint, result
	behind   *prometheus.Desc
	dead     *prometheus.Desc
	stopped  *prometheus.Desc
}

func newCounts(q *Queue) *counts {
	label := []string{"endpoint"}
	return &counts{
		queue: q,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "govqa_webhook_attempts_total",
			Help: "Webhook attempts by endpoint and result: delivered, failed; dead is an event given up."}, []string{"endpoint", "result"}),
		behind:  prometheus.NewDesc("govqa_webhook_behind", "Facts of the journal that an endpoint's queue has not dealt with.", label, nil),
		dead:    prometheus.NewDesc("govqa_webhook_dead", "Dead letters of an endpoint.", label, nil),
		stopped: prometheus.NewDesc("govqa_webhook_stopped", "1 if nothing is sent to an endpoint until it is resumed.", label, nil),
	}
}

func (c *counts) delivered(endpoint string) {
	c.attempts.WithLabelValues(endpoint, "delivered").Inc()
}
func (c *counts) failed(endpoint string) { c.attempts.WithLabelValues(endpoint, "failed").Inc() }
func (c *counts) buried(endpoint string) { c.attempts.WithLabelValues(endpoint, "dead").Inc() }

// Metrics returns the figures of the queue.
func (q *Queue) Metrics() prometheus.Collector { return q.counts }

// Describe implements [prometheus.Collector].
func (c *counts) Describe(ch chan<- *prometheus.Desc) {
	c.attempts.Describe(ch)
	ch <- c.behind
	ch <- c.dead
	ch <- c.stopped
}

// Collect implements [prometheus.Collector].
func (c *counts) Collect(ch chan<- prometheus.Metric) {
	c.attempts.Collect(ch)
	list, err := c.queue.List()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.behind, err)
		return
	}
	for i := range list {
		s := &list[i]
		stopped := 0.0
		if s.Stopped != "" {
			stopped = 1
		}
		ch <- prometheus.MustNewConstMetric(c.behind, prometheus.GaugeValue, float64(s.Behind), s.Name)
		ch <- prometheus.MustNewConstMetric(c.dead, prometheus.GaugeValue, float64(s.Dead), s.Name)
		ch <- prometheus.MustNewConstMetric(c.stopped, prometheus.GaugeValue, stopped, s.Name)
	}
}
