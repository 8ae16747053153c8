// Package ground decides whether a sentence of a language model says only what
// published facts say.
//
// It does not look for lies; it asks for a proof. A sentence passes if it can be
// read, from its first character to its last, as whole facts, each in one of the
// reviewed ways of saying its field, with nothing between them but reviewed words
// that say nothing. So a number, date, amount, telephone number or name that is not
// a whole token of a fact cannot pass, nor can one of another field, a negation
// added or left out, a condition dropped, an exception forgotten or half a list:
// none of them is a whole fact. What such a proof cannot be found for is refused,
// also when it is true.
//
// The ways of saying a field, the plain words for formal ones and the words that
// say nothing are data (files under data/), reviewed by people.
package ground

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/govqa/govqa/nlp"
)

// A Fact is one published field.
type Fact struct {
	ID    string // what a model names as the source of a sentence
	Field string // key of the import format; items of a list share its stem
	Label string // in Chinese; "" for a text without a label
	Value string
}

// A Reason says why a text was refused. The list is closed: it labels figures.
type Reason string

// The reasons.
const (
	Markup     Reason = "markup"     // signs of markup, control characters, or no text at all
	Link       Reason = "link"       // an address that was written out
	Unsourced  Reason = "unsourced"  // no source named, or one that there is not
	Value      Reason = "value"      // a number, date, telephone number or link of no fact
	Wording    Reason = "wording"    // not whole facts in reviewed words
	Verdict    Reason = "verdict"    // decides about the asker
	Incomplete Reason = "incomplete" // the text leaves out what was asked, or part of a list
)

// Reasons lists every reason.
var Reasons = []Reason{Markup, Link, Unsourced, Value, Wording, Verdict, Incomplete}

// A FaultError is a refusal.
type FaultError struct {
	Reason Reason
	Text   string // the sentence, for the log of whoever mends the prompt
}

func (f *FaultError) Error() string { return fmt.Sprintf("not grounded (%s): %q", f.Reason, f.Text) }

// maxSentence is the length of the longest sentence that is looked at, in
// characters.
const maxSentence = 2000

// Evidence is what sentences may rest on, made ready for many checks. It does
// not change, so it is safe for concurrent use.
type Evidence struct {
	rules *Rules
	facts []Fact
	links []string
	units []unit
	first map[token][]int32 // token to the units that can begin with it
	names [][]token         // of the matter, which say nothing more
	kinds map[token]bool    // the numbers, dates, telephone numbers and links of the facts
}

// A unit is one way of saying one fact, token by token.
type unit struct {
	fact   int32
	whole  bool // a sentence by itself: it has clauses, so that what stands beside it would be read as of one of them
	tokens []step
}

// A step is one token of a unit.
type step struct {
	token
	drop   bool  // may be left out
	jump   int32 // how many steps may be left out from here on, 0 for none
	change []plain
}

// A plain is another way of saying the steps from one on.
type plain struct {
	steps int32
	by    []token
}

// Evidence makes ready what sentences may rest on: facts and the names by
// which the matter may be called.
func (r *Rules) Evidence(facts []Fact, names []string) *Evidence {
	e := &Evidence{rules: r, facts: facts, first: map[token][]int32{}, kinds: map[token]bool{}}
	for i := range facts {
		e.addFact(int32(i), &facts[i])
	}
	for _, name := range names {
		if list, ok := tokens(name, e.number); ok && len(list) > 0 {
			e.names = append(e.names, list)
		}
	}
	return e
}

// number numbers an address of the evidence.
func (e *Evidence) number(address string) (string, bool) {
	i := slices.Index(e.links, address)
	if i < 0 {
		i = len(e.links)
		e.links = append(e.links, address)
	}
	return strconv.Itoa(i + 1), true
}

func (e *Evidence) addFact(i int32, f *Fact) {
	value, _ := tokens(f.Value, e.number)
	if len(value) == 0 {
		return
	}
	for _, t := range value {
		if t.typed() {
			e.kinds[t] = true
		}
	}
	said := e.rules.steps(value)
	if strings.HasPrefix(f.Field, "materials[") {
		optionalAttributes(said)
	}
	label := scan(nil, nlp.Normalize(strings.TrimRight(f.Label, "0123456789")))
	clauses := slices.ContainsFunc(said, func(s step) bool { return s.kind == stop && !s.drop })
	for _, w := range e.rules.framesOf(f) {
		u := unit{fact: i, whole: clauses}
		for _, p := range w {
			switch {
			case p.value:
				u.tokens = append(u.tokens, said...)
			case p.label:
				u.tokens = append(u.tokens, plainSteps(label)...)
			default:
				u.tokens = append(u.tokens, p.steps...)
			}
		}
		e.add(u)
	}
}

// add files a unit under every token that it can begin with.
func (e *Evidence) add(u unit) {
	n := int32(len(e.units))
	e.units = append(e.units, u)
	file := func(t token) {
		if list := e.first[t]; len(list) == 0 || list[len(list)-1] != n {
			e.first[t] = append(list, n)
		}
	}
	for starts := []int{0}; len(starts) > 0; starts = starts[1:] {
		at := starts[0]
		if at >= len(u.tokens) {
			continue
		}
		s := &u.tokens[at]
		file(s.token)
		for _, c := range s.change {
			if len(c.by) > 0 {
				file(c.by[0])
			}
		}
		if s.may() {
			starts = append(starts, at+1)
		}
		if s.jump > 0 {
			starts = append(starts, at+int(s.jump))
		}
	}
}

func plainSteps(list []token) []step {
	steps := make([]step, len(list))
	for i, t := range list {
		steps[i] = step{token: t}
	}
	return steps
}

// attribute matches what is told of a material beside its name and can be left
// out: the card below the text has it.
var attribute = regexp.MustCompile(`^(原件|复印件|原件或复印件|原件和复印件|原件及复印件|纸质|电子|纸质或电子|纸质和电子|必要|[0-9]+份|申请人自备|政府部门核发)$`)

// may reports whether a step may be left out by itself.
func (s *step) may() bool { return s.drop || s.kind == colon || s.kind == item || s.kind == quote }

// optionalAttributes lets the attributes in the brackets behind a material's
// name be left out, each by itself, and the brackets where they hold nothing
// else. What is not a plain attribute must stay, in its brackets: 非必要, 容缺后补.
func optionalAttributes(list []step) {
	for i := range list {
		if list[i].kind != bracket {
			continue
		}
		end := i + 1
		for end < len(list) && list[end].kind != bracket {
			end++
		}
		if list[i].text != "(" || end == len(list) || list[end].text != ")" {
			continue
		}
		all := true
		for start := i + 1; start < end; {
			stopAt := start
			var text strings.Builder
			for ; stopAt < end && list[stopAt].kind != stop; stopAt++ {
				text.WriteString(list[stopAt].text)
			}
			plain := attribute.MatchString(text.String())
			if all = all && plain; plain {
				list[start].jump = int32(stopAt - start)
			}
			if stopAt < end {
				list[stopAt].drop = true
			}
			start = stopAt + 1
		}
		list[i].drop, list[end].drop = all, all
	}
}

// ForModel is a value as a model sees it: every address is a 〔链接N〕.
func (e *Evidence) ForModel(value string) string {
	return address.ReplaceAllStringFunc(value, func(a string) string {
		id, _ := e.number(a)
		return linkOpen + id + linkClose
	})
}

// A Checked is a sentence that passed.
type Checked struct {
	Text  string   // with its links resolved
	Facts []string // the ids of the facts that it says, none for a courtesy
}

// verdicts are words that decide about the asker, which no fact about a matter
// does.
var verdicts = regexp.MustCompile(`(您|你|他|她|孩子|本人|老人|父母)[^,，。；;、]{0,6}(符合|满足|具备|达到|有资格|够格|有权|够条件|应得|能领|可领|应缴|获批|会通过|不予)`)

// Check reads a sentence as whole facts, of the sources that the model has
// named for it. The error is a *FaultError.
func (e *Evidence) Check(sentence string, sources []string) (Checked, error) {
	sentence = strings.TrimSpace(sentence)
	refuse := func(r Reason) (Checked, error) { return Checked{}, &FaultError{r, sentence} }
	if !isText(sentence) {
		return refuse(Markup)
	}
	if address.MatchString(sentence) || strings.Contains(sentence, "@") || strings.Contains(sentence, "://") {
		return refuse(Link)
	}
	list, ok := tokens(sentence, func(string) (string, bool) { return "", false })
	if !ok {
		return refuse(Link)
	}
	if !counted(list) {
		return refuse(Wording)
	}
	if verdicts.MatchString(nlp.Normalize(sentence)) {
		return refuse(Verdict)
	}
	if e.rules.opens(list) {
		return Checked{Text: sentence}, nil
	}
	allowed := make([]bool, len(e.facts))
	named := false
	for _, s := range sources {
		i := slices.IndexFunc(e.facts, func(f Fact) bool { return f.ID == s })
		if i < 0 {
			return refuse(Unsourced)
		}
		allowed[i], named = true, true
	}
	if !named {
		return refuse(Unsourced)
	}
	used, ok := e.read(list, allowed)
	switch {
	case !ok && e.unheard(list):
		return refuse(Value)
	case !ok:
		return refuse(Wording)
	}
	c := Checked{Text: e.resolve(sentence)}
	for _, i := range used {
		c.Facts = append(c.Facts, e.facts[i].ID)
	}
	return c, nil
}

// unheard reports whether a text has a number, date, telephone number or link
// of no fact.
func (e *Evidence) unheard(list []token) bool {
	return slices.ContainsFunc(list, func(t token) bool { return t.typed() && !e.kinds[t] })
}

// Heard reports whether a text is nothing but text and has no date, telephone
// number, link or number of more than one digit that is of no fact.
func (e *Evidence) Heard(text string) bool {
	if !isText(text) || address.MatchString(text) {
		return false
	}
	list, ok := tokens(text, func(string) (string, bool) { return "", false })
	list = slices.DeleteFunc(list, func(t token) bool { return t.kind == number && len(t.text) == 1 }) // 第一次, 一个
	return ok && !e.unheard(list)
}

// Quotes reports whether a text stands word for word in a fact, and begins and
// ends with whole tokens there.
func (e *Evidence) Quotes(id, text string) bool {
	i := slices.IndexFunc(e.facts, func(f Fact) bool { return f.ID == id })
	none := func(string) (string, bool) { return "", false }
	said, ok := tokens(strings.TrimSpace(text), none)
	if i < 0 || !ok || len(said) < 2 || !isText(text) {
		return false
	}
	all, _ := tokens(e.facts[i].Value, func(string) (string, bool) { return "", true })
	for at := range all {
		if hasPrefix(all[at:], said) {
			return true
		}
	}
	return false
}

// isText reports whether a sentence is nothing but text: no markup, no control
// or invisible characters, no digits in disguise.
func isText(s string) bool {
	if s == "" || len(s) > 4*maxSentence || strings.ContainsAny(s, "<>`*#|\\{}^~$") || strings.Contains(s, "](") || strings.Contains(s, "__") {
		return false
	}
	if strings.Count(s, "（")+strings.Count(s, "(") != strings.Count(s, "）")+strings.Count(s, ")") {
		return false // something was cut off
	}
	for _, r := range s {
		if r != '\n' && (unicode.Is(unicode.C, r) || unicode.Is(unicode.No, r) || unicode.Is(unicode.M, r) || r == unicode.ReplacementChar) {
			return false
		}
	}
	return true
}

// resolve writes the addresses for their tokens.
func (e *Evidence) resolve(sentence string) string {
	return linkToken.ReplaceAllStringFunc(sentence, func(t string) string {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(t, linkOpen), linkClose))
		if err != nil || n < 1 || n > len(e.links) {
			return t
		}
		return e.links[n-1]
	})
}

// Whole reports, by a *FaultError, whether a text of sentences that passed says
// enough: the facts that it must, no list by half, and each fact hardly twice.
func (e *Evidence) Whole(said []string, must ...string) error {
	if len(e.facts) == 0 || len(said) > 2*len(e.facts) {
		return &FaultError{Reason: Incomplete}
	}
	have := map[string]bool{}
	for _, id := range said {
		have[id] = true
	}
	total, told := map[string]int{}, map[string]int{}
	for _, f := range e.facts {
		s := stem(f)
		total[s]++
		if have[f.ID] {
			told[s]++
		}
	}
	for s, n := range told {
		if n != total[s] {
			return &FaultError{Incomplete, s}
		}
	}
	for _, id := range must {
		if !have[id] {
			return &FaultError{Incomplete, id}
		}
	}
	return nil
}

// List names the list that a fact is an item of; "" is none.
func List(f Fact) string {
	at := strings.IndexByte(f.Field, '[')
	if at < 0 {
		return ""
	}
	return f.Field[:at] + "/" + strings.TrimRight(f.Label, "0123456789")
}

// stem is what the facts of one list have in common.
func stem(f Fact) string {
	if l := List(f); l != "" {
		return l
	}
	return f.Field
}
