// Package wording is where members of staff deal with the language model: an
// admin switches it off and on for each channel, and an editor has it draft
// questions, answers and guides from policies.
//
// It promises that a switch takes effect at once and is audited, and that
// nothing that a model has drafted is published by it: drafts go to the store of
// drafts, marked, and on their way like everybody's.
package wording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// A Desk serves the pages and operations. Make one with New.
type Desk struct {
	turns *Switch
	staff *staff.Staff
}

// New returns a desk. Its pages are registered by Register.
func New(turns *Switch) *Desk { return &Desk{turns: turns} }

const (
	pathPage   = "/staff/model"
	pathStatus = "/api/v1/model"
	pathDrafts = "/api/v1/model/drafts"
)

// Register registers everything.
func (d *Desk) Register(r *staff.Router) {
	d.staff = r.Staff()
	admin := []string{"admin"}
	r.Page(http.MethodGet, pathPage, admin, d.show)
	r.Page(http.MethodPost, pathPage, admin, d.turn)
	r.Menu(pathPage, "语言模型")
	r.JSON(http.MethodGet, pathStatus, admin, "admin", d.status)
	r.JSON(http.MethodPut, pathStatus, admin, "admin", d.put)
	r.JSON(http.MethodPost, pathDrafts, []string{"editor"}, "content", d.draft)
}

// A page is the switches as admins see them.
type page struct {
	Status
	Problem string
	Results []resultLine
}

// A resultLine is how often something became of the model's words.
type resultLine struct {
	Name string
	N    int
}

func (d *Desk) show(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	return d.render(c, who, http.StatusOK, "")
}

func (d *Desk) render(c *fiber.Ctx, who staff.Session, status int, problem string) error {
	s, err := d.turns.Status()
	if err != nil {
		return err
	}
	p := page{Status: s, Problem: problem}
	if s.Use != nil {
		for _, r := range llm.Results() {
			if n := s.Use.Results[r]; n > 0 {
				p.Results = append(p.Results, resultLine{resultName(r), n})
			}
		}
	}
	return d.staff.Render(c, who, status, "model", "语言模型", p)
}

// resultName says in Chinese what became of the model's words.
func resultName(result string) string {
	names := map[string]string{
		"worded": "采用", "cached": "采用（以前核对过的）", "off": "渠道已关", "busy": "同时调用太多", "breaker": "模型服务连续出错，暂停调用",
		"budget": "预算用完", "poisoned": "资料里有对模型的指令", "http": "模型服务连不上或拒绝", "stalled": "模型服务没有按时回应",
		"garbage": "没有按格式写完", "same": "与原文一样", "gone": "提问人已离开", "markup": "夹带标记或不可见字符", "link": "自己写了网址",
		"unsourced": "没有注明出处", "value": "数字、日期、电话与原文不符", "wording": "说法不能与原文逐句对上", "verdict": "替提问人下了判断", "incomplete": "漏了要答的内容",
	}
	if n := names[result]; n != "" {
		return n
	}
	return result
}

// turn turns a switch from the page.
func (d *Desk) turn(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	channel, on := answer.Channel(c.FormValue("channel")), c.FormValue("turn") == "on"
	if c.FormValue("turn") != "on" && c.FormValue("turn") != "off" {
		return d.render(c, who, http.StatusUnprocessableEntity, "没有说明是开还是关。")
	}
	err := d.turns.Turn(ctx, who.Name, channel, on)
	switch {
	case errors.Is(err, ErrChannel):
		return d.render(c, who, http.StatusUnprocessableEntity, err.Error()+"。")
	case err != nil:
		return err
	}
	return c.Redirect(pathPage, http.StatusSeeOther)
}

func (d *Desk) status(_ context.Context, c *fiber.Ctx, _ staff.Session) error {
	s, err := d.turns.Status()
	if err != nil {
		return err
	}
	return c.JSON(s)
}

// A turnBody is a turn of a switch.
type turnBody struct {
	Channel answer.Channel `json:"channel"` // "" is all
	On      *bool          `json:"on"`
}

func (d *Desk) put(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	var body turnBody
	if err := decode(c, &body); err != nil {
		return err
	}
	if body.On == nil {
		return api.NewProblem(http.StatusUnprocessableEntity, "on 应为 true 或 false。")
	}
	err := d.turns.Turn(ctx, who.Name, body.Channel, *body.On)
	switch {
	case errors.Is(err, ErrChannel):
		return api.NewProblem(http.StatusUnprocessableEntity, err.Error()+"。")
	case err != nil:
		return err
	}
	return d.status(ctx, c, who)
}

// decode reads a body of JSON that has no other keys.
func decode(c *fiber.Ctx, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(c.Body())))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return api.NewProblem(http.StatusUnprocessableEntity, "请求正文不是所要的 JSON："+err.Error())
	}
	return nil
}

// A draftBody says what to draft.
type draftBody struct {
	Kind   string `json:"kind"`             // similar, faq or guide
	Policy string `json:"policy,omitempty"` // id of the policy to draft from
	FAQ    string `json:"faq,omitempty"`    // id of the FAQ to find other questions for
	Text   string `json:"text,omitempty"`   // the part of the policy to draft from; "" is all of it
	Save   bool   `json:"save,omitempty"`   // keep them as drafts
}

// A draftReply is what was drafted.
type draftReply struct {
	llm.Drafts
	Saved []store.DraftInfo `json:"saved"`
}

// draft drafts for an editor.
func (d *Desk) draft(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	var body draftBody
	if err := decode(c, &body); err != nil {
		return err
	}
	if d.turns.model == nil {
		return api.NewProblem(http.StatusServiceUnavailable, "没有配置语言模型。")
	}
	var drafts llm.Drafts
	var records []corpus.Record
	var err error
	switch body.Kind {
	case "faq", "guide":
		drafts, err = d.fromPolicy(ctx, who, &body)
		for _, f := range drafts.FAQs {
			records = append(records, f)
		}
		if drafts.Guide != nil {
			records = append(records, drafts.Guide)
		}
	case "similar":
		var faq *corpus.FAQ
		drafts, faq, err = d.similar(ctx, who, &body)
		if faq != nil {
			records = append(records, faq)
		}
	default:
		return api.NewProblem(http.StatusUnprocessableEntity, "kind 应为 similar、faq 或 guide。")
	}
	if err != nil {
		return problemOf(err)
	}
	reply := draftReply{Drafts: drafts, Saved: []store.DraftInfo{}}
	for _, rec := range records {
		if !body.Save {
			break
		}
		info, err := d.save(ctx, who, rec)
		if err != nil {
			return problemOf(err)
		}
		reply.Saved = append(reply.Saved, info)
	}
	return c.JSON(reply)
}

// problemOf says to an editor why there are no drafts.
func problemOf(err error) error {
	var field *corpus.FieldError
	switch {
	case errors.Is(err, corpus.ErrNotFound):
		return api.NewProblem(http.StatusNotFound, "没有这条记录。")
	case errors.Is(err, llm.ErrDraftText):
		return api.NewProblem(http.StatusUnprocessableEntity, err.Error()+"。请在 text 里写出其中一部分。")
	case errors.Is(err, errNotPart), errors.Is(err, errInternal):
		return api.NewProblem(http.StatusUnprocessableEntity, err.Error()+"。")
	case errors.Is(err, store.ErrConflict):
		return api.NewProblem(http.StatusConflict, "同名的草稿正在由别人处理，没有保存。")
	case errors.As(err, &field):
		return api.NewProblem(http.StatusBadGateway, "模型起草的内容不符合导入格式："+err.Error())
	}
	if result := llm.ResultOf(err); result != "" {
		return api.NewProblem(http.StatusBadGateway, "没有起草成："+resultName(result)+"。")
	}
	return err
}

// errInternal means that a record is for operators only: its text is not sent to
// a model, nor made the source of what citizens read.
var errInternal = errors.New("仅坐席可见的内容不交给语言模型")

// errNotPart means that a text to draft from is not the policy's.
var errNotPart = errors.New("text 不是这份政策原文里的文字")

func (d *Desk) fromPolicy(ctx context.Context, who staff.Session, body *draftBody) (llm.Drafts, error) {
	rec, err := d.turns.store.Get(corpus.Key{Type: corpus.TypePolicy, ID: body.Policy})
	if err != nil {
		return llm.Drafts{}, err
	}
	if _, ok := corpus.Public(rec); !ok {
		return llm.Drafts{}, errInternal
	}
	p := *rec.(*corpus.Policy)
	if text := strings.TrimSpace(body.Text); text != "" {
		if !strings.Contains(p.Text, text) {
			return llm.Drafts{}, errNotPart
		}
		p.Text = text
	}
	if body.Kind == "guide" {
		return d.turns.model.DraftGuide(ctx, who.Name, &p)
	}
	return d.turns.model.DraftFAQs(ctx, who.Name, &p)
}

// similar drafts other questions for an FAQ, and the FAQ with them.
func (d *Desk) similar(ctx context.Context, who staff.Session, body *draftBody) (llm.Drafts, *corpus.FAQ, error) {
	rec, err := d.turns.store.Get(corpus.Key{Type: corpus.TypeFAQ, ID: body.FAQ})
	if err != nil {
		return llm.Drafts{}, nil, err
	}
	if _, ok := corpus.Public(rec); !ok {
		return llm.Drafts{}, nil, errInternal
	}
	faq := *rec.(*corpus.FAQ)
	drafts, err := d.turns.model.DraftSimilar(ctx, who.Name, faq.Question, faq.Answer, faq.Similar)
	if err != nil || len(drafts.Similar) == 0 {
		return drafts, nil, err
	}
	faq.Similar = append(slices.Clone(faq.Similar), drafts.Similar...)
	return drafts, &faq, nil
}

// save keeps a draft over the one of the same name that a model has drafted
// before, and over no other.
func (d *Desk) save(ctx context.Context, who staff.Session, rec corpus.Record) (store.DraftInfo, error) {
	edit := store.Edit{Record: rec, Base: d.turns.store.Edition(), Note: "语言模型起草，须人工核对：" + d.turns.model.Mark().Model}
	old, err := d.turns.store.Draft(rec.Key())
	switch {
	case errors.Is(err, corpus.ErrNotFound):
	case err != nil:
		return store.DraftInfo{}, err
	case old.State == store.Drafting && strings.HasPrefix(old.Note, "语言模型起草"):
		edit.Version = old.Version
	default:
		return store.DraftInfo{}, fmt.Errorf("draft %s: %w", rec.Key(), store.ErrConflict)
	}
	return d.turns.store.SaveDraft(ctx, who.Name, edit)
}
