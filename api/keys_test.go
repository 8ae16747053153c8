package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// keyBook knows keys by what the header says, and keeps their use.
type keyBook struct {
	keys map[string]Key

	mu   sync.Mutex
	used map[string]int // by id and day
}

func (b *keyBook) Key(_ context.Context, authorization string) (Key, error) {
	k, ok := b.keys[strings.TrimPrefix(authorization, "Bearer ")]
	if !ok {
		return k, NewProblem(http.StatusUnauthorized, "")
	}
	return k, nil
}

func (b *keyBook) Used(_ context.Context, id, day string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used[id+day], nil
}

func (b *keyBook) KeepUsed(_ context.Context, id, day string, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used[id+day] = n
	return nil
}

func newKeyBook() *keyBook {
	return &keyBook{used: map[string]int{}, keys: map[string]Key{
		"app":    {ID: "1", Name: "城市应用", Scopes: []string{scopeAsk, scopeSearch}},
		"reader": {ID: "2", Name: "只检索", Scopes: []string{scopeSearch}},
		"slow":   {ID: "3", Name: "慢", Scopes: []string{scopeAsk}, PerMinute: 2},
		"small":  {ID: "4", Name: "小", Scopes: []string{scopeAsk}, PerDay: 3},
		"meter":  {ID: "5", Name: "监控", Scopes: []string{scopeMetrics}},
	}}
}

const bearer = "Authorization: Bearer "

func TestScopes(t *testing.T) {
	s := open(t, Config{Keys: newKeyBook(), Personal: &person{}}, &fake{})
	for _, tt := range []struct {
		name, method, path, body, key string
		want                          int
	}{
		{"nobody asks", "POST", pathAsk, `{"text":"几天"}`, "", 200},
		{"a key asks", "POST", pathAsk, `{"text":"几天"}`, "app", 200},
		{"a key without the scope", "POST", pathAsk, `{"text":"几天"}`, "reader", 403},
		{"it searches", "GET", pathSearch + "?q=x", "", "reader", 200},
		{"it reads a guide", "GET", "/api/v1/matters/SFZ-01", "", "reader", 200},
		{"it must not report", "POST", pathEvents, `{"subject":"u","matter":"m","type":"view"}`, "app", 403},
		{"nor read people's data", "GET", "/api/v1/subjects/u_1", "", "app", 403},
		{"nor recommend", "GET", pathRecommend, "", "app", 403},
		{"nor rate", "POST", pathFeedback, `{"answer":"a","rating":1}`, "reader", 403},
		{"an unknown key", "POST", pathAsk, `{"text":"几天"}`, "nobody", 401},
		{"an unknown key where none is needed", "GET", pathThemes, "", "nobody", 401},
		{"a program that must send a key", "POST", pathAsk, `{"text":"几天"}`, Anonymous, 200},
		{"an identity number for a visitor", "POST", pathAsk, `{"text":"几天"}`, "app\r\n" + headerVisitor + ": 110101199003078515", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.key != "" {
				for h := range strings.SplitSeq(bearer+tt.key, "\r\n") {
					headers = append(headers, h)
				}
			}
			r := s.do(t, tt.method, tt.path, tt.body, headers...)
			if r.status != tt.want {
				t.Errorf("status %d, want %d: %s", r.status, tt.want, r.body)
			}
			if r.status == 401 && r.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("401 without WWW-Authenticate: %v", r.header)
			}
		})
	}
}

// person is a Personal that knows nobody.
type person struct{ Personal }

func TestFiguresByKey(t *testing.T) {
	s := open(t, Config{Keys: newKeyBook(), TrustedProxies: []string{"0.0.0.0/0"}}, &fake{})
	const far = "X-Forwarded-For: 203.0.113.9"
	for key, want := range map[string]int{"": 403, "app": 403, "meter": 200} {
		headers := []string{far}
		if key != "" {
			headers = append(headers, bearer+key)
		}
		if r := s.do(t, "GET", "/metrics", "", headers...); r.status != want {
			t.Errorf("with %q: %d, want %d", key, r.status, want)
		}
	}
	if figures := s.do(t, "GET", "/metrics", "").body; !strings.Contains(figures, `govqa_key_requests_total{key="监控",status="200"} 1`) {
		t.Error("the key's requests are not counted")
	}
}

func TestNeedKey(t *testing.T) {
	other := Interface{Name: "other", Prefix: "/other", Operations: []Operation{{ID: "other", Method: "GET", Path: "/other", Scope: scopeAsk, Reply: Received{true}}},
		Handler: func(Host) (http.Handler, error) {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), nil
		}}
	s := open(t, Config{Keys: newKeyBook(), Interfaces: []Interface{other}, NeedKey: []string{"other"}}, &fake{})
	for key, want := range map[string]int{"": 401, Anonymous: 401, "nobody": 401, "reader": 403, "app": 204} {
		if r := s.do(t, "GET", "/other", "", bearer+key); r.status != want {
			t.Errorf("with %q: %d, want %d", key, r.status, want)
		}
	}
	if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`); r.status != 200 {
		t.Errorf("the rest needs a key too: %d", r.status)
	}
	for name, cfg := range map[string]Config{
		"no such interface": {Keys: newKeyBook(), NeedKey: []string{"other"}},
		"no keys at all":    {Interfaces: []Interface{other}, NeedKey: []string{"other"}},
	} {
		if _, err := New(cfg, &fake{}, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestKeyPace lets a key have its minute, and says when it may come back.
func TestKeyPace(t *testing.T) {
	s := open(t, Config{Keys: newKeyBook(), AsksPerMinute: 1}, &fake{})
	for i, want := range []int{200, 200, 429} {
		r := s.do(t, "POST", pathAsk, `{"text":"几天"}`, bearer+"slow")
		if r.status != want || !strings.HasPrefix(r.header.Get("RateLimit"), `"minute";r=`) || r.header.Get("RateLimit-Policy") != `"minute";q=2;w=60` {
			t.Errorf("request %d: %d %v", i, r.status, r.header)
		}
		if want == 429 && (r.header.Get("Retry-After") != "30" || !strings.Contains(r.body, "每分钟最多 2 次，请 30 秒后再试")) {
			t.Errorf("%v %s", r.header, r.body)
		}
	}
	// Other keys and visitors are not held up.
	for range 5 {
		if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`, bearer+"app"); r.status != 200 {
			t.Errorf("another key: %d", r.status)
		}
	}
	if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`); r.status != 200 {
		t.Errorf("a visitor: %d", r.status)
	}
}

// TestVisitorsOfAnApp counts those that an app names one by one.
func TestVisitorsOfAnApp(t *testing.T) {
	s := open(t, Config{Keys: newKeyBook(), AsksPerMinute: 1}, &fake{})
	for i, tt := range []struct {
		visitor string
		want    int
	}{{"a", 200}, {"a", 429}, {"b", 200}, {"a", 429}, {"", 200}, {"", 200}} {
		r := s.do(t, "POST", pathAsk, `{"text":"几天"}`, bearer+"app", headerVisitor+": "+tt.visitor)
		if r.status != tt.want {
			t.Errorf("request %d of %q: %d, want %d", i, tt.visitor, r.status, tt.want)
		}
	}
}

// TestKeyQuota counts a key's day, over a restart too.
func TestKeyQuota(t *testing.T) {
	book := newKeyBook()
	now := time.Date(2026, 11, 25, 23, 59, 0, 0, time.Local)
	ring := newKeyring(book, func() time.Time { return now })
	small := book.keys["small"]
	take := func() (string, string) {
		headers, err := ring.take(t.Context(), small)
		if err == nil {
			return headers["RateLimit"], ""
		}
		return headers["RateLimit"], err.Error()
	}
	var got []string
	for range 4 {
		limit, err := take()
		got = append(got, limit+" "+err)
	}
	want := []string{
		`"minute";r=599;t=0, "day";r=2;t=60 `, `"minute";r=598;t=0, "day";r=1;t=60 `, `"minute";r=597;t=0, "day";r=0;t=60 `,
		`"minute";r=596;t=0, "day";r=0;t=60 too many questions, wait 1m0s`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := ring.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	ring = newKeyring(book, func() time.Time { return now }) // after a restart
	if _, err := take(); err == "" {
		t.Error("a restart has forgotten what was used")
	}
	now = now.Add(2 * time.Minute)
	if limit, err := take(); err != "" || !strings.HasPrefix(limit, `"minute";r=599;t=0, "day";r=2;`) {
		t.Errorf("the next day: %s %s", limit, err)
	}
	if err := ring.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"42026-11-25": 3, "42026-11-26": 1}, book.used); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// TestQuotaIsKeptAtShutdown stops a server whose keys were used.
func TestQuotaIsKeptAtShutdown(t *testing.T) {
	book := newKeyBook()
	s := open(t, Config{Keys: book}, &fake{ask: func(context.Context, answer.Request) (answer.Answer, error) { return lost(), nil }})
	for range 3 {
		if r := s.do(t, "POST", pathAsk, `{"text":"几天"}`, bearer+"small"); r.status != 200 {
			t.Fatal(r.status)
		}
	}
	s.dial(t)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := book.used["4"+time.Now().Format(time.DateOnly)]; n != 3 {
		t.Errorf("%d requests kept", n)
	}
}
