package web

import (
	"io"
	"net/url"
	"slices"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// A Search is a page of matters found by words and filters, or what to choose
// from.
type Search struct {
	Visitor  Visitor
	Text     string
	Theme    corpus.Theme
	Audience corpus.Audience
	Themes   []answer.ThemeCount // that have matters in the visitor's region
	Found    answer.SearchPage
	Problem  string // in Chinese, why nothing could be looked for; may be empty
}

// Asked reports whether there is anything to look for.
func (s Search) Asked() bool { return s.Text != "" || s.Theme != "" }

// Capped reports whether more may have been found than is counted.
func (s Search) Capped() bool { return s.Found.Total >= 100 }

// Next is the address of the next page; empty at the end.
func (s Search) Next() string {
	if s.Found.Next == "" {
		return ""
	}
	q := url.Values{"cursor": {s.Found.Next}}
	for key, v := range map[string]string{"q": s.Text, "theme": string(s.Theme), "audience": string(s.Audience)} {
		if v != "" {
			q.Set(key, v)
		}
	}
	return "/search?" + q.Encode()
}

// Audiences are the classes that can be chosen.
func (s Search) Audiences() []corpus.Audience { return corpus.Audiences }

// ThemeNames are the names to choose from, each once.
func (s Search) ThemeNames() []corpus.Theme {
	var names []corpus.Theme
	for _, t := range s.Themes {
		if !slices.Contains(names, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names
}

// Of lists the themes for person or legal.
func (s Search) Of(audience string) []answer.ThemeCount {
	return slices.DeleteFunc(slices.Clone(s.Themes), func(t answer.ThemeCount) bool { return t.Audience != audience })
}

// Search writes the search page.
func (p *Pages) Search(w io.Writer, s Search) error {
	title := "查事项"
	if s.Asked() {
		title = joined(" · ", s.Text, string(s.Theme)) + " - 查事项"
	}
	f := p.frame(s.Visitor, title+" - "+p.opts.Title, s)
	f.Here, f.Filters, f.Private = "search", "filters", s.Text != ""
	f.About = "按关键词、地区、服务对象和主题查找政务服务事项。"
	return p.write(w, "search", f)
}

// Events is the page that lists the life events.
type Events struct {
	Visitor Visitor
	Events  []answer.LifeEvent
}

// An EventGroup is the life events of people, or of firms.
type EventGroup struct {
	Name   string
	Events []answer.LifeEvent
}

// Groups parts the events by whom they are for. Who has said nothing is with
// the people.
func (e Events) Groups() []EventGroup {
	groups := []EventGroup{{Name: "个人"}, {Name: "企业和单位"}}
	for _, ev := range e.Events {
		at := 1
		if len(ev.Audience) == 0 || slices.Contains(ev.Audience, corpus.Person) {
			at = 0
		}
		groups[at].Events = append(groups[at].Events, ev)
	}
	return slices.DeleteFunc(groups, func(g EventGroup) bool { return len(g.Events) == 0 })
}

// Events writes the list of life events.
func (p *Pages) Events(w io.Writer, e Events) error {
	f := p.frame(e.Visitor, "一件事一次办 - "+p.opts.Title, e)
	f.Here, f.Filters, f.About = "events", "place", "出生、入学、就业、退休、开店：一件事要办的各个事项，按先后顺序列好。"
	return p.write(w, "events", f)
}

// An Event is the page of one life event.
type Event struct {
	Visitor Visitor
	Event   *answer.EventGuide
}

// Event writes the page of a life event.
func (p *Pages) Event(w io.Writer, e Event) error {
	e.Visitor.Regions = nil // a life event has its own region
	f := p.frame(e.Visitor, e.Event.Name+" - "+p.opts.Title, e)
	f.Here, f.About = "events", e.Event.Name+"：要办的事项、先后顺序和合并后的材料清单。"
	f.Sample = f.Sample || e.Event.Source.Sample
	f.Private = f.Sample
	return p.write(w, "event", f)
}

// Original is where the event was published; empty if that is not known.
func (e Event) Original() string { return string(safeURL(e.Event.Source.URL)) }

// A Policy is the page of a policy's whole text.
type Policy struct {
	Visitor Visitor
	Text    *answer.PolicyText
}

// Policy writes the page of a policy.
func (p *Pages) Policy(w io.Writer, t Policy) error {
	t.Visitor.Regions = nil // a policy has its own region
	f := p.frame(t.Visitor, t.Text.Title+" - "+p.opts.Title, t)
	f.Here, f.About = "search", "《"+t.Text.Title+"》全文"
	f.Sample = f.Sample || t.Text.Source.Sample
	f.Private = f.Sample
	return p.write(w, "policy", f)
}

// Original is where the policy was published; empty if that is not known.
func (t Policy) Original() string { return string(safeURL(t.Text.Source.URL)) }

// Standing says in a few words whether the policy holds.
func (t Policy) Standing() string {
	switch {
	case t.Text.InForce:
		return "现行有效"
	case t.Text.Replaced != nil:
		return "已被替代"
	default:
		return "不在生效期间"
	}
}
