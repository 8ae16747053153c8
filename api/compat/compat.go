// Package compat speaks the chat protocol of OpenAI over the engine of answers,
// so that stock chat clients and libraries connect with a URL and a key.
//
// It promises that a conversation gets what the citizen's page would give in
// the same conversation: what was said before is told to the engine again, and
// nothing else of a client counts, neither its system prompt nor its sampling
// settings. Prompts by which clients have titles, tags and the like made are
// answered without a trace.
package compat

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/govqa/govqa/api"
)

// The paths of the protocol.
const (
	pathModels = "/v1/models"
	pathModel  = "/v1/models/{model}"
	pathChat   = "/v1/chat/completions"
)

// The models: answers composed from fields, and the same in plainer words by a
// language model, facts checked.
const (
	Plain   = "govqa"
	Refined = "govqa-refined"
)

// maxBody is the length in bytes of a request: a long conversation with its
// answers. It is less than what is read at all, so that who sends somewhat more
// is told so.
const maxBody = 960 << 10

// born is what the models say of when they were made.
var born = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Interface is the chat protocol, to be served beside the API. refined reports
// whether answers can be had in plainer words now; nil means never.
func Interface(refined func() bool) api.Interface {
	return api.Interface{Name: "openai", Prefix: "/v1/", TagWords: "现成的聊天软件和程序库凭网址和密钥直接连接", MaxBody: maxBody, Operations: operations(), Handler: func(host api.Host) (http.Handler, error) { return newHandler(host, refined), nil },
		Problem: func(p *api.Problem) any { return failureOf(p) }}
}

// newHandler serves the protocol.
func newHandler(host api.Host, refined func() bool) http.Handler {
	s := &server{host: host, refined: refined, now: time.Now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathModels, s.models)
	mux.HandleFunc("GET "+pathModel, s.model)
	mux.HandleFunc("POST "+pathChat, s.chat)
	return mux
}

type server struct {
	host    api.Host
	refined func() bool // may be nil
	now     func() time.Time
}

// A Model is what can be chosen to answer.
type Model struct {
	ID      string `json:"id" doc:"模型名称，提问时写在 model"`
	Object  string `json:"object" doc:"总为 model"`
	Created int64  `json:"created" doc:"发布时间（1970 年以来的秒数）"`
	OwnedBy string `json:"owned_by" doc:"总为 govqa"`
}

// A ModelList lists the models.
type ModelList struct {
	Object string  `json:"object" doc:"总为 list"`
	Data   []Model `json:"data" doc:"可以选用的模型"`
}

func modelOf(id string) Model {
	return Model{ID: id, Object: "model", Created: born.Unix(), OwnedBy: "govqa"}
}

// offered lists the models that can be chosen now.
func (s *server) offered() []string {
	if s.refined != nil && s.refined() {
		return []string{Plain, Refined}
	}
	return []string{Plain}
}

// knows reports whether a model may be asked. Where the one that rewords is
// switched off for a while, whoever has chosen it gets the plain answer.
func (s *server) knows(id string) bool { return id == Plain || id == Refined && s.refined != nil }

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	list := ModelList{Object: "list"}
	for _, id := range s.offered() {
		list.Data = append(list.Data, modelOf(id))
	}
	send(w, http.StatusOK, list)
}

func (s *server) model(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("model")
	if !s.knows(id) {
		s.fail(w, r, noModel(id))
		return
	}
	send(w, http.StatusOK, modelOf(id))
}

// A Failure is an error in the form of the protocol.
type Failure struct {
	Fault Fault `json:"error" doc:"出了什么错"`
}

// A Fault says what is wrong.
type Fault struct { //nolint:errname // named as the part of a reply that it is
	Message string  `json:"message" doc:"可以给人看的中文说明"`
	Type    string  `json:"type" doc:"错误的种类"`
	Param   *string `json:"param" doc:"有问题的参数；没有则为 null"`
	Code    *string `json:"code" doc:"错误代码；没有则为 null"`

	status int
}

// Error implements error.
func (f *Fault) Error() string { return f.Message }

// bad is a request that cannot be meant.
func bad(param, message string) *Fault {
	return &Fault{Message: message, Type: "invalid_request_error", Param: &param, status: http.StatusBadRequest}
}

func noModel(id string) *Fault {
	code, param := "model_not_found", "model"
	return &Fault{Message: "没有这个模型：" + short(id) + "。可用的模型见 " + pathModels + "。", Type: "invalid_request_error",
		Param: &param, Code: &code, status: http.StatusNotFound}
}

// failureOf puts a problem into the form of the protocol, whose clients show
// the message and look at the status and the code.
func failureOf(p *api.Problem) Failure {
	f := Fault{Message: p.Title, Type: "invalid_request_error"}
	if p.Detail != "" {
		f.Message += "：" + p.Detail
	}
	code := ""
	switch {
	case p.Status == http.StatusUnauthorized:
		code = "invalid_api_key"
	case p.Status == http.StatusForbidden:
		code = "permission_denied"
	case p.Status == http.StatusTooManyRequests:
		f.Type, code = "rate_limit_error", "rate_limit_exceeded"
	case p.Status >= http.StatusInternalServerError:
		f.Type = "server_error"
	}
	if code != "" {
		f.Code = &code
	}
	return Failure{f}
}

// fail replies with an error: a Fault as it is, and else the problem that it is.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var f *Fault
	if errors.As(err, &f) {
		send(w, f.status, Failure{*f})
		return
	}
	p := s.host.Problem(r.Context(), err)
	for key, values := range p.GetHeaders() {
		w.Header()[key] = values
	}
	if p.Status == http.StatusUnprocessableEntity { // the protocol knows only 400
		p.Status = http.StatusBadRequest
	}
	send(w, p.Status, failureOf(p))
}

func send(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // all of v is plain data; caught and logged where handlers run
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader that has gone needs no reply
}

// short cuts a stranger's text, so that a reply to it stays small.
func short(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}

// operations describes the protocol for the OpenAPI document.
func operations() []api.Operation {
	example := api.ExampleAnswer()
	return []api.Operation{
		{ID: "chat-models", Method: http.MethodGet, Path: pathModels, Tag: tag, Summary: "模型（OpenAI 兼容）",
			Description: "可以选用的模型。聊天软件用它检查连接。", Scope: "ask", Reply: ModelList{"list", []Model{modelOf(Plain)}}},
		{ID: "chat-model", Method: http.MethodGet, Path: pathModel, Tag: tag, Summary: "一个模型（OpenAI 兼容）",
			Description: "一个模型的说明。", Scope: "ask", Params: []api.Param{{Name: "model", In: "path", Words: "模型名称", Example: Plain}},
			Reply: modelOf(Plain), Problems: []int{http.StatusNotFound}},
		{ID: "chat", Method: http.MethodPost, Path: pathChat, Tag: tag, Summary: "聊天（OpenAI 兼容）",
			Description: "与 OpenAI 的 Chat Completions 同形。最后一条 user 消息是问题，之前的 user 消息是上文；系统提示词、温度等一概不理会。" +
				"\"stream\": true 时逐段返回，以 data: [DONE] 结束。地区、服务对象、化名写在 metadata 的 region、audience、subject。" +
				"回答的正文之外附有来源和标识；完整的回答在 govqa 一项里。用量按字数计。",
			Scope: "ask", Body: ChatRequest{Model: Plain, Messages: []ChatMessage{{Role: "user", Content: "身份证丢了怎么补"}}},
			Reply:   completionOf(&turn{model: Plain, answer: example, content: render(&example), finish: finishStop, asked: 8}, born),
			Streams: "每段一行 data: 加 chat.completion.chunk 对象，最后一行是 data: [DONE]。",
			Problems: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
				http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout}},
	}
}

const tag = "OpenAI 兼容"
