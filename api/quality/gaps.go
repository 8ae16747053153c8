package quality

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// kindName is what a kind of gaps is called.
func kindName(k insight.Kind) string {
	return map[insight.Kind]string{insight.Unanswered: "没有答案", insight.BadlyRated: "评价不满意", insight.Reported: "说明了问题", insight.LeftMessage: "留了言"}[k]
}

// stateName is what a state of gaps is called.
func stateName(s insight.State) string {
	return map[insight.State]string{insight.Open: "待处理", insight.Working: "处理中", insight.Drafted: "待上线", insight.Closed: "已补上", insight.Dismissed: "不收录"}[s]
}

// remedyName is what a kind of remedies is called.
func remedyName(k insight.RemedyKind) string {
	return map[insight.RemedyKind]string{insight.RemedyFAQ: "常见问题", insight.RemedyAlias: "日常用语", insight.RemedySimilar: "相似问",
		insight.RemedyCounter: "反例问", insight.RemedyJudged: "评判题"}[k]
}

// decisions reads what staff decided, by gap.
func (q *Quality) decisions() (map[string]insight.Decision, error) {
	all := map[string]insight.Decision{}
	err := q.docs(insight.DecisionKind, func(d store.Doc) (err error) {
		all[d.ID], err = insight.ParseDecision(d.Value)
		return err
	})
	return all, err
}

// cases joins every gap with what was decided. A decision under a question
// that has since become one of another gap counts for that gap.
func (q *Quality) cases() ([]insight.Case, error) {
	if err := q.View.CatchUp(); err != nil {
		return nil, err
	}
	decisions, err := q.decisions()
	if err != nil {
		return nil, err
	}
	of := map[string]insight.Decision{}
	for id, d := range decisions {
		g, err := q.View.Gap(id)
		if errors.Is(err, corpus.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, ok := of[g.ID]; !ok || id == g.ID {
			of[g.ID] = d
		}
	}
	gaps := q.View.Gaps()
	cases := make([]insight.Case, len(gaps))
	for i, g := range gaps {
		d, ok := of[g.ID]
		if !ok {
			d.State = insight.Open
		}
		cases[i] = insight.CaseOf(g, d)
	}
	insight.SortCases(cases, q.today())
	return cases, nil
}

// caseOf returns one case.
func (q *Quality) caseOf(id string) (insight.Case, error) {
	if err := q.View.CatchUp(); err != nil {
		return insight.Case{}, err
	}
	g, err := q.View.Gap(id)
	if err != nil {
		return insight.Case{}, missing("这个缺口")
	}
	value, err := q.Store.Doc(insight.DecisionKind, g.ID)
	if err != nil {
		return insight.Case{}, err
	}
	d, err := insight.ParseDecision(value)
	return insight.CaseOf(g, d), err
}

// A caseLine is one case as the list shows it.
type caseLine struct {
	insight.Case
	Late  bool
	Owner string // the agency; where nobody has decided, that of the nearest matter
	Guess bool
}

// StateName is what its state is called.
func (l caseLine) StateName() string {
	if l.Again {
		return "再次出现"
	}
	return stateName(l.State)
}

// Ways says how it came up: 没有答案 3、留了言 1.
func (l caseLine) Ways() string {
	var list []string
	for _, k := range insight.Kinds {
		if n := l.Kinds[k]; n > 0 {
			list = append(list, kindName(k)+" "+strconv.Itoa(n))
		}
	}
	return strings.Join(list, "、")
}

// Path is where the case's page is.
func (l caseLine) Path() string { return "/console/gaps/case?" + url.Values{"id": {l.ID}}.Encode() }

// Since and Latest are its days.
func (l caseLine) Since() string { return l.First.Format(time.DateOnly) }

// Latest is the day on which it last came up.
func (l caseLine) Latest() string { return l.Last.Format(time.DateOnly) }

func (q *Quality) line(c insight.Case) caseLine {
	l := caseLine{Case: c, Late: c.Overdue(q.today()), Owner: c.Agency}
	if l.Owner == "" {
		for _, code := range c.Near {
			g, err := q.Store.Guide(code)
			if err == nil && g.Agency.Name != "" {
				l.Owner, l.Guess = g.Agency.Name, true
				break
			}
		}
	}
	return l
}

type gapsPage struct {
	Done   string
	State  insight.State
	Kind   insight.Kind
	Agency string
	Query  string
	States []option
	Kinds  []option
	Counts []stateCount
	Lines  []caseLine
	Pager  pager
	Export string
}

type stateCount struct {
	Name  string
	Count int
	Path  string
	Here  bool
}

// unfinished is the filter of all states in which something is left to do.
const unfinished = insight.State("unfinished")

// filtered returns the cases that a request's filter keeps, with the page.
func (q *Quality) filtered(f *fiber.Ctx) ([]insight.Case, gapsPage, error) {
	cases, err := q.cases()
	if err != nil {
		return nil, gapsPage{}, err
	}
	p := gapsPage{Done: notice(f), State: insight.State(f.Query("state", string(unfinished))), Kind: insight.Kind(f.Query("kind")),
		Agency: strings.TrimSpace(f.Query("agency")), Query: strings.TrimSpace(f.Query("q"))}
	p.States = append([]option{{string(unfinished), "未办结", p.State == unfinished}, {"all", "全部", p.State == "all"}}, options(insight.States, stateName, p.State)...)
	p.Kinds = append([]option{{"", "各种来由", p.Kind == ""}}, options(insight.Kinds, kindName, p.Kind)...)
	counts := map[insight.State]int{}
	needle := nlp.Normalize(p.Query)
	var kept []insight.Case
	for _, c := range cases {
		counts[c.State]++
		keep := p.State == "all" || p.State == c.State || p.State == unfinished && !c.Done()
		if !keep || p.Kind != "" && c.Kinds[p.Kind] == 0 {
			continue
		}
		said := func(w insight.Logged) bool { return strings.Contains(nlp.Normalize(w.Text), needle) }
		if needle != "" && !slices.ContainsFunc(c.Wordings, said) {
			continue
		}
		if p.Agency == "" || strings.Contains(q.line(c).Owner, p.Agency) {
			kept = append(kept, c)
		}
	}
	for _, s := range insight.States {
		p.Counts = append(p.Counts, stateCount{stateName(s), counts[s], "/console/gaps?state=" + string(s), s == p.State})
	}
	p.Export = "/console/gaps/export?" + url.Values{"state": {string(p.State)}, "kind": {string(p.Kind)}, "agency": {p.Agency}, "q": {p.Query}}.Encode()
	return kept, p, nil
}

// gaps lists the questions that have no good answer.
func (q *Quality) gaps(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	cases, p, err := q.filtered(f)
	if err != nil {
		return err
	}
	cases, p.Pager = page(f, cases)
	for _, c := range cases {
		p.Lines = append(p.Lines, q.line(c))
	}
	return q.staff.Render(f, who, http.StatusOK, "gaps", "知识缺口", p)
}

// exportGaps sends the list as a table.
func (q *Quality) exportGaps(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	cases, _, err := q.filtered(f)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range cases {
		l := q.line(c)
		rows = append(rows, []string{l.ID, l.Text, string(l.Region), strconv.Itoa(l.Count), l.Ways(), l.StateName(), l.Owner, l.Due, l.Since(), l.Latest(), l.Taken, l.Note})
	}
	return sendCSV(f, "gaps", []string{"编号", "问题", "地区", "次数", "来由", "状态", "责任部门", "期限", "首次", "最近", "经办", "说明"}, rows)
}

type gapPage struct {
	caseLine
	Done     string
	Keep     bool // may decide
	Edit     bool // may write
	CSRF     string
	States   []option
	Now      string // what the question gets now
	Answered bool
	Nearest  []nearLine
	FAQs     []faqLine
	Remedies []remedyLine
	Bench    string
}

type nearLine struct{ Code, Name, Agency string }

type faqLine struct{ ID, Question string }

type remedyLine struct {
	insight.Remedy
	Kind  string
	Path  string
	Live  bool
	State store.State
}

// Day is when it was written.
func (r remedyLine) Day() string { return r.Time.Format(time.DateOnly) }

// gap shows one case and what can be done about it.
func (q *Quality) gap(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	c, err := q.caseOf(f.Query("id"))
	if err != nil {
		return err
	}
	p := gapPage{caseLine: q.line(c), Done: notice(f), Keep: who.Has(keepers...), Edit: who.Has(editors...), CSRF: who.CSRF,
		Bench: benchPath(c.Text, c.Region)}
	p.States = options([]insight.State{insight.Open, insight.Working, insight.Drafted, insight.Dismissed, insight.Closed}, stateName, c.State)
	r := answer.Request{Text: c.Text, Region: c.Region, Silent: true}
	a, err := q.Engine.Ask(ctx, r)
	switch {
	case errors.Is(err, answer.ErrBadQuestion):
		p.Now = "（这段话太长，不能当作问题来问）"
	case err != nil:
		return err
	default:
		p.Now, p.Answered = a.Text, a.Outcome == answer.Answered
		if err := q.nearest(ctx, &p, c); err != nil {
			return err
		}
	}
	for _, remedy := range c.Remedies {
		p.Remedies = append(p.Remedies, q.remedyLine(remedy))
	}
	return q.staff.Render(f, who, http.StatusOK, "gap", "缺口："+short(c.Text), p)
}

// short cuts a text for a title.
func short(text string) string {
	if runes := []rune(text); len(runes) > 24 {
		return string(runes[:24]) + "…"
	}
	return text
}

// nearest finds the matters and FAQs that a remedy may belong to.
func (q *Quality) nearest(ctx context.Context, p *gapPage, c insight.Case) error {
	found, err := q.Engine.Search(ctx, answer.SearchRequest{Text: c.Text, Region: c.Region, Limit: 6})
	if err != nil {
		return err
	}
	for _, m := range found.Matters {
		p.Nearest = append(p.Nearest, nearLine{m.Code, m.Name, m.Agency})
	}
	bench, err := q.Engine.Rehearse(ctx, nil, time.Time{})
	if err != nil {
		return err
	}
	trace, err := bench.Trace(ctx, answer.Request{Text: c.Text, Region: c.Region})
	if err := errors.Join(err, bench.Close()); err != nil {
		return err
	}
	for _, s := range trace.Searches {
		for _, h := range s.Hits {
			line := faqLine{h.Key.ID, h.Title}
			if h.Key.Type == corpus.TypeFAQ && !slices.Contains(p.FAQs, line) {
				p.FAQs = append(p.FAQs, line)
			}
		}
	}
	return nil
}

func (q *Quality) remedyLine(r insight.Remedy) remedyLine {
	l := remedyLine{Remedy: r, Kind: remedyName(r.Kind)}
	if r.Kind == insight.RemedyJudged {
		l.Path, l.Live = "/console/judged/edit?"+url.Values{"id": {r.Key.ID}}.Encode(), true
		return l
	}
	l.Path = recordPath(r.Key)
	l.Live = q.live(r)
	if d, err := q.Store.Draft(r.Key); err == nil {
		l.State = d.State
	}
	return l
}

// decide keeps what somebody decided about a gap.
func (q *Quality) decide(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	c, err := q.caseOf(f.FormValue("id"))
	if err != nil {
		return err
	}
	state := insight.State(f.FormValue("state", string(c.State)))
	if !slices.Contains(insight.States, state) {
		return unfit("没有这种状态：%s。", string(state))
	}
	due := strings.TrimSpace(f.FormValue("due"))
	if due != "" {
		if _, err := time.Parse(time.DateOnly, due); err != nil {
			return unfit("期限 %q 不是日期，应形如 2026-01-31。", due)
		}
	}
	note, agency := strings.TrimSpace(f.FormValue("note")), strings.TrimSpace(f.FormValue("agency"))
	if len([]rune(note)) > 1000 || len([]rune(agency)) > 200 {
		return unfit("说明最多 1000 字，责任部门最多 200 字。")
	}
	if state == insight.Dismissed && note == "" {
		return unfit("不收录的，请在说明里写明原因。")
	}
	err = q.change(ctx, who.Name, c.ID, func(d *insight.Decision) error {
		d.State, d.Agency, d.Due, d.Note = state, agency, due, note
		switch state {
		case insight.Working:
			d.Taken = who.Name
		case insight.Closed:
			d.Closed = &insight.Closing{Edition: q.Store.Edition(), Time: q.Now().UTC(), By: who.Name}
		}
		return nil
	})
	if err != nil {
		return err
	}
	done := "已保存"
	if state == insight.Closed {
		told, err := q.tell(ctx, c.ID)
		if err != nil {
			return err
		}
		done = fmt.Sprintf("已保存，答复了 %d 条留言", told)
	}
	return f.Redirect("/console/gaps/case?"+url.Values{"id": {c.ID}, "done": {done}}.Encode(), http.StatusSeeOther)
}

// change changes what was decided about a gap.
func (q *Quality) change(ctx context.Context, actor, id string, change func(*insight.Decision) error) error {
	return q.Store.PutDoc(ctx, actor, insight.DecisionKind, id, func(old []byte) ([]byte, error) {
		d, err := insight.ParseDecision(old)
		if err != nil {
			return nil, err
		}
		if err := change(&d); err != nil {
			return nil, err
		}
		return json.Marshal(d)
	})
}
