// Package llmtest is a language model server for tests that does whatever a
// test wants: it speaks well, lies, stalls, dies, and talks nonsense, as
// OpenAI's interface lets it.
package llmtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Fact is one fact of a call.
type Fact struct {
	ID    string   `json:"id"`
	List  string   `json:"list"`
	Label string   `json:"label"`
	Value string   `json:"value"`
	Ways  []string `json:"ways"`
}

// A Call is one request that the server has got.
type Call struct {
	System, User string // the messages
	Body         string // the whole request
	Schema       string // name of the JSON schema asked for
	Question     string // of User
	Matter       string
	Facts        []Fact
}

// A Reply is what the server does with a call. The zero value is an empty
// reply.
type Reply struct {
	Status int             // 0 is 200
	Body   string          // with Status, or instead of Pieces
	Pieces []string        // of what the model says
	Pause  time.Duration   // before each piece
	Hang   bool            // says nothing more after the pieces until the caller leaves
	Cut    bool            // drops the connection after the pieces
	Gone   <-chan struct{} // ends Hang; nil is the caller's leaving
}

// Say is a reply of a text in pieces of a few characters.
func Say(text string) Reply {
	var r Reply
	runes := []rune(text)
	for len(runes) > 0 {
		n := min(7, len(runes))
		r.Pieces = append(r.Pieces, string(runes[:n]))
		runes = runes[n:]
	}
	return r
}

// A Sentence is one sentence of a rewording.
type Sentence struct {
	Text    string   `json:"text"`
	Sources []string `json:"sources"`
}

// Sentences is a reply of sentences in the form asked for.
func Sentences(list ...Sentence) Reply {
	b, err := json.Marshal(map[string]any{"sentences": list})
	if err != nil {
		return Reply{Status: http.StatusInternalServerError, Body: err.Error()}
	}
	return Say(string(b))
}

// Honest rewords the facts of a call as it was told to.
func Honest(c Call) Reply { return Sentences(HonestSentences(c)...) }

// HonestSentences says every fact of a call in the first of its ways, a list in
// one sentence.
func HonestSentences(c Call) []Sentence {
	var out []Sentence
	list := ""
	for _, f := range c.Facts {
		way := "{v}"
		if len(f.Ways) > 0 {
			way = f.Ways[0]
		}
		said := strings.ReplaceAll(way, "{v}", strings.TrimRight(f.Value, "。"))
		if f.List != "" && f.List == list {
			last := &out[len(out)-1]
			last.Text = strings.TrimRight(last.Text, "。") + "；" + said + "。"
			last.Sources = append(last.Sources, f.ID)
			continue
		}
		list = f.List
		out = append(out, Sentence{said + "。", []string{f.ID}})
	}
	return out
}

// A Server is a model server. URL ends with /v1.
type Server struct {
	URL string

	mu    sync.Mutex
	reply func(Call) Reply
	calls []Call
}

// Start starts a server that ends with the test. It replies as reply says,
// which may be called by many at once.
func Start(t testing.TB, reply func(Call) Reply) *Server {
	s := &Server{reply: reply}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	s.URL = h.URL + "/v1"
	return s
}

// Do changes what the server replies.
func (s *Server) Do(reply func(Call) Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = reply
}

// Calls are the calls that the server has got so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call{}, s.calls...)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c, err := read(r)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/v1/chat/completions") {
		http.Error(w, fmt.Sprint("bad request: ", err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	reply := s.reply
	s.mu.Unlock()
	write(w, r, reply(c))
}

func read(r *http.Request) (Call, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Call{}, err
	}
	var in struct {
		Messages       []struct{ Role, Content string }
		ResponseFormat struct {
			JSONSchema struct{ Name string } `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Call{}, err
	}
	c := Call{Body: string(body), Schema: in.ResponseFormat.JSONSchema.Name}
	for _, m := range in.Messages {
		switch m.Role {
		case "system":
			c.System = m.Content
		case "user":
			c.User = m.Content
		}
	}
	var data struct {
		Question, Matter string
		Facts            []Fact
	}
	if err := json.Unmarshal([]byte(c.User), &data); err != nil {
		return Call{}, err
	}
	c.Question, c.Matter, c.Facts = data.Question, data.Matter, data.Facts
	return c, nil
}

// write sends a reply as an event stream, or what it is instead.
func write(w http.ResponseWriter, r *http.Request, reply Reply) {
	if reply.Status != 0 || reply.Body != "" {
		if reply.Status != 0 {
			w.WriteHeader(reply.Status)
		}
		_, _ = io.WriteString(w, reply.Body) // the caller may have left
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := bufio.NewWriter(w)
	send := func(format string, args ...any) bool {
		fmt.Fprintf(out, format, args...)
		if out.Flush() != nil {
			return false
		}
		return http.NewResponseController(w).Flush() == nil
	}
	if !send("data: %s\n\n", `{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant"}}]}`) {
		return
	}
	runes := 0
	for _, p := range reply.Pieces {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(reply.Pause):
		}
		said, err := json.Marshal(p)
		if err != nil || !send("data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", said) {
			return
		}
		runes += len([]rune(p))
	}
	switch {
	case reply.Hang:
		select {
		case <-r.Context().Done():
		case <-reply.Gone:
		}
	case reply.Cut:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	default:
		send("data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n")
		send("data: {\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", runes, runes+100)
		send("data: [DONE]\n\n")
	}
}
