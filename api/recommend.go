package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// The paths of what people did and what they are likely to need.
const (
	pathEvents      = "/api/v1/events"
	pathRecommend   = "/api/v1/recommendations"
	pathPersonalize = "/api/v1/subjects/{id}/personalization"
	pathSubject     = "/api/v1/subjects/{id}"
)

const (
	maxEvents  = 5000 // of one batch; its body may have readBody bytes
	maxSubject = 64   // characters
)

// Personal is what an Engine does that remembers people.
type Personal interface {
	Recommend(ctx context.Context, r answer.RecommendRequest) (answer.RecommendPage, error)
	// Record keeps events; answer.ErrBadEvent or ErrBadSubject refuses them all.
	Record(ctx context.Context, events []answer.Event) (answer.Recorded, error)
	Personalize(ctx context.Context, subject string, s answer.Switch) (answer.Profile, error)
	ExportSubject(ctx context.Context, subject string) (answer.Personal, error)
	EraseSubject(ctx context.Context, subject string) (answer.Erased, error)
}

// registerPersonal registers what the engine remembers people by, if it does.
func (s *Server) registerPersonal() {
	if s.cfg.Personal == nil {
		return
	}
	register(s, s.eventsOperation(), s.recordEvents)
	register(s, s.recommendOperation(), s.recommendations)
	register(s, s.personalizeOperation(), s.personalize)
	register(s, s.exportOperation(), s.exportSubject)
	register(s, s.eraseOperation(), s.eraseSubject)
}

// admitPersonal limits how often one visitor asks for people's own data, so
// that nobody can try out subjects. Programs on this machine are not limited
// where no limit is configured.
func (s *Server) admitPersonal(ctx context.Context) error {
	return s.engine.admitBy(ctx, s.personal)
}

// An EventBody is an event as it comes in.
type EventBody struct {
	ID      string  `json:"id,omitempty"`
	Subject string  `json:"subject"`
	Matter  string  `json:"matter"`
	Type    string  `json:"type"`
	Time    string  `json:"time,omitempty"`
	Region  string  `json:"region,omitempty"`
	Channel string  `json:"channel,omitempty"`
	Value   float64 `json:"value,omitempty"`
}

type eventsInput struct {
	RawBody []byte

	events []answer.Event
}

// Resolve implements huma.Resolver: one event, a list of events, or one event
// a line.
func (in *eventsInput) Resolve(huma.Context) []error {
	var f faults
	bodies, err := readEvents(in.RawBody)
	if err != nil {
		f.add("body", "应为一条记录、记录的数组，或每行一条记录（JSON Lines）")
		return f
	}
	if len(bodies) == 0 || len(bodies) > maxEvents {
		f.add("body", fmt.Sprintf("应有 1 至 %d 条记录", maxEvents))
		return f
	}
	for i, b := range bodies {
		e := answer.Event{ID: b.ID, Subject: b.Subject, Matter: b.Matter, Type: b.Type, Region: corpus.RegionCode(b.Region), Channel: b.Channel, Value: b.Value}
		if b.Time != "" {
			if e.Time, err = eventTime(b.Time); err != nil {
				f.add(fmt.Sprintf("body[%d].time", i), "应为 RFC 3339 时间，如 2026-05-12T09:30:00+08:00")
			}
		}
		in.events = append(in.events, e)
	}
	return f
}

// eventTime reads a time, or a date by the clock of China.
func eventTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.ParseInLocation(time.DateOnly, s, time.FixedZone("CST", 8*60*60))
}

func readEvents(body []byte) ([]EventBody, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	var list []EventBody
	if bytes.HasPrefix(body, []byte("[")) {
		err := json.Unmarshal(body, &list)
		return list, err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	for len(list) <= maxEvents {
		var b EventBody
		err := dec.Decode(&b)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// recordEvents handles POST /api/v1/events.
func (s *Server) recordEvents(ctx context.Context, in *eventsInput) (*fresh[answer.Recorded], error) {
	r, err := s.cfg.Personal.Record(ctx, in.events)
	if err != nil {
		return nil, err
	}
	return newFresh(r), nil
}

type recommendInput struct {
	Subject  string `query:"subject" maxLength:"64" doc:"化名；不填则不个性化" example:"u_5c1f0a"`
	Matter   string `query:"matter" maxLength:"256" doc:"办完哪个事项之后；可不填"`
	Region   string `query:"region" doc:"行政区划代码" example:"990100"`
	Audience string `query:"audience" maxLength:"20" doc:"服务对象：自然人、企业法人等，或 person、enterprise"`
	Limit    int    `query:"limit" minimum:"1" maximum:"50" default:"10" doc:"最多几条"`

	request answer.RecommendRequest
}

// Resolve implements huma.Resolver.
func (in *recommendInput) Resolve(huma.Context) []error {
	var f faults
	in.request = answer.RecommendRequest{
		Subject: in.Subject, Matter: in.Matter, Limit: in.Limit,
		Region: f.region("query.region", in.Region), Audience: f.audience("query.audience", in.Audience),
	}
	return f
}

// recommendations handles GET /api/v1/recommendations.
func (s *Server) recommendations(ctx context.Context, in *recommendInput) (*fresh[answer.RecommendPage], error) {
	if in.Subject != "" {
		if err := s.admitPersonal(ctx); err != nil {
			return nil, err
		}
	}
	page, err := s.cfg.Personal.Recommend(ctx, in.request)
	if err != nil {
		return nil, err
	}
	page.Recommendations = list(page.Recommendations)
	return newFresh(page), nil
}

// A SubjectInput names a subject in the path.
type SubjectInput struct {
	ID string `path:"id" maxLength:"256" doc:"化名" example:"u_5c1f0a"`
}

func (in *SubjectInput) subject() (string, error) {
	id, err := url.PathUnescape(in.ID)
	if err != nil || !utf8.ValidString(id) || utf8.RuneCountInString(id) > maxSubject {
		return "", answer.ErrBadSubject
	}
	return id, nil
}

// A SwitchBody switches personalisation. What is missing stays as it is.
type SwitchBody struct {
	On       *bool  `json:"on,omitempty" doc:"true 同意个性化推荐与记录，false 关闭；下一个请求起生效"`
	Minor    *bool  `json:"minor,omitempty" doc:"是否未成年人；未成年人不做个性化"`
	Region   string `json:"region,omitempty" maxLength:"12" doc:"常住地的行政区划代码" example:"990100"`
	Audience string `json:"audience,omitempty" maxLength:"20" doc:"通常以什么身份办事" example:"自然人"`
}

type personalizeInput struct {
	SubjectInput
	Body SwitchBody

	change answer.Switch
}

// Resolve implements huma.Resolver.
func (in *personalizeInput) Resolve(huma.Context) []error {
	var f faults
	in.change = answer.Switch{On: in.Body.On, Minor: in.Body.Minor}
	if in.Body.Region != "" {
		r := f.region("body.region", in.Body.Region)
		in.change.Region = &r
	}
	if in.Body.Audience != "" {
		a := f.audience("body.audience", in.Body.Audience)
		in.change.Audience = &a
	}
	return f
}

// personalize handles PUT /api/v1/subjects/{id}/personalization.
func (s *Server) personalize(ctx context.Context, in *personalizeInput) (*fresh[answer.Profile], error) {
	id, err := s.admitSubject(ctx, &in.SubjectInput)
	if err != nil {
		return nil, err
	}
	p, err := s.cfg.Personal.Personalize(ctx, id, in.change)
	if err != nil {
		return nil, err
	}
	return newFresh(p), nil
}

func (s *Server) admitSubject(ctx context.Context, in *SubjectInput) (string, error) {
	if err := s.admitPersonal(ctx); err != nil {
		return "", err
	}
	return in.subject()
}

// exportSubject handles GET /api/v1/subjects/{id}.
func (s *Server) exportSubject(ctx context.Context, in *SubjectInput) (*fresh[answer.Personal], error) {
	id, err := s.admitSubject(ctx, in)
	if err != nil {
		return nil, err
	}
	p, err := s.cfg.Personal.ExportSubject(ctx, id)
	if err != nil {
		return nil, err
	}
	p.Events = list(p.Events)
	return newFresh(p), nil
}

// eraseSubject handles DELETE /api/v1/subjects/{id}.
func (s *Server) eraseSubject(ctx context.Context, in *SubjectInput) (*fresh[answer.Erased], error) {
	id, err := s.admitSubject(ctx, in)
	if err != nil {
		return nil, err
	}
	e, err := s.cfg.Personal.EraseSubject(ctx, id)
	if err != nil {
		return nil, err
	}
	return newFresh(e), nil
}

// personalProblem words the errors of this file; nil if err is none of them.
func personalProblem(err error) *Problem {
	switch {
	case errors.Is(err, answer.ErrBadEvent), errors.Is(err, answer.ErrBadSubject):
		if _, why, ok := strings.Cut(err.Error(), ": "); ok {
			return newProblem(http.StatusUnprocessableEntity, why)
		}
		return newProblem(http.StatusUnprocessableEntity, "化名应为 1 至 64 个字，不要使用证件号、信用代码或手机号。")
	case errors.Is(err, answer.ErrNoMemory):
		return newProblem(http.StatusNotFound, "本服务没有开启办事经历。")
	}
	return nil
}

const tagPersonal = "推荐"

func (s *Server) eventsOperation() huma.Operation {
	one := []byte(`{"subject":"u_5c1f0a","matter":"` + exampleCode + `","type":"finish","time":"2026-05-12T09:30:00+08:00","region":"990100","id":"2026051200017"}`)
	body := func(schema *huma.Schema, example any) *huma.MediaType {
		return &huma.MediaType{Schema: schema, Example: example}
	}
	event := s.schema(EventBody{})
	return huma.Operation{
		OperationID: "events", Method: http.MethodPost, Path: pathEvents, Tags: []string{tagPersonal},
		Summary: "记录办事经历",
		Description: "记录谁对哪个事项做了什么，供推荐使用。可以是一条、数组或每行一条（application/x-ndjson），一次最多 5000 条、1 MB。" +
			"回答成功时都已落盘；同一化名下 id 相同的只算一次，没有 id 的按全部内容判断。迟到的记录按它自己的时间。" +
			"subject 是化名，像证件号、信用代码、手机号的一律拒绝；关闭了个性化的人和未成年人不记录。channel 为 chat 的记录须本人已同意。",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json":     body(&huma.Schema{OneOf: []*huma.Schema{event, {Type: huma.TypeArray, Items: event}}}, json.RawMessage(one)),
			"application/x-ndjson": body(text(), string(one)+"\n"),
		}},
		MaxBodyBytes: readBody, SkipValidateBody: true, // Resolve reads it
		Responses: s.replies("已记录", answer.Recorded{Accepted: 1}, 400, 413, 415, 422, 503),
	}
}

func exampleRecommendation() answer.Recommendation {
	return answer.Recommendation{Code: "AL-SB-029", Name: "社会保障卡补领", Reason: "办理「居民身份证丢失补领」的人中41%接着办", Kind: "next",
		Source: "transitions", From: exampleCode, Support: 214, Switch: "/api/v1/subjects/u_5c1f0a/personalization"}
}

func (s *Server) recommendOperation() huma.Operation {
	op := get("recommendations", pathRecommend, "推荐事项",
		"接下来可能要办的事项，各有理由。没有化名、没有经历或关闭了个性化时，只按地区、服务对象和时令推荐。",
		s.replies("推荐的事项", answer.RecommendPage{Recommendations: []answer.Recommendation{exampleRecommendation()}, Personalized: true,
			Switch: "/api/v1/subjects/u_5c1f0a/personalization", Edition: 1}, 422, 429, 503, 504))
	op.Tags = []string{tagPersonal}
	return op
}

func (s *Server) personalizeOperation() huma.Operation {
	return huma.Operation{
		OperationID: "personalization", Method: http.MethodPut, Path: pathPersonalize, Tags: []string{tagPersonal},
		Summary:     "开关个性化",
		Description: "关闭后从下一个请求起不再读取、也不再记录这个人的经历；同意后聊天里的经历才会记录。",
		RequestBody: jsonBody(json.RawMessage(`{"on":false}`)),
		Responses:   s.replies("现在的设置", answer.Profile{Off: true}, 400, 413, 415, 422, 429, 503),
	}
}

func (s *Server) exportOperation() huma.Operation {
	op := get("subject", pathSubject, "查阅、复制本人数据", "所保存的全部：设置和经历，最新的在前。",
		s.replies("本人数据", answer.Personal{Events: []answer.Event{{Matter: exampleCode, Type: "finish", Time: time.Date(2026, 5, 12, 1, 30, 0, 0, time.UTC)}}}, 422, 429, 503))
	op.Tags = []string{tagPersonal}
	return op
}

func (s *Server) eraseOperation() huma.Operation {
	return huma.Operation{
		OperationID: "erase", Method: http.MethodDelete, Path: pathSubject, Tags: []string{tagPersonal},
		Summary:     "删除本人数据",
		Description: "从统计中减去，从磁盘上抹去；答复时已经完成。",
		Responses:   s.replies("已删除", answer.Erased{Events: 7, At: time.Date(2026, 5, 12, 1, 30, 0, 0, time.UTC)}, 422, 429, 503),
	}
}
