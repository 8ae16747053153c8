package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
)

// A collector takes traces as OpenTelemetry sends them.
type collector struct {
	mu    sync.Mutex
	raw   bytes.Buffer
	spans map[string][]string // name -> names of its attributes
}

func newCollector(t *testing.T) (*collector, string) {
	c := &collector{spans: map[string][]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		text, err := io.ReadAll(body)
		var req tracepb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(text, &req)
		}
		if err != nil {
			t.Error(err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(text)
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, span := range ss.Spans {
					var keys []string
					for _, a := range span.Attributes {
						keys = append(keys, a.Key)
					}
					c.spans[span.Name] = keys
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	return c, s.URL
}

// Traces say which stages a question went through and what became of it, and
// no word of it; so do the logs.
func TestTracesAndLogs(t *testing.T) {
	t.Parallel()
	c, url := newCollector(t)
	s := serving(t, imported(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+url, "GOVQA_LOG_FORMAT=text")
	const planted = "王小明13800138000的护照换发怎么办"
	s.ask(t, planted)
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/search?q="+planted, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	log := s.stop(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{"POST /api/v1/ask", "answer", "screen", "understand", "find", "compose", "GET /search"} {
		if _, ok := c.spans[name]; !ok {
			t.Errorf("no span %q", name)
		}
	}
	if keys := c.spans["answer"]; !slices.Contains(keys, "govqa.outcome") {
		t.Errorf("the answer's span has %q", keys)
	}
	for _, words := range []string{"王小明", "138001", "护照", "127.0.0.1"} {
		if bytes.Contains(c.raw.Bytes(), []byte(words)) {
			t.Errorf("the traces hold %q", words)
		}
		if words != "127.0.0.1" && strings.Contains(log, words) { // it is the address that is served
			t.Errorf("the log holds %q", words)
		}
	}
	want(t, log, []string{"from=127.0.0.0/24", "trace="})
}

func TestTracingThatCannotBe(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	cmd := child(t, "govqa", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "serve", "-data", data, "-addr", "127.0.0.1:0")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil {
		t.Error("it serves")
	}
	want(t, errs.String(), []string{"http/protobuf"})
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := serving(t, imported(t), "GOVQA_LOG_FORMAT=json")
	var h struct {
		Status     string
		Edition    int
		Components map[string]string
	}
	s.call(t, http.MethodGet, "/readyz", "", &h)
	if h.Status != "ok" || h.Edition != 1 {
		t.Errorf("%+v", h)
	}
	for _, name := range []string{"draining", "view", "store", "disk", "index", "history"} {
		if h.Components[name] != "ok" {
			t.Errorf("component %s is %q", name, h.Components[name])
		}
	}
	for line := range strings.Lines(s.stop(t)) {
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:govqa|go|process)_[a-z0-9_]+\b`)
	byLabels   = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
	inBraces   = regexp.MustCompile(`\{([^}]*)\}`)
	labelOf    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// served are the figures that a service shows, with the names of their labels.
func served(t *testing.T, s *server) map[string]map[string]bool {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]map[string]bool{}
	for name, f := range families {
		labels := map[string]bool{"job": true, "instance": true}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				labels[l.GetName()] = true
			}
		}
		have[name] = labels
		if f.GetType() == dto.MetricType_HISTOGRAM {
			labels["le"] = true
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				have[name+suffix] = labels
			}
		}
	}
	return have
}

// queries are the expressions of a dashboard.
func queries(v any) (list []string) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "datasource" { // a choice of servers, not a query
			return nil
		}
		for key, inner := range v {
			if text, ok := inner.(string); ok && (key == "expr" || key == "query" || key == "definition") {
				list = append(list, text)
			} else {
				list = append(list, queries(inner)...)
			}
		}
	case []any:
		for _, inner := range v {
			list = append(list, queries(inner)...)
		}
	}
	return list
}

// The dashboard and the alerts ask for figures that there are, by labels that
// they have.
func TestDashboardAndAlerts(t *testing.T) {
	t.Parallel()
	data := imported(t)
	s := serving(t, data)
	must(t, "webhook", "add", "-data", data, "-name", "nobody", "https://portal.example.cn/hook")
	s.ask(t, "护照换发怎么办")
	stillNone := map[string]map[string]bool{ // a family that has no member before the first attempt
		"govqa_webhook_attempts_total": {"job": true, "instance": true, "endpoint": true, "result": true}}
	have := served(t, s)
	for name, labels := range stillNone {
		if have[name] == nil {
			have[name] = labels
		}
	}
	s.stop(t)

	var dashboard any
	text := read(t, "../../deploy/grafana/govqa.json")
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "../../deploy/prometheus/govqa.rules.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	exprs := queries(dashboard)
	if len(exprs) < 15 {
		t.Errorf("the dashboard has only %d queries", len(exprs))
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
				t.Errorf("rule %+v is not whole", r)
			}
			exprs = append(exprs, r.Expr)
		}
	}
	for _, expr := range exprs {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%q asks for nothing of ours", expr)
		}
		labels := map[string]bool{}
		for _, name := range names {
			if have[name] == nil {
				t.Errorf("%q: there is no %s", expr, name)
			}
			for l := range have[name] {
				labels[l] = true
			}
		}
		for _, m := range byLabels.FindAllStringSubmatch(expr, -1) {
			for l := range strings.SplitSeq(m[1], ",") {
				if l = strings.TrimSpace(l); l != "" && !labels[l] {
					t.Errorf("%q: no label %s", expr, l)
				}
			}
		}
		for _, m := range inBraces.FindAllStringSubmatch(expr, -1) {
			for _, l := range labelOf.FindAllStringSubmatch(m[1], -1) {
				if !labels[l[1]] {
					t.Errorf("%q: no label %s", expr, l[1])
				}
			}
		}
	}
}
