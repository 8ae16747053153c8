package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
)

// FuzzAskBody: whatever is posted, the reply is an answer, a stream, or a
// problem that is the asker's; and no question of a wrong length gets through.
func FuzzAskBody(f *testing.F) {
	for _, body := range []string{
		``, `{`, `null`, `[]`, `""`, `{"text":"身份证丢了怎么补"}`, `{"text":"几天","stream":true}`, `{"text":"几天","STREAM":true}`,
		`{"text":"\u0000"}`, `{"text":"\ud800"}`, "{\"text\":\"\xff\"}", `{"text":"a","text":""}`, `{"text":"a","Text":" "}`,
		`{"text":["a"]}`, `{"text":"a","region":"440100000"}`, `{"text":"a","audience":"企业"}`, `{"text":"a","state":{}}`,
		`{"text":"` + strings.Repeat("长", 301) + `"}`, strings.Repeat("[", 20000), `{"text":"a"} x`, `{"text":1e999}`,
	} {
		f.Add([]byte(body))
	}
	e := &fake{}
	s, err := New(Config{AsksPerMinute: -1}, e, discard())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > maxBody {
			return
		}
		e.ask = func(_ context.Context, r answer.Request) (answer.Answer, error) {
			if n := utf8.RuneCountInString(r.Text); n < 1 || n > answer.MaxText || strings.TrimSpace(r.Text) == "" {
				t.Errorf("a question of %d characters got through: %q", n, r.Text)
			}
			if r.Region != "" && !r.Region.Valid() {
				t.Errorf("region %q got through", r.Region)
			}
			return lost(), nil
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, pathAsk, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.App().Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		checkReply(t, reply{resp.StatusCode, resp.Header, string(got)})
	})
}

func checkReply(t *testing.T, r reply) {
	t.Helper()
	switch contentType := r.header.Get("Content-Type"); {
	case r.status >= 500:
		t.Errorf("status %d: %s", r.status, r.body)
	case r.status >= 400:
		r.problem(t)
	case strings.HasPrefix(contentType, streamType):
		if _, err := parseEvents(r.body); err != nil {
			t.Error(err)
		}
	default:
		if contentType != "application/json" || !json.Valid([]byte(r.body)) {
			t.Errorf("%s: %s", contentType, r.body)
		}
	}
}

// BenchmarkAskHTTP is the cost of the HTTP layer: one question after the
// other over loopback, answered at once.
func BenchmarkAskHTTP(b *testing.B) {
	s := open(b, Config{AsksPerMinute: -1}, &fake{})
	b.ReportAllocs()
	for b.Loop() {
		if r := s.do(b, http.MethodPost, pathAsk, `{"text":"身份证丢了怎么补","region":"440100"}`); r.status != 200 {
			b.Fatal(r.status)
		}
	}
}
