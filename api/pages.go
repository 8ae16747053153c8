package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
)

// CitizenPages is a Config.Pages that serves the citizen's pages. Whatever
// goes wrong behind them, a browser gets a page and not a problem document.
func CitizenPages(p *web.Pages, log *slog.Logger) func(*fiber.App, Engine) {
	return func(app *fiber.App, e Engine) {
		h := &citizenPages{pages: p, engine: e, log: log}
		app.Use(h.fallback)
		app.Get("/", h.page(h.home))
		app.Get("/ask", h.page(h.ask))
		app.Post("/ask", h.page(h.ask))
		app.Get("/search", h.page(h.search))
		app.Get("/matters/:code", h.page(h.matter))
		app.Get("/events", h.page(h.events))
		app.Get("/events/:id", h.page(h.event))
		app.Get("/policies/:id", h.page(h.policy))
		app.Post("/feedback", h.page(h.feedback))
		app.Get("/message", h.page(h.messageForm))
		app.Post("/message", h.page(h.leave))
		app.Get("/message/look-up", h.page(h.lookUpForm))
		app.Post("/message/look-up", h.page(h.lookUp))
		app.Get("/about", h.page(h.about))
		app.Get("/privacy", func(c *fiber.Ctx) error { return c.Redirect("/about#privacy", http.StatusMovedPermanently) })
		app.Get("/widget", h.page(h.widget))
		app.Get("/widget.js", h.asset("widget.js"))
		app.Get("/static/:name", h.asset(""))
	}
}

type citizenPages struct {
	pages  *web.Pages
	engine Engine
	log    *slog.Logger
}

const (
	pageTimeout  = 15 * time.Second // for all that one page asks of the engine; a question has a deadline of its own
	hotOnPage    = 6
	likelyOnPage = 4
	eventsOnPage = 8
	rememberFor  = 365 * 24 * 3600 // seconds
	cookieLarge  = "large"
	cookieRegion = "region"
	cookieScript = "script"
)

// A pageHandler writes a page. It gets a context with a deadline.
type pageHandler func(ctx context.Context, c *fiber.Ctx) error

// page makes a handler of h whose errors are pages too.
func (p *citizenPages) page(h pageHandler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), pageTimeout)
		defer cancel()
		err := p.engine.Ready()
		if err != nil {
			err = fmt.Errorf("%w: %w", errNotReady, err)
		} else {
			err = h(ctx, c)
		}
		if err != nil {
			return p.failed(c, err)
		}
		return nil
	}
}

// fallback makes a page of what nobody serves, for readers who want pages.
func (p *citizenPages) fallback(c *fiber.Ctx) error {
	err := c.Next()
	if err == nil || strings.HasPrefix(c.Path(), "/api/") || !strings.Contains(c.Get(fiber.HeaderAccept), "text/html") {
		return err
	}
	return p.failed(c, err)
}

// failed writes the page of an error.
func (p *citizenPages) failed(c *fiber.Ctx, err error) error {
	problem := p.problem(c, err)
	m := web.Message{Visitor: p.visitorOf(c), Title: problem.Title, Text: problem.Detail, Failed: true}
	if problem.Status == http.StatusNotFound {
		m = web.Missing(m.Visitor)
	}
	return p.send(c, problem.Status, func(w *bytes.Buffer) error { return p.pages.Message(w, m) })
}

// problem says what an error means for the citizen, and logs it if it is
// ours to mend.
func (p *citizenPages) problem(c *fiber.Ctx, err error) *Problem {
	problem := problemOf(err)
	for key, values := range problem.GetHeaders() {
		c.Set(key, values[0])
	}
	if problem.Status >= http.StatusInternalServerError {
		p.log.ErrorContext(c.UserContext(), "page not served", "request", requestID(c.UserContext()), "status", problem.Status, "err", err)
	}
	return problem
}

// send writes a page that depends on its visitor's cookies. A page that may
// be kept has a tag of its content, so that who has it gets no more than that.
func (p *citizenPages) send(c *fiber.Ctx, status int, render func(*bytes.Buffer) error) error {
	var buf bytes.Buffer
	if err := render(&buf); err != nil {
		return err
	}
	c.Vary(fiber.HeaderCookie)
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	if len(c.Response().Header.Peek(fiber.HeaderCacheControl)) > 0 {
		return c.Status(status).Send(buf.Bytes())
	}
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	hash := corpus.HashOf(buf.Bytes())
	tag := fmt.Sprintf(`W/"%x"`, hash[:8])
	c.Set(fiber.HeaderETag, tag)
	if status == http.StatusOK && matches(c.Get(fiber.HeaderIfNoneMatch), tag) {
		return c.SendStatus(http.StatusNotModified)
	}
	return c.Status(status).Send(buf.Bytes())
}

// visitorOf reads what the visitor chose: in the address or the form, which
// is then remembered, or before.
func (p *citizenPages) visitorOf(c *fiber.Ctx) web.Visitor {
	v := web.Visitor{Large: p.choice(c, cookieLarge, isSwitch) == "1", Hant: p.choice(c, cookieScript, isScript) == "hant", Address: pageAddress(c)}
	v.Region = corpus.RegionCode(p.choice(c, cookieRegion, isRegion))
	return v
}

func isSwitch(s string) bool { return s == "0" || s == "1" }

func isScript(s string) bool { return s == "hans" || s == "hant" }

// isRegion accepts the empty code, which stands for everywhere.
func isRegion(s string) bool { return s == "" || corpus.RegionCode(s).Valid() }

// choice is the value given with the request, if it is a good one, or else
// the one remembered.
func (p *citizenPages) choice(c *fiber.Ctx, name string, good func(string) bool) string {
	args := c.Request().PostArgs()
	if !args.Has(name) {
		args = c.Request().URI().QueryArgs()
	}
	if given := string(args.Peek(name)); args.Has(name) && good(given) {
		c.Cookie(&fiber.Cookie{Name: name, Value: given, Path: "/", MaxAge: rememberFor, SameSite: fiber.CookieSameSiteLaxMode})
		return given
	}
	if was := c.Cookies(name); good(was) {
		return was
	}
	return ""
}

// pageAddress is where a link on the page leads back to it: a question that
// was posted can be asked again by its address.
func pageAddress(c *fiber.Ctx) string {
	if c.Method() == fiber.MethodPost {
		q := questionOf(c)
		if q == "" {
			return "/"
		}
		return "/?" + url.Values{"q": {q}}.Encode()
	}
	return c.OriginalURL()
}

// visitor is visitorOf with the regions to choose from.
func (p *citizenPages) visitor(ctx context.Context, c *fiber.Ctx) (web.Visitor, error) {
	v := p.visitorOf(c)
	var err error
	v.Regions, err = p.engine.Regions(ctx)
	return v, err
}

// home is the invitation, or the answer to the question in the address.
func (p *citizenPages) home(ctx context.Context, c *fiber.Ctx) error {
	if questionOf(c) != "" {
		return p.ask(ctx, c)
	}
	if theme := c.Query("theme"); theme != "" { // an address of old
		return c.Redirect("/search?"+url.Values{"theme": {theme}}.Encode(), http.StatusMovedPermanently)
	}
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	chat := web.Chat{Visitor: v}
	if err := p.invite(ctx, &chat); err != nil {
		return err
	}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Chat(w, chat) })
}

// invite fills in what the first page offers in the visitor's region.
func (p *citizenPages) invite(ctx context.Context, chat *web.Chat) (err error) {
	if chat.Hot, err = p.engine.Hot(ctx, chat.Visitor.Region, hotOnPage); err != nil {
		return err
	}
	if chat.Themes, err = p.engine.Themes(ctx, chat.Visitor.Region); err != nil {
		return err
	}
	// Of nobody in particular: whoever has agreed gets their own list by the script.
	likely, err := p.engine.Recommend(ctx, answer.RecommendRequest{Region: chat.Visitor.Region, Limit: likelyOnPage})
	if err != nil {
		return err
	}
	chat.Likely = likely.Recommendations
	chat.Events, err = p.engine.Events(ctx, chat.Visitor.Region)
	chat.Events = chat.Events[:min(len(chat.Events), eventsOnPage)]
	return err
}

// questionOf is the question of a form or an address: a button that was
// pressed goes before what was typed, and the page of a matter puts the
// matter's name before a question that does not say it.
func questionOf(c *fiber.Ctx) string {
	q := strings.TrimSpace(value(c, "pick"))
	if q == "" {
		q = strings.TrimSpace(value(c, "q"))
	}
	if matter := strings.TrimSpace(value(c, "matter")); q != "" && !strings.Contains(q, matter) {
		q = matter + " " + q
	}
	return q
}

// value is a field of the form, or else of the address.
func value(c *fiber.Ctx, name string) string {
	v := string(c.Request().PostArgs().Peek(name))
	if v == "" {
		v = c.Query(name)
	}
	return strings.ToValidUTF8(v, "")
}

// ask answers a question without JavaScript.
func (p *citizenPages) ask(ctx context.Context, c *fiber.Ctx) error {
	q := questionOf(c)
	if q == "" {
		return c.Redirect("/", http.StatusSeeOther)
	}
	v, err := p.visitor(ctx, c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	chat := web.Chat{Visitor: v, Question: q}
	status := http.StatusOK
	a, err := p.answer(ctx, answer.Request{Text: q, State: value(c, "state"), Region: v.Region, Channel: answer.ChannelPage})
	if err != nil {
		problem := p.problem(c, err)
		status, chat.Problem, chat.Question = problem.Status, problem.Detail, cut(q)
	} else {
		chat.Answer = &a
	}
	return p.send(c, status, func(w *bytes.Buffer) error { return p.pages.Chat(w, chat) })
}

func (p *citizenPages) answer(ctx context.Context, r answer.Request) (answer.Answer, error) {
	if utf8.RuneCountInString(r.Text) > answer.MaxText || len(r.State) > maxState {
		return answer.Answer{}, answer.ErrBadQuestion
	}
	return p.engine.Ask(ctx, r)
}

// cut is what a page shows of a question that may be far too long.
func cut(q string) string {
	if r := []rune(q); len(r) > answer.MaxText {
		return string(r[:answer.MaxText]) + "…"
	}
	return q
}

// ownSite reports whether a form was sent from our own pages. Old browsers do
// not say.
func ownSite(c *fiber.Ctx) bool {
	site := c.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// feedback takes a rating without JavaScript.
func (p *citizenPages) feedback(ctx context.Context, c *fiber.Ctx) error {
	if !ownSite(c) {
		return fiber.NewError(http.StatusForbidden)
	}
	in := feedbackInput{FeedbackBody{Answer: value(c, "answer"), Text: strings.TrimSpace(value(c, "text"))}}
	switch value(c, "rating") {
	case "1":
		in.Body.Rating = 1
	case "-1":
		in.Body.Rating = -1
		for _, r := range c.Request().PostArgs().PeekMulti("reasons") {
			in.Body.Reasons = append(in.Body.Reasons, string(r))
		}
	}
	if wrong := in.Resolve(nil); len(wrong) > 0 {
		return newProblem(http.StatusUnprocessableEntity, "评价没有填完整，请返回重填。")
	}
	b := in.Body
	if err := p.engine.Feedback(ctx, answer.Feedback{Answer: b.Answer, Rating: b.Rating, Reasons: b.Reasons, Text: b.Text}); err != nil {
		return err
	}
	thanks := web.Message{Visitor: p.visitorOf(c), Title: "谢谢您的评价", Text: "您的意见会用来改进回答。"}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Message(w, thanks) })
}

// about says what the service is.
func (p *citizenPages) about(_ context.Context, c *fiber.Ctx) error {
	page := web.About{Visitor: p.visitorOf(c), Edition: p.engine.Edition()}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.About(w, page) })
}

// widget shows how the service is put on another site, with the widget at work.
func (p *citizenPages) widget(_ context.Context, c *fiber.Ctx) error {
	page := web.Widget{Visitor: p.visitorOf(c), Origin: c.BaseURL()}
	return p.send(c, http.StatusOK, func(w *bytes.Buffer) error { return p.pages.Widget(w, page) })
}

// asset serves a file that the pages load, the named one or that of the
// address. By its hashed name it never changes; by its plain name it is asked
// for again each time.
func (p *citizenPages) asset(name string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		a, ok := p.pages.Asset(cmp.Or(name, c.Params("name")))
		if !ok {
			return fiber.ErrNotFound
		}
		c.Set(fiber.HeaderETag, a.ETag)
		c.Vary(fiber.HeaderAcceptEncoding)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		if a.Forever {
			c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
		}
		if matches(c.Get(fiber.HeaderIfNoneMatch), a.ETag) {
			return c.SendStatus(http.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, a.Type)
		if c.AcceptsEncodings("gzip") == "gzip" {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			return c.Send(a.Gzip)
		}
		return c.Send(a.Body)
	}
}
