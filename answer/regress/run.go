package regress

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// An Asker answers questions: a [answer.Rehearsal].
type Asker interface {
	Ask(ctx context.Context, r answer.Request) (answer.Answer, error)
}

// A Brief is what of an answer is compared.
type Brief struct {
	Outcome answer.Outcome
	Matter  string // code of the first
	Name    string // of the first
	Aspect  nlp.Aspect
	Text    string
}

// BriefOf takes from an answer what is compared.
func BriefOf(a *answer.Answer) Brief {
	b := Brief{Outcome: a.Outcome, Aspect: a.Aspect, Text: a.Text}
	if len(a.Matters) > 0 {
		b.Matter, b.Name = a.Matters[0].Code, a.Matters[0].Name
	}
	return b
}

// String says an answer in a few words: 已回答 居住证补领.
func (b Brief) String() string {
	switch {
	case b.Outcome == answer.Answered && b.Name != "":
		return OutcomeName(b.Outcome) + "「" + b.Name + "」的" + answer.AspectLabel(b.Aspect)
	case b.Outcome == answer.Answered:
		return OutcomeName(b.Outcome)
	case b.Name != "":
		return OutcomeName(b.Outcome) + "，首项「" + b.Name + "」"
	}
	return OutcomeName(b.Outcome)
}

// A Part is one of the things that a judged question judges.
type Part string

// The parts. PartWhole is all of them.
const (
	PartWhole   Part = "whole"
	PartMatter  Part = "matter"
	PartFAQ     Part = "faq"
	PartAspect  Part = "aspect"
	PartOutcome Part = "outcome"
	PartSays    Part = "says"
)

// Parts lists the parts in the order in which they are shown.
var Parts = []Part{PartWhole, PartMatter, PartFAQ, PartAspect, PartOutcome, PartSays}

// PartName names a part in Chinese.
func PartName(p Part) string {
	return map[Part]string{PartWhole: "全对", PartMatter: "事项", PartFAQ: "常见问题", PartAspect: "要素", PartOutcome: "结果", PartSays: "须含的文字"}[p]
}

// A Result is what became of one judged question.
type Result struct {
	Judged Judged
	Got    Brief
	Right  map[Part]bool // of the parts that it judges, and whole
}

// A Figure is how many questions were right in a part.
type Figure struct {
	Right, Of int
}

// A Report is a run of judged questions.
type Report struct {
	Results []Result
	Figures map[Part]Figure
	Took    time.Duration
}

// Run asks every judged question.
func Run(ctx context.Context, a Asker, set []Judged) (Report, error) {
	start := time.Now()
	r := Report{Results: make([]Result, len(set)), Figures: map[Part]Figure{}}
	err := eachAtOnce(ctx, len(set), func(ctx context.Context, i int) error {
		j := &set[i]
		got, err := a.Ask(ctx, answer.Request{Text: j.Text, Region: j.Region, Audience: j.Audience})
		if err != nil {
			return fmt.Errorf("评判题 %s：%w", j.ID, err)
		}
		r.Results[i] = Result{*j, BriefOf(&got), judge(j, &got)}
		return nil
	})
	if err != nil {
		return r, err
	}
	for _, result := range r.Results {
		for part, right := range result.Right {
			f := r.Figures[part]
			f.Of++
			if right {
				f.Right++
			}
			r.Figures[part] = f
		}
	}
	r.Took = time.Since(start)
	return r, nil
}

// eachAtOnce calls fn for 0 to n-1, as many at once as there are processors,
// and returns the first error, after which it calls no more.
func eachAtOnce(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// judge judges an answer.
func judge(j *Judged, a *answer.Answer) map[Part]bool {
	right := map[Part]bool{PartWhole: true}
	part := func(p Part, judged, ok bool) {
		if judged {
			right[p] = ok
			right[PartWhole] = right[PartWhole] && ok
		}
	}
	part(PartMatter, len(j.Matters) > 0, len(a.Matters) > 0 && slices.Contains(j.Matters, a.Matters[0].Code))
	part(PartFAQ, j.FAQ != "", slices.ContainsFunc(a.Facts, func(f answer.Fact) bool { return f.Code == j.FAQ }))
	part(PartAspect, j.Aspect != "", a.Aspect == j.Aspect)
	part(PartOutcome, j.Outcome != "", a.Outcome == j.Outcome)
	part(PartSays, len(j.Says) > 0, !slices.ContainsFunc(j.Says, func(s string) bool { return !strings.Contains(a.Text, s) }))
	return right
}

// A Change is a judged question that is right in one run and wrong in another.
type Change struct {
	Judged        Judged
	Before, After Brief
	Parts         []Part // that are right in one and wrong in the other
}

// PartNames names the parts in Chinese.
func (c Change) PartNames() string {
	var names []string
	for _, p := range c.Parts {
		names = append(names, PartName(p))
	}
	return strings.Join(names, "、")
}

// A Comparison is two runs of the same judged questions.
type Comparison struct {
	Before, After Report
	Worse, Better []Change // right before and wrong after, and the other way round
}

// Compare compares two runs.
func Compare(before, after Report) Comparison {
	c := Comparison{Before: before, After: after}
	for i, b := range before.Results {
		a := after.Results[i]
		change := Change{Judged: b.Judged, Before: b.Got, After: a.Got}
		for _, p := range Parts[1:] {
			if b.Right[p] != a.Right[p] {
				change.Parts = append(change.Parts, p)
			}
		}
		switch {
		case b.Right[PartWhole] && !a.Right[PartWhole]:
			c.Worse = append(c.Worse, change)
		case !b.Right[PartWhole] && a.Right[PartWhole]:
			c.Better = append(c.Better, change)
		}
	}
	return c
}

// Fallen lists the parts whose figure has fallen.
func (c *Comparison) Fallen() []Part {
	var parts []Part
	for _, p := range Parts {
		if c.After.Figures[p].Right < c.Before.Figures[p].Right {
			parts = append(parts, p)
		}
	}
	return parts
}

// Summary says the figures in a line.
func (c *Comparison) Summary() string {
	if len(c.Before.Results) == 0 {
		return "没有评判题"
	}
	var list []string
	for _, p := range Parts {
		b, a := c.Before.Figures[p], c.After.Figures[p]
		if b.Of > 0 {
			list = append(list, fmt.Sprintf("%s %d/%d → %d/%d", PartName(p), b.Right, b.Of, a.Right, a.Of))
		}
	}
	return fmt.Sprintf("评判题 %d 道：%s（用时 %.1f 秒）", len(c.Before.Results), strings.Join(list, "，"), (c.Before.Took + c.After.Took).Seconds())
}

// Report says a comparison as the gate of publications does.
func (c *Comparison) Report() store.GateReport {
	r := store.GateReport{Passed: len(c.Fallen()) == 0, Summary: c.Summary()}
	if r.Passed {
		return r
	}
	for _, p := range c.Fallen() {
		b, a := c.Before.Figures[p], c.After.Figures[p]
		r.Failures = append(r.Failures, fmt.Sprintf("“%s”由 %d 道降到 %d 道（共 %d 道）", PartName(p), b.Right, a.Right, b.Of))
	}
	for _, w := range c.Worse {
		r.Failures = append(r.Failures, fmt.Sprintf("“%s”原来%s，发布后%s，不对的是%s", w.Judged.Text, w.Before, w.After, w.PartNames()))
	}
	return r
}

// A Rehearser makes rehearsals: an [answer.Engine].
type Rehearser interface {
	Rehearse(ctx context.Context, changes []corpus.Change, on time.Time) (*answer.Rehearsal, error)
}

// Rehearse calls use with rehearsals of what is published and of what it would
// be with the changes.
func Rehearse(ctx context.Context, e Rehearser, changes []corpus.Change, use func(before, after Asker) error) (err error) {
	before, err := e.Rehearse(ctx, nil, time.Time{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, before.Close()) }()
	after, err := e.Rehearse(ctx, changes, time.Time{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, after.Close()) }()
	return use(before, after)
}

// Try runs judged questions before and after changes.
func Try(ctx context.Context, e Rehearser, changes []corpus.Change, set []Judged) (c Comparison, err error) {
	if len(set) == 0 {
		return c, nil
	}
	err = Rehearse(ctx, e, changes, func(before, after Asker) error {
		b, err := Run(ctx, before, set)
		if err != nil {
			return err
		}
		a, err := Run(ctx, after, set)
		c = Compare(b, a)
		return err
	})
	return c, err
}

// Gate returns a gate that stops a publication by which a figure falls.
func Gate(e Rehearser, judged func() ([]Judged, error)) store.Gate {
	return func(ctx context.Context, changes []corpus.Change) (store.GateReport, error) {
		set, err := judged()
		if err != nil {
			return store.GateReport{}, err
		}
		c, err := Try(ctx, e, changes, set)
		if err != nil {
			return store.GateReport{}, err
		}
		return c.Report(), nil
	}
}

// A Question is one that is asked before and after a change.
type Question struct {
	Text   string
	Region corpus.RegionCode
	Count  int  // how often citizens asked it; 0 if only staff did
	Judged bool // by staff
}

// A Difference is a question that a change gives another answer.
type Difference struct {
	Question
	Before, After Brief
}

// Differences asks questions before and after a change and returns those that
// get another answer. Questions that cannot be asked, as a masked one that is
// too long, are passed over.
func Differences(ctx context.Context, before, after Asker, questions []Question) ([]Difference, error) {
	all := make([]Difference, len(questions))
	err := eachAtOnce(ctx, len(questions), func(ctx context.Context, i int) error {
		q := questions[i]
		r := answer.Request{Text: q.Text, Region: q.Region}
		b, err := before.Ask(ctx, r)
		if errors.Is(err, answer.ErrBadQuestion) {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := after.Ask(ctx, r)
		all[i] = Difference{q, BriefOf(&b), BriefOf(&a)}
		return err
	})
	return slices.DeleteFunc(all, func(d Difference) bool { return d.Before == d.After }), err
}
