package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/api/client"
)

// connect serves the sample city and returns a client of it.
func connect(t *testing.T, opts client.Options, change ...func(*api.Config)) (*apitest.Server, *client.Client) {
	t.Helper()
	s := apitest.Serve(t, change...)
	c, err := client.New(s.URL+"/", opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestConversation(t *testing.T) {
	s, c := connect(t, client.Options{})
	talk := client.Conversation{Client: c, Region: "990100"}
	state := ""
	for _, text := range []string{"护照", "第二个", "要多少钱", "身份证丢了怎么补"} {
		want, err := s.Engine.Ask(t.Context(), answer.Request{Text: text, State: state, Region: "990100"})
		if err != nil {
			t.Fatal(err)
		}
		state = want.State
		got, err := talk.Ask(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if got.Text != want.Text || got.Outcome != string(want.Outcome) || got.Matters[0].Code != want.Matters[0].Code || len(got.Facts) != len(want.Facts) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestStream(t *testing.T) {
	_, c := connect(t, client.Options{})
	q := client.AskBody{Text: "身份证丢了怎么补"}
	whole, err := c.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var text strings.Builder
	for e, err := range c.Stream(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 || names[len(names)-1] != e.Name {
			names = append(names, e.Name)
		}
		if e.Card != nil && e.Card.Text != whole.Text {
			t.Errorf("the card says %q", e.Card.Text)
		}
		text.WriteString(e.Text)
	}
	if diff := cmp.Diff([]string{"meta", "card", "delta", "sources", "done"}, names); diff != "" || text.String() != whole.Text {
		t.Errorf("text %q, events (-want +got):\n%s", text.String(), diff)
	}
	n := 0
	for _, err := range c.Stream(t.Context(), q) { // a reader that has enough
		if err != nil {
			t.Error(err)
		}
		if n++; n == 2 {
			break
		}
	}
	for _, err := range c.Stream(t.Context(), client.AskBody{Text: strings.Repeat("长", 301)}) {
		if p := new(client.Problem); !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%v", err)
		}
	}
}

func TestStreamThatEndsBadly(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want func(error) bool
	}{
		"cut off":       {"event: meta\ndata: {}\n\n", func(err error) bool { return errors.Is(err, client.ErrCut) }},
		"a problem":     {"event: error\ndata: {\"status\":504,\"title\":\"回答超时\"}\n\n", func(err error) bool { p := new(client.Problem); return errors.As(err, &p) && p.Status == 504 }},
		"no JSON":       {"event: card\ndata: {\n\n", func(err error) bool { return err != nil }},
		"without a bit": {"", func(err error) bool { return errors.Is(err, client.ErrCut) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.body) }))
			defer s.Close()
			c, err := client.New(s.URL, client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var last error
			for _, err := range c.Stream(t.Context(), client.AskBody{Text: "x"}) {
				last = err
			}
			if !tt.want(last) {
				t.Errorf("%v", last)
			}
		})
	}
}

// TestEveryOperation calls each once; what they answer is held against the
// document by other tests.
func TestEveryOperation(t *testing.T) {
	personal := &personal{}
	_, c := connect(t, client.Options{}, func(cfg *api.Config) { cfg.Personal = personal })
	ctx := t.Context()
	check := func(what string, ok bool, err error) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%s: %v %v", what, ok, err)
		}
	}
	page, err := c.Search(ctx, client.SearchQuery{Text: "居住证申领", Region: "990100", Audience: "person", Limit: 2})
	check("search", err == nil && len(page.Matters) == 2 && page.Matters[0].Code == "AL-JZ-002", err)
	more, err := c.Search(ctx, client.SearchQuery{Text: "居住证申领", Limit: 2, Cursor: page.Next})
	check("next page", err == nil && len(more.Matters) > 0 && more.Matters[0].Code != page.Matters[0].Code, err)
	suggested, err := c.Suggest(ctx, "身份", "", 3)
	check("suggest", len(suggested) == 3, err)
	guide, err := c.Matter(ctx, "AL-SF-004")
	check("matter", err == nil && guide.Name == "居民身份证丢失补领" && len(guide.Materials) == 4 && guide.PromisedLimit.N == 15, err)
	themes, err := c.Themes(ctx, "990100")
	check("themes", err == nil && len(themes.Themes) > 10, err)
	regions, err := c.Regions(ctx)
	check("regions", err == nil && len(regions.Regions) > 1, err)
	hot, err := c.Hot(ctx, "", 2)
	check("hot", err == nil && len(hot.Questions) == 2, err)
	check("rate", true, c.Rate(ctx, client.FeedbackBody{Answer: "ans_1", Rating: -1, Reasons: []string{"不完整"}}))
	recommended, err := c.Recommend(ctx, client.RecommendQuery{Matter: "AL-SF-004", Limit: 2})
	check("recommend", err == nil && len(recommended.Recommendations) == 2, err)
	recorded, err := c.Record(ctx, []client.EventBody{{Subject: "u 1", Matter: "AL-SF-004", Type: "finish", ID: "1"}})
	check("record", err == nil && recorded.Accepted == 1 && personal.events[0].Subject == "u 1", err)
	off := false
	profile, err := c.Personalize(ctx, "u 1", client.SwitchBody{On: &off})
	check("personalize", err == nil && profile.Off, err)
	mine, err := c.Subject(ctx, "u 1")
	check("subject", err == nil && len(mine.Events) == 0, err)
	erased, err := c.EraseSubject(ctx, "u 1")
	check("erase", err == nil && erased.Events == 3, err)
	check("ready", true, c.Ready(ctx))
	_, err = c.LeaveMessage(ctx, client.MessageBody{Kind: "咨询", Text: "有补贴吗"})
	p := new(client.Problem)
	check("a service without a mailbox", errors.As(err, &p) && p.Status == http.StatusServiceUnavailable, nil)
	_, err = c.Message(ctx, "1", "2")
	check("a message that is none", errors.As(err, &p), nil)
	_, err = c.Matter(ctx, "没有/这个")
	check("a matter that is none", errors.As(err, &p) && p.Status == http.StatusNotFound && p.Title != "" && p.Instance != "", nil)
	_, err = c.Search(ctx, client.SearchQuery{})
	check("faults by field", errors.As(err, &p) && len(p.Errors) == 1 && strings.Contains(err.Error(), "query.q"), nil)
}

// personal remembers in its own way.
type personal struct{ events []answer.Event }

func (p *personal) Recommend(context.Context, answer.RecommendRequest) (answer.RecommendPage, error) {
	return answer.RecommendPage{Recommendations: []answer.Recommendation{{Code: "1"}, {Code: "2"}}}, nil
}

func (p *personal) Record(_ context.Context, events []answer.Event) (answer.Recorded, error) {
	p.events = events
	return answer.Recorded{Accepted: len(events)}, nil
}

func (p *personal) Personalize(_ context.Context, _ string, s answer.Switch) (answer.Profile, error) {
	return answer.Profile{Off: s.On != nil && !*s.On}, nil
}

func (p *personal) ExportSubject(context.Context, string) (answer.Personal, error) {
	return answer.Personal{}, nil
}

func (p *personal) EraseSubject(context.Context, string) (answer.Erased, error) {
	return answer.Erased{Events: 3}, nil
}

// TestWaiting comes back when it is told to, if it may wait as long.
func TestWaiting(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wait  time.Duration
		busy  int32 // how often the service is busy before it answers
		tries int32
		ok    bool
	}{
		{"no waiting", 0, 1, 1, false},
		{"waiting once", 2 * time.Second, 1, 2, true},
		{"told to wait longer than it may", 500 * time.Millisecond, 1, 1, false},
		{"busy again and again", 2 * time.Second, 9, 3, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tries.Add(1) <= tt.busy {
					w.Header().Set("Retry-After", "1")
					w.Header().Set("Content-Type", "application/problem+json")
					w.WriteHeader(http.StatusTooManyRequests)
					fmt.Fprint(w, `{"status":429,"title":"提问太频繁"}`)
					return
				}
				fmt.Fprint(w, `{"id":"1"}`)
			}))
			defer s.Close()
			c, err := client.New(s.URL, client.Options{Wait: tt.wait})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Ask(t.Context(), client.AskBody{Text: "x"})
			after, told := client.RetryAfter(err)
			if (err == nil) != tt.ok || tries.Load() != tt.tries || !tt.ok && (!told || after != time.Second || !strings.Contains(err.Error(), "提问太频繁")) {
				t.Errorf("%d tries, %v", tries.Load(), err)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		fmt.Fprint(w, "{}")
	}))
	defer s.Close()
	c, err := client.New(s.URL, client.Options{Key: "govqa_1", Visitor: "v-1", Hant: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ask(t.Context(), client.AskBody{Text: "x"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Authorization": "Bearer govqa_1", "Govqa-Visitor": "v-1", "Accept-Language": "zh-Hant"} {
		if got.Get(name) != want {
			t.Errorf("%s: %q", name, got.Get(name))
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{"https://q.example.gov.cn": true, "http://127.0.0.1:8080/": true, "https://example.gov.cn/qa": true,
		"": false, "q.example.gov.cn": false, "ftp://x": false, "https://x?y=1": false, "://": false} {
		if _, err := client.New(address, client.Options{}); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func Example() {
	c, err := client.New("https://q.example.gov.cn", client.Options{Key: "govqa_…", Wait: 10 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	talk := client.Conversation{Client: c, Region: "990100"}
	for _, text := range []string{"身份证丢了怎么补", "要多少钱"} {
		a, err := talk.Ask(context.Background(), text)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(a.Text)
	}
}
