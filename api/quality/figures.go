package quality

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
)

type figuresPage struct {
	Days     int
	Periods  []option
	From, To string
	Tiles    []tile
	Charts   []chart
	Tables   []coverageTable
	Links    []option // exports
}

type tile struct{ Name, Value, Note string }

// A coverage says how much is published by one agency or in one region, and
// how much of it was asked about.
type coverage struct {
	Name     string
	Matters  int
	Answered int            // answers about them in the period
	Used     int            // matters with at least one answer in the period
	Has      map[string]int // matters that have published a field
	FAQs     int
}

// coveredFields are the fields whose publication is counted.
var coveredFields = []struct {
	Name string
	Has  func(*corpus.Guide) bool
}{
	{"材料", func(g *corpus.Guide) bool { return len(g.Materials) > 0 }},
	{"流程", func(g *corpus.Guide) bool { return len(g.Steps) > 0 }},
	{"时限", func(g *corpus.Guide) bool { return g.PromisedLimit != nil || g.LegalLimit != nil }},
	{"收费", func(g *corpus.Guide) bool { return g.Fee != nil && g.Fee.Charged != nil }},
	{"地点", func(g *corpus.Guide) bool { return len(g.Places) > 0 }},
	{"电话", func(g *corpus.Guide) bool { return g.Contact != "" }},
}

// Share is the share of the matters that have published a field.
func (c coverage) Share(field string) string {
	return percent(float64(c.Has[field]) / float64(max(1, c.Matters)))
}

// coveredNames are the names of the fields that are counted.
func coveredNames() (names []string) {
	for _, f := range coveredFields {
		names = append(names, f.Name)
	}
	return names
}

// periods are the lengths in days that can be looked at.
var periods = []int{7, 30, 90, 365}

// span reads the period that a request asks for.
func (q *Quality) span(f *fiber.Ctx) (days int, list []insight.Day, err error) {
	days = 30
	if n, err := strconv.Atoi(f.Query("days")); err == nil && slices.Contains(periods, n) {
		days = n
	}
	if err := q.View.CatchUp(); err != nil {
		return 0, nil, err
	}
	now := q.Now()
	return days, q.View.Days(now.AddDate(0, 0, 1-days), now), nil
}

// figures shows volume, outcomes, topics, satisfaction, response times and
// coverage.
func (q *Quality) figures(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	days, list, err := q.span(f)
	if err != nil {
		return err
	}
	shelf, err := q.shelf()
	if err != nil {
		return err
	}
	sum := insight.Sum(list)
	p := figuresPage{Days: days, From: list[0].Date, To: list[len(list)-1].Date}
	for _, n := range periods {
		p.Periods = append(p.Periods, option{strconv.Itoa(n), fmt.Sprintf("最近 %d 天", n), n == days})
	}
	p.Tiles = q.tiles(&sum, shelf)
	p.Charts = charts(list, &sum, shelf)
	agencies, regions := shelf.coverage(sum.Matters)
	p.Tables = []coverageTable{{"部门", agencies, coveredNames()}, {"地区", regions, coveredNames()}}
	for _, x := range [][2]string{{"days", "逐日"}, {"matters", "各事项"}, {"agencies", "各部门"}, {"regions", "各地区"}} {
		p.Links = append(p.Links, option{Value: fmt.Sprintf("/console/figures/export?days=%d&what=%s", days, x[0]), Label: x[1]})
	}
	return q.staff.Render(f, who, http.StatusOK, "figures", "数据", p)
}

func (q *Quality) tiles(sum *insight.Day, shelf *shelf) []tile {
	satisfied := "–"
	if s, ok := sum.Satisfaction(); ok {
		satisfied = percent(s)
	}
	used := 0
	for code := range sum.Matters {
		if _, ok := shelf.guides[code]; ok {
			used++
		}
	}
	return []tile{
		{"提问", strconv.Itoa(sum.Asked), ""},
		{"直接回答", share(sum.Outcomes[answer.Answered], sum.Asked), "占提问"},
		{"没有找到", share(sum.Outcomes[answer.NotFound], sum.Asked), "占提问"},
		{"满意", satisfied, fmt.Sprintf("%d 次评价", sum.Up+sum.Down)},
		{"响应时间", millis(sum.Latency(.95)), "95% 不超过，一半不超过 " + millis(sum.Latency(.5))},
		{"用到的事项", fmt.Sprintf("%d / %d", used, len(shelf.guides)), "答过的 / 已发布的"},
	}
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(of))
}

func millis(ms float64) string {
	switch {
	case ms == 0:
		return "–"
	case math.IsInf(ms, 1):
		return "5 秒以上"
	}
	return fmt.Sprintf("%g 毫秒", ms)
}

func charts(list []insight.Day, sum *insight.Day, shelf *shelf) []chart {
	var labels []string
	answered, asked, missing := make([]float64, len(list)), make([]float64, len(list)), make([]float64, len(list))
	pleased, slow := make([]float64, len(list)), make([]float64, len(list))
	for i := range list {
		d := &list[i]
		labels = append(labels, d.Date[5:])
		answered[i] = float64(d.Outcomes[answer.Answered])
		missing[i] = float64(d.Outcomes[answer.NotFound])
		asked[i] = float64(d.Asked) - answered[i] - missing[i]
		pleased[i], slow[i] = math.NaN(), math.NaN()
		if s, ok := d.Satisfaction(); ok {
			pleased[i] = 100 * s
		}
		if ms := d.Latency(.95); ms > 0 && !math.IsInf(ms, 1) {
			slow[i] = ms
		}
	}
	all := []chart{
		columns("volume", "每天的提问", fmt.Sprintf("共 %d 次提问，其中直接回答 %d 次、没有找到 %d 次", sum.Asked, sum.Outcomes[answer.Answered], sum.Outcomes[answer.NotFound]),
			[]string{"日期", "直接回答", "其他", "没有找到"}, labels, [][]float64{answered, asked, missing}, []string{"part1", "part2", "part3"}),
		ranked("outcomes", "结果", []string{"结果", "次数"}, sum.Outcomes, 8, regress.OutcomeName),
		ranked("topics", "主题", []string{"主题", "回答次数"}, shelf.themes(sum.Matters), 12, same[string]),
		ranked("matters", "问得最多的事项", []string{"事项", "回答次数"}, sum.Matters, 12, shelf.nameOf),
		ranked("aspects", "问的是哪一项", []string{"要素", "回答次数"}, sum.Aspects, 12, answer.AspectLabel),
		ranked("regions", "问的是哪里", []string{"地区", "提问次数"}, sum.Regions, 12, shelf.regionName),
		curve("satisfaction", "满意度（%）", fmt.Sprintf("满意 %d 次，不满意 %d 次", sum.Up, sum.Down), []string{"日期", "满意的占评价的 %"}, labels, pleased, "%.0f", 100),
		curve("latency", "响应时间（95% 不超过，毫秒）", "每天 95% 的回答不超过的毫秒数", []string{"日期", "毫秒"}, labels, slow, "%.4g", 0),
	}
	return all
}

func ranked[K interface {
	~string
}](id, title string, head []string, counts map[K]int, limit int, name func(K) string) chart {
	var labels []string
	var values []float64
	for _, k := range insight.Top(counts, limit) {
		labels, values = append(labels, name(k)), append(values, float64(counts[k]))
	}
	summary := "没有数据"
	if len(labels) > 0 {
		summary = fmt.Sprintf("最多的是%s，%.0f 次", labels[0], values[0])
	}
	return ranking(id, title, summary, head, labels, values, func(v float64) string { return fmt.Sprintf("%.0f", v) })
}

// coverage counts by agency and by region.
func (s *shelf) coverage(answered map[string]int) (agencies, regions []coverage) {
	byAgency, byRegion := map[string]*coverage{}, map[string]*coverage{}
	of := func(m map[string]*coverage, name string) *coverage {
		c := m[name]
		if c == nil {
			c = &coverage{Name: name, Has: map[string]int{}}
			m[name] = c
		}
		return c
	}
	for code, g := range s.guides {
		for _, c := range []*coverage{of(byAgency, cmp.Or(g.agency, "（没有写明）")), of(byRegion, s.regionName(g.region))} {
			c.Matters++
			c.Answered += answered[code]
			if answered[code] > 0 {
				c.Used++
			}
			for i, f := range coveredFields {
				if g.has&(1<<i) != 0 {
					c.Has[f.Name]++
				}
			}
		}
	}
	for _, r := range s.records {
		if r.Key.Type == corpus.TypeFAQ {
			of(byAgency, cmp.Or(r.Agency, "（没有写明）")).FAQs++
			of(byRegion, s.regionName(r.Region)).FAQs++
		}
	}
	list := func(m map[string]*coverage) (all []coverage) {
		for _, c := range slices.SortedFunc(maps.Values(m), func(a, b *coverage) int {
			return cmp.Or(cmp.Compare(b.Matters, a.Matters), cmp.Compare(a.Name, b.Name))
		}) {
			all = append(all, *c)
		}
		return all
	}
	return list(byAgency), list(byRegion)
}

// exportFigures sends a table of the figures.
func (q *Quality) exportFigures(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	_, list, err := q.span(f)
	if err != nil {
		return err
	}
	shelf, err := q.shelf()
	if err != nil {
		return err
	}
	sum := insight.Sum(list)
	n := strconv.Itoa
	var rows [][]string
	switch what := f.Query("what", "days"); what {
	case "days":
		header := []string{"日期", "提问"}
		for _, o := range answer.Outcomes {
			header = append(header, regress.OutcomeName(o))
		}
		for i := range list {
			d := &list[i]
			row := []string{d.Date, n(d.Asked)}
			for _, o := range answer.Outcomes {
				row = append(row, n(d.Outcomes[o]))
			}
			rows = append(rows, append(row, n(d.Up), n(d.Down), fmt.Sprintf("%g", d.Latency(.5)), fmt.Sprintf("%g", d.Latency(.95))))
		}
		return sendCSV(f, "figures-days", append(header, "满意", "不满意", "响应中位毫秒", "响应95%毫秒"), rows)
	case "matters":
		uses := q.View.Uses()
		for _, code := range slices.Sorted(maps.Keys(shelf.guides)) {
			g, u := shelf.guides[code], uses[code]
			last := ""
			if !u.Last.IsZero() {
				last = u.Last.Format(time.DateOnly)
			}
			rows = append(rows, []string{code, g.name, g.agency, string(g.region), n(sum.Matters[code]), n(u.Answered), n(u.Found), n(u.Up), n(u.Down), last})
		}
		return sendCSV(f, "figures-matters", []string{"实施编码", "事项", "部门", "地区", "期内回答", "累计回答", "累计被找到", "满意", "不满意", "最近回答"}, rows)
	case "agencies", "regions":
		agencies, regions := shelf.coverage(sum.Matters)
		all, head := agencies, "部门"
		if what == "regions" {
			all, head = regions, "地区"
		}
		header := []string{head, "事项", "期内用到", "期内回答", "常见问题"}
		for _, field := range coveredFields {
			header = append(header, "已公布"+field.Name)
		}
		for _, c := range all {
			row := []string{c.Name, n(c.Matters), n(c.Used), n(c.Answered), n(c.FAQs)}
			for _, field := range coveredFields {
				row = append(row, n(c.Has[field.Name]))
			}
			rows = append(rows, row)
		}
		return sendCSV(f, "figures-"+what, header, rows)
	}
	return missing("这种数据")
}

// A coverageTable is a table of coverages.
type coverageTable struct {
	Head   string
	Rows   []coverage
	Fields []string
}
