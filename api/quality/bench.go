package quality

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

func benchPath(text string, region corpus.RegionCode) string {
	return "/console/bench?" + url.Values{"text": {text}, "region": {string(region)}}.Encode()
}

type benchPage struct {
	Text      string
	Region    string
	Date      string
	Audiences []option
	Trace     *answer.Trace
	Edition   corpus.Edition
	Situation string
	Outcome   string
	Aspects   string
	Gates     []gateLine
	Searches  []searchLine
	Terms     []termLine
	Judge     string // address that makes it a judged question
	Max       int
}

type gateLine struct {
	Name, Says string
	Passed     bool
	Measured   bool // has a threshold
}

type termLine struct {
	Space, Text string
	Weight      string
	Implied     bool
}

type searchLine struct {
	Name    string
	Text    string
	Hits    []hitLine
	Refused []refusedLine
}

type hitLine struct {
	Rank           int
	Title, Key     string
	Path           string
	Region, Agency string
	Score, First   string
	Named, Said    string
	Why            []featureLine
	Terms          []termScoreLine
	Behind         string // of the first, in score
	Taken          string // what it is in the answer; "" if it is not in it
}

type featureLine struct{ Name, Value, Weight, Product string }

type termScoreLine struct{ Space, Term, Score string }

type refusedLine struct {
	Title, Key, Path, Why, First string
}

// gateNames say what each gate asks.
var gateNames = map[answer.GateName]string{
	answer.GatePicked: "事项由会话或选项定下", answer.GateForeign: "问的是没有收录的地方，或所列都不是", answer.GateElsewhere: "合得上的在别的地区，或面向别的对象", answer.GateBundleNamed: "一件事的名称说到多少",
	answer.GateBundleAsked: "所问有多少是一件事的名称", answer.GateFAQNamed: "标准问说到多少", answer.GateFAQAsked: "所问有多少是标准问", answer.GateFAQ: "引用常见问题",
	answer.GateCalled: "把名称完整说了出来", answer.GateSaid: "说了可以查找的内容", answer.GateSituated: "只说了情形，有几样都合得上", answer.GateAskBack: "几个事项都合得上的可能", answer.GateCovered: "前几个里有对的可能",
	answer.GateSure: "第一个就是对的可能（把握）", answer.GateBeside: "第一个只是查询或注销，而问的不是",
}

var refusalNames = map[index.Refusal]string{index.RefusedYet: "还没有生效", index.RefusedExpired: "已经失效", index.RefusedRegion: "是别的地区的",
	index.RefusedAudience: "不面向这类对象", index.RefusedTheme: "不是这个主题", index.RefusedCounter: "问的是它的反例问"}

var typeNames = map[corpus.Type]string{corpus.TypeGuide: "办事指南", corpus.TypeFAQ: "常见问题", corpus.TypeBundle: "一件事", corpus.TypePolicy: "政策文件"}

var spaceNames = map[nlp.Space]string{nlp.SpaceWord: "词", nlp.SpaceBigram: "二字", nlp.SpaceChar: "单字"}

// bench asks any question, as anybody and on any day, and shows how the answer
// comes about. It is no citizen's question and leaves no trace.
func (q *Quality) bench(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	p := benchPage{Text: strings.TrimSpace(f.Query("text")), Region: f.Query("region"), Date: f.Query("date"), Max: answer.MaxText}
	audience := corpus.Audience(f.Query("audience"))
	p.Audiences = options(corpus.Audiences, same[corpus.Audience], audience)
	if p.Text == "" {
		return q.staff.Render(f, who, http.StatusOK, "bench", "试验台", p)
	}
	region, err := regionOf(f)
	if err != nil {
		return err
	}
	on := q.Now()
	if p.Date != "" {
		if on, err = time.ParseInLocation(time.DateOnly, p.Date, on.Location()); err != nil {
			return unfit("日期 %q 无效，应形如 2026-01-31。", p.Date)
		}
	}
	rehearsal, err := q.Engine.Rehearse(ctx, nil, on)
	if err != nil {
		return err
	}
	trace, err := rehearsal.Trace(ctx, answer.Request{Text: p.Text, Region: region, Audience: audience})
	err = errors.Join(err, rehearsal.Close())
	if errors.Is(err, answer.ErrBadQuestion) {
		return unfit("问题应有 1 到 %d 个字。", answer.MaxText)
	}
	if err != nil {
		return err
	}
	p.show(&trace)
	p.Edition = q.Engine.Edition()
	var situations []string
	for _, name := range trace.Situations {
		situations = append(situations, cmp.Or(q.Engine.Lexicon.SituationLabel(q.Engine.Lexicon.SituationsNamed(name)), name))
	}
	p.Situation = strings.Join(situations, "、")
	p.Judge = "/console/judged/edit?" + url.Values{"text": {p.Text}, "region": {string(region)}}.Encode()
	return q.staff.Render(f, who, http.StatusOK, "bench", "试验台", p)
}

func (p *benchPage) show(t *answer.Trace) {
	p.Trace, p.Outcome = t, regress.OutcomeName(t.Answer.Outcome)
	var aspects []string
	for _, a := range t.Aspects {
		aspects = append(aspects, answer.AspectLabel(a))
	}
	p.Aspects = strings.Join(aspects, "、")
	for _, g := range t.Gates {
		line := gateLine{Name: cmp.Or(gateNames[g.Name], string(g.Name)), Passed: g.Passed, Measured: g.Least > 0, Says: map[bool]string{true: "是", false: "否"}[g.Passed]}
		if line.Measured {
			line.Says = fmt.Sprintf("%.2f，门槛 %.2f", g.Value, g.Least)
		}
		p.Gates = append(p.Gates, line)
	}
	for _, term := range t.Terms {
		p.Terms = append(p.Terms, termLine{spaceNames[term.Space], term.Text, fmt.Sprintf("%.2f", term.Weight), term.Implied})
	}
	for _, s := range t.Searches {
		p.Searches = append(p.Searches, searched(s, &t.Answer))
	}
}

// shownHits is how many of the documents found are shown.
const shownHits = 20

func searched(s answer.TracedSearch, a *answer.Answer) searchLine {
	line := searchLine{Name: typeNames[s.Type], Text: s.Question}
	for i := range s.Hits[:min(len(s.Hits), shownHits)] {
		h := &s.Hits[i]
		hit := hitLine{Rank: i + 1, Title: h.Title, Key: h.Key.ID, Path: recordPath(h.Key), Region: string(h.Region), Agency: h.Agency,
			Score: number(h.Score), First: number(h.First), Named: percent(h.Named), Said: percent(h.Said),
			Behind: number(s.Hits[0].Score - h.Score), Taken: taken(h.Key, a)}
		if h.Why != nil {
			for _, f := range h.Why.Features {
				hit.Why = append(hit.Why, featureLine{f.Name, number(f.Value), number(f.Weight), number(f.Value * f.Weight)})
			}
			for _, t := range h.Why.Terms {
				hit.Terms = append(hit.Terms, termScoreLine{t.Space, t.Term, number(t.Score)})
			}
		}
		line.Hits = append(line.Hits, hit)
	}
	for _, r := range s.Refused {
		line.Refused = append(line.Refused, refusedLine{r.Title, r.Key.ID, recordPath(r.Key), refusalNames[r.Refusal], number(r.First)})
	}
	return line
}

// taken says what a record is in an answer.
func taken(k corpus.Key, a *answer.Answer) string {
	for i, m := range a.Matters {
		if k.Type == corpus.TypeGuide && m.Code == k.ID {
			if i == 0 && a.Outcome == answer.Answered {
				return "所答事项"
			}
			return "列出"
		}
	}
	if slices.ContainsFunc(a.Facts, func(f answer.Fact) bool { return f.Code == k.ID }) {
		return "引用"
	}
	return ""
}

func number(x float64) string { return fmt.Sprintf("%.2f", x) }

func percent(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) }
