package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/lint"
	"github.com/govqa/govqa/corpus/store"
)

// A row is what lists show of a published record.
type row struct {
	Key      corpus.Key
	Title    string
	Agency   string
	Region   corpus.Region
	From, To string // in force
	Updated  string // by its source
	Grave    int    // remarks that the record alone gives cause for
	Missing  int

	words string // what is searched, in lower case
}

func rowOf(rec corpus.Record) *row {
	r := &row{Key: rec.Key(), Title: corpus.Title(rec)}
	more := []string{r.Key.ID, r.Title}
	add := func(a corpus.Agency, reg corpus.Region, p corpus.Period, s corpus.Source, words ...string) {
		r.Agency, r.Region, r.From, r.To, r.Updated = a.Name, reg, p.From, p.To, s.Updated
		more = append(append(more, a.Name, reg.Name), words...)
	}
	switch x := rec.(type) {
	case *corpus.Guide:
		add(x.Agency, x.Region, x.Effective, x.Source, append([]string{x.ShortName, x.Contact}, x.Aliases...)...)
	case *corpus.FAQ:
		add(x.Agency, x.Region, x.Effective, x.Source, append([]string{x.Matter}, x.Similar...)...)
	case *corpus.Policy:
		add(x.Agency, x.Region, x.Effective, x.Source, x.Number)
	case *corpus.Bundle:
		add(corpus.Agency{}, x.Region, x.Effective, x.Source, x.Aliases...)
	case *corpus.HotEntry:
		add(corpus.Agency{}, x.Region, x.Effective, x.Source, x.Matter)
	case *corpus.ReplyEntry:
		add(corpus.Agency{}, corpus.Region{}, x.Effective, x.Source, x.Text)
	case *corpus.AgencyEntry:
		add(corpus.Agency{}, x.Region, x.Effective, x.Source, append([]string{x.Phone, x.Complaint}, x.Aliases...)...)
	case *corpus.RegionEntry:
		add(corpus.Agency{}, corpus.Region{}, corpus.Period{}, corpus.Source{}, x.Aliases...)
	case *corpus.Word:
		add(corpus.Agency{}, x.Region, corpus.Period{}, corpus.Source{}, x.Official...)
	}
	for _, remark := range lint.Check(rec, lint.Surrounding{}) {
		switch remark.Level {
		case lint.Grave:
			r.Grave++
		case lint.Missing:
			r.Missing++
		}
	}
	r.words = strings.ToLower(strings.Join(more, "\n"))
	return r
}

// A catalogue lists the published records of one edition. It is a view of the
// store and follows it.
type catalogue struct {
	store *store.Store

	mu      sync.Mutex // held by who brings it up to date
	edition corpus.Edition
	rows    map[corpus.Type][]*row // by id; never changed once somebody has got it
}

// catchUp brings the catalogue to the current edition and returns its rows,
// which are not to be changed.
func (c *catalogue) catchUp(ctx context.Context) (map[corpus.Type][]*row, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.store.Edition()
	if now == c.edition && c.rows != nil {
		return c.rows, nil
	}
	if c.rows == nil {
		err := c.build(ctx, now)
		return c.rows, err
	}
	next := map[corpus.Type][]*row{}
	for t, list := range c.rows {
		next[t] = list
	}
	touched := map[corpus.Type]bool{}
	for change, err := range c.store.Changes(c.edition, now) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		t := change.Key.Type
		if !touched[t] {
			next[t], touched[t] = slices.Clone(next[t]), true
		}
		next[t] = apply(next[t], change)
	}
	c.rows, c.edition = next, now
	return next, nil
}

// apply puts a change into a list by id.
func apply(list []*row, change corpus.Change) []*row {
	at, found := slices.BinarySearchFunc(list, change.Key.ID, func(r *row, id string) int { return cmp.Compare(r.Key.ID, id) })
	switch {
	case change.Record == nil && found:
		return slices.Delete(list, at, at+1)
	case change.Record == nil:
		return list
	case found:
		list[at] = rowOf(change.Record)
		return list
	}
	return slices.Insert(list, at, rowOf(change.Record))
}

func (c *catalogue) build(ctx context.Context, now corpus.Edition) error {
	rows := map[corpus.Type][]*row{}
	for rec, err := range c.store.All(now, "") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		t := rec.Key().Type
		rows[t] = append(rows[t], rowOf(rec))
	}
	c.rows, c.edition = rows, now
	return nil
}

// A filter says which rows a list shows.
type filter struct {
	Type   corpus.Type
	Text   string // words that all occur, in any field that is searched
	Agency string // part of its name
	Region string // code, with all that lies inside; or part of the name
	State  string // of the draft: a store.State, "none", or "any"
	Force  string // now, past, future or soon
	Remark string // grave or missing
	Sort   string // title, updated; else by id
}

// soon is how many days ahead what expires is soon to.
const soon = 30

// A listing is one line of a list: a published record, its draft, or both.
type listing struct {
	*row
	Draft *store.DraftInfo // nil if there is none
	New   bool             // not published
}

// find returns the lines that pass the filter, in its order.
func (c *Console) find(ctx context.Context, f filter) ([]listing, error) {
	rows, err := c.rows.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	drafts, err := c.Store.Drafts()
	if err != nil {
		return nil, err
	}
	byID := map[string]*store.DraftInfo{}
	for i := range drafts {
		if drafts[i].Key.Type == f.Type {
			byID[drafts[i].Key.ID] = &drafts[i]
		}
	}
	test := f.test(c.Now())
	var list []listing
	for _, r := range rows[f.Type] {
		l := listing{row: r, Draft: byID[r.Key.ID]}
		if l.Draft != nil {
			delete(byID, r.Key.ID)
		}
		if test(l) {
			list = append(list, l)
		}
	}
	for _, d := range byID { // what is not published yet
		l := listing{row: &row{Key: d.Key, Title: d.Title, words: strings.ToLower(d.Key.ID + "\n" + d.Title)}, Draft: d, New: true}
		if test(l) {
			list = append(list, l)
		}
	}
	f.order(list)
	return list, nil
}

func (f filter) test(now time.Time) func(listing) bool {
	words := strings.Fields(strings.ToLower(f.Text))
	agency, region := strings.TrimSpace(f.Agency), strings.TrimSpace(f.Region)
	today, horizon := now.Format(time.DateOnly), now.AddDate(0, 0, soon).Format(time.DateOnly)
	code := corpus.RegionCode(region)
	return func(l listing) bool {
		for _, w := range words {
			if !strings.Contains(l.words, w) {
				return false
			}
		}
		switch {
		case agency != "" && !strings.Contains(l.Agency, agency),
			region != "" && !strings.Contains(l.Region.Name, region) && !(code.Valid() && l.Region.Code != "" && l.Region.Code.Within(code)),
			f.State == "none" && l.Draft != nil, f.State == "any" && l.Draft == nil,
			f.State != "" && f.State != "none" && f.State != "any" && (l.Draft == nil || string(l.Draft.State) != f.State),
			f.Remark == "grave" && l.Grave == 0, f.Remark == "missing" && l.Missing == 0:
			return false
		}
		switch f.Force {
		case "now":
			return !l.New && (l.From == "" || l.From <= today) && (l.To == "" || today <= l.To)
		case "past":
			return l.To != "" && l.To < today
		case "future":
			return l.From > today
		case "soon":
			return l.To != "" && l.To >= today && l.To <= horizon
		}
		return true
	}
}

func (f filter) order(list []listing) {
	by := func(a, b listing) int { return 0 }
	switch f.Sort {
	case "title":
		by = func(a, b listing) int { return cmp.Compare(a.Title, b.Title) }
	case "updated": // the oldest first: what nobody has looked at for long
		by = func(a, b listing) int { return cmp.Compare(a.Updated, b.Updated) }
	}
	slices.SortStableFunc(list, func(a, b listing) int { return cmp.Or(by(a, b), cmp.Compare(a.Key.ID, b.Key.ID)) })
}
