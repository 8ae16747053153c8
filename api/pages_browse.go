package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
)

// searchPage is how many matters one page of a search has.
const searchPage = 20

// search finds matters by words and filters; without either it shows the
// themes to choose from.
func (p *citizenPages) search(ctx context.Context, c *fiber.Ctx) error {
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	page := web.Search{Visitor: v, Text: strings.TrimSpace(value(c, "q")), Theme: corpus.Theme(value(c, "theme"))}
	if a, ok := corpus.ParseAudience(value(c, "audience")); ok {
		page.Audience = a
	}
	if page.Themes, err = p.engine.Themes(ctx, v.Region); err != nil {
		return err
	}
	status := http.StatusOK
	if page.Asked() {
		found, err := p.engine.Search(ctx, answer.SearchRequest{Text: page.Text, Region: v.Region, Audience: page.Audience,
			Theme: page.Theme, Limit: searchPage, Cursor: c.Query("cursor")})
		if err != nil {
			problem := p.problem(c, err)
			status, page.Problem, page.Text = problem.Status, problem.Detail, cut(page.Text)
		}
		page.Found = found
	}
	return p.send(c, status, func(w *bytes.Buffer) error { return p.pages.Search(w, page) })
}

// matter is the page of a whole guide.
func (p *citizenPages) matter(ctx context.Context, c *fiber.Ctx) error {
	code, err := pathText(c, "code")
	if err != nil {
		return err
	}
	guide, err := p.engine.Guide(ctx, code)
	if err != nil {
		return err
	}
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	around, err := p.engine.Around(ctx, guide)
	if err != nil {
		return err
	}
	page := web.Matter{Visitor: v, Guide: guide, Around: around, Address: c.BaseURL() + "/matters/" + url.PathEscape(code)}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Matter(w, page) })
}

// pathText is a part of the path as text; corpus.ErrNotFound if it is none.
func pathText(c *fiber.Ctx, name string) (string, error) {
	text, err := url.PathUnescape(c.Params(name))
	if err != nil || !utf8.ValidString(text) {
		return "", corpus.ErrNotFound
	}
	return text, nil
}

// events lists the life events.
func (p *citizenPages) events(ctx context.Context, c *fiber.Ctx) error {
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	page := web.Events{Visitor: v}
	if page.Events, err = p.engine.Events(ctx, v.Region); err != nil {
		return err
	}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Events(w, page) })
}

// event is the page of one life event.
func (p *citizenPages) event(ctx context.Context, c *fiber.Ctx) error {
	id, err := pathText(c, "id")
	if err != nil {
		return err
	}
	page := web.Event{Visitor: p.visitorOf(c)}
	if page.Event, err = p.engine.Event(ctx, id); err != nil {
		return err
	}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Event(w, page) })
}

// policy is the page of a policy's whole text; its articles have anchors.
func (p *citizenPages) policy(ctx context.Context, c *fiber.Ctx) error {
	id, err := pathText(c, "id")
	if err != nil {
		return err
	}
	page := web.Policy{Visitor: p.visitorOf(c)}
	if page.Text, err = p.engine.Policy(ctx, id); err != nil {
		return err
	}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Policy(w, page) })
}
