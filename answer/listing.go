package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// ErrBadFeedback means that a rating is neither 1 nor -1, a reason is not one
// of FeedbackReasons, or the text is too long.
var ErrBadFeedback = errors.New("bad feedback")

// ErrBadCursor means that a cursor was not made by Search.
var ErrBadCursor = errors.New("bad cursor")

// Search finds matters by words and filters. It shares the chat's analysis
// and ranking, so that both find the same.
func (e *Engine) Search(ctx context.Context, r SearchRequest) (SearchPage, error) {
	v := e.view.Load()
	if v == nil {
		return SearchPage{}, ErrNotReady
	}
	if utf8.RuneCountInString(r.Text) > MaxText {
		return SearchPage{}, fmt.Errorf("search text: %w", ErrBadQuestion)
	}
	from := 0
	if r.Cursor != "" {
		n, err := strconv.Atoi(r.Cursor)
		if err != nil || n < 0 {
			return SearchPage{}, fmt.Errorf("%q: %w", r.Cursor, ErrBadCursor)
		}
		from = n
	}
	hits, err := e.searchHits(ctx, v, r)
	if err != nil {
		return SearchPage{}, err
	}
	page := SearchPage{Matters: []MatterRef{}, Total: len(hits), Edition: v.edition}
	limit := min(max(cmp.Or(r.Limit, 10), 1), 50)
	for i := from; i < len(hits) && i < from+limit; i++ {
		page.Matters = append(page.Matters, e.refOfHit(v, &hits[i], hits[0].Score, 1))
	}
	if from+limit < len(hits) {
		page.Next = strconv.Itoa(from + limit)
	}
	return page, nil
}

func (e *Engine) searchHits(ctx context.Context, v *view, r SearchRequest) ([]index.Hit, error) {
	filter := index.Filter{Region: r.Region, Theme: r.Theme, On: e.Now()}
	if r.Audience != "" {
		filter.Audience = corpus.AudienceSetOf([]corpus.Audience{r.Audience})
	}
	if strings.TrimSpace(r.Text) == "" {
		return e.Index.List(filter, 100)
	}
	u := e.understand(v, Request{Text: r.Text, Region: r.Region, Audience: r.Audience})
	if u.region != "" {
		filter.Region = u.region
	}
	return e.Index.Search(ctx, index.Query{Question: &u.question, Filter: filter, Place: u.place, Limit: 100})
}

// Suggest completes what is being typed with names of matters and standard
// questions.
func (e *Engine) Suggest(_ context.Context, text string, region corpus.RegionCode, limit int) ([]Suggestion, error) {
	if e.view.Load() == nil {
		return nil, ErrNotReady
	}
	found, err := e.Index.Suggest(text, index.Filter{Region: region, On: e.Now()}, min(max(cmp.Or(limit, 8), 1), 20))
	if err != nil {
		return nil, err
	}
	list := make([]Suggestion, len(found))
	for i, f := range found {
		list[i] = Suggestion{Text: f.Title, Code: f.Matter}
	}
	return list, nil
}

// Guide returns a matter's whole guide, or corpus.ErrNotFound. One that is
// not in force today is not found.
func (e *Engine) Guide(_ context.Context, code string) (*corpus.Guide, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	g, err := e.inForce(v, code)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Themes counts the matters in force by theme, in the order of the national
// dictionary.
func (e *Engine) Themes(_ context.Context, region corpus.RegionCode) ([]ThemeCount, error) {
	counts, err := e.Index.Counts(index.Filter{Region: region, On: e.Now()})
	if err != nil {
		return nil, err
	}
	list := []ThemeCount{}
	for _, group := range []struct {
		audience string
		themes   []corpus.Theme
	}{{"person", corpus.PersonThemes}, {"legal", corpus.LegalPersonThemes}} {
		for _, t := range group.themes {
			n, ok := counts.Themes[string(t)]
			if !ok || group.audience == "legal" && slices.Contains(corpus.PersonThemes, t) {
				continue
			}
			list = append(list, ThemeCount{t, group.audience, n})
		}
	}
	return list, nil
}

// Regions lists the divisions that the corpus covers, parents first.
func (e *Engine) Regions(context.Context) ([]RegionCount, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	counts, err := e.Index.Counts(index.Filter{On: e.Now()})
	if err != nil {
		return nil, err
	}
	list := []RegionCount{}
	for _, code := range slices.Sorted(maps.Keys(counts.Regions)) {
		if code == "" {
			continue
		}
		name, ok := v.divisions.Name(code)
		if !ok {
			name = string(code)
		}
		list = append(list, RegionCount{code, name, code.Parent(), counts.Regions[code]})
	}
	return list, nil
}

// Feedback journals a citizen's rating of an answer.
func (e *Engine) Feedback(ctx context.Context, f Feedback) error {
	if f.Rating != 1 && f.Rating != -1 {
		return fmt.Errorf("rating %d: %w", f.Rating, ErrBadFeedback)
	}
	for _, r := range f.Reasons {
		if !slices.Contains(FeedbackReasons, r) {
			return fmt.Errorf("reason %q: %w", r, ErrBadFeedback)
		}
	}
	if utf8.RuneCountInString(f.Text) > 500 || len(f.Answer) > 64 || f.Answer == "" {
		return fmt.Errorf("answer or text: %w", ErrBadFeedback)
	}
	f.Text = guard.Mask(f.Text)
	if e.Journal == nil {
		return nil
	}
	return e.Journal.Rated(ctx, f)
}

// hotHalfLife is how long it takes for a question's count to halve.
const hotHalfLife = 14 * 24 * time.Hour

// hotCounts counts which matters are asked about, with decay.
type hotCounts struct {
	mu     sync.Mutex
	counts map[hotKey]hotCount
}

type hotKey struct {
	matter string
	aspect nlp.Aspect
}

type hotCount struct {
	n  float64
	at time.Time
}

func (h *hotCounts) add(matter string, aspect nlp.Aspect, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		h.counts = map[hotKey]hotCount{}
	}
	k := hotKey{matter, aspect}
	h.counts[k] = hotCount{h.counts[k].value(at) + 1, at}
}

func (c hotCount) value(at time.Time) float64 {
	if c.n == 0 {
		return 0
	}
	return c.n * math.Exp2(-float64(at.Sub(c.at))/float64(hotHalfLife))
}

// Replay counts a question that was asked before this process started.
func (e *Engine) Replay(a Asked, at time.Time) {
	if a.Matter != "" {
		e.asked.add(a.Matter, a.Aspect, at)
	}
}

// Hot lists the questions that editors have pinned, then those most asked of
// late; where too few have been asked, standard questions of the corpus fill
// up.
func (e *Engine) Hot(_ context.Context, region corpus.RegionCode, limit int) ([]HotQuestion, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	limit = min(max(cmp.Or(limit, 6), 1), 20)
	list := []HotQuestion{}
	seen := map[string]bool{}
	for _, h := range e.pinned(v, region) {
		if len(list) == limit {
			return list, nil
		}
		if h.Matter != "" {
			if _, err := e.inForce(v, h.Matter); err != nil {
				continue // a question whose matter is gone has no answer
			}
			seen[h.Matter] = true
		}
		list = append(list, HotQuestion{h.Question, h.Matter})
	}
	if len(list) == limit {
		return list, nil
	}
	for _, k := range e.asked.top(e.Now()) {
		g, err := e.inForce(v, k.matter)
		if err != nil || seen[k.matter] || region != "" && g.Region.Code != "" && !region.Within(g.Region.Code) {
			continue // removed since, or of another place
		}
		seen[k.matter] = true
		if list = append(list, HotQuestion{hotText(g, k.aspect), g.Code}); len(list) == limit {
			return list, nil
		}
	}
	standing, err := e.Index.Standing(index.Filter{Region: region, On: e.Now()}, limit, seen)
	if err != nil {
		return nil, err
	}
	for _, h := range standing {
		if len(list) < limit {
			list = append(list, HotQuestion{h.Title, h.Matter})
		}
	}
	return list, nil
}

func (h *hotCounts) top(now time.Time) []hotKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys := slices.Collect(maps.Keys(h.counts))
	slices.SortFunc(keys, func(a, b hotKey) int {
		return cmp.Or(cmp.Compare(h.counts[b].value(now), h.counts[a].value(now)), cmp.Compare(a.matter, b.matter), cmp.Compare(a.aspect, b.aspect))
	})
	return keys
}

// hotText words a much asked question without anybody's own words.
func hotText(g *corpus.Guide, a nlp.Aspect) string {
	name := cmp.Or(g.ShortName, g.Name)
	switch a {
	case nlp.AspectOverview, nlp.AspectProcedure:
		return name + "怎么办"
	case nlp.AspectMaterials:
		return name + "要什么材料"
	case nlp.AspectTimeLimit:
		return name + "要多久"
	case nlp.AspectFee:
		return name + "要多少钱"
	}
	return name + "的" + aspectLabels[a]
}

// Candidates returns the guides of the first stage with their features, the
// best first: what the second stage is fitted on.
func (e *Engine) Candidates(ctx context.Context, text string) ([]index.Hit, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	u := e.understand(v, Request{Text: text})
	return e.Index.Search(ctx, index.Query{Question: &u.question, Type: corpus.TypeGuide, Place: u.place, Limit: 100, Explain: true,
		Filter: index.Filter{Region: u.region, On: e.Now()}})
}
