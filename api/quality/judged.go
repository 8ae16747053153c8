package quality

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// loadJudged reads every judged question.
func (q *Quality) loadJudged() ([]regress.Judged, error) {
	var set []regress.Judged
	err := q.docs(regress.DocKind, func(d store.Doc) error {
		var j regress.Judged
		if err := json.Unmarshal(d.Value, &j); err != nil {
			return err
		}
		set = append(set, j)
		return nil
	})
	return set, err
}

type judgedLine struct{ regress.Judged }

// Wants says what the answer must be, in a line.
func (l judgedLine) Wants() string {
	var list []string
	add := func(label, value string) {
		if value != "" {
			list = append(list, label+" "+value)
		}
	}
	add("结果", regress.OutcomeName(l.Outcome))
	add("事项", strings.Join(l.Matters, "、"))
	add("常见问题", l.FAQ)
	if l.Aspect != "" {
		add("要素", answer.AspectLabel(l.Aspect))
	}
	add("须含", strings.Join(l.Says, "、"))
	return strings.Join(list, "；")
}

type judgedPage struct {
	Done   string
	Query  string
	Lines  []judgedLine
	Pager  pager
	Edit   bool
	CSRF   string
	Header string
}

// judged lists the judged questions.
func (q *Quality) judged(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	set, err := q.loadJudged()
	if err != nil {
		return err
	}
	p := judgedPage{Done: notice(f), Query: strings.TrimSpace(f.Query("q")), Edit: who.Has(editors...), CSRF: who.CSRF, Header: strings.Join(regress.CSVHeader, "、")}
	needle := nlp.Normalize(p.Query)
	var lines []judgedLine
	for _, j := range set {
		if l := (judgedLine{j}); strings.Contains(nlp.Normalize(j.Text+"\n"+l.Wants()+"\n"+j.ID), needle) {
			lines = append(lines, l)
		}
	}
	p.Lines, p.Pager = page(f, lines)
	return q.staff.Render(f, who, http.StatusOK, "judged", "评判题", p)
}

type judgedForm struct {
	regress.Judged
	Gap       string // the gap that it comes from
	New       bool
	CSRF      string
	Aspects   []option
	Outcomes  []option
	Audiences []option
	Got       string // what the question gets now
}

// An option is one of a select.
type option struct {
	Value, Label string
	Chosen       bool
}

func options[T ~string](list []T, label func(T) string, chosen T) (all []option) {
	for _, v := range list {
		all = append(all, option{string(v), label(v), v == chosen})
	}
	return all
}

func same[T ~string](v T) string { return string(v) }

// MatterLines and SaysLines are the lists as the form shows them.
func (j judgedForm) MatterLines() string { return strings.Join(j.Matters, "\n") }

// SaysLines is the list of texts as the form shows it.
func (j judgedForm) SaysLines() string { return strings.Join(j.Says, "\n") }

// judgedForm shows the form of a judged question: one there is, or a new one
// from a question of the journal, with the answer that it gets now.
func (q *Quality) judgedForm(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	p := judgedForm{CSRF: who.CSRF, Gap: f.Query("gap")}
	if id := f.Query("id"); id != "" {
		value, err := q.Store.Doc(regress.DocKind, id)
		if err != nil {
			return err
		}
		if value == nil {
			return missing("这道评判题")
		}
		if err := json.Unmarshal(value, &p.Judged); err != nil {
			return fmt.Errorf("judged %s: %w", id, err)
		}
	} else {
		region, err := regionOf(f)
		if err != nil {
			return err
		}
		p.New, p.Text, p.Region = true, strings.TrimSpace(f.Query("text")), region
	}
	if p.Text != "" {
		got, err := q.askNow(ctx, answer.Request{Text: p.Text, Region: p.Region, Audience: p.Audience})
		if err != nil && !errors.Is(err, answer.ErrBadQuestion) {
			return err
		}
		p.Got = got
	}
	p.Aspects = options(nlp.Aspects, answer.AspectLabel, p.Aspect)
	p.Outcomes = options(answer.Outcomes, regress.OutcomeName, p.Outcome)
	p.Audiences = options(corpus.Audiences, same[corpus.Audience], p.Audience)
	title := "编辑评判题"
	if p.New {
		title = "新的评判题"
	}
	return q.staff.Render(f, who, http.StatusOK, "judged-form", title, p)
}

// askNow says in a line what a question gets from what is published.
func (q *Quality) askNow(ctx context.Context, r answer.Request) (string, error) {
	r.Silent = true
	a, err := q.Engine.Ask(ctx, r)
	if err != nil {
		return "", err
	}
	text := regress.BriefOf(&a).String()
	if len(a.Matters) > 0 {
		text += "（" + a.Matters[0].Code + "）"
	}
	return text, nil
}

// saveJudged keeps a judged question.
func (q *Quality) saveJudged(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	region, err := regionOf(f)
	if err != nil {
		return err
	}
	j := regress.Judged{ID: f.FormValue("id"), Text: f.FormValue("text"), Region: region, Audience: corpus.Audience(f.FormValue("audience")),
		Matters: regress.Split(f.FormValue("matters")), FAQ: strings.TrimSpace(f.FormValue("faq")), Aspect: nlp.Aspect(f.FormValue("aspect")),
		Outcome: answer.Outcome(f.FormValue("outcome")), Says: regress.Split(f.FormValue("says")), Note: strings.TrimSpace(f.FormValue("note"))}
	if err := q.keepJudged(ctx, who.Name, &j); err != nil {
		return err
	}
	if gap := f.FormValue("gap"); gap != "" {
		return q.remedied(ctx, f, who, gap, remedyOfJudged(j.ID))
	}
	return f.Redirect("/console/judged?"+url.Values{"done": {"已保存：" + j.Text}}.Encode(), http.StatusSeeOther)
}

// keepJudged checks and writes a judged question.
func (q *Quality) keepJudged(ctx context.Context, actor string, j *regress.Judged) error {
	j.Settle()
	if faults := j.Faults(); len(faults) > 0 {
		return unfit("%s。", strings.Join(faults, "；"))
	}
	j.By, j.Time = actor, q.Now().UTC()
	value, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("judged %s: %w", j.ID, err)
	}
	return q.Store.PutDoc(ctx, actor, regress.DocKind, j.ID, func([]byte) ([]byte, error) { return value, nil })
}

// removeJudged takes a judged question out.
func (q *Quality) removeJudged(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	id := f.FormValue("id")
	err := q.Store.PutDoc(ctx, who.Name, regress.DocKind, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, missing("这道评判题")
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	return f.Redirect("/console/judged?"+url.Values{"done": {"已删除 " + id}}.Encode(), http.StatusSeeOther)
}

// importJudged takes the judged questions of a file up.
func (q *Quality) importJudged(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	name, data, err := upload(f)
	if err != nil {
		return err
	}
	rows, err := regress.Read(name, bytes.NewReader(data))
	if errors.Is(err, regress.ErrFile) {
		return unfit("%s。", err)
	}
	if err != nil {
		return err
	}
	set, err := q.loadJudged()
	if err != nil {
		return err
	}
	if len(set)+len(rows) > regress.MaxJudged {
		return unfit("评判题最多 %d 道：已有 %d 道，文件里有 %d 道。", regress.MaxJudged, len(set), len(rows))
	}
	p := importedPage{What: "评判题", Back: "/console/judged"}
	var good []regress.Judged
	for _, row := range rows {
		if len(row.Faults) > 0 {
			p.Faults = append(p.Faults, fmt.Sprintf("第 %d 行：%s", row.N, strings.Join(row.Faults, "；")))
			continue
		}
		good = append(good, row.Judged)
	}
	if err := atOnce(good, func(j regress.Judged) error { return q.keepJudged(ctx, who.Name, &j) }); err != nil {
		return err
	}
	p.Saved = len(good)
	return q.staff.Render(f, who, http.StatusOK, "imported", "导入评判题", p)
}

// exportJudged sends the judged questions as they can be imported again.
func (q *Quality) exportJudged(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	set, err := q.loadJudged()
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for _, j := range set {
		if err := enc.Encode(j); err != nil {
			return fmt.Errorf("judged %s: %w", j.ID, err)
		}
	}
	return sendFile(f, "judged.jsonl", "application/x-ndjson", buf.Bytes())
}

type runPage struct {
	Drafts  int
	All     int
	Scope   string // draft states that were tried
	Figures []figureLine
	Worse   []regress.Change
	Better  []regress.Change
	Wrong   []regress.Result
	Took    string
	Fallen  []string
}

type figureLine struct {
	Name          string
	Before, After regress.Figure
	Fallen        bool
}

// runJudged asks all judged questions of what is published and of what it
// would be with drafts: those that are approved, or all.
func (q *Quality) runJudged(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	set, err := q.loadJudged()
	if err != nil {
		return err
	}
	infos, err := q.Store.Drafts()
	if err != nil {
		return err
	}
	p := runPage{All: len(set), Scope: f.Query("drafts", "approved")}
	var changes []corpus.Change
	for _, info := range infos {
		if p.Scope != "all" && info.State != store.Approved && info.State != store.Scheduled {
			continue
		}
		d, err := q.Store.Draft(info.Key)
		if errors.Is(err, corpus.ErrNotFound) {
			continue // published meanwhile
		}
		if err != nil {
			return err
		}
		changes = append(changes, corpus.Change{Key: d.Key, Record: d.Record})
	}
	p.Drafts = len(changes)
	c, err := regress.Try(ctx, q.Engine, changes, set)
	if err != nil {
		return err
	}
	p.Worse, p.Better, p.Took = c.Worse, c.Better, fmt.Sprintf("%.1f", (c.Before.Took+c.After.Took).Seconds())
	fallen := c.Fallen()
	for _, part := range regress.Parts {
		if b := c.Before.Figures[part]; b.Of > 0 {
			p.Figures = append(p.Figures, figureLine{regress.PartName(part), b, c.After.Figures[part], slices.Contains(fallen, part)})
		}
	}
	for _, part := range fallen {
		p.Fallen = append(p.Fallen, regress.PartName(part))
	}
	for _, r := range c.After.Results {
		if !r.Right[regress.PartWhole] {
			p.Wrong = append(p.Wrong, r)
		}
	}
	return q.staff.Render(f, who, http.StatusOK, "judged-run", "评判题：成绩", p)
}
