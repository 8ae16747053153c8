package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
)

// messageForm is the form to leave a message, filled in as far as the address
// says what it is about.
func (p *citizenPages) messageForm(ctx context.Context, c *fiber.Ctx) error {
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	m := answer.Message{Kind: value(c, "kind"), Text: cut(value(c, "q")), Region: v.Region, Matter: value(c, "matter"), Answer: value(c, "answer"), ID: rand.Text()}
	return p.form(ctx, c, http.StatusOK, web.Leave{Visitor: v, Message: m})
}

// form writes the form, with what the agency in charge can be called at.
func (p *citizenPages) form(ctx context.Context, c *fiber.Ctx, status int, page web.Leave) error {
	if page.Message.Matter != "" {
		guide, err := p.engine.Guide(ctx, page.Message.Matter)
		if err != nil && !errors.Is(err, corpus.ErrNotFound) {
			return err
		}
		page.Guide = guide
		if err != nil {
			page.Guide, page.Message.Matter = nil, ""
		}
	}
	c.Set(fiber.HeaderCacheControl, "no-store") // it holds the form's own id
	return p.send(c, status, func(w *bytes.Buffer) error { return p.pages.Leave(w, page) })
}

// leave keeps a message. Whatever goes wrong, the page that comes back holds
// what was written.
func (p *citizenPages) leave(ctx context.Context, c *fiber.Ctx) error {
	if !ownSite(c) {
		return fiber.NewError(http.StatusForbidden)
	}
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	m := answer.Message{Kind: value(c, "kind"), Text: value(c, "text"), Region: v.Region, Matter: value(c, "matter"),
		Answer: value(c, "answer"), Name: value(c, "name"), Contact: value(c, "contact"), ID: value(c, "id")}
	if faults := m.Faults(); len(faults) > 0 {
		return p.form(ctx, c, http.StatusUnprocessableEntity, web.Leave{Visitor: v, Message: m, Faults: faults})
	}
	receipt, err := p.engine.Leave(ctx, m)
	if err != nil {
		problem := p.problem(c, err)
		return p.form(ctx, c, problem.Status, web.Leave{Visitor: v, Message: m, Problem: problem.Title + "。" + problem.Detail})
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	page := web.Received{Visitor: v, Receipt: receipt, Kind: m.Kind}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Received(w, page) })
}

// lookUpForm asks for the number and code of a message.
func (p *citizenPages) lookUpForm(_ context.Context, c *fiber.Ctx) error {
	page := web.LookUp{Visitor: p.visitorOf(c), Number: value(c, "number")}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.LookUp(w, page) })
}

// lookUp shows what became of a message.
func (p *citizenPages) lookUp(ctx context.Context, c *fiber.Ctx) error {
	page := web.LookUp{Visitor: p.visitorOf(c), Number: value(c, "number")}
	status := http.StatusOK
	found, err := p.engine.MessageStatus(ctx, page.Number, value(c, "code"))
	switch {
	case errors.Is(err, corpus.ErrNotFound):
		status, page.Problem = http.StatusNotFound, "没有查到。请核对编号和查询码，两个都要和回执上的一样。"
	case err != nil:
		problem := p.problem(c, err)
		status, page.Problem = problem.Status, problem.Title+"。"
	default:
		page.Found = &found
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return p.send(c, status, func(w *bytes.Buffer) error { return p.pages.LookUp(w, page) })
}
