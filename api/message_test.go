package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

func (f *fake) Around(context.Context, *corpus.Guide) (answer.Around, error) {
	return answer.Around{}, nil
}

func (f *fake) Events(context.Context, corpus.RegionCode) ([]answer.LifeEvent, error) {
	return nil, nil
}

func (f *fake) Event(context.Context, string) (*answer.EventGuide, error) {
	return nil, corpus.ErrNotFound
}

func (f *fake) Policy(context.Context, string) (*answer.PolicyText, error) {
	return nil, corpus.ErrNotFound
}

func (f *fake) Recommend(context.Context, answer.RecommendRequest) (answer.RecommendPage, error) {
	return answer.RecommendPage{}, nil
}

// Leave keeps nothing: its receipt holds what it was told.
func (f *fake) Leave(_ context.Context, m answer.Message) (answer.Receipt, error) {
	if m.Text == "满了" {
		return answer.Receipt{}, answer.ErrNoMailbox
	}
	return answer.Receipt{Number: m.Kind + m.ID, Code: m.Text + m.Contact, Received: time.Unix(0, 0).UTC()}, nil
}

func (f *fake) MessageStatus(_ context.Context, number, code string) (answer.MessageStatus, error) {
	if number != "482103957716" || code != "39062215" {
		return answer.MessageStatus{}, corpus.ErrNotFound
	}
	return answer.MessageStatus{Number: number, Kind: "咨询", Text: "几点开门", Status: answer.MessageReceived, Received: time.Unix(0, 0).UTC()}, nil
}

func TestMessages(t *testing.T) {
	s := open(t, Config{AsksPerMinute: -1}, &fake{})
	tests := []struct {
		why, method, path, body string
		head                    []string
		status                  int
		want                    []string
	}{
		{"a message gets a receipt", "POST", pathMessages, `{"kind":"咨询","text":"几点开门","contact":"x","id":"i"}`, nil, 200, []string{`"number":"咨询i"`, `"code":"几点开门x"`}},
		{"a kind that is none", "POST", pathMessages, `{"kind":"骂人","text":"x"}`, nil, 422, []string{"body.kind", "咨询"}},
		{"nothing said", "POST", pathMessages, `{"kind":"咨询","text":"  "}`, nil, 422, []string{"body.text", "请写下您要说的内容"}},
		{"too much said", "POST", pathMessages, `{"kind":"咨询","text":"` + strings.Repeat("长", answer.MaxMessage+1) + `"}`, nil, 422, []string{"body.text", "1000"}},
		{"nobody takes it", "POST", pathMessages, `{"kind":"咨询","text":"满了"}`, nil, 503, []string{"暂时不能留言"}},
		{"a look-up", "GET", "/api/v1/messages/482103957716", "", []string{"Message-Code: 39062215"}, 200, []string{`"status":"received"`, `"replies":[]`}},
		{"a wrong code", "GET", "/api/v1/messages/482103957716", "", []string{"Message-Code: 1"}, 404, nil},
		{"no code", "GET", "/api/v1/messages/482103957716", "", nil, 422, []string{"Message-Code"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r := s.do(t, tt.method, tt.path, tt.body, tt.head...)
			if r.status != tt.status {
				t.Fatalf("status %d, want %d: %s", r.status, tt.status, r.body)
			}
			if r.status >= 400 {
				r.problem(t)
			}
			if cc := r.header.Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control = %q", cc)
			}
			for _, want := range tt.want {
				if !strings.Contains(r.body, want) {
					t.Errorf("no %q in %s", want, r.body)
				}
			}
		})
	}
}

// Messages and look-ups count like questions: codes cannot be tried out.
func TestMessagesAreLimited(t *testing.T) {
	s := open(t, Config{AsksPerMinute: 2}, &fake{})
	var got []int
	for range 4 {
		got = append(got, s.do(t, "GET", "/api/v1/messages/1", "", "Message-Code: 1").status)
	}
	if diff := cmp.Diff([]int{404, 404, 429, 429}, got); diff != "" {
		t.Errorf("look-ups (-want +got):\n%s", diff)
	}
	if r := s.do(t, "POST", pathMessages, `{"kind":"咨询","text":"x"}`); r.status != http.StatusTooManyRequests {
		t.Errorf("a message after too many look-ups: %d", r.status)
	}
}

func TestFrames(t *testing.T) {
	shut := open(t, Config{}, &fake{}).do(t, "GET", "/healthz", "")
	if p := shut.header.Get("Content-Security-Policy"); !strings.HasSuffix(p, "frame-ancestors 'self'") || shut.header.Get("X-Frame-Options") != "SAMEORIGIN" {
		t.Errorf("nobody is allowed: %v", shut.header)
	}
	let := open(t, Config{AllowedFrames: []string{"https://www.anlan.example"}}, &fake{}).do(t, "GET", "/healthz", "")
	if p := let.header.Get("Content-Security-Policy"); !strings.HasSuffix(p, "frame-ancestors 'self' https://www.anlan.example") || let.header.Get("X-Frame-Options") != "" {
		t.Errorf("one is allowed: %v", let.header)
	}
	if _, err := New(Config{AllowedFrames: []string{"https://a.example; script-src *"}}, &fake{}, nil); err == nil {
		t.Error("an origin that is none is taken")
	}
}
