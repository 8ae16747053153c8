package web

import (
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
)

// A chatView is what the chat's template shows.
type chatView struct {
	Chat
	Turn   *turn // nil for the invitation
	Person []answer.ThemeCount
	Legal  []answer.ThemeCount
}

func (p *Pages) chat(c Chat) chatView {
	v := chatView{Chat: c}
	for _, t := range c.Themes {
		if t.Audience == "person" {
			v.Person = append(v.Person, t)
		} else {
			v.Legal = append(v.Legal, t)
		}
	}
	if c.Answer != nil {
		v.Turn = newTurn(c.Answer, c.Question, p.opts.Hotline)
	}
	return v
}

func (v chatView) sample() bool { return v.Turn != nil && v.Turn.Sample }

// Talking reports whether the page shows a question rather than the
// invitation.
func (v chatView) Talking() bool { return v.Question != "" }

// State is what the next question has to send back.
func (v chatView) State() string {
	if v.Answer == nil {
		return ""
	}
	return v.Answer.State
}

// A turn is an answer made ready for the page. The script makes the same of
// the same answer.
type turn struct {
	*answer.Answer
	Head    string             // first line of the text, if it is short enough for a headline
	Rest    string             // of the text, without the lists that the card repeats
	Matter  *answer.MatterRef  // the one answered; may be nil
	Groups  []group            // of facts
	Choices []choice           // what can be tapped next
	Offered []answer.MatterRef // matters offered that no choice leads to
	Buttons []span
	Help    []span // ways on for who was not helped
	Notes   []string
	Sample  bool
	Grave   bool // an emergency
	Masked  bool // the question held personal data
}

// A group is the facts of one source.
type group struct {
	Code    string
	URL     template.URL // may be empty
	Updated string       // a date; may be empty
	Title   string       // of a policy; empty for a guide
	Place   template.URL // of its passage on these pages; may be empty
	Rows    []row
}

// A row is one labelled value, or a list of them.
type row struct {
	Label string
	Items [][]span
	List  bool // several values
	Check bool // a checklist
}

// A choice is an option and what is known of the matter it stands for.
type choice struct {
	answer.Option
	About string // name, where the label does not have it, agency and region
}

func newTurn(a *answer.Answer, question, hotline string) *turn {
	t := &turn{
		Answer: a, Groups: groups(a),
		Sample: slices.Contains(a.Notices, answer.NoticeSample),
		Grave:  a.Outcome == answer.Emergency,
		Masked: slices.Contains(a.Notices, answer.NoticeMasked),
	}
	t.Head, t.Rest = headline(lead(withoutChoices(a), a.Facts))
	if a.Outcome == answer.Answered && len(a.Matters) > 0 {
		t.Matter = &a.Matters[0]
	}
	t.Choices, t.Offered = choices(a)
	t.Buttons = buttons(a, hotline)
	t.Help = help(a, question)
	meaning := answer.NoticeWords()
	for _, n := range a.Notices {
		if words, ok := meaning[n]; ok {
			t.Notes = append(t.Notes, words)
		}
	}
	return t
}

// RateID is the id under which the answer can be rated. One in an emergency
// is not to be rated.
func (t *turn) RateID() string {
	if t.Grave {
		return ""
	}
	return t.ID
}

// choices pairs the options with the matters they stand for, and lists the
// matters offered that no option stands for. The replies to a question back
// lead to all that it is about.
func choices(a *answer.Answer) ([]choice, []answer.MatterRef) {
	named := map[string]answer.MatterRef{}
	for _, m := range a.Matters {
		named[m.Code] = m
	}
	var list []choice
	optioned := map[string]bool{}
	for _, o := range a.Options {
		c := choice{Option: o}
		if o.Code != "" {
			m := named[o.Code]
			if strings.Contains(o.Label, m.Name) {
				m.Name = "" // a question back names the situation; else the name is said already
			}
			c.About = joined(" · ", m.Name, m.Agency, m.Region)
			optioned[o.Code] = true
		}
		list = append(list, c)
	}
	var offered []answer.MatterRef
	for _, m := range a.Matters {
		if a.Outcome != answer.Answered && a.Outcome != answer.Clarify && !optioned[m.Code] {
			offered = append(offered, m)
		}
	}
	return list, offered
}

// buttons are the actions with a safe address, and the hotline for who was
// not helped otherwise.
func buttons(a *answer.Answer, hotline string) []span {
	var list []span
	call := false
	for _, act := range a.Actions {
		if href := safeURL(act.URL); href != "" {
			list = append(list, span{act.Label, href})
			call = call || strings.HasPrefix(string(href), "tel:")
		}
	}
	if href := dial(hotline); !call && href != "" && (a.Outcome == answer.NotFound || a.Outcome == answer.Handoff) {
		list = append(list, span{"拨打 " + hotline, href})
	}
	return list
}

// help leads on whoever was not told what they asked: to the windows in charge,
// to a search by words, and to a message that an official answers.
func help(a *answer.Answer, question string) []span {
	var list []span
	if id := eventOf(a); id != "" {
		list = append(list, span{"看先后顺序和材料清单", template.URL(eventPath(id))})
	}
	missing := slices.Contains(a.Notices, answer.NoticeMissing)
	if slices.Contains(a.Notices, answer.NoticeMasked) {
		question = "" // it holds personal data, which belong in no address
	}
	about := url.Values{"q": {question}, "answer": {a.ID}}
	if missing && len(a.Matters) > 0 {
		code := a.Matters[0].Code
		about.Set("matter", code)
		list = append(list, span{"窗口电话和办公时间", template.URL(matterPath(code) + "#places")})
	}
	if a.Outcome == answer.NotFound {
		list = append(list, span{"按关键词查事项", template.URL("/search?" + url.Values{"q": {question}}.Encode())})
	}
	if missing || a.Outcome == answer.NotFound || a.Outcome == answer.Handoff {
		list = append(list, span{"给工作人员留言", template.URL("/message?" + about.Encode())})
	}
	return list
}

// eventOf is the id of the life event whose matters an answer offers; empty
// if it offers none.
func eventOf(a *answer.Answer) string {
	if a.Outcome == answer.Choose && len(a.Facts) > 0 && a.Facts[0].Field == "steps" {
		return a.Facts[0].Code
	}
	return ""
}

// withoutChoices is the text without the lines that the buttons below repeat.
func withoutChoices(a *answer.Answer) string {
	if a.Outcome != answer.Choose && a.Outcome != answer.Clarify {
		return a.Text
	}
	lines := slices.DeleteFunc(strings.Split(a.Text, "\n"), func(l string) bool {
		return slices.ContainsFunc(a.Options, func(o answer.Option) bool {
			line := numbering.ReplaceAllString(l, "")
			return numbering.MatchString(l) && (line == o.Label || strings.HasPrefix(line, o.Label+"（"))
		})
	})
	return strings.Join(lines, "\n")
}

// groups puts together the facts that stand side by side and come from the
// same place. A passage, a fact that is the whole text, or the list of what can be
// chosen, is not said twice: its source is.
func groups(a *answer.Answer) []group {
	var list []group
	facts := a.Facts
	for i, f := range facts {
		if i == 0 || f.Code != facts[i-1].Code || f.Source != facts[i-1].Source {
			list = append(list, group{Code: f.Code, URL: safeURL(f.Source.URL), Updated: f.Source.Updated,
				Title: f.Source.Title, Place: policyPlace(f.Source.Place)})
		}
		if g := &list[len(list)-1]; f.Field != "text" && f.Value != a.Text && !strings.HasPrefix(a.Text, f.Value+"\n——") && eventOf(a) == "" {
			g.Rows = addRow(g.Rows, f)
		}
	}
	return list
}

// listed matches the field of one item of a list.
var listed = regexp.MustCompile(`^(\w+(?:\.\w+)?)\[\d+\]$`)

// addRow adds a fact to the rows: an item of a list joins the item before.
func addRow(rows []row, f answer.Fact) []row {
	r := row{Label: f.Label, Items: [][]span{value(f)}}
	m := listed.FindStringSubmatch(f.Field)
	if m == nil {
		return append(rows, r)
	}
	r.List, r.Check = true, m[1] == "materials"
	if r.Check && strings.HasPrefix(r.Label, "材料") {
		r.Label = "申请材料"
	}
	if n := len(rows); n > 0 && rows[n-1].List && rows[n-1].Label == r.Label {
		rows[n-1].Items = append(rows[n-1].Items, r.Items...)
		return rows
	}
	return append(rows, r)
}

// webAddress matches a text that is an address and nothing else.
var webAddress = regexp.MustCompile(`^https?:[^\s，。；、（）]+$`)

// value makes telephone numbers and addresses of the web tappable, where a
// field holds them.
func value(f answer.Fact) []span {
	if href := safeURL(f.Value); href != "" && webAddress.MatchString(f.Value) {
		return []span{{f.Value, href}}
	}
	field := f.Field
	if field == "contact" || field == "complaint" || strings.HasPrefix(field, "places[") {
		return phones(f.Value)
	}
	return []span{{Text: published(f.Value)}}
}

// numbering is what the composer puts before the lines of a list.
var numbering = regexp.MustCompile(`^\d+\. `)

// lead is the answer's text without what the card below it shows word for
// word, where that is three lines and more: one direct sentence is left.
func lead(text string, facts []answer.Fact) string {
	shown := map[string]bool{}
	for _, f := range facts {
		if f.Value == text {
			continue // the card leaves it out
		}
		for l := range strings.SplitSeq(f.Value, "\n") {
			shown[numbering.ReplaceAllString(l, "")] = true
		}
	}
	lines := strings.Split(text, "\n")
	kept := lines[:1:1]
	for _, l := range lines[1:] {
		if !repeated(numbering.ReplaceAllString(l, ""), shown, facts) {
			kept = append(kept, l)
		}
	}
	if len(lines)-len(kept) < 3 {
		return text
	}
	return strings.Join(kept, "\n")
}

// repeated reports whether the card shows a line: as it is, after its label,
// or as words that stand in the items of a list.
func repeated(line string, shown map[string]bool, facts []answer.Fact) bool {
	if shown[line] {
		return true
	}
	_, said, ok := strings.Cut(line, "：")
	if !ok || said == "" {
		return false
	}
	if shown[said] {
		return true
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(said, "、等"), "、") {
		if !slices.ContainsFunc(facts, func(f answer.Fact) bool { return listed.MatchString(f.Field) && strings.Contains(f.Value, name) }) {
			return false
		}
	}
	return true
}

// maxHeadline is the length of the longest headline, in characters.
const maxHeadline = 60

// headline parts a text after its first line, if that is short. The line
// break stays with the rest.
func headline(text string) (head, rest string) {
	end := strings.IndexByte(text, '\n')
	if end < 0 {
		end = len(text)
	}
	if utf8.RuneCountInString(text[:end]) > maxHeadline {
		return "", text
	}
	return text[:end], text[end:]
}

// joined joins what is not empty.
func joined(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}
