package wechat

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A platform is a server of the documented form: it gives tokens, knows the
// last one only, and takes messages and menus.
type platform struct {
	t      *testing.T
	url    string
	secret string
	sent   chan string // whom and what

	mu     sync.Mutex
	tokens int
	menu   json.RawMessage
	agents []string
	fail   int // an errcode for the next message
}

func newPlatform(t *testing.T) *platform {
	p := &platform{t: t, secret: "s3cr3t", sent: make(chan string, 10)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cgi-bin/stable_token", func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Type   string `json:"grant_type"`
			Secret string `json:"secret"`
		}
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.Type != "client_credential" {
			t.Errorf("token asked by %+v, %v", b, err)
		}
		p.token(w, b.Secret)
	})
	mux.HandleFunc("GET /cgi-bin/gettoken", func(w http.ResponseWriter, r *http.Request) { p.token(w, r.FormValue("corpsecret")) })
	for _, path := range []string{"/cgi-bin/message/custom/send", "/cgi-bin/message/send"} {
		mux.HandleFunc("POST "+path, p.known(func(w http.ResponseWriter, r *http.Request) {
			var b struct {
				To, MsgType string
				Agent       int `json:"agentid"`
				Text        struct{ Content string }
				ToUser      string
			}
			if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.MsgType != "text" {
				t.Errorf("message %+v, %v", b, err)
			}
			p.agents = append(p.agents, strconv.Itoa(b.Agent))
			if p.fail != 0 {
				p.say(w, p.fail, "refused")
				p.fail = 0
				return
			}
			p.sent <- b.ToUser + ": " + b.Text.Content
			p.say(w, 0, "ok")
		}))
	}
	mux.HandleFunc("POST /cgi-bin/menu/create", p.known(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&p.menu); err != nil {
			t.Error(err)
		}
		p.agents = append(p.agents, r.FormValue("agentid"))
		p.say(w, 0, "ok")
	}))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *platform) say(w http.ResponseWriter, code int, message string) {
	if err := json.NewEncoder(w).Encode(PlatformError{code, message}); err != nil {
		p.t.Error(err)
	}
}

func (p *platform) token(w http.ResponseWriter, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if secret != p.secret {
		p.say(w, 40125, "invalid appsecret")
		return
	}
	p.tokens++
	if err := json.NewEncoder(w).Encode(map[string]any{"access_token": "token-" + strconv.Itoa(p.tokens), "expires_in": 7200}); err != nil {
		p.t.Error(err)
	}
}

// known lets only the last token in.
func (p *platform) known(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.URL.Query().Get("access_token") != "token-"+strconv.Itoa(p.tokens) {
			p.say(w, 40001, "invalid credential")
			return
		}
		h(w, r)
	}
}

func TestClient(t *testing.T) {
	for _, kind := range []Kind{Official, WeCom} {
		t.Run(string(kind), func(t *testing.T) {
			p := newPlatform(t)
			c := NewClient(kind, "id", p.secret, 7, p.url)
			clock := time.Now()
			c.now = func() time.Time { return clock }
			send := func(text string) {
				t.Helper()
				if err := c.Send(t.Context(), "oA", text); err != nil {
					t.Fatal(err)
				}
				if got := <-p.sent; got != "oA: "+text {
					t.Errorf("sent %q", got)
				}
			}
			send(`<a href="https://a.example/?a=1&b=2">办事指南</a>`)
			send("二")
			if p.tokens != 1 {
				t.Errorf("%d tokens for two messages", p.tokens)
			}
			clock = clock.Add(2*time.Hour - early)
			send("三")
			if p.tokens != 2 {
				t.Errorf("%d tokens after the first was over", p.tokens)
			}
			p.mu.Lock()
			p.tokens++ // somebody else has fetched one: ours is not known any more
			p.mu.Unlock()
			send("四")
			p.mu.Lock()
			p.fail = 45015
			p.mu.Unlock()
			var refused *PlatformError
			if err := c.Send(t.Context(), "oA", "五"); !errors.As(err, &refused) || refused.Code != 45015 {
				t.Errorf("out of time: %v", err)
			}
			menu := Menu{Buttons: []Button{{Name: "更多", Sub: []Button{{Type: "view", Name: "网页", URL: "https://a.example/?a=1&b=2"}}}}}
			if err := c.SetMenu(t.Context(), menu); err != nil {
				t.Fatal(err)
			}
			want := `{"button":[{"name":"更多","sub_button":[{"type":"view","name":"网页","url":"https://a.example/?a=1&b=2"}]}]}`
			if diff := cmp.Diff(want, string(p.menu)); diff != "" {
				t.Errorf("menu (-want +got):\n%s", diff)
			}
			last := p.agents[len(p.agents)-1]
			if kind == WeCom && last != "7" || kind == Official && last != "" {
				t.Errorf("menu of agent %q", last)
			}
		})
	}
}

// What goes wrong is told without the secret.
func TestClientKeepsItsSecret(t *testing.T) {
	p := newPlatform(t)
	for why, c := range map[string]*Client{
		"a wrong secret":   NewClient(WeCom, "id", "wrong-s3cr3t", 1, p.url),
		"nobody there":     NewClient(WeCom, "id", "wrong-s3cr3t", 1, "http://127.0.0.1:1"),
		"no platform":      NewClient(WeCom, "id", "wrong-s3cr3t", 1, p.url+"/nowhere"),
		"a broken address": NewClient(WeCom, "id", "wrong-s3cr3t", 1, "http://a b"),
	} {
		if err := c.Send(t.Context(), "oA", "x"); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", why, err)
		}
	}
}
