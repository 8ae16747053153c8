package quality

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/linkcheck"
	"github.com/govqa/govqa/corpus/store"
)

// A review is what is kept about when a record was last found to be right.
type review struct {
	By   string    `json:"by"`
	Time time.Time `json:"time"`
	Due  string    `json:"due"` // when it is to be looked at again
}

const (
	reviewKind = "review"
	// reviewEvery is how many days after its update, or its last review, a
	// record is to be looked at again, unless the reviewer says otherwise.
	reviewEvery = 180
	// soonDays is how many days ahead the page looks.
	soonDays = 30
)

// reviews reads every review, by record.
func (q *Quality) reviews() (map[string]review, error) {
	all := map[string]review{}
	err := q.docs(reviewKind, func(d store.Doc) error {
		var r review
		err := json.Unmarshal(d.Value, &r)
		all[d.ID] = r
		return err
	})
	return all, err
}

// dueOf is when a record is to be reviewed; "" where it has no date at all.
func dueOf(r shelfRecord, reviews map[string]review) string {
	if v, ok := reviews[r.Key.String()]; ok {
		return v.Due
	}
	updated, err := time.Parse(time.DateOnly, r.Updated)
	if err != nil {
		return ""
	}
	return updated.AddDate(0, 0, reviewEvery).Format(time.DateOnly)
}

// A freshLine is one record, or link, that needs care.
type freshLine struct {
	Key    corpus.Key
	Title  string
	Agency string
	Date   string
	Why    string
	Late   bool
	Link   string
}

// Path is where the record's page is.
func (l freshLine) Path() string { return recordPath(l.Key) }

type freshTab struct {
	ID, Name string
	Count    int
	Here     bool
}

type freshPage struct {
	Done    string
	Tab     string
	Tabs    []freshTab
	Lines   []freshLine
	Pager   pager
	Explain string
	Column  string // what the date is
	Edit    bool
	Keep    bool
	CSRF    string
	Due     string // the next review, as proposed
	Links   linkStatus
	Export  string
}

// What the tabs show.
var freshTabs = []struct{ id, name, explain, column string }{
	{"review", "该复核", "发布的内容要定期核对：更新日期过了 180 天，或到了上次复核时定下的日期。核对无误就点“已复核”，有变化就去改。", "复核期限"},
	{"undated", "没有日期", "没有写来源更新日期、也没有复核过的，不知道是不是还对。", "–"},
	{"expiring", "快到期", "30 天内失效的，或已经失效还没有撤下的。失效当天起不再作为回答。", "失效日期"},
	{"unasked", "没人问过", "从来没有在任何提问里被找到过的办事指南。也许名称太生硬，加上群众的说法会好些。", "更新日期"},
	{"unanswered", "从没答过", "被找到过、却从没有成为回答的办事指南，后面是被找到的次数。", "更新日期"},
	{"links", "失效链接", "来源和办理网址里打不开的。只检查名单上的网站。", "检查日期"},
}

// fresh gathers the lines of every tab.
func (q *Quality) fresh() (map[string][]freshLine, error) {
	shelf, err := q.shelf()
	if err != nil {
		return nil, err
	}
	if err := q.View.CatchUp(); err != nil {
		return nil, err
	}
	reviews, err := q.reviews()
	if err != nil {
		return nil, err
	}
	today := q.today()
	soon := q.Now().AddDate(0, 0, soonDays).Format(time.DateOnly)
	uses := q.View.Uses()
	lines := map[string][]freshLine{}
	for _, r := range shelf.records {
		line := freshLine{Key: r.Key, Title: r.Title, Agency: r.Agency}
		add := func(tab, date, why string, late bool) {
			l := line
			l.Date, l.Why, l.Late = date, why, late
			lines[tab] = append(lines[tab], l)
		}
		switch due := dueOf(r, reviews); {
		case due == "":
			add("undated", "", "", false)
		case due <= today:
			add("review", due, "已到期限", true)
		case due <= soon:
			add("review", due, "快到期限", false)
		}
		switch to := r.Period.To; {
		case to == "":
		case to < today:
			add("expiring", to, "已失效，仍在发布", true)
		case to <= soon:
			add("expiring", to, "快失效", false)
		}
		if r.Key.Type != corpus.TypeGuide {
			continue
		}
		switch u := uses[r.Key.ID]; {
		case u.Found == 0 && u.Answered == 0:
			add("unasked", r.Updated, "", false)
		case u.Answered == 0:
			add("unanswered", r.Updated, fmt.Sprintf("被找到 %d 次", u.Found), false)
		}
	}
	if lines["links"], err = q.deadLinks(shelf); err != nil {
		return nil, err
	}
	for _, list := range lines {
		slices.SortStableFunc(list, func(a, b freshLine) int {
			return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Title, b.Title), cmp.Compare(a.Key.ID, b.Key.ID))
		})
	}
	return lines, nil
}

// freshness shows what grows old.
func (q *Quality) freshness(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	lines, err := q.fresh()
	if err != nil {
		return err
	}
	p := freshPage{Done: notice(f), Tab: f.Query("tab", "review"), Edit: who.Has(editors...), Keep: who.Has(keepers...), CSRF: who.CSRF,
		Due: q.Now().AddDate(0, 0, reviewEvery).Format(time.DateOnly)}
	for _, t := range freshTabs {
		p.Tabs = append(p.Tabs, freshTab{t.id, t.name, len(lines[t.id]), t.id == p.Tab})
		if t.id == p.Tab {
			p.Explain, p.Column = t.explain, t.column
		}
	}
	if p.Explain == "" {
		return missing("这一栏")
	}
	p.Lines, p.Pager = page(f, lines[p.Tab])
	if p.Links, err = q.linkStatus(who); err != nil {
		return err
	}
	p.Export = "/console/freshness/export?tab=" + url.QueryEscape(p.Tab)
	return q.staff.Render(f, who, http.StatusOK, "freshness", "时效", p)
}

// exportFreshness sends one tab as a table.
func (q *Quality) exportFreshness(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	lines, err := q.fresh()
	if err != nil {
		return err
	}
	tab := f.Query("tab", "review")
	if !slices.ContainsFunc(freshTabs, func(t struct{ id, name, explain, column string }) bool { return t.id == tab }) {
		return missing("这一栏")
	}
	var rows [][]string
	for _, l := range lines[tab] {
		rows = append(rows, []string{string(l.Key.Type), l.Key.ID, l.Title, l.Agency, l.Date, l.Why, l.Link})
	}
	return sendCSV(f, "freshness-"+tab, []string{"类型", "编码", "名称", "部门", "日期", "说明", "网址"}, rows)
}

// reviewed keeps that somebody has found records to be right.
func (q *Quality) reviewed(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	due := strings.TrimSpace(f.FormValue("due", q.Now().AddDate(0, 0, reviewEvery).Format(time.DateOnly)))
	if _, err := time.Parse(time.DateOnly, due); err != nil || due <= q.today() {
		return unfit("下次复核的日期 %q 应是今天以后的日期，形如 2027-01-31。", due)
	}
	t, id, _ := strings.Cut(f.FormValue("key"), "/")
	key := corpus.Key{Type: corpus.Type(t), ID: id}
	if _, err := q.Store.Get(key); err != nil {
		return missing("这条记录")
	}
	value, err := json.Marshal(review{who.Name, q.Now().UTC(), due})
	if err != nil {
		return fmt.Errorf("review %s: %w", key, err)
	}
	if err := q.Store.PutDoc(ctx, who.Name, reviewKind, key.String(), func([]byte) ([]byte, error) { return value, nil }); err != nil {
		return err
	}
	back := url.Values{"done": {"已复核，下次 " + due}, "tab": {f.FormValue("tab", "review")}}
	return f.Redirect("/console/freshness?"+back.Encode(), http.StatusSeeOther)
}

// deadLinks lists the links that were found dead, with the records that have
// them.
func (q *Quality) deadLinks(s *shelf) ([]freshLine, error) {
	found := map[string]linkDoc{}
	err := q.docs(linkKind, func(d store.Doc) error {
		var l linkDoc
		if err := json.Unmarshal(d.Value, &l); err != nil {
			return err
		}
		found[l.URL] = l
		return nil
	})
	if err != nil {
		return nil, err
	}
	var lines []freshLine
	for _, r := range s.records {
		for i, link := range r.Links {
			l, ok := found[link]
			if !ok || !l.bad() || slices.Contains(r.Links[:i], link) {
				continue
			}
			why := l.Detail
			if l.Status > 0 {
				why += "（" + strconv.Itoa(l.Status) + "）"
			}
			lines = append(lines, freshLine{Key: r.Key, Title: r.Title, Agency: r.Agency, Date: l.Checked.Format(time.DateOnly),
				Why: fmt.Sprintf("%s，自 %s", why, l.Since.Format(time.DateOnly)), Late: l.Verdict == linkcheck.Dead, Link: link})
		}
	}
	return lines, nil
}
