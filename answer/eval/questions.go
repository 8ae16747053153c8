package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/nlp"
)

// An Asker answers questions: the engine, or a func in tests.
type Asker interface {
	Ask(ctx context.Context, r answer.Request) (answer.Answer, error)
}

// A QuestionReport holds the figures of judged questions under the keys of
// the contract: matter.hit1, aspect.exact, dialog.turn and so on, each the
// share of cases that are right.
type QuestionReport struct {
	figures map[string]*share
	order   []string
	styles  map[string]*share
	took    []time.Duration
	Misses  []string // what went wrong, a line each
}

type share struct{ right, n int }

func (s *share) value() float64 { return math.Round(1e4*float64(s.right)/float64(s.n)) / 1e4 }

func (r *QuestionReport) add(key string, right bool) {
	s := r.figures[key]
	if s == nil {
		s = &share{}
		r.figures[key] = s
		r.order = append(r.order, key)
	}
	s.count(right)
}

func (s *share) count(right bool) {
	s.n++
	if right {
		s.right++
	}
}

// MarshalJSON writes one object with the figures, "by style", "n" and the
// latencies.
func (r *QuestionReport) MarshalJSON() ([]byte, error) {
	m := map[string]any{}
	n := map[string]int{}
	for k, s := range r.figures {
		m[k], n[k] = s.value(), s.n
	}
	styles := map[string]float64{}
	for k, s := range r.styles {
		styles[k] = s.value()
	}
	took := slices.Sorted(slices.Values(r.took))
	m["by style"], m["n"], m["ms p50"], m["ms p99"] = styles, n, percentile(took, .5), percentile(took, .99)
	return json.Marshal(m)
}

// String lists the figures and the cases that went wrong.
func (r *QuestionReport) String() string {
	var b strings.Builder
	for _, k := range r.order {
		fmt.Fprintf(&b, "%-20s %.4f  (%d of %d)\n", k, r.figures[k].value(), r.figures[k].right, r.figures[k].n)
	}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range r.styles {
			if !yield(k) {
				return
			}
		}
	}) {
		fmt.Fprintf(&b, "style %-14s %.4f  (%d of %d)\n", k, r.styles[k].value(), r.styles[k].right, r.styles[k].n)
	}
	took := slices.Sorted(slices.Values(r.took))
	fmt.Fprintf(&b, "ms p50 %.2f p99 %.2f\n", percentile(took, .5), percentile(took, .99))
	for _, m := range r.Misses {
		fmt.Fprintln(&b, "- "+m)
	}
	return b.String()
}

// The judged lines; their schemas are in the folder's README.
type (
	judged struct {
		ID       string   `json:"id"`
		Text     string   `json:"text"`
		Kind     string   `json:"kind"`
		Relevant []string `json:"relevant"`
		Answer   []string `json:"answer"`
		Style    string   `json:"style"`
	}
	dialog struct {
		ID    string   `json:"id"`
		Turns []judged `json:"turns"`
	}
	ambiguous struct {
		Text       string   `json:"text"`
		Candidates []string `json:"candidates"`
	}
	outOfScope struct {
		Text   string `json:"text"`
		Expect string `json:"expect"`
	}
)

// expected are the outcomes that fit each kind of out-of-scope input.
var expected = map[string][]answer.Outcome{
	"refuse":    {answer.Refused, answer.NotFound, answer.Handoff},
	"handover":  {answer.Handoff},
	"emergency": {answer.Emergency},
	"smalltalk": {answer.Smalltalk},
	"pii":       {answer.Answered, answer.Choose, answer.Clarify, answer.Refused, answer.Handoff, answer.NotFound},
	"injection": {answer.Refused, answer.NotFound},
	"complaint": {answer.Handoff},
}

// Questions asks every judged question of a folder. A file that is missing is
// passed over; a folder without any is an [ErrFolder].
func Questions(ctx context.Context, dir string, engine Asker) (*QuestionReport, error) {
	r := &QuestionReport{figures: map[string]*share{}, styles: map[string]*share{}}
	for _, part := range []func(context.Context, string, Asker) error{r.questions, r.dialogs, r.ambiguous, r.outOfScope} {
		if err := part(ctx, dir, engine); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	if len(r.figures) == 0 {
		return nil, fmt.Errorf("%w: %s has no judged question", ErrFolder, dir)
	}
	return r, nil
}

func (r *QuestionReport) ask(ctx context.Context, engine Asker, text, state string) (answer.Answer, error) {
	start := time.Now()
	a, err := engine.Ask(ctx, answer.Request{Text: text, State: state})
	r.took = append(r.took, time.Since(start))
	if errors.Is(err, answer.ErrBadQuestion) {
		return answer.Answer{}, nil // counted as no answer
	}
	return a, err
}

func (r *QuestionReport) miss(kind, text string, a answer.Answer) {
	names := []string{}
	for _, m := range a.Matters[:min(2, len(a.Matters))] {
		names = append(names, m.Name)
	}
	r.Misses = append(r.Misses, fmt.Sprintf("%s | %s | %s %.2f | %s | %s", kind, text, a.Outcome, a.Confidence, strings.Join(names, "；"), a.Aspect))
}

func (r *QuestionReport) questions(ctx context.Context, dir string, engine Asker) error {
	list, err := readJSONL[judged](filepath.Join(dir, "questions.jsonl"))
	for _, q := range list {
		a, err := r.ask(ctx, engine, q.Text, "")
		if err != nil {
			return err
		}
		first := hit(a, q.Relevant, 1)
		r.add(q.Kind+".hit1", first)
		r.add(q.Kind+".hit3", hit(a, q.Relevant, 3))
		if r.styles[q.Style] == nil {
			r.styles[q.Style] = &share{}
		}
		r.styles[q.Style].count(first)
		right := first
		if q.Kind == "aspect" {
			right = first && exact(a, q.Answer)
			r.add("aspect.exact", right)
		}
		r.add("false_refusal", !answering(a))
		if !right {
			r.miss(q.ID, q.Text, a)
		}
	}
	return err
}

func (r *QuestionReport) dialogs(ctx context.Context, dir string, engine Asker) error {
	list, err := readJSONL[dialog](filepath.Join(dir, "dialogs.jsonl"))
	for _, d := range list {
		state := ""
		for i, t := range d.Turns {
			a, err := r.ask(ctx, engine, t.Text, state)
			if err != nil {
				return err
			}
			state = a.State
			right := hit(a, t.Relevant, 1) && exact(a, t.Answer)
			r.add("dialog.turn", right)
			r.add(map[bool]string{true: "dialog.first", false: "dialog.later"}[i == 0], right)
			if !right {
				r.miss(fmt.Sprintf("%s.%d", d.ID, i), t.Text, a)
			}
		}
	}
	return err
}

func (r *QuestionReport) ambiguous(ctx context.Context, dir string, engine Asker) error {
	list, err := readJSONL[ambiguous](filepath.Join(dir, "ambiguous.jsonl"))
	for _, q := range list {
		a, err := r.ask(ctx, engine, q.Text, "")
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
		if !right {
			r.miss("ambiguous", q.Text, a)
		}
	}
	return err
}

var longNumber = regexp.MustCompile(`\d{8,}[Xx]?`)

func (r *QuestionReport) outOfScope(ctx context.Context, dir string, engine Asker) error {
	list, err := readJSONL[outOfScope](filepath.Join(dir, "outofscope.jsonl"))
	for _, q := range list {
		a, err := r.ask(ctx, engine, q.Text, "")
		if err != nil {
			return err
		}
		right := slices.Contains(expected[q.Expect], a.Outcome)
		if q.Expect == "pii" {
			whole, err := json.Marshal(a)
			if err != nil {
				return err
			}
			echo := slices.ContainsFunc(longNumber.FindAllString(q.Text, -1), func(n string) bool { return strings.Contains(string(whole), n) })
			r.add("pii.echo", echo)
			right = right && !echo
		}
		if q.Expect == "refuse" {
			r.add("oos.answered_wrong", a.Outcome == answer.Answered)
		}
		r.add("oos.right", right)
		r.add("oos."+q.Expect, right)
		if !right {
			r.miss("oos "+q.Expect, q.Text, a)
		}
	}
	return err
}

func answering(a answer.Answer) bool {
	return a.Outcome == answer.Answered || a.Outcome == answer.Choose || a.Outcome == answer.Clarify
}

func hit(a answer.Answer, relevant []string, k int) bool {
	if !answering(a) {
		return false
	}
	return slices.ContainsFunc(a.Matters[:min(k, len(a.Matters))], func(m answer.MatterRef) bool {
		return slices.Contains(relevant, m.Code)
	})
}

// exact reports whether every expected string stands in the answer's text or
// facts; digits as a whole number.
func exact(a answer.Answer, want []string) bool {
	said := a.Text
	for _, f := range a.Facts {
		said += " " + f.Value
	}
	said = plain(said)
	for _, w := range want {
		if !states(said, plain(w)) {
			return false
		}
	}
	return true
}

var (
	digitsOnly = regexp.MustCompile(`^\d+$`)
	sideBySide = regexp.MustCompile(`(\d)\s+(\d)`)
)

func states(said, want string) bool {
	if !digitsOnly.MatchString(want) {
		return strings.Contains(said, want)
	}
	for _, at := range regexp.MustCompile(want).FindAllStringIndex(said, -1) {
		before, after := said[:at[0]], said[at[1]:]
		if !endsInNumber(before) && !regexp.MustCompile(`^[\d.]?\d`).MatchString(after) {
			return true
		}
	}
	return false
}

func endsInNumber(s string) bool {
	return s != "" && (s[len(s)-1] == '.' || '0' <= s[len(s)-1] && s[len(s)-1] <= '9')
}

// hanNumbers are the Chinese numbers that stand before 日 or 个.
var hanNumbers = []struct{ han, digits string }{
	{"十五", "15"}, {"二十", "20"}, {"三十", "30"}, {"六十", "60"}, {"一", "1"}, {"二", "2"}, {"三", "3"}, {"四", "4"},
	{"五", "5"}, {"六", "6"}, {"七", "7"}, {"八", "8"}, {"九", "9"}, {"十", "10"},
}

// plain folds a text for comparison: normalised, Chinese numbers before 日 and 个
// to digits, no blanks; two numbers side by side stay two.
func plain(s string) string {
	s = nlp.Normalize(s)
	for _, h := range hanNumbers {
		s = strings.ReplaceAll(strings.ReplaceAll(s, h.han+"日", h.digits+"日"), h.han+"个", h.digits+"个")
	}
	s = sideBySide.ReplaceAllString(s, "$1、$2")
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}
