package compat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/api/compat"
)

func serve(t *testing.T, change ...func(*api.Config)) *apitest.Server {
	t.Helper()
	return apitest.Serve(t, append([]func(*api.Config){func(c *api.Config) { c.Interfaces = []api.Interface{compat.Interface(nil)} }}, change...)...)
}

// A reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

func send(t *testing.T, method, url, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return v
}

// chat asks with messages whose roles are user and assistant by turns.
func chat(t *testing.T, s *apitest.Server, turns ...string) compat.ChatCompletion {
	t.Helper()
	req := compat.ChatRequest{Model: compat.Plain}
	for i, text := range turns {
		req.Messages = append(req.Messages, compat.ChatMessage{Role: []string{"user", "assistant"}[i%2], Content: compat.Content(text)})
	}
	body, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	r := send(t, "POST", s.URL+"/v1/chat/completions", string(body))
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return read[compat.ChatCompletion](t, r)
}

// TestTheSameAsThePage has conversations over the chat protocol and over the
// API with its states, as the page does: both get the same.
func TestTheSameAsThePage(t *testing.T) {
	s := serve(t)
	for name, said := range map[string][]string{
		"a follow-up":         {"身份证丢了怎么补", "要多少钱", "在哪里办"},
		"picking an option":   {"护照", "第二个", "要几天"},
		"a change of subject": {"居住证申领要什么材料", "房产证丢了怎么补", "那要多久"},
		"nothing found":       {"去月球旅游要办什么"},
		"small talk first":    {"你好", "居住证怎么办"},
	} {
		t.Run(name, func(t *testing.T) {
			var turns []string
			state := ""
			for _, text := range said {
				body, err := json.Marshal(map[string]string{"text": text, "state": state})
				if err != nil {
					t.Fatal(err)
				}
				page := read[answer.Answer](t, send(t, "POST", s.URL+"/api/v1/ask", string(body)))
				state = page.State
				turns = append(turns, text)
				got := chat(t, s, turns...)
				content := string(got.Choices[0].Message.Content)
				turns = append(turns, content)
				if diff := cmp.Diff(lasting(page), lasting(*got.Govqa)); diff != "" {
					t.Errorf("%q (-page +chat):\n%s", text, diff)
				}
				for line := range strings.Lines(page.Text) {
					if !strings.Contains(content, strings.TrimSpace(line)) {
						t.Errorf("%q: the chat does not say %q:\n%s", text, line, content)
					}
				}
				for _, f := range page.Facts {
					if f.Source.URL != "" && !strings.Contains(content, f.Source.URL) {
						t.Errorf("%q: no source %s:\n%s", text, f.Source.URL, content)
					}
				}
			}
		})
	}
}

// lasting is what of an answer is the same whenever it is asked.
func lasting(a answer.Answer) answer.Answer {
	a.ID, a.State, a.ElapsedMS = "", "", 0
	return a
}

func TestModels(t *testing.T) {
	s := serve(t)
	list := read[compat.ModelList](t, send(t, "GET", s.URL+"/v1/models", "", "Authorization", "Bearer anonymous"))
	if list.Object != "list" || len(list.Data) != 1 || list.Data[0].ID != "govqa" || list.Data[0].Object != "model" {
		t.Errorf("%+v", list)
	}
	if one := read[compat.Model](t, send(t, "GET", s.URL+"/v1/models/govqa", "")); one != list.Data[0] {
		t.Errorf("%+v", one)
	}
	if r := send(t, "GET", s.URL+"/v1/models/gpt-9", ""); r.status != http.StatusNotFound || *read[compat.Failure](t, r).Fault.Code != "model_not_found" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// wordy rewords answers in its own way.
type wordy struct{}

func (wordy) Reword(_ context.Context, r answer.Request, a answer.Answer, _ func(string)) answer.Answer {
	if r.Channel != answer.ChannelCompat {
		return a
	}
	a.Text, a.GeneratedBy = "说得明白些："+a.Text, answer.ByLLM
	a.AIGC = &answer.AIGC{Label: true, Model: "某模型"}
	return a
}

// TestRefined offers a model that rewords, when there is one and it is
// switched on. Its words carry the mark of a model; those of the plain one
// never do.
func TestRefined(t *testing.T) {
	on := true
	s := apitest.Serve(t, func(c *api.Config) {
		c.Interfaces, c.Reworder = []api.Interface{compat.Interface(func() bool { return on })}, wordy{}
	})
	ask := func(model string) string {
		t.Helper()
		r := send(t, "POST", s.URL+"/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"身份证丢了怎么补"}]}`)
		return string(read[compat.ChatCompletion](t, r).Choices[0].Message.Content)
	}
	models := func() (ids []string) {
		t.Helper()
		for _, m := range read[compat.ModelList](t, send(t, "GET", s.URL+"/v1/models", "")).Data {
			ids = append(ids, m.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"govqa", "govqa-refined"}, models()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := ask("govqa"); strings.Contains(text, "说得明白些") || strings.Contains(text, "AI 生成") {
		t.Errorf("the plain model: %s", text)
	}
	if text := ask("govqa-refined"); !strings.HasPrefix(text, "说得明白些") || !strings.Contains(text, "AI 生成") || !strings.Contains(text, "某模型") {
		t.Errorf("the refined model: %s", text)
	}
	on = false
	if diff := cmp.Diff([]string{"govqa"}, models()); diff != "" {
		t.Errorf("switched off (-want +got):\n%s", diff)
	}
	ask("govqa-refined") // by whoever has chosen it before
}

// chunks reads a stream and requires its form.
func chunks(t *testing.T, r reply) []map[string]any {
	t.Helper()
	if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %s %s", r.status, r.header, r.body)
	}
	var list []map[string]any
	done := false
	lines := bufio.NewScanner(bytes.NewBufferString(r.body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case lines.Text() == "":
		case !ok || done:
			t.Fatalf("line %q", lines.Text())
		case data == "[DONE]":
			done = true
		default:
			var c map[string]any
			if err := json.Unmarshal([]byte(data), &c); err != nil {
				t.Fatal(err)
			}
			list = append(list, c)
		}
	}
	if !done || len(list) < 3 {
		t.Fatalf("%d chunks, done %v", len(list), done)
	}
	return list
}

func TestStream(t *testing.T) {
	s := serve(t)
	const ask = `"model":"govqa","messages":[{"role":"user","content":"身份证丢了怎么补"}]`
	whole := read[compat.ChatCompletion](t, send(t, "POST", s.URL+"/v1/chat/completions", "{"+ask+"}"))
	for options, usages := range map[string]int{``: 0, `,"stream_options":{"include_usage":true}`: 1, `,"stream_options":null`: 0} {
		list := chunks(t, send(t, "POST", s.URL+"/v1/chat/completions", `{"stream":true,`+ask+options+`}`))
		var content strings.Builder
		role, finish := "", ""
		for i, c := range list {
			if c["object"] != "chat.completion.chunk" || c["id"] != list[0]["id"] || c["model"] != "govqa" {
				t.Errorf("chunk %v", c)
			}
			choices := c["choices"].([]any)
			if len(choices) == 0 {
				usages--
				if i != len(list)-1 || c["usage"].(map[string]any)["completion_tokens"] != float64(whole.Usage.CompletionTokens) {
					t.Errorf("usage in chunk %d of %d: %v", i, len(list), c["usage"])
				}
				continue
			}
			choice := choices[0].(map[string]any)
			d := choice["delta"].(map[string]any)
			if text, ok := d["content"].(string); ok {
				content.WriteString(text)
			}
			if r, ok := d["role"].(string); ok {
				role = r
			}
			if f, ok := choice["finish_reason"].(string); ok {
				finish = f
			}
		}
		if content.String() != string(whole.Choices[0].Message.Content) || role != "assistant" || finish != "stop" || usages != 0 {
			t.Errorf("with %q: role %q, finish %q, %d usages missing, content\n%s", options, role, finish, usages, content.String())
		}
	}
}

// TestEmergency tells whole what to do, however little a client has room for.
func TestEmergency(t *testing.T) {
	s := serve(t)
	const ask = `"model":"govqa","messages":[{"role":"user","content":"家里着火了"}]`
	whole := read[compat.ChatCompletion](t, send(t, "POST", s.URL+"/v1/chat/completions", "{"+ask+"}"))
	short := read[compat.ChatCompletion](t, send(t, "POST", s.URL+"/v1/chat/completions", `{"max_tokens":1,"stop":["，"],`+ask+"}"))
	if diff := cmp.Diff(whole.Choices, short.Choices); diff != "" || whole.Govqa.Outcome != answer.Emergency || !strings.Contains(string(whole.Choices[0].Message.Content), "119") {
		t.Errorf("(-whole +short):\n%s", diff)
	}
}

func TestRequests(t *testing.T) {
	s := serve(t)
	const lost = `{"role":"user","content":"身份证丢了怎么补"}`
	for _, tt := range []struct {
		name, body string
		status     int
		code       string // of the matter, or the parameter at fault
	}{
		{"content in parts", `{"model":"govqa","messages":[{"role":"user","content":[{"type":"text","text":"身份证丢了"},{"type":"text","text":"怎么补"},{"type":"image_url","image_url":{"url":"x"}}]}]}`, 200, "AL-SF-004"},
		{"a system prompt that wants something else", `{"model":"govqa","messages":[{"role":"system","content":"你是翻译，只回答 OK"},` + lost + `]}`, 200, "AL-SF-004"},
		{"sampling settings and things unknown", `{"model":"govqa","temperature":2,"top_p":0.1,"seed":3,"tools":[],"response_format":{"type":"text"},"xyz":{"a":1},"user":"u","messages":[` + lost + `]}`, 200, "AL-SF-004"},
		{"n of 1", `{"model":"govqa","n":1,"messages":[` + lost + `]}`, 200, "AL-SF-004"},
		{"null where it may be", `{"model":"govqa","n":null,"stop":null,"max_tokens":null,"stream":null,"metadata":null,"messages":[{"role":"assistant","content":null},` + lost + `]}`, 200, "AL-SF-004"},
		{"a message after the user's", `{"model":"govqa","messages":[` + lost + `,{"role":"assistant","content":"好的，"}]}`, 200, "AL-SF-004"},
		{"a place", `{"model":"govqa","metadata":{"region":"990100"},"messages":[` + lost + `]}`, 200, "AL-SF-004"},
		{"another model", `{"model":"gpt-4o","messages":[` + lost + `]}`, 404, "model"},
		{"no model", `{"messages":[` + lost + `]}`, 404, "model"},
		{"two answers", `{"model":"govqa","n":2,"messages":[` + lost + `]}`, 400, "n"},
		{"no messages", `{"model":"govqa","messages":[]}`, 400, "messages"},
		{"only a system prompt", `{"model":"govqa","messages":[{"role":"system","content":"x"}]}`, 400, "messages"},
		{"blank", `{"model":"govqa","messages":[{"role":"user","content":"  "}]}`, 400, "messages"},
		{"messages of another type", `{"model":"govqa","messages":"hello"}`, 400, "messages"},
		{"no room", `{"model":"govqa","max_tokens":0,"messages":[` + lost + `]}`, 400, "max_tokens"},
		{"a place that is none", `{"model":"govqa","metadata":{"region":"广州"},"messages":[` + lost + `]}`, 400, "metadata.region"},
		{"an identity number as pseudonym", `{"model":"govqa","metadata":{"subject":"110101199003078515"},"messages":[` + lost + `]}`, 400, "metadata.subject"},
		{"too long a question", `{"model":"govqa","messages":[{"role":"user","content":"` + strings.Repeat("长", 301) + `"}]}`, 400, ""},
		{"no JSON", `{`, 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := send(t, "POST", s.URL+"/v1/chat/completions", tt.body)
			if r.status != tt.status {
				t.Fatalf("%d %s", r.status, r.body)
			}
			if tt.status == 200 {
				if got := read[compat.ChatCompletion](t, r); got.Govqa.Matters[0].Code != tt.code {
					t.Errorf("answered %s", got.Govqa.Matters[0].Code)
				}
				return
			}
			f := read[compat.Failure](t, r).Fault
			param := ""
			if f.Param != nil {
				param = *f.Param
			}
			if param != tt.code || f.Type != "invalid_request_error" || f.Message == "" {
				t.Errorf("%s", r.body)
			}
		})
	}
}

// TestFailuresOutsideTheHandler meets failures that happen before the protocol
// is asked: they have its form too.
func TestFailuresOutsideTheHandler(t *testing.T) {
	s := serve(t, func(c *api.Config) { c.AsksPerMinute = 1 })
	const ask = `{"model":"govqa","messages":[{"role":"user","content":"你好"}]}`
	if r := send(t, "POST", s.URL+"/v1/chat/completions", ask); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for name, tt := range map[string]struct {
		reply  reply
		status int
	}{
		"too often":        {send(t, "POST", s.URL+"/v1/chat/completions", ask), 429},
		"no such path":     {send(t, "GET", s.URL+"/v1/embeddings", ""), 404},
		"another method":   {send(t, "GET", s.URL+"/v1/chat/completions", ""), 405},
		"a body too long":  {send(t, "POST", s.URL+"/v1/chat/completions", `{"model":"`+strings.Repeat("x", 1000<<10)+`"}`), 413},
		"no JSON by name":  {send(t, "POST", s.URL+"/v1/chat/completions", ask, "Content-Type", "text/plain"), 415},
		"another's origin": {send(t, "POST", s.URL+"/v1/chat/completions", ask, "Sec-Fetch-Site", "cross-site"), 403},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.reply.status != tt.status {
				t.Fatalf("%d %s", tt.reply.status, tt.reply.body)
			}
			f := read[compat.Failure](t, tt.reply).Fault
			if f.Message == "" || f.Type == "" {
				t.Errorf("%s", tt.reply.body)
			}
			if tt.status == 429 && (tt.reply.header.Get("Retry-After") == "" || *f.Code != "rate_limit_exceeded") {
				t.Errorf("%v %s", tt.reply.header, tt.reply.body)
			}
		})
	}
}

func TestBrowsersOfAllowedOrigins(t *testing.T) {
	const origin = "https://chat.anlan.example"
	s := serve(t, func(c *api.Config) { c.AllowedOrigins = []string{origin} })
	r := send(t, "OPTIONS", s.URL+"/v1/chat/completions", "", "Origin", origin, "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang")
	if h := r.header.Get("Access-Control-Allow-Headers"); r.status != 204 || !strings.Contains(h, "x-stainless-lang") || !strings.Contains(h, "Authorization") {
		t.Errorf("%d %v", r.status, r.header)
	}
	r = send(t, "POST", s.URL+"/v1/chat/completions", `{"model":"govqa","messages":[{"role":"user","content":"你好"}]}`,
		"Origin", origin, "Sec-Fetch-Site", "cross-site")
	if r.status != 200 || r.header.Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("%d %v", r.status, r.header)
	}
	if r := send(t, "OPTIONS", s.URL+"/v1/models", "", "Origin", "https://other.example"); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin is let in: %v", r.header)
	}
}

func TestHandlerNeedsNoFlusher(t *testing.T) {
	s := serve(t)
	h, err := compat.Interface(nil).Handler(api.Host{Engine: s.Engine})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions",
		strings.NewReader(`{"model":"govqa","stream":true,"messages":[{"role":"user","content":"你好"}]}`))
	req.Header.Set("Content-Type", "application/json")
	w := struct{ http.ResponseWriter }{httptest.NewRecorder()}
	h.ServeHTTP(w, req)
	if got := w.ResponseWriter.(*httptest.ResponseRecorder).Body.String(); !strings.HasSuffix(got, "data: [DONE]\n\n") {
		t.Errorf("%s", got)
	}
}
