package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// The paths that are read.
const (
	pathSearch   = "/api/v1/search"
	pathSuggest  = "/api/v1/suggest"
	pathMatter   = "/api/v1/matters/{code}"
	pathThemes   = "/api/v1/themes"
	pathRegions  = "/api/v1/regions"
	pathHot      = "/api/v1/hot"
	pathFeedback = "/api/v1/feedback"
)

// A Suggestions is the reply to what is being typed.
type Suggestions struct {
	Suggestions []answer.Suggestion `json:"suggestions"`
}

// A Themes is the reply that lists themes.
type Themes struct {
	Themes  []answer.ThemeCount `json:"themes"`
	Edition corpus.Edition      `json:"edition"`
}

// A Regions is the reply that lists divisions.
type Regions struct {
	Regions []answer.RegionCount `json:"regions"`
	Edition corpus.Edition       `json:"edition"`
}

// A Hot is the reply that lists questions often asked.
type Hot struct {
	Questions []answer.HotQuestion `json:"questions"`
	Edition   corpus.Edition       `json:"edition"`
}

// A FeedbackBody rates an answer.
type FeedbackBody struct {
	Answer  string   `json:"answer" minLength:"1" maxLength:"64" doc:"被评价的回答的 id" example:"a3f09c1d"`
	Rating  int      `json:"rating" enum:"1,-1" doc:"1 满意，-1 不满意" example:"1"`
	Reasons []string `json:"reasons,omitempty" nullable:"false" maxItems:"5" doc:"不满意的原因"`
	Text    string   `json:"text,omitempty" maxLength:"500" doc:"补充说明，最多 500 个字；请勿填写个人信息"`
}

// A Received confirms that something was kept.
type Received struct {
	OK bool `json:"ok" doc:"总为 true"`
}

func (s *Server) registerBrowse() {
	register(s, s.searchOperation(), s.search)
	register(s, s.suggestOperation(), s.suggest)
	register(s, s.matterOperation(), s.matter)
	register(s, s.themesOperation(), s.themes)
	register(s, s.regionsOperation(), s.regions)
	register(s, s.hotOperation(), s.hot)
	register(s, s.feedbackOperation(), s.feedback)
}

type searchInput struct {
	Q        string `query:"q" maxLength:"300" doc:"检索词；与 theme 至少填一项" example:"公积金提取"`
	Region   string `query:"region" doc:"行政区划代码，6、9 或 12 位数字" example:"990100"`
	Audience string `query:"audience" maxLength:"20" doc:"服务对象：自然人、企业法人等，或 person、enterprise"`
	Theme    string `query:"theme" maxLength:"20" doc:"主题名称，见 /api/v1/themes" example:"住房保障"`
	Limit    int    `query:"limit" minimum:"1" maximum:"50" default:"10" doc:"每页条数"`
	Cursor   string `query:"cursor" maxLength:"512" doc:"上一页的 next，原样带回"`

	request answer.SearchRequest
}

// Resolve implements huma.Resolver.
func (in *searchInput) Resolve(huma.Context) []error {
	var f faults
	if strings.TrimSpace(in.Q) == "" && in.Theme == "" {
		f.add("query.q", "请填写检索词，或选择一个主题")
	}
	in.request = answer.SearchRequest{
		Text:     in.Q,
		Region:   f.region("query.region", in.Region),
		Audience: f.audience("query.audience", in.Audience),
		Theme:    corpus.Theme(in.Theme),
		Limit:    in.Limit,
		Cursor:   in.Cursor,
	}
	return f
}

// A fresh reply holds v, which must not be kept.
type fresh[T any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         T
}

func newFresh[T any](v T) *fresh[T] { return &fresh[T]{"no-store", v} }

func (s *Server) search(ctx context.Context, in *searchInput) (*fresh[answer.SearchPage], error) {
	page, err := s.engine.Search(ctx, in.request)
	if err != nil {
		return nil, err
	}
	page.Matters = WholeMatters(page.Matters)
	return newFresh(page), nil
}

type suggestInput struct {
	Q      string `query:"q" required:"true" maxLength:"300" doc:"正在输入的文字" example:"身份"`
	Region string `query:"region" doc:"行政区划代码" example:"990100"`
	Limit  int    `query:"limit" minimum:"1" maximum:"20" default:"8" doc:"最多几条"`
}

// Resolve implements huma.Resolver.
func (in *suggestInput) Resolve(huma.Context) []error {
	var f faults
	f.region("query.region", in.Region)
	return f
}

func (s *Server) suggest(ctx context.Context, in *suggestInput) (*fresh[Suggestions], error) {
	found, err := s.engine.Suggest(ctx, in.Q, corpus.RegionCode(in.Region), in.Limit)
	if err != nil {
		return nil, err
	}
	return newFresh(Suggestions{list(found)}), nil
}

// Conditional are the headers by which a reader says what it has. It is
// exported because huma passes over embedded types that are not.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" doc:"已有内容的 ETag；未变化时答 304"`
}

// kept is a reply that may be kept and asked for again.
type kept struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	LastModified string `header:"Last-Modified"`
	Body         []byte
}

// keep makes a reply of body. Its tag is weak because what is sent may be
// compressed; it has the edition, and the content too, for a list of hot
// questions changes within an edition.
func (s *Server) keep(in Conditional, body []byte) *kept {
	hash := corpus.HashOf(body)
	k := &kept{
		Status:       http.StatusOK,
		ContentType:  fiber.MIMEApplicationJSONCharsetUTF8,
		ETag:         fmt.Sprintf(`W/"%d-%s"`, s.engine.Edition(), hex.EncodeToString(hash[:8])),
		CacheControl: "public, max-age=60",
		Body:         body,
	}
	if matches(in.IfNoneMatch, k.ETag) {
		k.Status, k.Body = http.StatusNotModified, nil
	}
	return k
}

// matches reports whether an If-None-Match header has the tag.
func matches(header, tag string) bool {
	bare := func(t string) string { return strings.TrimPrefix(strings.TrimSpace(t), "W/") }
	if strings.TrimSpace(header) == "*" {
		return true
	}
	return slices.ContainsFunc(strings.Split(header, ","), func(t string) bool { return bare(t) == bare(tag) })
}

func (s *Server) keepJSON(in Conditional, v any) (*kept, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.keep(in, body), nil
}

type matterInput struct {
	Conditional
	Code string `path:"code" maxLength:"600" doc:"实施编码" example:"AL-SF-004"`
}

// matter handles GET /api/v1/matters/{code}: the guide as in the import
// format, with the keys that the format does not know.
func (s *Server) matter(ctx context.Context, in *matterInput) (*kept, error) {
	code, err := url.PathUnescape(in.Code)
	if err != nil || !utf8.ValidString(code) {
		return nil, corpus.ErrNotFound
	}
	guide, err := s.engine.Guide(ctx, code)
	if err != nil {
		return nil, err
	}
	line, err := corpus.Marshal(guide)
	if err != nil {
		return nil, fmt.Errorf("matter %q: %w", code, err)
	}
	out := s.keep(in.Conditional, line)
	if day, err := time.Parse(time.DateOnly, guide.Source.Updated); err == nil {
		out.LastModified = day.UTC().Format(http.TimeFormat)
	}
	return out, nil
}

// A RegionInput asks for what holds in a region.
type RegionInput struct {
	Conditional
	Region string `query:"region" doc:"行政区划代码；不填为全部" example:"990100"`
}

// Resolve implements huma.Resolver.
func (in *RegionInput) Resolve(huma.Context) []error {
	var f faults
	f.region("query.region", in.Region)
	return f
}

func (s *Server) themes(ctx context.Context, in *RegionInput) (*kept, error) {
	themes, err := s.engine.Themes(ctx, corpus.RegionCode(in.Region))
	if err != nil {
		return nil, err
	}
	return s.keepJSON(in.Conditional, Themes{list(themes), s.engine.Edition()})
}

type regionsInput struct{ Conditional }

func (s *Server) regions(ctx context.Context, in *regionsInput) (*kept, error) {
	regions, err := s.engine.Regions(ctx)
	if err != nil {
		return nil, err
	}
	return s.keepJSON(in.Conditional, Regions{list(regions), s.engine.Edition()})
}

type hotInput struct {
	RegionInput
	Limit int `query:"limit" minimum:"1" maximum:"50" default:"10" doc:"最多几条"`
}

func (s *Server) hot(ctx context.Context, in *hotInput) (*kept, error) {
	questions, err := s.engine.Hot(ctx, corpus.RegionCode(in.Region), in.Limit)
	if err != nil {
		return nil, err
	}
	return s.keepJSON(in.Conditional, Hot{list(questions), s.engine.Edition()})
}

type feedbackInput struct{ Body FeedbackBody }

// Resolve implements huma.Resolver.
func (in *feedbackInput) Resolve(huma.Context) []error {
	var f faults
	b := in.Body
	if b.Answer == "" || len(b.Answer) > 64 {
		f.add("body.answer", "应为被评价的回答的 id")
	}
	if b.Rating != 1 && b.Rating != -1 {
		f.add("body.rating", "应为 1（满意）或 -1（不满意）")
	}
	for i, r := range b.Reasons {
		if !slices.Contains(answer.FeedbackReasons, r) {
			f.add(fmt.Sprintf("body.reasons[%d]", i), "应为以下之一："+strings.Join(answer.FeedbackReasons, "、"))
		}
	}
	if utf8.RuneCountInString(b.Text) > 500 {
		f.add("body.text", "不能超过 500 个字")
	}
	return f
}

func (s *Server) feedback(ctx context.Context, in *feedbackInput) (*fresh[Received], error) {
	b := in.Body
	err := s.engine.Feedback(ctx, answer.Feedback{Answer: b.Answer, Rating: b.Rating, Reasons: b.Reasons, Text: b.Text})
	if err != nil {
		return nil, err
	}
	return newFresh(Received{OK: true}), nil
}
