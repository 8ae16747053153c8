package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

const question = `{"text":"张三13800138000的身份证丢了怎么补"}`

func TestHeaders(t *testing.T) {
	s := open(t, Config{TrustedProxies: []string{"127.0.0.1"}}, &fake{})
	stranger := open(t, Config{}, &fake{})
	for _, path := range []string{"/healthz", "/docs", "/api/v1/themes", "/api/v1/nothing", "/api/v1/search"} {
		r := s.do(t, "GET", path, "")
		csp := r.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'self'") || !strings.Contains(csp, "frame-ancestors 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: content policy %q", path, csp)
		}
		for _, key := range []string{"X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "X-Request-Id"} {
			if r.header.Get(key) == "" {
				t.Errorf("%s has no %s", path, key)
			}
		}
	}
	const hsts, https = "Strict-Transport-Security", "X-Forwarded-Proto: https"
	for _, tt := range []struct {
		why  string
		got  reply
		want bool
	}{
		{"plain", s.do(t, "GET", "/healthz", ""), false},
		{"TLS ended at a trusted proxy", s.do(t, "GET", "/healthz", "", https), true},
		{"a stranger says TLS", stranger.do(t, "GET", "/healthz", "", https), false},
	} {
		if got := tt.got.header.Get(hsts) != ""; got != tt.want {
			t.Errorf("%s: %s is %v", tt.why, hsts, got)
		}
	}
}

func TestRequestID(t *testing.T) {
	s := open(t, Config{}, &fake{})
	for _, tt := range []struct {
		sent string
		kept bool
	}{
		{"req-2026.11_24", true},
		{"short", false},
		{`x"},{"a":"b"`, false},
		{strings.Repeat("a", 65), false},
		{"身份证身份证", false},
	} {
		got := s.do(t, "GET", "/healthz", "", "X-Request-ID: "+tt.sent).header.Get("X-Request-Id")
		if (got == tt.sent) != tt.kept || got == "" {
			t.Errorf("sent %q, got %q", tt.sent, got)
		}
	}
}

func TestNothingPersonalIsLogged(t *testing.T) {
	s := open(t, Config{}, fails(fmt.Errorf("index: %w", context.DeadlineExceeded)))
	s.do(t, "POST", pathAsk, question)
	s.do(t, "POST", pathAsk, question, "Accept: text/event-stream")
	s.do(t, "GET", "/api/v1/suggest?q=张三", "")
	s.do(t, "GET", "/api/v1/张三", "")
	s.do(t, "GET", "/api/v1/matters/张三", "")
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := s.log.String()
	if n := strings.Count(log, `"msg":"request"`); n != 5 {
		t.Errorf("%d requests logged:\n%s", n, log)
	}
	for _, never := range []string{"张三", "%E5%BC%A0", "13800138000", "127.0.0.1", "?q="} {
		if strings.Contains(log, never) {
			t.Errorf("%q in the log:\n%s", never, log)
		}
	}
	for _, want := range []string{`"route":"/api/v1/matters/:code"`, `"route":"other"`, `"status":504`, `"ms":`, `"bytes":`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in the log:\n%s", want, log)
		}
	}
}

func TestRateLimit(t *testing.T) {
	s := open(t, Config{AsksPerMinute: 2}, &fake{})
	ask := func(head ...string) reply { return s.do(t, "POST", pathAsk, `{"text":"几天"}`, head...) }
	for range 2 {
		if r := ask(); r.status != 200 {
			t.Fatalf("status %d", r.status)
		}
	}
	r := ask("X-Forwarded-For: 203.0.113.9") // forged: no proxy is trusted
	if r.status != 429 || r.header.Get("Retry-After") == "" || r.header.Get("Retry-After") == "0" {
		t.Errorf("third question: %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	if r := ask("Accept: text/event-stream"); r.status != 429 {
		t.Errorf("a stream instead: %d", r.status)
	}
	if p := r.problem(t); !strings.Contains(p.Title, "频繁") {
		t.Errorf("problem %+v", p)
	}
	if r := s.do(t, "GET", "/api/v1/suggest?q=身", ""); r.status != 200 {
		t.Errorf("suggest is limited too: %d", r.status)
	}
}

func TestRateLimitWithoutConfiguration(t *testing.T) {
	s := open(t, Config{}, &fake{})
	for i := range 2 * defaultAsksPerMinute {
		if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`); r.status != 200 {
			t.Fatalf("question %d of this machine: %d", i, r.status)
		}
	}
	limited := false
	for range 2 * defaultAsksPerMinute {
		r := s.do(t, "POST", pathAsk, `{"text":"几天"}`, "X-Forwarded-For: 203.0.113.9")
		limited = limited || r.status == 429
	}
	if !limited {
		t.Error("what a proxy passes on is not limited")
	}
}

func TestRateLimitBehindAProxy(t *testing.T) {
	s := open(t, Config{AsksPerMinute: 1, TrustedProxies: []string{"127.0.0.0/8", "10.0.0.1"}}, &fake{})
	for _, tt := range []struct {
		why, forwarded string
		want           int
	}{
		{"a visitor", "203.0.113.1", 200},
		{"the same again", "203.0.113.1", 429},
		{"another", "203.0.113.2", 200},
		{"the first, with a forged hop before", "198.51.100.77, 203.0.113.1", 429},
		{"the first, through a second proxy of ours", "203.0.113.1, 10.0.0.1", 429},
		{"a home network", "2001:db8:1:1::1", 200},
		{"another device of that home", "2001:db8:1:1::2", 429},
		{"rubbish", "unknown", 200}, // counts as the proxy itself
		{"more rubbish", "", 429},
	} {
		if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`, "X-Forwarded-For: "+tt.forwarded); r.status != tt.want {
			t.Errorf("%s: status %d, want %d", tt.why, r.status, tt.want)
		}
	}
}

func TestLimiterPace(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(60, func() time.Time { return now })
	who := caller{home: household(netip.MustParseAddr("203.0.113.1"))}
	take := func(n int) (taken int) {
		for range n {
			if l.take(who) == 0 {
				taken++
			}
		}
		return taken
	}
	if got := take(100); got != 60 {
		t.Errorf("%d at once", got)
	}
	if wait := l.take(who); wait != time.Second {
		t.Errorf("wait %v", wait)
	}
	now = now.Add(3 * time.Second)
	if got := take(100); got != 3 {
		t.Errorf("%d after three seconds", got)
	}
	now = now.Add(time.Hour)
	if got := take(100); got != 60 {
		t.Errorf("%d after an hour", got)
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(60, func() time.Time { return now })
	addr := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxCallers / 2 {
		addr = addr.Next()
		l.take(caller{home: household(addr)})
	}
	if n := len(l.due); n > maxCallers {
		t.Errorf("%d visitors remembered at once", n)
	}
	now = now.Add(time.Hour)
	for range l.sweepAt {
		addr = addr.Next()
		l.take(caller{home: household(addr)})
	}
	if n := len(l.due); n > maxCallers/2+sweepFirst {
		t.Errorf("%d visitors remembered after an hour", n)
	}
}

func TestTooManyQuestionsAtOnce(t *testing.T) {
	b := newBlocker()
	s := open(t, Config{MaxAsks: 1, AskWait: time.Millisecond, AskTimeout: time.Minute}, b)
	s.dial(t)
	wait(t, "question", b.asked)
	r := s.do(t, "POST", pathAsk, `{"text":"几天"}`)
	if r.status != 503 || r.header.Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	r.problem(t)
	close(b.release)
}

func TestDeadline(t *testing.T) {
	b := newBlocker()
	s := open(t, Config{AskTimeout: 20 * time.Millisecond}, b)
	if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`); r.status != 504 {
		t.Errorf("status %d", r.status)
	}
}

func TestRefusedBodies(t *testing.T) {
	s := open(t, Config{}, &fake{})
	for _, tt := range []struct {
		why, body string
		head      []string
		want      int
	}{
		{"a long body", `{"text":"` + strings.Repeat("a", 70<<10) + `"}`, nil, 413},
		{"a very long body", strings.Repeat("a", 900<<10), nil, 413},
		{"a compressed body", "\x1f\x8b\x08\x00", []string{"Content-Encoding: gzip"}, 415},
		{"a form", "text=x", []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"XML", "<text/>", []string{"Content-Type: text/xml"}, 415},
		{"a broken type", "{}", []string{"Content-Type: ;+"}, 415},
	} {
		r := s.do(t, "POST", pathAsk, tt.body, tt.head...)
		if r.status != tt.want {
			t.Errorf("%s: status %d, want %d", tt.why, r.status, tt.want)
		}
		r.problem(t)
		if r.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no content policy", tt.why)
		}
	}
	r := s.do(t, "GET", "/healthz", "", "X-Long: "+strings.Repeat("a", 20<<10))
	if r.status != 431 {
		t.Errorf("a long header: %d", r.status)
	}
	r.problem(t)
}

func TestPanic(t *testing.T) {
	s := open(t, Config{}, &fake{ask: func(context.Context, answer.Request) (answer.Answer, error) { panic("boom") }})
	r := s.do(t, "POST", pathAsk, question)
	if r.status != 500 || strings.Contains(r.body, "boom") {
		t.Errorf("%d %s", r.status, r.body)
	}
	r.problem(t)
	if log := s.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "middleware_test.go") {
		t.Errorf("no stack in the log: %s", log)
	}
	if r := s.do(t, "GET", "/healthz", ""); r.status != 200 {
		t.Errorf("after a panic: %d", r.status)
	}
}

func TestCORS(t *testing.T) {
	const good, bad = "Origin: https://portal.example.gov.cn", "Origin: https://evil.example"
	closed := open(t, Config{}, &fake{})
	s := open(t, Config{AllowedOrigins: []string{"https://portal.example.gov.cn"}}, &fake{})
	const allow = "Access-Control-Allow-Origin"
	for _, tt := range []struct {
		why    string
		got    reply
		status int
		origin string
	}{
		{"off", closed.do(t, "GET", "/api/v1/themes", "", good), 200, ""},
		{"off, asked before", closed.do(t, "OPTIONS", pathAsk, "", good), 405, ""},
		{"allowed", s.do(t, "GET", "/api/v1/themes", "", good), 200, "https://portal.example.gov.cn"},
		{"allowed, asked before", s.do(t, "OPTIONS", pathAsk, "", good), 204, "https://portal.example.gov.cn"},
		{"allowed, with an error", s.do(t, "POST", pathAsk, "{", good), 400, "https://portal.example.gov.cn"},
		{"not allowed", s.do(t, "GET", "/api/v1/themes", "", bad), 200, ""},
		{"not for figures", s.do(t, "GET", "/metrics", "", good), 200, ""},
	} {
		if tt.got.status != tt.status || tt.got.header.Get(allow) != tt.origin {
			t.Errorf("%s: %d, allowed %q", tt.why, tt.got.status, tt.got.header.Get(allow))
		}
	}
}

func TestCaching(t *testing.T) {
	s := open(t, Config{}, &fake{})
	for _, path := range []string{"/api/v1/themes", "/api/v1/regions", "/api/v1/hot", "/api/v1/matters/SFZ-01", "/openapi.json", "/docs"} {
		r := s.do(t, "GET", path, "")
		tag := r.header.Get("ETag")
		if r.status != 200 || tag == "" {
			t.Errorf("%s: %d, ETag %q", path, r.status, tag)
			continue
		}
		for _, ifNone := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag} {
			again := s.do(t, "GET", path, "", "If-None-Match: "+ifNone)
			if again.status != 304 || again.body != "" || again.header.Get("ETag") != tag {
				t.Errorf("%s with %s: %d %q", path, ifNone, again.status, again.body)
			}
		}
		if r := s.do(t, "GET", path, "", `If-None-Match: "11-abc"`); r.status != 200 {
			t.Errorf("%s with another tag: %d", path, r.status)
		}
		if head := s.do(t, "HEAD", path, ""); head.status != 200 || head.body != "" || head.header.Get("ETag") != tag {
			t.Errorf("HEAD %s: %d %q", path, head.status, head.header)
		}
	}
	if got := s.do(t, "GET", "/api/v1/matters/SFZ-01", "").header.Get("Last-Modified"); got != "Tue, 12 May 2026 00:00:00 GMT" {
		t.Errorf("Last-Modified %q", got)
	}
	for _, path := range []string{"/api/v1/search?q=a", "/api/v1/suggest?q=a", "/api/v1/matters/NONE", "/healthz"} {
		if got := s.do(t, "GET", path, "").header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	if got := s.do(t, "POST", pathAsk, `{"text":"几天"}`).header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("an answer: Cache-Control %q", got)
	}
}

func TestCompression(t *testing.T) {
	s := open(t, Config{}, &fake{})
	for _, tt := range []struct{ path, accept, want string }{
		{"/openapi.json", "gzip", "gzip"},
		{"/openapi.json", "gzip, br", "br"},
		{"/docs", "br", "br"},
		{"/docs", "identity", ""},
		{"/healthz", "gzip", ""}, // too small
	} {
		r := s.do(t, "GET", tt.path, "", "Accept-Encoding: "+tt.accept)
		if got := r.header.Get("Content-Encoding"); got != tt.want {
			t.Errorf("%s for %s: %q", tt.path, tt.accept, got)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := open(t, Config{Documents: func() uint64 { return 4321 }}, &fake{})
	s.do(t, "POST", pathAsk, `{"text":"几天"}`)
	s.do(t, "GET", "/wp-login.php", "")
	s.do(t, "GET", "/api/v1/matters/NONE", "")
	got := s.do(t, "GET", "/metrics", "").body
	for _, want := range []string{
		`govqa_requests_total{route="/api/v1/ask",status="200"} 1`,
		`govqa_requests_total{route="/api/v1/matters/:code",status="404"} 1`,
		`govqa_requests_total{route="other",status="404"} 1`,
		`govqa_answers_total{aspect="time_limit",outcome="answered"} 1`,
		`govqa_answer_seconds_count 1`, `govqa_edition 12`, `govqa_index_documents 4321`, `govqa_streams 0`,
		`go_goroutines`, `process_cpu_seconds_total`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, "wp-login") {
		t.Error("a stranger's address is in the figures")
	}
	for _, h := range []string{"X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1"} {
		if r := s.do(t, "GET", "/metrics", "", h); r.status != 403 {
			t.Errorf("with %s: %d", h, r.status)
		}
	}
	public := open(t, Config{MetricsPublic: true}, &fake{})
	if r := public.do(t, "GET", "/metrics", "", "X-Forwarded-For: 203.0.113.1"); r.status != 200 {
		t.Errorf("public figures: %d", r.status)
	}
}

func TestPagesAskThroughTheGate(t *testing.T) {
	pages := func(app *fiber.App, e Engine) {
		app.Get("/ask", func(c *fiber.Ctx) error {
			a, err := e.Ask(c.UserContext(), answer.Request{Text: c.Query("q")})
			if err != nil {
				return err
			}
			return c.SendString(a.Text)
		})
	}
	s := open(t, Config{Pages: pages, AsksPerMinute: 1, AskTimeout: time.Minute}, &fake{})
	if r := s.do(t, "GET", "/ask?q=几天", ""); r.status != 200 || !strings.Contains(r.body, "8个工作日") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(t, "GET", "/ask?q=几天", ""); r.status != 429 {
		t.Errorf("second question of a page: %d", r.status)
	}
	if m := s.do(t, "GET", "/metrics", "").body; !strings.Contains(m, `outcome="answered"} 1`) {
		t.Error("the page's answer was not counted")
	}
}

func TestBadConfig(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{TrustedProxies: []string{"proxy.local"}}, "proxy.local"},
		{Config{AllowedOrigins: []string{"portal.example.gov.cn"}}, "portal.example.gov.cn"},
		{Config{AllowedOrigins: []string{"https://a.cn/path"}}, "/path"},
		{Config{MaxAsks: -1}, "negative"},
		{Config{AskTimeout: -time.Second}, "negative"},
	} {
		if _, err := New(tt.cfg, &fake{}, discard()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
}
