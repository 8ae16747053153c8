package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Previewer shows a record as it would be answered with. *answer.Engine is one.
type Previewer interface {
	Preview(ctx context.Context, rec corpus.Record, text string) (answer.Answer, error)
	Around(ctx context.Context, g *corpus.Guide) (answer.Around, error)
}

// previewAspects are the questions that a preview offers.
var previewAspects = []struct {
	Aspect nlp.Aspect
	Text   string
}{
	{nlp.AspectOverview, ""}, {nlp.AspectMaterials, "要什么材料"}, {nlp.AspectCondition, "受理条件"}, {nlp.AspectProcedure, "办理流程"},
	{nlp.AspectTimeLimit, "要多久"}, {nlp.AspectFee, "收费多少钱"}, {nlp.AspectLocation, "在哪里办"}, {nlp.AspectPhone, "咨询电话"},
	{nlp.AspectOnline, "网上能办吗"},
}

// preview shows a record, its draft where there is one, as citizens or as
// operators would see it.
func (c *Console) preview(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	if c.Engine == nil {
		return problem(http.StatusServiceUnavailable, "这里没有接上问答引擎，不能预览。")
	}
	k, err := keyOf(f)
	if err != nil {
		return err
	}
	v, err := c.current(k)
	if err != nil {
		return refused(err)
	}
	if v.record == nil {
		return problem(http.StatusConflict, "这份草稿要删除记录，发布后群众就看不到它了。")
	}
	if shown, ok := corpus.Public(v.record); f.Query("as") != "operator" {
		if !ok {
			return problem(http.StatusNotFound, "这一条仅坐席可见，群众看不到。")
		}
		v.record = shown
	}
	if f.Query("as") == "page" {
		return c.previewPage(ctx, f, v)
	}
	text := f.Query("q")
	view := previewPage{Key: k, Title: corpus.Title(v.record), Path: recordPath(k), Draft: v.draft != nil, As: f.Query("as"), Text: text}
	a, err := c.Engine.Preview(ctx, v.record, text)
	switch {
	case errors.Is(err, corpus.ErrNotFound): // no answer is made of it
	case err != nil:
		return err
	default:
		view.Answer = &a
	}
	if _, ok := v.record.(*corpus.Guide); ok {
		view.Guide = true
		for _, q := range previewAspects {
			view.Questions = append(view.Questions, previewQuestion{q.Text, q.Text == text})
		}
	}
	if view.As == "citizen" {
		return c.previewChat(f, v.record, view)
	}
	return c.staff.Render(f, who, http.StatusOK, "console-preview", "预览："+view.Title, view)
}

type previewPage struct {
	Key       corpus.Key
	Title     string
	Path      string
	Draft     bool
	As        string
	Text      string
	Guide     bool
	Answer    *answer.Answer
	Questions []previewQuestion
}

type previewQuestion struct {
	Text string
	Here bool
}

// previewVisitor marks a citizen's page as a preview.
func previewVisitor() web.Visitor { return web.Visitor{Preview: true} }

// previewPage writes the public page of a guide's draft.
func (c *Console) previewPage(ctx context.Context, f *fiber.Ctx, v version) error {
	g, ok := v.record.(*corpus.Guide)
	if !ok {
		return problem(http.StatusNotFound, "只有办事指南有自己的页面。")
	}
	around, err := c.Engine.Around(ctx, g)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := c.Pages.Matter(&buf, web.Matter{Visitor: previewVisitor(), Guide: g, Around: around}); err != nil {
		return err
	}
	return html(f, buf.Bytes())
}

// previewChat writes the public page of an answer made of a draft.
func (c *Console) previewChat(f *fiber.Ctx, rec corpus.Record, view previewPage) error {
	chat := web.Chat{Visitor: previewVisitor()}
	switch r := rec.(type) {
	case *corpus.HotEntry:
		chat.Hot = []answer.HotQuestion{{Text: r.Question, Code: r.Matter}}
	default:
		if view.Answer == nil {
			return problem(http.StatusNotFound, "这一类记录不直接给群众看，没有预览。")
		}
		chat.Question, chat.Answer = view.Title, view.Answer
		if view.Text != "" {
			chat.Question += view.Text
		}
	}
	var buf bytes.Buffer
	if err := c.Pages.Chat(&buf, chat); err != nil {
		return err
	}
	return html(f, buf.Bytes())
}

func html(f *fiber.Ctx, body []byte) error {
	f.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return f.Send(body)
}
