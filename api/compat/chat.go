package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus"
)

// A ChatRequest is what a client asks. What is not listed here is ignored.
type ChatRequest struct {
	Model               string            `json:"model" doc:"模型名称，见 /v1/models"`
	Messages            []ChatMessage     `json:"messages" doc:"到此为止的对话，最后一条 user 消息是问题"`
	Stream              bool              `json:"stream,omitempty" doc:"逐段返回"`
	StreamOptions       *StreamOptions    `json:"stream_options,omitempty" doc:"逐段返回时的选项"`
	MaxTokens           *int              `json:"max_tokens,omitempty" doc:"正文最多多少字；只在句子之间截断，finish_reason 为 length"`
	MaxCompletionTokens *int              `json:"max_completion_tokens,omitempty" doc:"同 max_tokens"`
	Stop                StopList          `json:"stop,omitempty" doc:"正文遇到其中之一就停，不留半句"`
	N                   *int              `json:"n,omitempty" doc:"只能是 1：同一个问题只有一个回答"`
	Metadata            map[string]string `json:"metadata,omitempty" doc:"region 行政区划代码、audience 服务对象、subject 化名；其余不理会"`
}

// StreamOptions are the options of a stream.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage,omitempty" doc:"末尾另发一段用量"`
}

// A ChatMessage is one turn of a conversation.
type ChatMessage struct {
	Role    string  `json:"role" doc:"user 以外的消息不理会"`
	Content Content `json:"content" doc:"文字；请求里也可以是由 text 部分组成的数组"`
}

// Content is the text of a message, which may come in parts.
type Content string

// UnmarshalJSON takes a string, null, or a list of parts, of which the texts
// are joined.
func (c *Content) UnmarshalJSON(b []byte) error {
	var parts []struct{ Type, Text string }
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(c))
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	var texts []string
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	*c = Content(strings.Join(texts, "\n"))
	return nil
}

// A StopList is where the text is to stop.
type StopList []string

// UnmarshalJSON takes one text or a list.
func (l *StopList) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*l = []string{""}
		return json.Unmarshal(b, &(*l)[0])
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// A ChatCompletion is the reply to a ChatRequest.
type ChatCompletion struct {
	ID                string         `json:"id" doc:"编号"`
	Object            string         `json:"object" doc:"总为 chat.completion"`
	Created           int64          `json:"created" doc:"时间（1970 年以来的秒数）"`
	Model             string         `json:"model" doc:"模型名称"`
	SystemFingerprint string         `json:"system_fingerprint" doc:"回答所依据的版次"`
	Choices           []ChatChoice   `json:"choices" doc:"总是一项"`
	Usage             *ChatUsage     `json:"usage" doc:"用量"`
	Govqa             *answer.Answer `json:"govqa,omitempty" doc:"完整的回答，与 /api/v1/ask 相同；标题一类的请求没有"`
}

// A ChatChoice is the answer in a ChatCompletion.
type ChatChoice struct {
	Index        int         `json:"index" doc:"总为 0"`
	Message      ChatMessage `json:"message" doc:"回答"`
	FinishReason string      `json:"finish_reason" doc:"stop 说完了，length 因 max_tokens 截断"`
}

// A ChatUsage counts characters, which stand for tokens here.
type ChatUsage struct {
	PromptTokens     int `json:"prompt_tokens" doc:"对话的字数"`
	CompletionTokens int `json:"completion_tokens" doc:"回答的字数"`
	TotalTokens      int `json:"total_tokens" doc:"合计"`
}

// A chunk is a piece of a stream.
type chunk struct {
	ID                string         `json:"id"`
	Object            string         `json:"object"`
	Created           int64          `json:"created"`
	Model             string         `json:"model"`
	SystemFingerprint string         `json:"system_fingerprint"`
	Choices           []chunkChoice  `json:"choices"`
	Usage             *ChatUsage     `json:"usage,omitempty"`
	Govqa             *answer.Answer `json:"govqa,omitempty"`
}

type chunkChoice struct {
	Index        int     `json:"index"`
	Delta        delta   `json:"delta"`
	FinishReason *string `json:"finish_reason"`
}

type delta struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content,omitempty"`
}

// Why a text ends.
const (
	finishStop   = "stop"
	finishLength = "length"
)

// A turn is what is replied.
type turn struct {
	model   string
	answer  answer.Answer // without an id for a chore
	content string
	finish  string
	asked   int // characters of the conversation
}

func (t *turn) usage() *ChatUsage {
	n := utf8.RuneCountInString(t.content)
	return &ChatUsage{t.asked, n, t.asked + n}
}

func (t *turn) whole() *answer.Answer {
	if t.answer.ID == "" {
		return nil
	}
	return &t.answer
}

func (t *turn) id() string {
	if t.answer.ID == "" {
		return "chatcmpl-chore"
	}
	return "chatcmpl-" + t.answer.ID
}

func (t *turn) fingerprint() string { return fmt.Sprintf("edition-%d", t.answer.Edition) }

func completionOf(t *turn, now time.Time) ChatCompletion {
	return ChatCompletion{ID: t.id(), Object: "chat.completion", Created: now.Unix(), Model: t.model, SystemFingerprint: t.fingerprint(),
		Choices: []ChatChoice{{0, ChatMessage{"assistant", Content(t.content)}, t.finish}}, Usage: t.usage(), Govqa: t.whole()}
}

// chat handles POST /v1/chat/completions.
func (s *server) chat(w http.ResponseWriter, r *http.Request) {
	req, err := readRequest(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	t, err := s.answer(r.Context(), req)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if req.Stream {
		s.stream(w, req, t)
		return
	}
	send(w, http.StatusOK, completionOf(t, s.now()))
}

// readRequest reads a request and checks what can be checked without asking.
func readRequest(r *http.Request) (*ChatRequest, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &Fault{Message: "请以 Content-Type: application/json 提交。", Type: "invalid_request_error", status: http.StatusUnsupportedMediaType}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	req := &ChatRequest{}
	if err := json.Unmarshal(body, req); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, bad(wrong.Field, "参数 "+wrong.Field+" 的类型不对。")
		}
		return nil, &Fault{Message: "请求不是可以读懂的 JSON。", Type: "invalid_request_error", status: http.StatusBadRequest}
	}
	if req.N != nil && *req.N != 1 {
		return nil, bad("n", "n 只能是 1：同一个问题只有一个回答。")
	}
	for _, limit := range []*int{req.MaxTokens, req.MaxCompletionTokens} {
		if limit != nil && *limit < 1 {
			return nil, bad("max_tokens", "max_tokens 应为正整数。")
		}
	}
	if len(req.said()) == 0 {
		return nil, bad("messages", "messages 里没有 role 为 user 的文字。")
	}
	return req, nil
}

// said lists what the user has said, in order.
func (req *ChatRequest) said() []string {
	var texts []string
	for _, m := range req.Messages {
		if text := strings.TrimSpace(string(m.Content)); m.Role == "user" && text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// characters counts the whole conversation.
func (req *ChatRequest) characters() int {
	n := 0
	for _, m := range req.Messages {
		n += utf8.RuneCountInString(string(m.Content))
	}
	return n
}

// maxEarlier is how many turns are told to the engine again.
const maxEarlier = 30

// question is what the engine is asked.
func (req *ChatRequest) question() (answer.Request, error) {
	said := req.said()
	last := len(said) - 1
	q := answer.Request{Text: said[last], Earlier: said[max(0, last-maxEarlier):last], Region: corpus.RegionCode(req.Metadata["region"])}
	if q.Region != "" && !q.Region.Valid() {
		return q, bad("metadata.region", "region 应为 6、9 或 12 位行政区划代码，如 440100。")
	}
	if name := req.Metadata["audience"]; name != "" {
		a, ok := corpus.ParseAudience(name)
		if !ok {
			return q, bad("metadata.audience", "audience 应为自然人、企业法人、事业法人、社会组织法人、非法人企业、行政机关或其他组织。")
		}
		q.Audience = a
	}
	q.Subject = req.Metadata["subject"]
	if utf8.RuneCountInString(q.Subject) > 64 || guard.Mask(q.Subject) != q.Subject {
		return q, bad("metadata.subject", "subject 应为不超过 64 个字的化名，不要填写证件号或手机号。")
	}
	return q, nil
}

// answer asks the engine, or does a client's chore.
func (s *server) answer(ctx context.Context, req *ChatRequest) (*turn, error) {
	t := &turn{model: req.Model, finish: finishStop, asked: req.characters()}
	if c, ok := choreOf(req); ok {
		var err error
		t.content, err = s.do(ctx, c)
		return t, err
	}
	if !s.knows(req.Model) {
		return nil, noModel(req.Model)
	}
	q, err := req.question()
	if err != nil {
		return nil, err
	}
	if req.Model == Refined {
		q.Channel = answer.ChannelCompat
	}
	if t.answer, err = s.host.Engine.Ask(ctx, q); err != nil {
		return nil, err
	}
	shown := t.answer
	if t.answer.Outcome != answer.Emergency { // which is told whole, whatever a client wants
		shown.Text, t.finish = cut(t.answer.Text, req.Stop, req.limit())
	}
	t.content = render(&shown)
	return t, nil
}

// limit is how many characters the text may have; 0 means no limit.
func (req *ChatRequest) limit() int {
	n := 0
	for _, l := range []*int{req.MaxTokens, req.MaxCompletionTokens} {
		if l != nil && (n == 0 || *l < n) {
			n = *l
		}
	}
	return n
}

// cut ends a text where the client wants it to end, but never within a
// sentence: half a fee is a wrong fee.
func cut(text string, stops []string, limit int) (kept, finish string) {
	end := len(text)
	for _, stop := range stops {
		if i := strings.Index(text, stop); stop != "" && i >= 0 && i < end {
			end = i
		}
	}
	finish = finishStop
	n, runes := 0, 0
	for _, sentence := range api.Sentences(text) {
		body := strings.TrimRight(sentence, "。！？；\n")
		if n+len(body) > end {
			break
		}
		if runes += utf8.RuneCountInString(sentence); limit > 0 && runes > limit {
			finish = finishLength
			break
		}
		n += len(sentence)
	}
	return text[:min(n, end)], finish
}

// stream replies piece by piece.
func (s *server) stream(w http.ResponseWriter, req *ChatRequest, t *turn) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	flush := func() {}
	if f, ok := w.(http.Flusher); ok {
		flush = f.Flush
	}
	head := chunk{ID: t.id(), Object: "chat.completion.chunk", Created: s.now().Unix(), Model: t.model, SystemFingerprint: t.fingerprint()}
	write := func(c chunk) error {
		data, err := json.Marshal(c)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "data: %s\n\n", data)
		flush()
		return err
	}
	piece := func(d delta, finish *string) chunk {
		c := head
		c.Choices = []chunkChoice{{Delta: d, FinishReason: finish}}
		return c
	}
	chunks := []chunk{piece(delta{Role: "assistant"}, nil)}
	for _, sentence := range api.Sentences(t.content) {
		chunks = append(chunks, piece(delta{Content: sentence}, nil))
	}
	last := piece(delta{}, &t.finish)
	last.Govqa = t.whole()
	chunks = append(chunks, last)
	if req.StreamOptions != nil && req.StreamOptions.IncludeUsage {
		end := head
		end.Choices, end.Usage = []chunkChoice{}, t.usage()
		chunks = append(chunks, end)
	}
	for _, c := range chunks {
		if write(c) != nil { // the reader has gone
			return
		}
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
	flush()
}
