package llm

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"github.com/govqa/govqa/answer"
)

// A Use is what was made of the model.
type Use struct {
	Results    map[string]int `json:"results"` // since the start, by what became of the calls
	HourTokens int            `json:"hourTokens"`
	HourYuan   float64        `json:"hourYuan"`
	Running    int            `json:"running"`
	Breaker    string         `json:"breaker"` // closed, half-open, open
}

// Use tells what was made of the model so far.
func (c *Client) Use() Use {
	hour := c.spent.total(c.cfg.Now())
	u := Use{Results: map[string]int{}, HourTokens: hour.tokens, HourYuan: hour.yuan, Running: len(c.calls), Breaker: c.breaker.State().String()}
	for _, r := range Results() {
		if n := c.results[r].Load(); n > 0 {
			u.Results[r] = int(n)
		}
	}
	return u
}

// tally counts what became of a call.
func (c *Client) tally(purpose string, ch answer.Channel, result string) {
	c.figures.calls.WithLabelValues(purpose, string(ch), result).Inc()
	c.results[result].Add(1)
}

// figures are the model's figures for /metrics. No question is in them.
type figures struct {
	calls   *prometheus.CounterVec // purpose, channel, result
	tokens  *prometheus.CounterVec // direction
	yuan    prometheus.Counter
	seconds prometheus.Histogram
	retries prometheus.Counter
	watched []prometheus.Collector
}

func newFigures() *figures {
	return &figures{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "govqa_model_calls_total", Help: "Uses of the language model by purpose, channel and what became of them."},
			[]string{"purpose", "channel", "result"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "govqa_model_tokens_total", Help: "Tokens read and written by the language model."}, []string{"direction"}),
		yuan: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "govqa_model_cost_yuan_total", Help: "Cost of the language model at the configured prices."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "govqa_model_seconds", Help: "Time of a call of the language model.", Buckets: prometheus.ExponentialBuckets(0.05, 2, 9)}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "govqa_model_retries_total", Help: "Calls that were tried a second time."}),
	}
}

// watch adds the figures that are read from the client.
func (f *figures) watch(c *Client) {
	gauge := func(name, help string, labels prometheus.Labels, read func() float64) {
		f.watched = append(f.watched, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
	}
	gauge("govqa_model_breaker_open", "Whether the model server is left alone after failures.", nil, func() float64 {
		return number(c.breaker.State() != gobreaker.StateClosed)
	})
	gauge("govqa_model_running", "Calls of the model under way.", nil, func() float64 { return float64(len(c.calls)) })
	gauge("govqa_model_hour_tokens", "Tokens of this hour, used or set aside.", nil, func() float64 { return float64(c.spent.total(c.cfg.Now()).tokens) })
	for _, ch := range answer.Channels {
		gauge("govqa_model_on", "Whether the model is switched on, by channel.", prometheus.Labels{"channel": string(ch)},
			func() float64 { return number(c.On(ch)) })
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (f *figures) spend(u usage, cfg Config) {
	f.tokens.WithLabelValues("in").Add(float64(u.in))
	f.tokens.WithLabelValues("out").Add(float64(u.out))
	f.yuan.Add(cfg.yuan(u.in, u.out))
}

// Describe implements [prometheus.Collector].
func (c *Client) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements [prometheus.Collector].
func (c *Client) Collect(ch chan<- prometheus.Metric) {
	f := c.figures
	for _, m := range append([]prometheus.Collector{f.calls, f.tokens, f.yuan, f.seconds, f.retries}, f.watched...) {
		m.Collect(ch)
	}
}
