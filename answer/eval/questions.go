package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// An Asker answers questions: the engine, or a func in tests.
type Asker interface {
	Ask(ctx context.Context, r answer.Request) (answer.Answer, error)
}

// The judged lines; their schemas are in the README of testdata/judged.
type (
	// A Judged is a question with its right answer.
	Judged struct {
		ID       string     `json:"id"`
		Text     string     `json:"text"`
		Kind     string     `json:"kind"`     // matter: the need; aspect: one field
		Aspect   nlp.Aspect `json:"aspect"`   // the field
		Relevant []string   `json:"relevant"` // codes of the right matters, the best first
		Answer   []string   `json:"answer"`   // what the answer must say
		Style    string     `json:"style"`
		Writer   int        `json:"writer"`
		Pick     int        `json:"pick"` // the option of the turn before that the text picks: 2, or -1 for the last
	}
	// A Dialog is a conversation; each turn is judged like a question.
	Dialog struct {
		ID      string   `json:"id"`
		Pattern string   `json:"pattern"`
		Turns   []Judged `json:"turns"`
	}
	// An Ambiguous question fits several matters, and is to be asked back.
	Ambiguous struct {
		ID            string   `json:"id"`
		Text          string   `json:"text"`
		Candidates    []string `json:"candidates"`
		Distinguishes string   `json:"distinguishes"` // what to ask back
	}
	// A Special input has no matter here: it is refused, handed over and so on.
	Special struct {
		ID     string `json:"id"`
		Text   string `json:"text"`
		Expect string `json:"expect"`
		Note   string `json:"note"`
	}
)

// Expected are the outcomes that fit each kind of special input.
func Expected(kind string) []answer.Outcome {
	switch kind {
	case "refuse":
		return []answer.Outcome{answer.Refused, answer.NotFound, answer.Handoff}
	case "handover", "complaint":
		return []answer.Outcome{answer.Handoff}
	case "emergency":
		return []answer.Outcome{answer.Emergency}
	case "smalltalk":
		return []answer.Outcome{answer.Smalltalk}
	case "pii":
		return []answer.Outcome{answer.Answered, answer.Choose, answer.Clarify, answer.Refused, answer.Handoff, answer.NotFound}
	case "injection":
		return []answer.Outcome{answer.Refused, answer.NotFound}
	}
	return nil
}

// A Set is a folder of judged questions.
type Set struct {
	Questions []Judged
	Dialogs   []Dialog
	Ambiguous []Ambiguous
	Special   []Special
	Policies  []JudgedPolicy
}

// ReadSet reads a folder. A file that is missing is passed over; a folder
// without any is an [ErrFolder]. The special inputs are in outofscope.jsonl
// or, where that is missing, in special.jsonl.
func ReadSet(dir string) (Set, error) {
	var s Set
	err := errors.Join(
		readPart(dir, "questions.jsonl", &s.Questions),
		readPart(dir, "dialogs.jsonl", &s.Dialogs),
		readPart(dir, "ambiguous.jsonl", &s.Ambiguous),
		readPart(dir, "policies.jsonl", &s.Policies),
		readPart(dir, "outofscope.jsonl", &s.Special),
	)
	if len(s.Special) == 0 {
		err = errors.Join(err, readPart(dir, "special.jsonl", &s.Special))
	}
	if err == nil && len(s.Questions)+len(s.Dialogs)+len(s.Ambiguous)+len(s.Special)+len(s.Policies) == 0 {
		err = fmt.Errorf("%w: %s has no judged question", ErrFolder, dir)
	}
	return s, err
}

func readPart[T any](dir, name string, list *[]T) error {
	l, err := readJSONL[T](filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	*list = l
	return err
}

// An asking is one run of the judged questions.
type asking struct {
	*QuestionReport
	engine Asker
	themes func(code string) []corpus.Theme
}

// Questions asks every judged question of a folder. The themes of a matter,
// if known, break the figures down; themes may be nil.
func Questions(ctx context.Context, dir string, engine Asker, themes func(code string) []corpus.Theme) (*QuestionReport, error) {
	set, err := ReadSet(dir)
	if err != nil {
		return nil, err
	}
	r := &asking{newQuestionReport(), engine, themes}
	for _, part := range []func(context.Context, Set) error{r.questions, r.dialogs, r.ambiguous, r.special, r.policies} {
		if err := part(ctx, set); err != nil {
			return nil, err
		}
	}
	return r.QuestionReport, nil
}

func (r *asking) ask(ctx context.Context, text, state string) (answer.Answer, error) {
	start := time.Now()
	a, err := r.engine.Ask(ctx, answer.Request{Text: text, State: state})
	r.took = append(r.took, time.Since(start))
	if errors.Is(err, answer.ErrBadQuestion) {
		return answer.Answer{}, nil // counted as no answer
	}
	return a, err
}

func (r *asking) miss(kind, text string, a answer.Answer) {
	names := []string{}
	for _, m := range a.Matters[:min(2, len(a.Matters))] {
		names = append(names, m.Name)
	}
	r.Misses = append(r.Misses, fmt.Sprintf("%s | %s | %s %.2f | %s | %s", kind, text, a.Outcome, a.Confidence, strings.Join(names, "；"), a.Aspect))
}

func (r *asking) questions(ctx context.Context, set Set) error {
	for _, q := range set.Questions {
		a, err := r.ask(ctx, q.Text, "")
		if err != nil {
			return err
		}
		first := hit(a, q.Relevant, 1)
		r.add(q.Kind+".hit1", first)
		r.add(q.Kind+".hit3", hit(a, q.Relevant, 3))
		r.addPart(q.Kind+".mrr", reciprocal(a, q.Relevant))
		right := first
		if q.Kind == "aspect" {
			right = first && exact(a, q.Answer)
			r.add("aspect.exact", right)
			r.add("aspect.read", a.Aspect == q.Aspect)
			r.addTo(byAspect, string(q.Aspect), right)
		}
		r.breakDown(q, first)
		r.add("false_refusal", !answering(a))
		if a.Outcome == answer.Answered {
			r.add("answered.right", first)
		}
		r.confuse("answer", a.Outcome)
		r.calibrate(a, first)
		if !right {
			r.miss(q.ID, q.Text, a)
		}
	}
	return nil
}

func (r *asking) breakDown(q Judged, first bool) {
	r.addTo(byStyle, q.Style, first)
	if q.Writer > 0 {
		r.addTo(byWriter, strconv.Itoa(q.Writer), first)
	}
	if r.themes == nil || len(q.Relevant) == 0 {
		return
	}
	for _, t := range r.themes(q.Relevant[0]) {
		r.addTo(byTheme, string(t), first)
	}
}

func (r *asking) dialogs(ctx context.Context, set Set) error {
	for _, d := range set.Dialogs {
		var before answer.Answer
		for i, t := range d.Turns {
			a, err := r.ask(ctx, t.Text, before.State)
			if err != nil {
				return err
			}
			right := hit(a, t.Relevant, 1) && exact(a, t.Answer) && picked(before, a, t.Pick)
			r.add("dialog.turn", right)
			r.add(map[bool]string{true: "dialog.first", false: "dialog.later"}[i == 0], right)
			if i > 0 && d.Pattern != "" {
				r.addTo(byPattern, d.Pattern, right)
			}
			if !right {
				r.miss(fmt.Sprintf("%s.%d", d.ID, i), t.Text, a)
			}
			before = a
		}
	}
	return nil
}

func (r *asking) ambiguous(ctx context.Context, set Set) error {
	for _, q := range set.Ambiguous {
		a, err := r.ask(ctx, q.Text, "")
		if err != nil {
			return err
		}
		offered := map[string]bool{}
		for _, m := range a.Matters {
			offered[m.Code] = slices.Contains(q.Candidates, m.Code)
		}
		for _, o := range a.Options {
			offered[o.Code] = slices.Contains(q.Candidates, o.Code)
		}
		n := 0
		for _, right := range offered {
			if right {
				n++
			}
		}
		right := (a.Outcome == answer.Choose || a.Outcome == answer.Clarify) && n >= 2
		r.add("ambiguous.ask", right)
		r.confuse("ask", a.Outcome)
		if !right {
			r.miss(strings.TrimSpace("ambiguous "+q.ID), q.Text, a)
		}
	}
	return nil
}

var longNumber = regexp.MustCompile(`\d{8,}[Xx]?`)

func (r *asking) special(ctx context.Context, set Set) error {
	for _, q := range set.Special {
		a, err := r.ask(ctx, q.Text, "")
		if err != nil {
			return err
		}
		right := slices.Contains(Expected(q.Expect), a.Outcome)
		switch q.Expect {
		case "pii":
			whole, err := json.Marshal(a)
			if err != nil {
				return err
			}
			echo := slices.ContainsFunc(longNumber.FindAllString(q.Text, -1), func(n string) bool { return strings.Contains(string(whole), n) })
			r.add("pii.echo", echo)
			right = right && !echo
		case "refuse":
			r.add("oos.answered_wrong", a.Outcome == answer.Answered)
			r.calibrate(a, false)
		}
		r.add("oos.right", right)
		r.add("oos."+q.Expect, right)
		r.confuse(q.Expect, a.Outcome)
		if !right {
			r.miss(strings.TrimSpace("oos "+q.Expect+" "+q.ID), q.Text, a)
		}
	}
	return nil
}
