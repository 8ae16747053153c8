package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
)

const pathAsk = "/api/v1/ask"

// maxState is the length in bytes of the longest state that is taken back.
const maxState = 8 << 10

// An AskBody is a question as it comes in.
type AskBody struct {
	Text     string `json:"text" minLength:"1" maxLength:"300" doc:"问题，1 到 300 个字" example:"身份证丢了怎么补"`
	State    string `json:"state,omitempty" maxLength:"8192" doc:"上一个回答的 state，原样带回即可接着问"`
	Region   string `json:"region,omitempty" pattern:"^[0-9]{6}([0-9]{3}){0,2}$" patternDescription:"6、9 或 12 位行政区划代码，如 440100" doc:"行政区划代码（GB/T 2260），6、9 或 12 位数字" example:"990100"`
	Audience string `json:"audience,omitempty" maxLength:"20" doc:"以什么身份办事：自然人、企业法人、事业法人、社会组织法人、非法人企业、行政机关、其他组织；也可写 person 或 enterprise" example:"自然人"`
	Subject  string `json:"subject,omitempty" maxLength:"64" doc:"提问人的化名，用于推荐；不要填写姓名、证件号或手机号"`
	Channel  string `json:"channel,omitempty" enum:"page,api" doc:"从哪里提问：群众页面的脚本填 page，其他程序不填。语言模型按渠道开关" example:"api"`
	Stream   bool   `json:"stream,omitempty" doc:"为 true 时以事件流回答，与 Accept: text/event-stream 相同"`
}

type askInput struct {
	Body AskBody

	request answer.Request
	stream  bool
}

// Resolve implements huma.Resolver: it reads what the schema cannot check.
func (in *askInput) Resolve(hc huma.Context) []error {
	var f faults
	b := in.Body
	// Keys that differ only in case pass the schema one by one, so the values
	// that were taken are counted again.
	n := utf8.RuneCountInString(b.Text)
	if strings.TrimSpace(b.Text) == "" || n > answer.MaxText {
		f.add("body.text", "请输入 1 到 300 个字的问题")
	}
	if len(b.State) > maxState {
		f.add("body.state", "太长")
	}
	if utf8.RuneCountInString(b.Subject) > 64 {
		f.add("body.subject", "太长")
	}
	if guard.Mask(b.Subject) != b.Subject {
		f.add("body.subject", "应为化名，不要填写证件号或手机号")
	}
	in.request = answer.Request{
		Text:     b.Text,
		State:    b.State,
		Region:   f.region("body.region", b.Region),
		Audience: f.audience("body.audience", b.Audience),
		Subject:  b.Subject,
		Channel:  cmp.Or(answer.Channel(b.Channel), answer.ChannelAPI),
	}
	in.stream = b.Stream || strings.Contains(hc.Header("Accept"), streamType)
	return f
}

// faults are what is wrong with the values of a request.
type faults []error

func (f *faults) add(field, message string) {
	*f = append(*f, &huma.ErrorDetail{Location: field, Message: message})
}

func (f *faults) region(field, code string) corpus.RegionCode {
	r := corpus.RegionCode(code)
	if code != "" && !r.Valid() {
		f.add(field, "应为 6、9 或 12 位行政区划代码，如 440100")
	}
	return r
}

func (f *faults) audience(field, name string) corpus.Audience {
	if name == "" {
		return ""
	}
	a, ok := corpus.ParseAudience(name)
	if !ok {
		f.add(field, "应为自然人、企业法人、事业法人、社会组织法人、非法人企业、行政机关或其他组织")
	}
	return a
}

// askOutput replies with what Body writes: an answer or a stream of one.
type askOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         func(huma.Context)
}

func (s *Server) registerAsk() {
	register(s, s.askOperation(), s.ask)
}

// ask handles POST /api/v1/ask.
func (s *Server) ask(ctx context.Context, in *askInput) (*askOutput, error) {
	out := &askOutput{CacheControl: "no-store"}
	if in.stream {
		if err := s.engine.admit(ctx); err != nil { // while a status can still be sent
			return nil, err
		}
		select {
		case s.streams <- struct{}{}: // given back by the stream
		default:
			return nil, errStreams
		}
		out.Body = func(hc huma.Context) { s.startStream(hc, in.request) }
		return out, nil
	}
	a, err := s.engine.Ask(ctx, in.request)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	out.Body = send(http.StatusOK, "application/json", body)
	return out, nil
}

// send writes a reply whose body is made.
func send(status int, contentType string, body []byte) func(huma.Context) {
	return func(hc huma.Context) {
		hc.SetStatus(status)
		hc.SetHeader("Content-Type", contentType)
		_, _ = hc.BodyWriter().Write(body) // into memory, which does not fail: fasthttp sends it later
	}
}

// register registers an operation of the engine. The handler gets a context
// with a deadline, is not called before the engine is ready, and its errors
// become problems.
func register[I, O any](s *Server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	scope := scopeOf(op.Path)
	op.Security = security(scope)
	op.Responses["403"] = s.problemReply(http.StatusForbidden)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if err := allow(ctx, scope); err != nil {
			return nil, s.problem(ctx, err)
		}
		if err := s.ready(); err != nil {
			return nil, s.problem(ctx, err)
		}
		limited, cancel := context.WithTimeout(ctx, s.cfg.AskTimeout)
		defer cancel()
		out, err := handle(limited, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}
