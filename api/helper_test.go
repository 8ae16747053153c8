package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// fake is an Engine of funcs. A func that is nil gives a plain good reply.
type fake struct {
	ask      func(context.Context, answer.Request) (answer.Answer, error)
	search   func(answer.SearchRequest) (answer.SearchPage, error)
	suggest  func(text string, region corpus.RegionCode, limit int) ([]answer.Suggestion, error)
	feedback func(answer.Feedback) error
	edition  func() corpus.Edition
	ready    func() error
}

func (f *fake) Ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	if f.ask != nil {
		return f.ask(ctx, r)
	}
	return lost(), nil
}

// lost is the answer to 身份证丢了怎么补, with lists missing that the API must make empty.
func lost() answer.Answer {
	source := answer.FactSource{URL: "https://example.gov.cn/1", Updated: "2026-05-12"}
	return answer.Answer{
		ID: "a1b2c3d4", Outcome: answer.Answered, Aspect: nlp.AspectTimeLimit, GeneratedBy: answer.ByTemplate,
		Text:    "补领居民身份证的承诺办结时限是8个工作日。\n需要本人到场；请带户口簿。",
		Matters: []answer.MatterRef{{Code: "SFZ-01", Name: "补领居民身份证", Region: "440100", Score: 0.93}},
		Facts: []answer.Fact{
			{Code: "SFZ-01", Field: "promisedLimit", Label: "承诺办结时限", Value: "8个工作日", Source: source},
			{Code: "SFZ-01", Field: "visits", Label: "到办事现场次数", Value: "1次", Source: source},
		},
		Confidence: 0.87, Edition: 12, State: "c3RhdGU", ElapsedMS: 3.1,
	}
}

func (f *fake) Search(_ context.Context, r answer.SearchRequest) (answer.SearchPage, error) {
	if f.search != nil {
		return f.search(r)
	}
	return answer.SearchPage{Matters: lost().Matters, Total: 1, Edition: 12}, nil
}

func (f *fake) Suggest(_ context.Context, text string, region corpus.RegionCode, limit int) ([]answer.Suggestion, error) {
	if f.suggest != nil {
		return f.suggest(text, region, limit)
	}
	return []answer.Suggestion{{Text: "身份证丢了怎么补", Code: "SFZ-01"}}, nil
}

func (f *fake) Guide(_ context.Context, code string) (*corpus.Guide, error) {
	if code != "SFZ-01" && code != "补领/身份证" {
		return nil, corpus.ErrNotFound
	}
	g := &corpus.Guide{Source: corpus.Source{URL: "https://example.gov.cn/1", Updated: "2026-05-12"}}
	g.Code, g.Name = code, "补领居民身份证"
	g.Extra = corpus.Extra{"localKey": json.RawMessage(`"本地字段"`)}
	return g, nil
}

func (f *fake) Themes(context.Context, corpus.RegionCode) ([]answer.ThemeCount, error) {
	return []answer.ThemeCount{{Name: "证件办理", Audience: "person", Matters: 9}}, nil
}

func (f *fake) Regions(context.Context) ([]answer.RegionCount, error) {
	return []answer.RegionCount{{Code: "440100", Name: "广州市", Parent: "440000", Matters: 40}}, nil
}

func (f *fake) Hot(context.Context, corpus.RegionCode, int) ([]answer.HotQuestion, error) {
	return nil, nil
}

func (f *fake) Feedback(_ context.Context, fb answer.Feedback) error {
	if f.feedback != nil {
		return f.feedback(fb)
	}
	return nil
}

func (f *fake) Edition() corpus.Edition {
	if f.edition != nil {
		return f.edition()
	}
	return 12
}

func (f *fake) Ready() error {
	if f.ready != nil {
		return f.ready()
	}
	return nil
}

// A logBook is a log that tests read.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// A site is a server that listens on this machine.
type site struct {
	*Server
	url string
	log *logBook
}

// open serves e until the test ends.
func open(t testing.TB, cfg Config, e Engine, change ...func(*Server)) *site {
	t.Helper()
	book := &logBook{}
	s, err := New(cfg, e, slog.New(slog.NewJSONHandler(book, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(s)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Listen(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("listen: %v", err)
		}
	})
	return &site{s, "http://" + ln.Addr().String(), book}
}

// A reply is a response that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; head lists "Key: value" lines.
func (s *site) do(t testing.TB, method, path, body string, head ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range head {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(got)}
}

// problem reads a reply as a problem document and checks what all have.
func (r reply) problem(t testing.TB) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	if ct := r.header.Get("Content-Type"); ct != problemType {
		t.Errorf("Content-Type = %q", ct)
	}
	if p.Status != r.status || p.Title == "" || p.Type == "" {
		t.Errorf("status %d with problem %+v", r.status, p)
	}
	if p.Instance == "" || p.Instance != r.header.Get("X-Request-Id") {
		t.Errorf("instance %q, request id %q", p.Instance, r.header.Get("X-Request-Id"))
	}
	return p
}
