package recommend

import (
	"slices"
	"time"

	"github.com/govqa/govqa/corpus"
)

// An Item is what the rules must know of a matter.
type Item struct {
	Code, Name string
	Agency     string
	Themes     []corpus.Theme
	Audience   corpus.AudienceSet
	Region     corpus.RegionCode
	InForce    bool
	Renews     Renewal
	Sensitive  bool // nothing may be concluded from mere interest in it
}

// A Catalogue looks matters up in the current edition.
type Catalogue func(code string) (Item, bool)

const (
	cooldown    = 90 * 24 * time.Hour // after a withdrawal, a dislike, or a beginning
	soonBefore  = 90 * 24 * time.Hour // before a permit ends, when its renewal may be shown
	overdue     = 365 * 24 * time.Hour
	perTheme    = 3 // suggestions of one theme, and of one agency, as long as there are others
	maxAlike    = 2 // suggestions for their content alone
	searchWidth = 5
)

// Rules turn candidates into suggestions: they strike out what must not be
// shown, whatever its score, and see that the list is not all of one kind.
type Rules struct {
	Catalogue Catalogue
	Events    *LifeEvents
	Model     *Model
	Names     Namer
}

// Suggest returns at most n suggestions, the best first.
func (r *Rules) Suggest(b Blend, q *Query, n int) []Suggestion {
	c := r.choice(q)
	for _, cand := range b.Rank(c.query) {
		if len(c.list) >= n*searchWidth {
			break
		}
		c.take(cand)
	}
	return c.finish(n)
}

// A choice is the making of one list.
type choice struct {
	*Rules
	query  *Query
	states map[string]State
	strong bool // whether the person has done anything
	list   []chosen
}

// A chosen suggestion, with the matter's item.
type chosen struct {
	Suggestion
	item   Item
	bundle string
}

// choice begins a list. Steps of mere interest in sensitive matters are left
// out of the query: they lead to nothing.
func (r *Rules) choice(q *Query) *choice {
	c := &choice{Rules: r, states: StatesOf(q.Steps)}
	plain := *q
	plain.Steps = slices.DeleteFunc(slices.Clone(q.Steps), func(s Step) bool {
		c.strong = c.strong || s.Act.Strong()
		if s.Act.Strong() {
			return false
		}
		item, ok := r.Catalogue(s.Matter)
		return ok && item.Sensitive
	})
	c.query = &plain
	return c
}

// take adds a candidate to the list if the rules allow it, or in its place
// what must be done before it.
func (c *choice) take(cand Candidate) {
	item, ok := c.allowed(cand.Code, cand.Reason.Kind)
	if !ok {
		return
	}
	switch {
	case cand.Reason.Kind == KindPopular && cand.Reason.People < minPeople:
		return // few are not many, and might be known
	case item.Sensitive && (cand.Reason.Order == OrderEntrance || cand.Reason.Kind == KindSimilar):
		return // nobody is met with a death for nothing
	}
	if missing, bundle := c.missing(cand.Code); len(missing) > 0 {
		first, ok := c.allowed(missing[0], KindNext)
		if !ok {
			return // under way: its turn comes
		}
		cand.Reason = Reason{Kind: KindNext, From: cand.Code, Bundle: bundle, Order: OrderFirst}
		cand.Code, item = missing[0], first
	}
	if slices.ContainsFunc(c.list, func(o chosen) bool { return o.Code == cand.Code }) {
		return
	}
	c.list = append(c.list, chosen{Suggestion{
		Code: cand.Code, Kind: cand.Reason.Kind, Source: cand.Source, From: cand.Reason.From,
		Reason: cand.Reason.Text(c.naming()), Support: cand.Reason.support(), Score: cand.Score,
	}, item, cand.Reason.Bundle})
}

// naming names matters as the catalogue does.
func (c *choice) naming() Namer {
	n := c.Names
	n.About = c.query.About
	n.Matter = func(code string) string {
		item, _ := c.Catalogue(code)
		return item.Name
	}
	return n
}

// allowed applies the rules that look at one matter alone.
func (c *choice) allowed(code string, kind Kind) (Item, bool) {
	q := c.query
	if code == q.About {
		return Item{}, false
	}
	item, ok := c.Catalogue(code)
	who := corpus.AudienceSet(0)
	if q.Audience != "" {
		who = corpus.AudienceSetOf([]corpus.Audience{q.Audience})
	}
	switch {
	case !ok || !item.InForce || !item.Audience.Fits(who):
		return item, false
	case q.Region != "" && item.Region != "" && !q.Region.Within(item.Region):
		return item, false
	case kind != KindRenewal && c.Model != nil && c.Model.OutOfSeason(code, q.Now):
		return item, false
	}
	return item, c.open(item)
}

// open reports whether the person may still want the matter: it is not done,
// unless it returns and its time has come, not under way, and not refused.
func (c *choice) open(item Item) bool {
	st, ok := c.states[item.Code]
	now := c.query.Now
	switch {
	case !ok:
		return true
	case !st.Against.IsZero() && now.Sub(st.Against) < cooldown:
		return false
	case !st.Finished.IsZero():
		return item.Renews.due(st.Finished, now) && (!st.Act.Strong() || st.Act == ActFinish || now.Sub(st.Last) >= cooldown)
	case st.Act.Strong():
		return now.Sub(st.Last) >= cooldown
	}
	return true
}

// missing returns what must be done before a matter and is not, and by which
// life event.
func (c *choice) missing(code string) (codes []string, bundle string) {
	if c.Events == nil || !c.strong {
		return nil, ""
	}
	begun := func(code string) bool { return c.states[code].Act.Strong() || !c.states[code].Finished.IsZero() }
	done := func(code string) bool { return code == c.query.About || !c.states[code].Finished.IsZero() }
	return c.Events.before(code, begun, done)
}

// finish makes the list varied and as long as asked for.
func (c *choice) finish(n int) []Suggestion {
	list := c.list
	if c.query.About == "" {
		list = c.collapse(list)
	}
	sure, fill := split(list)
	kept, rest := vary(sure)
	kept = slices.Concat(kept, rest, fill)
	kept = c.withSeason(kept, n)
	out := make([]Suggestion, 0, n)
	for _, x := range kept[:min(len(kept), n)] {
		out = append(out, x.Suggestion)
	}
	return out
}

// collapse puts the matters that a life event merely also has on one card.
func (c *choice) collapse(list []chosen) []chosen {
	var out []chosen
	card := map[string]int{}
	for _, x := range list {
		if x.Kind == KindBundle && x.bundle != "" {
			if i, ok := card[x.bundle]; ok {
				out[i].Rest = append(out[i].Rest, x.Code)
				continue
			}
			card[x.bundle] = len(out)
		}
		out = append(out, x)
	}
	return out
}

// split sets aside what only fills a list up: matters that are merely alike,
// a few of them, and the beginnings of life events.
func split(list []chosen) (sure, fill []chosen) {
	alike := 0
	for _, x := range list {
		switch {
		case x.Kind == KindSimilar:
			if alike++; alike <= maxAlike {
				fill = append(fill, x)
			}
		case x.Source == Entrances{}.Name():
			fill = append(fill, x)
		default:
			sure = append(sure, x)
		}
	}
	return sure, fill
}

// vary sets aside what would be one too many of its theme or agency.
func vary(list []chosen) (kept, rest []chosen) {
	themes, agencies := map[corpus.Theme]int{}, map[string]int{}
	for _, x := range list {
		theme := corpus.Theme("")
		if len(x.item.Themes) > 0 {
			theme = x.item.Themes[0]
		}
		if theme != "" && themes[theme] >= perTheme || x.item.Agency != "" && agencies[x.item.Agency] >= perTheme {
			rest = append(rest, x)
			continue
		}
		themes[theme]++
		agencies[x.item.Agency]++
		kept = append(kept, x)
	}
	return kept, rest
}

// withSeason gives the last place to what is in season, if nothing of the
// list is.
func (c *choice) withSeason(list []chosen, n int) []chosen {
	seasonal := func(x chosen) bool { return x.Kind == KindSeason }
	if len(list) <= n || n < 3 || c.query.About != "" || slices.ContainsFunc(list[:n], seasonal) {
		return list
	}
	if at := slices.IndexFunc(list, seasonal); at >= 0 {
		list[n-1] = list[at]
	}
	return list
}
