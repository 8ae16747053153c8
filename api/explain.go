package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

const pathExplain = "/api/v1/policies/{id}/explanation"

// An Explainer says a passage of a policy in plainer words, where it has a
// language model for it.
type Explainer interface {
	// Explain returns corpus.ErrNotFound or answer.ErrBadPassage for what cannot
	// be explained.
	Explain(ctx context.Context, r answer.ExplainRequest) (answer.Explanation, error)
}

// An ExplainBody is what is to be explained.
type ExplainBody struct {
	Passage  string `json:"passage,omitempty" maxLength:"1500" doc:"政策原文里的一段，一字不差；不填为全文，全文不超过 1500 字"`
	Question string `json:"question,omitempty" maxLength:"300" doc:"想知道什么，可以不填" example:"多久能拿到"`
}

type explainInput struct {
	ID   string `path:"id" maxLength:"600" doc:"政策文件的编号" example:"p-1"`
	Body ExplainBody
}

// registerExplain registers the explanation of policies, if there is one.
func (s *Server) registerExplain() {
	if s.cfg.Explainer == nil {
		return
	}
	replies := s.replies("原文和说明", answer.Explanation{Policy: "p-1", Title: "安澜市居住证管理办法", Number: "安府规〔2026〕3号",
		Passage: "公安机关应当自受理之日起15个工作日内制作发放居住证。", Text: "公安机关应当自受理之日起15个工作日内制作发放居住证。",
		GeneratedBy: answer.ByTemplate, Source: answer.FactSource{URL: "https://anlan.example/policies/1", Updated: "2026-05-12"}, Edition: 1}, 400, 404, 413, 415, 422, 429, 503, 504)
	register(s, huma.Operation{
		OperationID: "explain", Method: http.MethodPost, Path: pathExplain, Tags: []string{tagAsk},
		Summary:     "说明一段政策",
		Description: "返回原文和平常的说法。说法由语言模型写成时带 aigc 标识，每一句都与原文核对过；没有模型、已关闭或核对不上时，text 就是原文。",
		RequestBody: jsonBody(ExplainBody{Passage: "公安机关应当自受理之日起15个工作日内制作发放居住证。", Question: "多久能拿到"}),
		Responses:   replies,
	}, s.explain)
}

// explain handles POST /api/v1/policies/{id}/explanation.
func (s *Server) explain(ctx context.Context, in *explainInput) (*askOutput, error) {
	id, err := url.PathUnescape(in.ID)
	if err != nil || !utf8.ValidString(id) {
		return nil, corpus.ErrNotFound
	}
	if err := s.engine.admit(ctx); err != nil {
		return nil, err
	}
	r := answer.ExplainRequest{Policy: id, Passage: in.Body.Passage, Question: in.Body.Question, Channel: answer.ChannelAPI}
	if k, ok := KeyOf(ctx); ok {
		r.Tenant = k.Name
	}
	x, err := s.cfg.Explainer.Explain(ctx, r)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	return &askOutput{CacheControl: "no-store", Body: send(http.StatusOK, "application/json", body)}, nil
}
