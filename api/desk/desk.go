// Package desk serves the operator's desk: the page with its call and its
// suggestions, the operations that the page and speech-to-text systems call,
// the stream that tells of changes, and the supervisor's pages.
//
// It keeps nothing: what it accepts is on the disk when it replies, and a page
// that reconnects after a restart goes on where it was.
package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/nlp"
)

// Who may do what.
func operators() []string   { return []string{"operator", "supervisor"} }
func supervisors() []string { return []string{"supervisor"} }

// scope is what a key needs that posts transcripts or fetches orders.
const scope = "desk"

// A Server serves a desk. Make one with New.
type Server struct {
	desk  *desk.Desk
	staff *staff.Staff
	stop  chan struct{} // closed when streams are to end
}

// New returns a server of a desk. Its routes are registered by Register.
func New(d *desk.Desk) *Server { return &Server{desk: d, stop: make(chan struct{})} }

// Shutdown ends the open streams, so that a shutdown of the service need not
// wait for them. The pages reconnect.
func (s *Server) Shutdown() { close(s.stop) }

// Register registers every page and operation.
func (s *Server) Register(r *staff.Router) {
	s.staff = r.Staff()
	page := func(method, path string, roles []string, h handler) { r.Page(method, path, roles, h) }
	page(http.MethodGet, "/desk", operators(), s.home)
	page(http.MethodGet, "/desk/calls/:id", operators(), s.callPage)
	page(http.MethodPost, "/desk/calls/:id/review", supervisors(), s.reviewForm)
	page(http.MethodGet, "/desk/watch", supervisors(), s.watchPage)
	page(http.MethodPost, "/desk/watch/decide", supervisors(), s.decideForm)
	page(http.MethodPost, "/desk/watch/settings", supervisors(), s.settingsForm)
	page(http.MethodGet, "/desk/past", operators(), s.pastPage)
	page(http.MethodGet, "/desk/past.csv", operators(), s.orders)
	r.Menu("/desk", "坐席台")
	r.Menu("/desk/past", "来电记录")
	r.Menu("/desk/watch", "班长台")

	op := func(method, path string, roles []string, h handler) {
		by := scope
		if !slices.Contains(roles, "operator") {
			by = "" // what supervisors decide no program does
		}
		r.JSON(method, "/api/v1/desk"+path, roles, by, s.told(h))
	}
	op(http.MethodPost, "/calls", operators(), s.open)
	op(http.MethodGet, "/calls", operators(), s.list)
	op(http.MethodGet, "/calls/:id", operators(), s.call)
	op(http.MethodPut, "/calls/:id/notes", operators(), s.note)
	op(http.MethodPost, "/calls/:id/lines", operators(), s.say)
	op(http.MethodPost, "/calls/:id/suggest", operators(), s.suggest)
	op(http.MethodPost, "/calls/:id/field", operators(), s.field)
	op(http.MethodPost, "/calls/:id/settle", operators(), s.settle)
	op(http.MethodPost, "/calls/:id/adopt", operators(), s.adopt)
	op(http.MethodPost, "/calls/:id/reject", operators(), s.reject)
	op(http.MethodPost, "/calls/:id/report", operators(), s.report)
	op(http.MethodPost, "/calls/:id/end", operators(), s.end)
	op(http.MethodPost, "/calls/:id/close", operators(), s.closeCall)
	op(http.MethodGet, "/calls/:id/order", operators(), s.order)
	op(http.MethodGet, "/calls/:id/events", operators(), s.events)
	op(http.MethodGet, "/events", supervisors(), s.events)
	op(http.MethodGet, "/orders", operators(), s.orders)
	op(http.MethodPost, "/calls/:id/decide", supervisors(), s.decide)
	op(http.MethodPost, "/calls/:id/review", supervisors(), s.review)
	op(http.MethodGet, "/sample", supervisors(), s.sample)
	op(http.MethodGet, "/groups", supervisors(), s.groups)
	op(http.MethodGet, "/settings", supervisors(), s.settings)
	op(http.MethodPut, "/settings", supervisors(), s.setSettings)
}

type handler = func(ctx context.Context, c *fiber.Ctx, who staff.Session) error

// told makes the errors of a desk problems that an operator can read.
func (s *Server) told(h handler) handler {
	return func(ctx context.Context, c *fiber.Ctx, who staff.Session) error { return problemOf(h(ctx, c, who)) }
}

// problemOf says which problem an error of the desk is.
func problemOf(err error) error {
	for _, known := range []struct {
		is     error
		status int
	}{
		{desk.ErrNoCall, http.StatusNotFound}, {desk.ErrNotYours, http.StatusForbidden}, {desk.ErrClosed, http.StatusConflict},
		{desk.ErrChanged, http.StatusConflict}, {desk.ErrBadCall, http.StatusUnprocessableEntity}, {errBody, http.StatusBadRequest},
	} {
		if errors.Is(err, known.is) {
			return api.NewProblem(known.status, err.Error())
		}
	}
	return err
}

func staffOf(who staff.Session) desk.Staff {
	return desk.Staff{Name: who.Name, Supervisor: who.Has("supervisor"), Machine: who.IsKey()}
}

var errBody = errors.New("请求不是可以读懂的 JSON")

// body reads a request's JSON; an empty one is an empty object.
func body[T any](c *fiber.Ctx) (T, error) {
	var v T
	if len(c.Body()) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(c.Body(), &v); err != nil {
		return v, errBody
	}
	return v, nil
}

// reply sends v, or the error that came instead.
func reply[T any](c *fiber.Ctx) func(T, error) error {
	return func(v T, err error) error {
		if err != nil {
			return err
		}
		return c.JSON(v)
	}
}

func (s *Server) open(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[CallBody](c)
	if err != nil {
		return err
	}
	operator := who.Name
	if who.IsKey() { // a telephone system says whose call it is
		operator = in.Operator
		if operator == "" {
			return api.NewProblem(http.StatusUnprocessableEntity, "用接口密钥开通来电时，请写明 operator（坐席的账号）。")
		}
	}
	return reply[desk.Call](c)(s.desk.Open(ctx, staffOf(who), in.ID, operator, in.Caller, in.Region))
}

func (s *Server) list(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	if c.Query("state") == "past" {
		f, err := filterOf(c)
		if err != nil {
			return err
		}
		calls, err := s.desk.Past(staffOf(who), f)
		return reply[Calls](c)(Calls{calls}, err)
	}
	calls, err := s.desk.Live(staffOf(who))
	return reply[Calls](c)(Calls{calls}, err)
}

// filterOf reads which past calls are wanted; days are those of the machine.
func filterOf(c *fiber.Ctx) (desk.Filter, error) {
	f := desk.Filter{Operator: c.Query("operator"), Category: c.Query("category"), Result: c.Query("result"), Limit: c.QueryInt("limit")}
	for _, day := range []struct {
		name string
		into *time.Time
		more int
	}{{"from", &f.From, 0}, {"to", &f.To, 1}} {
		text := c.Query(day.name)
		if text == "" {
			continue
		}
		t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
		if err != nil {
			return f, api.NewProblem(http.StatusUnprocessableEntity, day.name+" 应形如 2026-11-30")
		}
		*day.into = t.AddDate(0, 0, day.more)
	}
	return f, nil
}

func (s *Server) call(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	return reply[desk.Call](c)(s.seen(ctx, c, who))
}

func (s *Server) note(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[NoteBody](c)
	if err != nil {
		return err
	}
	return reply[desk.Call](c)(s.desk.Note(ctx, staffOf(who), c.Params("id"), desk.Detail{Notes: in.Notes, Caller: in.Caller, Region: in.Region}))
}

// say takes one line, or several under lines.
func (s *Server) say(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[LinesBody](c)
	if err != nil {
		return err
	}
	if len(in.Lines) == 0 {
		in.Lines = []desk.Line{in.Line}
	}
	call, err := s.desk.Say(ctx, staffOf(who), c.Params("id"), in.Lines)
	if err != nil {
		return err
	}
	return c.JSON(Taken{call.ID, call.Version, len(call.Lines)})
}

// maxShown is how many codes a page can say that it shows.
const maxShown = 20

func (s *Server) suggest(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[SuggestBody](c)
	if err != nil {
		return err
	}
	return reply[desk.Suggestions](c)(s.desk.Suggest(ctx, staffOf(who), c.Params("id"),
		desk.Asking{Typed: in.Typed, Shown: in.Shown[:min(len(in.Shown), maxShown)], Selected: in.Selected, Complete: in.Complete}))
}

func (s *Server) field(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[FieldBody](c)
	if err != nil {
		return err
	}
	return reply[desk.Item](c)(s.desk.Field(ctx, staffOf(who), c.Params("id"), in.Code, cmp.Or(in.Aspect, nlp.AspectOverview)))
}

func (s *Server) settle(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	return reply[desk.Call](c)(s.desk.Settle(ctx, staffOf(who), c.Params("id")))
}

// judgement reads what an operator makes of an answer.
func judgement(c *fiber.Ctx) (desk.Judgement, error) {
	in, err := body[JudgementBody](c)
	return desk.Judgement{ID: in.ID, Code: in.Code, Aspect: in.Aspect, Typed: in.Typed, Shown: in.Shown, Said: in.Said, Place: in.Place,
		Field: in.Field, Reason: strings.TrimSpace(in.Reason)}, err
}

func (s *Server) adopt(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	j, err := judgement(c)
	if err != nil {
		return err
	}
	return reply[desk.Call](c)(s.desk.Adopt(ctx, staffOf(who), c.Params("id"), j))
}

func (s *Server) reject(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	return s.judge(c, func(j desk.Judgement) error { return s.desk.Reject(ctx, staffOf(who), c.Params("id"), j) })
}

func (s *Server) report(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	return s.judge(c, func(j desk.Judgement) error { return s.desk.Report(ctx, staffOf(who), c.Params("id"), j) })
}

func (s *Server) judge(c *fiber.Ctx, keep func(desk.Judgement) error) error {
	j, err := judgement(c)
	if err != nil {
		return err
	}
	if err := keep(j); err != nil {
		return err
	}
	return c.JSON(Judged{j.ID})
}

// end takes down that the talk is over and returns the draft of what has to be
// confirmed.
func (s *Server) end(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	call, err := s.desk.End(ctx, staffOf(who), c.Params("id"))
	if err != nil {
		return err
	}
	return c.JSON(Finished{call, call.Draft()})
}

func (s *Server) closeCall(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	w, err := body[desk.Wrap](c)
	if err != nil {
		return err
	}
	return reply[desk.WorkOrder](c)(s.desk.Close(ctx, staffOf(who), c.Params("id"), w))
}

func (s *Server) order(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	call, err := s.desk.Call(staffOf(who), c.Params("id"))
	if err != nil {
		return err
	}
	if call.Closed.IsZero() {
		return api.NewProblem(http.StatusConflict, "这通来电还没有办结，没有工单。")
	}
	return c.JSON(call.Order())
}

// orders exports the work orders of past calls, as JSON or as CSV.
func (s *Server) orders(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	if f.Limit == 0 {
		f.Limit = 10_000
	}
	orders, err := s.desk.Orders(staffOf(who), f)
	if err == nil { // what leaves the house in bulk leaves a trace
		err = s.desk.Store.Audit(ctx, who.Name, "call.export", "", fmt.Sprintf("%d 张工单", len(orders)))
	}
	if err != nil {
		return err
	}
	if c.Query("format") != "csv" && !strings.HasSuffix(c.Path(), ".csv") {
		return c.JSON(Orders{orders})
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="orders.csv"`)
	return desk.WriteCSV(c, orders)
}

func (s *Server) decide(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[DecisionBody](c)
	if err != nil {
		return err
	}
	return reply[desk.Call](c)(s.desk.Decide(ctx, staffOf(who), c.Params("id"), in.Adoption, in.Approved, in.Comment))
}

func (s *Server) review(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[ReviewBody](c)
	if err != nil {
		return err
	}
	return reply[desk.Call](c)(s.desk.Review(ctx, staffOf(who), c.Params("id"), in.Score, in.Comment))
}

func (s *Server) sample(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	calls, err := s.desk.Sample(staffOf(who), f, c.QueryInt("n", 5))
	return reply[Calls](c)(Calls{calls}, err)
}

func (s *Server) groups(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	return reply[desk.Comparison](c)(s.desk.Compare(staffOf(who), f))
}

func (s *Server) settings(_ context.Context, c *fiber.Ctx, _ staff.Session) error {
	return reply[desk.Settings](c)(s.desk.Settings())
}

func (s *Server) setSettings(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	in, err := body[desk.Settings](c)
	if err != nil {
		return err
	}
	if err := s.desk.SetSettings(ctx, staffOf(who), in); err != nil {
		return err
	}
	return reply[desk.Settings](c)(s.desk.Settings())
}

// AspectKey is a field that Alt and a digit call up.
type AspectKey struct {
	Digit  int
	Aspect nlp.Aspect
	Label  string
}

func aspectKeys() []AspectKey {
	var keys []AspectKey
	for i, a := range answer.AspectsShown() {
		keys = append(keys, AspectKey{i + 1, a, answer.AspectLabel(a)})
	}
	return keys
}
