package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// A Problem is a failure as a problem document (RFC 9457).
type Problem struct { //nolint:errname // the word of RFC 9457, and of the API
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail,omitempty"`
	Instance string         `json:"instance"`
	Errors   []FieldProblem `json:"errors,omitempty"`

	retryAfter time.Duration
}

// A FieldProblem says what is wrong with one value of a request.
type FieldProblem struct {
	Field   string `json:"field"`   // where it stands: body.text, query.limit
	Message string `json:"message"` // in Chinese
}

const problemType = "application/problem+json"

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// GetStatus makes huma reply with the problem's status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes huma reply with the type of problem documents.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders makes huma reply with Retry-After where waiting helps.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	return h
}

var (
	errBusy     = errors.New("too many questions at once")
	errStreams  = errors.New("too many streams at once")
	errNotReady = errors.New("not ready")
	errPrivate  = errors.New("only for this machine")
)

// A rateError means that somebody asks too often.
type rateError struct {
	wait  time.Duration
	words string // whose limit, in Chinese
}

func (e *rateError) Error() string { return "too many questions, wait " + e.wait.String() }

// A panicError is a panic that was caught, with its stack.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// problemOf is the only place where an error becomes a status code and words
// for citizens. Errors that it does not know are 500.
func problemOf(err error) *Problem {
	var (
		known *Problem
		web   *fiber.Error
		rate  *rateError
	)
	personal := personalProblem(err)
	switch {
	case errors.As(err, &known):
		return known
	case personal != nil:
		return personal
	case errors.As(err, &web):
		return newProblem(web.Code, detailOf(web.Code))
	case errors.As(err, &rate):
		seconds := strconv.Itoa(int(math.Ceil(rate.wait.Seconds())))
		return newProblem(http.StatusTooManyRequests, rate.words+"，请 "+seconds+" 秒后再试。").After(rate.wait)
	case errors.Is(err, answer.ErrBadQuestion):
		return newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("请输入 1 到 %d 个字的问题。", answer.MaxText))
	case errors.Is(err, answer.ErrBadPassage):
		return newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("passage 应为这份政策原文里的一段，1 到 %d 个字。", answer.MaxPassage))
	case errors.Is(err, answer.ErrBadFeedback):
		return newProblem(http.StatusUnprocessableEntity, "评价的内容有误，请选择满意或不满意及列出的原因。")
	case errors.Is(err, answer.ErrBadMessage):
		return newProblem(http.StatusUnprocessableEntity, "留言没有填完整，请检查标出的各项。")
	case errors.Is(err, answer.ErrNoMailbox):
		return unavailable("这里暂时不能留言，请拨打热线。", time.Hour)
	case errors.Is(err, answer.ErrBadCursor):
		return newProblem(http.StatusUnprocessableEntity, "翻页标记有误，请从第一页重新检索。")
	case errors.Is(err, corpus.ErrNotFound):
		return newProblem(http.StatusNotFound, "没有找到您要的事项或记录，它可能已被撤下或更换编码。")
	case errors.Is(err, store.ErrBadDoc): // an id that nothing can have, or too much of it
		return newProblem(http.StatusUnprocessableEntity, "编号不像是本系统的，或者内容太长。")
	case errors.Is(err, store.ErrDiskFull), errors.Is(err, store.ErrReadOnly):
		return unavailable("磁盘空间不足，现在只能查看，不能修改。请联系运维人员。", time.Minute)
	case errors.Is(err, errPrivate):
		return newProblem(http.StatusForbidden, detailOf(http.StatusForbidden))
	case errors.Is(err, errBusy), errors.Is(err, errStreams):
		return unavailable(detailOf(http.StatusServiceUnavailable), time.Second)
	case errors.Is(err, errNotReady), errors.Is(err, answer.ErrNotReady):
		return unavailable("服务正在准备数据，请稍后再试。", 5*time.Second)
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusGatewayTimeout, detailOf(http.StatusGatewayTimeout))
	case errors.Is(err, context.Canceled):
		return unavailable("服务正在重启，请稍后再试。", 5*time.Second)
	}
	return newProblem(http.StatusInternalServerError, detailOf(http.StatusInternalServerError))
}

// NewProblem is a failure with the given status, explained in Chinese; with an
// empty detail, in the words of the status. Whoever serves a request may
// return it.
func NewProblem(status int, detail string) *Problem {
	if detail == "" {
		detail = detailOf(status)
	}
	return newProblem(status, detail)
}

// After says how long to wait before trying again.
func (p *Problem) After(wait time.Duration) *Problem {
	p.retryAfter = wait
	return p
}

// ProblemOf says what an error means for who made the request.
func ProblemOf(err error) *Problem { return problemOf(err) }

func newProblem(status int, detail string) *Problem {
	return &Problem{
		Type:   "/docs#problem-" + strconv.Itoa(status),
		Title:  titleOf(status),
		Status: status,
		Detail: detail,
	}
}

func unavailable(detail string, after time.Duration) *Problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.retryAfter = after
	return p
}

// titleOf says a status in words that a citizen can read.
func titleOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "请求格式有误"
	case http.StatusUnauthorized:
		return "请先登录，或带上有效的密钥"
	case http.StatusForbidden:
		return "不允许访问"
	case http.StatusNotFound:
		return "没有找到相关内容"
	case http.StatusConflict:
		return "内容已有变化"
	case http.StatusMethodNotAllowed:
		return "不支持这种请求方式"
	case http.StatusRequestTimeout:
		return "请求超时"
	case http.StatusRequestEntityTooLarge:
		return "提交的内容太长"
	case http.StatusUnsupportedMediaType:
		return "不支持这种内容格式"
	case http.StatusUnprocessableEntity:
		return "填写的内容有误"
	case http.StatusTooManyRequests:
		return "提问太频繁，请稍后再试"
	case http.StatusRequestHeaderFieldsTooLarge:
		return "请求头太长"
	case http.StatusServiceUnavailable:
		return "服务暂时繁忙，请稍后再试"
	case http.StatusGatewayTimeout:
		return "回答超时，请稍后再试"
	}
	if status < http.StatusInternalServerError {
		return "请求有误"
	}
	return "系统出了点问题，请稍后再试"
}

// detailOf explains a status where nothing more is known. The words of the
// HTTP layer may repeat the request, so they are not used.
func detailOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "请求不是可以读懂的 JSON 或 HTTP 报文。"
	case http.StatusUnauthorized:
		return "登录已失效，或没有带上有效的接口密钥。"
	case http.StatusConflict:
		return "别人在此期间改过同一内容，请刷新后再试。"
	case http.StatusForbidden:
		return "该地址只供本机访问。"
	case http.StatusNotFound:
		return "没有这个地址，请检查网址。"
	case http.StatusMethodNotAllowed:
		return "这个地址支持的请求方式见 Allow 响应头。"
	case http.StatusRequestTimeout:
		return "没有在规定时间内收到完整的请求。"
	case http.StatusRequestEntityTooLarge:
		return fmt.Sprintf("请求内容不能超过 %d KB。", maxBody>>10)
	case http.StatusUnsupportedMediaType:
		return "请以 Content-Type: application/json 提交，不要压缩。"
	case http.StatusUnprocessableEntity:
		return "有内容缺失或超出范围，详见 errors。"
	case http.StatusRequestHeaderFieldsTooLarge:
		return "网址或请求头太长。"
	case http.StatusTooManyRequests:
		return "同一来源一分钟内提问次数已达上限。"
	case http.StatusServiceUnavailable:
		return "现在咨询的人较多，请过几秒再试。"
	case http.StatusGatewayTimeout:
		return "这次查询没有在规定时间内完成。"
	}
	if status < http.StatusInternalServerError {
		return ""
	}
	return "问题已记录，请稍后再试，或拨打 12345 咨询。"
}

// problem makes err a problem of the request that ctx belongs to, and logs it
// if it is ours to mend.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	p := *problemOf(err)
	p.Instance = requestID(ctx)
	if p.Status < http.StatusInternalServerError {
		return &p
	}
	level, attrs := s.log.WarnContext, []any{"request", p.Instance, "status", p.Status, "err", err}
	if p.Status == http.StatusInternalServerError {
		level = s.log.ErrorContext
	}
	var caught *panicError
	if errors.As(err, &caught) {
		attrs = append(attrs, "stack", string(caught.stack))
	}
	level(ctx, "request not served", attrs...)
	return &p
}

// fail replies with err as a problem document.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	early := requestID(c.UserContext()) == "" // refused before observe saw it
	if early {
		s.identify(c)
		s.secure(c)
	}
	p := s.problem(c.UserContext(), err)
	body, contentType, err := s.interfaceOf(c.Path()).failure(p)
	if err != nil {
		return err
	}
	for key, values := range p.GetHeaders() {
		c.Set(key, values[0])
	}
	c.Set(fiber.HeaderContentType, contentType)
	if early {
		s.done(c.UserContext(), "other", "other", p.Status, len(body), time.Now())
	}
	return c.Status(p.Status).Send(body)
}

// translate turns huma's own errors into our problem documents. It is called
// with everything that huma is about to send.
func (s *Server) translate(hc huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(model.Status, detailOf(model.Status))
	p.Instance = requestID(hc.Context())
	if model.Status == http.StatusUnprocessableEntity {
		p.Errors = fieldProblems(model.Errors)
	}
	if model.Status >= http.StatusInternalServerError {
		p = s.problem(hc.Context(), model)
	}
	for key, values := range p.GetHeaders() {
		hc.SetHeader(key, values[0])
	}
	return p, nil
}

// fieldProblems puts errors of validation into words, one for each field: what
// the schema found comes before what we found, and says more.
func fieldProblems(errs []*huma.ErrorDetail) []FieldProblem {
	var out []FieldProblem
	for _, e := range errs {
		f := fieldProblem(e)
		if !slices.ContainsFunc(out, func(o FieldProblem) bool { return o.Field == f.Field }) {
			out = append(out, f)
		}
	}
	return out
}

// fieldProblem puts an error of validation into words. The value itself is
// left out: it may be a question.
func fieldProblem(e *huma.ErrorDetail) FieldProblem {
	field := e.Location
	if name, ok := strings.CutPrefix(e.Message, "expected required property "); ok {
		name, _, _ = strings.Cut(name, " ")
		field = strings.TrimPrefix(field+"."+name, ".")
	}
	return FieldProblem{Field: field, Message: inChinese(e.Message)}
}

// inChinese says in Chinese what a validation message of huma says. A message
// that is Chinese already, ours, stays.
func inChinese(message string) string {
	if strings.IndexFunc(message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) >= 0 &&
		!strings.HasPrefix(message, "expected ") {
		return message
	}
	// The first whose beginning fits is taken, so longer beginnings stand first.
	for _, w := range [...]struct{ english, chinese string }{
		{"expected required property ", "缺少这一项"},
		{"required ", "缺少这一项"},
		{"expected length >= ", "字数不能少于 "},
		{"expected length <= ", "字数不能超过 "},
		{"expected number >= ", "不能小于 "},
		{"expected number <= ", "不能大于 "},
		{"expected array length <= ", "项数不能超过 "},
		{"expected value to be one of ", "只能是以下之一："},
		{"expected array items", "各项不能重复"},
		{"expected string to be ", "应为 "},
		{"expected string to", "格式不符合要求"},
		{"expected string", "应为文字"},
		{"expected boolean", "应为 true 或 false"},
		{"expected integer", "应为整数"},
		{"expected number", "应为数字"},
		{"expected array", "应为数组"},
		{"expected object", "应为 JSON 对象"},
		{"invalid integer", "应为整数"},
		{"invalid boolean", "应为 true 或 false"},
	} {
		rest, ok := strings.CutPrefix(message, w.english)
		switch {
		case !ok:
		case strings.HasSuffix(w.chinese, " "), strings.HasSuffix(w.chinese, "："):
			return w.chinese + strings.Trim(rest, `"`)
		default:
			return w.chinese
		}
	}
	return "取值不符合要求"
}
