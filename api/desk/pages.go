package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
)

// A deskPage is the operator's page.
type deskPage struct {
	Call       string // JSON of the call under way; empty if there is none
	Aspects    []AspectKey
	Reasons    []string // to reject an answer
	Results    []string
	Categories []string
}

// home is the operator's page with the newest of their calls under way.
func (s *Server) home(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	page := deskPage{Aspects: aspectKeys(), Reasons: desk.RejectReasons, Results: desk.Results, Categories: desk.Categories}
	calls, err := s.desk.Live(staffOf(who))
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(calls, func(call desk.Call) bool { return call.Operator != who.Name })
	if len(mine) > 0 {
		b, err := json.Marshal(mine[len(mine)-1])
		if err != nil {
			return err
		}
		page.Call = string(b)
	}
	return s.staff.Render(c, who, http.StatusOK, "desk", "坐席台", page, "desk.js")
}

// A callView is a call as pages show it.
type callView struct {
	desk.Call
	Talk, After string // durations
	Brief       string // beginning of the summary
	CanReview   bool
	Live        bool
}

func viewOf(c desk.Call, supervisor bool, now time.Time) callView {
	v := callView{Call: c, Brief: brief(c.Wrap.Summary), Live: c.Closed.IsZero(), CanReview: supervisor && !c.Closed.IsZero()}
	switch {
	case v.Live && c.Ended.IsZero():
		v.Talk = clock(now.Sub(c.Opened))
	case v.Live:
		v.Talk, v.After = clock(c.Ended.Sub(c.Opened)), clock(now.Sub(c.Ended))
	default:
		v.Talk, v.After = clock(c.Ended.Sub(c.Opened)), clock(c.Closed.Sub(c.Ended))
	}
	return v
}

// brief is the beginning of a text, on one line.
func brief(text string) string {
	const n = 40
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > n {
		return string(line[:n]) + "…"
	}
	return string(line)
}

// clock says a duration as 3:07.
func clock(d time.Duration) string {
	s := int(max(d, 0).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func percent(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) }

func reviews(g desk.GroupFigures) string {
	if g.Reviewed == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f（%d 次）", g.Score, g.Reviewed)
}

// callPage shows one call, to its operator and to supervisors. Looking at
// another's call is audited.
func (s *Server) callPage(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	call, err := s.seen(ctx, c, who)
	if err != nil {
		return problemOf(err)
	}
	return s.staff.Render(c, who, http.StatusOK, "call", "来电 "+call.ID, viewOf(call, who.Has("supervisor"), s.desk.Now()))
}

// seen reads a call and leaves a trace when it is another's.
func (s *Server) seen(ctx context.Context, c *fiber.Ctx, who staff.Session) (desk.Call, error) {
	call, err := s.desk.Call(staffOf(who), c.Params("id"))
	if err == nil && call.Operator != who.Name && !who.IsKey() {
		err = s.desk.Store.Audit(ctx, who.Name, "call.view", call.ID, "")
	}
	return call, err
}

// reviewForm keeps a supervisor's review.
func (s *Server) reviewForm(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	score, err := strconv.Atoi(c.FormValue("score"))
	if err != nil {
		return api.NewProblem(http.StatusUnprocessableEntity, "质检分应为 0 到 100 的整数。")
	}
	if _, err := s.desk.Review(ctx, staffOf(who), c.Params("id"), score, strings.TrimSpace(c.FormValue("comment"))); err != nil {
		return problemOf(err)
	}
	return c.Redirect("/desk/calls/"+c.Params("id"), http.StatusSeeOther)
}

// A watchPage is the supervisor's page.
type watchPage struct {
	Live     []callView
	Waiting  []waiting
	Settings desk.Settings
	Approve  string // names, separated by blanks
	Compare  desk.Comparison
	Groups   []groupRow
	Since    string
}

// A waiting answer is one that a supervisor has to decide on.
type waiting struct {
	Call     string
	Operator string
	desk.Adoption
}

// A groupRow is one group of the experiment in words.
type groupRow struct {
	Name, Talk, After          string
	Calls                      int
	Answered, Adopted, Reviews string
}

// compareDays is how far back the supervisor's page compares.
const compareDays = 30

func (s *Server) watchPage(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	now := s.desk.Now()
	live, err := s.desk.Live(staffOf(who))
	if err != nil {
		return err
	}
	page := watchPage{Since: now.AddDate(0, 0, -compareDays).Format(time.DateOnly)}
	for _, call := range live {
		page.Live = append(page.Live, viewOf(call, true, now))
		for _, a := range call.Adopted {
			if a.Status == desk.Pending {
				page.Waiting = append(page.Waiting, waiting{call.ID, call.Operator, a})
			}
		}
	}
	settings, err := s.desk.Settings()
	page.Settings, page.Approve = settings, strings.Join(settings.Approve, " ")
	if err == nil {
		page.Compare, err = s.desk.Compare(staffOf(who), desk.Filter{From: now.AddDate(0, 0, -compareDays)})
	}
	if err != nil {
		return err
	}
	for _, g := range page.Compare.Groups {
		name := "有推荐"
		if g.Group == desk.Control {
			name = "对照（无推荐）"
		}
		if g.Calls == 0 {
			page.Groups = append(page.Groups, groupRow{Name: name, Talk: "–", After: "–", Answered: "–", Adopted: "–", Reviews: "–"})
			continue
		}
		page.Groups = append(page.Groups, groupRow{Name: name, Calls: g.Calls, Talk: clock(seconds(g.Seconds)), After: clock(seconds(g.After)),
			Answered: percent(g.Answered), Adopted: fmt.Sprintf("%.1f", g.Adopted), Reviews: reviews(g)})
	}
	return s.staff.Render(c, who, http.StatusOK, "watch", "班长台", page, "watch.js")
}

// decideForm approves or refuses an answer that waits.
func (s *Server) decideForm(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	_, err := s.desk.Decide(ctx, staffOf(who), c.FormValue("call"), c.FormValue("adoption"), c.FormValue("decision") == "approve", strings.TrimSpace(c.FormValue("comment")))
	if err != nil {
		return problemOf(err)
	}
	return c.Redirect("/desk/watch", http.StatusSeeOther)
}

// settingsForm changes the desk's settings.
func (s *Server) settingsForm(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	control, err := strconv.Atoi(cmp.Or(c.FormValue("control"), "0"))
	if err != nil {
		return api.NewProblem(http.StatusUnprocessableEntity, "对照组比例应为 0 到 50 的整数。")
	}
	if err := s.desk.SetSettings(ctx, staffOf(who), desk.Settings{Control: control, Approve: strings.Fields(c.FormValue("approve"))}); err != nil {
		return problemOf(err)
	}
	return c.Redirect("/desk/watch", http.StatusSeeOther)
}

// A pastPage lists past calls.
type pastPage struct {
	Calls              []callView
	From, To, Operator string
	Category, Result   string
	Categories         []string
	Results            []string
	Sampled            bool
	Query              string // of the export, with ?
	Supervisor         bool
}

// shownPast is how many past calls the page shows; the export has them all.
const shownPast = 100

func (s *Server) pastPage(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	f.Limit = shownPast
	page := pastPage{From: c.Query("from"), To: c.Query("to"), Operator: f.Operator, Category: f.Category, Result: f.Result, Categories: desk.Categories,
		Results: desk.Results, Supervisor: who.Has("supervisor"), Query: "?" + string(c.Context().QueryArgs().QueryString())}
	var calls []desk.Call
	if n := c.QueryInt("sample"); n > 0 && page.Supervisor {
		page.Sampled = true
		calls, err = s.desk.Sample(staffOf(who), f, n)
	} else {
		calls, err = s.desk.Past(staffOf(who), f)
	}
	if err != nil {
		return problemOf(err)
	}
	for _, call := range calls {
		page.Calls = append(page.Calls, viewOf(call, page.Supervisor, s.desk.Now()))
	}
	return s.staff.Render(c, who, http.StatusOK, "past", "来电记录", page)
}
