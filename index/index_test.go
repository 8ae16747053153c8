package index

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// memory is a journal of editions in memory.
type memory struct {
	mu       sync.Mutex
	editions []map[corpus.Key]corpus.Record // by number; 0 is empty
}

func newMemory() *memory { return &memory{editions: []map[corpus.Key]corpus.Record{{}}} }

// publish makes an edition with the records put in and the keys removed.
func (m *memory) publish(put []corpus.Record, removed ...corpus.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := maps.Clone(m.editions[len(m.editions)-1])
	for _, r := range put {
		next[r.Key()] = r
	}
	for _, k := range removed {
		delete(next, k)
	}
	m.editions = append(m.editions, next)
}

func (m *memory) Edition() corpus.Edition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return corpus.Edition(len(m.editions) - 1)
}

func (m *memory) at(e corpus.Edition) map[corpus.Key]corpus.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.editions[e]
}

func (m *memory) Sum(e corpus.Edition) (string, error) {
	keys := slices.SortedFunc(maps.Keys(m.at(e)), func(a, b corpus.Key) int { return strings.Compare(a.String(), b.String()) })
	var b strings.Builder
	for _, k := range keys {
		line, err := corpus.Marshal(m.at(e)[k])
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%x", corpus.HashOf(line))
	}
	return fmt.Sprintf("%x", corpus.HashOf([]byte(b.String()))), nil
}

func (m *memory) All(e corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error] {
	return func(yield func(corpus.Record, error) bool) {
		for k, r := range m.at(e) {
			if k.Type == t && !yield(r, nil) {
				return
			}
		}
	}
}

func (m *memory) Changes(after, upTo corpus.Edition) iter.Seq2[corpus.Change, error] {
	return func(yield func(corpus.Change, error) bool) {
		was, is := m.at(after), m.at(upTo)
		for k, r := range is {
			if was[k] != r && !yield(corpus.Change{Key: k, Record: r}, nil) {
				return
			}
		}
		for k := range was {
			if is[k] == nil && !yield(corpus.Change{Key: k}, nil) {
				return
			}
		}
	}
}

func guide(code, name string, set ...func(*corpus.Guide)) *corpus.Guide {
	g := &corpus.Guide{Matter: corpus.Matter{Code: code, Name: name}}
	for _, f := range set {
		f(g)
	}
	return g
}

func region(code corpus.RegionCode) func(*corpus.Guide) {
	return func(g *corpus.Guide) { g.Region.Code = code }
}

func alias(names ...string) func(*corpus.Guide) {
	return func(g *corpus.Guide) { g.Aliases = names }
}

func condition(text string) func(*corpus.Guide) {
	return func(g *corpus.Guide) { g.Condition = text }
}

// someGuides are a small corpus.
func someGuides() []corpus.Record {
	return []corpus.Record{
		guide("id-lost", "居民身份证丢失补领", alias("补身份证", "身份证丢了")),
		guide("id-first", "居民身份证首次申领", alias("办身份证")),
		guide("passport-first", "普通护照首次申请", alias("办护照")),
		guide("passport-renew", "普通护照换发", alias("换护照")),
		guide("residence", "居住证申领", alias("办居住证"), condition("在本市居住半年以上，有合法稳定就业或者住所的公民可以申领居住证")),
		guide("company", "有限责任公司设立登记", alias("开公司", "注册公司")),
		guide("dog", "养犬登记", region("440104")),
	}
}

func testIndex(t testing.TB, dir string) *Index {
	t.Helper()
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	ix, err := Open(dir, nlp.Bigrams{}, lex, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

func catchUp(t testing.TB, ix *Index, m *memory) {
	t.Helper()
	if _, err := ix.CatchUp(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func search(t testing.TB, ix *Index, text string, f Filter) []Hit {
	t.Helper()
	p := nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: ix.analyzer.lex}
	q := p.Parse(text)
	hits, err := ix.Search(t.Context(), Query{Question: &q, Filter: f, Explain: true})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

func TestSearch(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	for _, dir := range []string{"", t.TempDir()} {
		ix := testIndex(t, dir)
		catchUp(t, ix, m)
		tests := []struct{ text, want string }{
			{"身份证丢了怎么补", "id-lost"},
			{"第一次办身份证", "id-first"},
			{"我的护照到期了要换新的", "passport-renew"},
			{"頭一次辦護照", "passport-first"},
			{"居住證要住满多久才能办", "residence"},
			{"想开个公司", "company"},
		}
		for _, tt := range tests {
			if hits := search(t, ix, tt.text, Filter{}); len(hits) == 0 || hits[0].Key.ID != tt.want {
				t.Errorf("dir %q, %s: %v, want %s first", dir, tt.text, ids(hits), tt.want)
			}
		}
		if hits := search(t, ix, "zzz qqq", Filter{}); len(hits) != 0 {
			t.Errorf("nonsense finds %v", ids(hits))
		}
	}
}

func ids(hits []Hit) []string {
	list := make([]string, len(hits))
	for i, h := range hits {
		list[i] = h.Key.ID
	}
	return list
}

func TestFilter(t *testing.T) {
	day := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := newMemory()
	m.publish([]corpus.Record{
		guide("province", "养犬登记", region("440000")),
		guide("city", "养犬登记", region("440100")),
		guide("county", "养犬登记", region("440104")),
		guide("other city", "养犬登记", region("440300")),
		guide("nowhere", "养犬登记"),
		guide("old", "养犬登记", func(g *corpus.Guide) { g.Effective.To = "2026-11-23" }),
		guide("last day", "养犬登记", func(g *corpus.Guide) { g.Effective.To = "2026-11-24" }),
		guide("to come", "养犬登记", func(g *corpus.Guide) { g.Effective.From = "2026-11-25" }),
		guide("firms", "养犬登记", func(g *corpus.Guide) { g.Audience = []corpus.Audience{corpus.Enterprise} }),
		guide("theme", "养犬登记", func(g *corpus.Guide) { g.Themes = []corpus.Theme{"公共安全"} }),
	})
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	always := []string{"nowhere", "last day", "firms", "theme"}
	everywhere := append([]string{"province", "city", "county", "other city"}, always...)
	tests := []struct {
		name   string
		filter Filter
		want   []string
	}{
		{"everything in force", Filter{}, everywhere},
		{"a county inherits from city and province", Filter{Region: "440104"}, append([]string{"province", "city", "county"}, always...)},
		{"a sister county does not inherit", Filter{Region: "440105"}, append([]string{"province", "city"}, always...)},
		{"a city does not see its counties", Filter{Region: "440100"}, append([]string{"province", "city"}, always...)},
		{"unless it looks inside", Filter{Region: "440100", Inside: true}, append([]string{"province", "city", "county"}, always...)},
		{"a long code of the county", Filter{Region: "440104000000"}, append([]string{"province", "city", "county"}, always...)},
		{"persons are not shown what is for firms", Filter{Audience: corpus.AudienceSetOf([]corpus.Audience{corpus.Person})},
			slices.DeleteFunc(slices.Clone(everywhere), func(s string) bool { return s == "firms" })},
		{"a theme", Filter{Theme: "公共安全"}, []string{"theme"}},
		{"what is not in force too", Filter{Expired: true, Theme: ""}, append([]string{"old", "to come"}, everywhere...)},
	}
	for _, tt := range tests {
		tt.filter.On = day
		got := ids(search(t, ix, "养犬登记", tt.filter))
		slices.Sort(got)
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// The first everyday name in a corpus must find its guide: the mean length of
// everyday names is over the guides that have one.
func TestTheOnlyAlias(t *testing.T) {
	var guides []corpus.Record
	for i := range 600 {
		guides = append(guides, guide(fmt.Sprint("G", i), fmt.Sprintf("第%d类登记", i)))
	}
	m := newMemory()
	m.publish(guides)
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	m.publish([]corpus.Record{guide("G300", "第300类登记", alias("紫色独角兽业务"))})
	catchUp(t, ix, m)
	if hits := search(t, ix, "紫色独角兽登记业务", Filter{}); len(hits) == 0 || hits[0].Key.ID != "G300" {
		t.Errorf("found %v", ids(hits))
	}
}

// The first stage must be textbook BM25F: the test computes it from the texts
// in the plainest way and compares every score.
func TestFirstStageIsExactBM25F(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	p := nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: ix.analyzer.lex}
	for _, text := range []string{"居住证申领", "身份证丢了怎么补", "公司登记要什么材料"} {
		q := p.Parse(text)
		want := plainBM25F(&q, someGuides(), ix.params.of(corpus.TypeGuide))
		hits, err := ix.Search(t.Context(), Query{Question: &q, Explain: true, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		if len(hits) == 0 {
			t.Fatalf("%s: no hits", text)
		}
		for _, h := range hits {
			if w := want[h.Key.ID]; math.Abs(h.First-w) > 1e-4*(1+w) {
				t.Errorf("%s: %s scores %v, textbook %v", text, h.Key.ID, h.First, w)
			}
			sum := 0.0
			for _, term := range h.Why.Terms {
				sum += term.Score
			}
			if math.Abs(sum-h.First) > 1e-4*(1+sum) {
				t.Errorf("%s: the explanation of %s adds up to %v, not %v", text, h.Key.ID, sum, h.First)
			}
			sum = 0
			for _, f := range h.Why.Features {
				sum += f.Value * f.Weight
			}
			if math.Abs(sum-h.Score) > 1e-9 {
				t.Errorf("%s: the features of %s add up to %v, not %v", text, h.Key.ID, sum, h.Score)
			}
		}
	}
}

func plainBM25F(q *nlp.Question, records []corpus.Record, p *TypeParams) map[string]float64 {
	type docTerms struct {
		tf  map[nlp.Space]map[string][groups]float64
		len map[nlp.Space][groups]float64
	}
	docs := map[string]docTerms{}
	for _, rec := range records {
		d := docTerms{map[nlp.Space]map[string][groups]float64{}, map[nlp.Space][groups]float64{}}
		for g, texts := range textsOf(rec) {
			for _, text := range texts {
				text = nlp.Normalize(text)
				nlp.EachTerm(nlp.Bigrams{}, text, func(sp nlp.Space, start, end int) {
					if d.tf[sp] == nil {
						d.tf[sp] = map[string][groups]float64{}
					}
					tf, l := d.tf[sp][text[start:end]], d.len[sp]
					tf[g]++
					l[g]++
					d.tf[sp][text[start:end]], d.len[sp] = tf, l
				})
			}
		}
		docs[rec.Key().ID] = d
	}
	n := float64(len(docs))
	scores := map[string]float64{}
	for _, term := range q.Terms {
		df := 0.0
		var sum, have, avg [groups]float64
		for _, d := range docs {
			if _, ok := d.tf[term.Space][term.Text]; ok {
				df++
			}
			for g, l := range d.len[term.Space] {
				if l > 0 {
					sum[g] += l
					have[g]++
				}
			}
		}
		for g := range avg {
			avg[g] = sum[g] / max(1, have[g])
		}
		for id, d := range docs {
			tf := 0.0
			for g, f := range d.tf[term.Space][term.Text] {
				if f > 0 {
					tf += p.Groups[g] * f / (1 - p.B + p.B*d.len[term.Space][g]/avg[g])
				}
			}
			scores[id] += p.Spaces[spaceIndex(term.Space)] * float64(term.Weight) *
				math.Log(1+(n-df+.5)/(df+.5)) * (p.K1 + 1) * tf / (p.K1 + tf)
		}
	}
	return scores
}

// An index that has followed changes must rank and score like one built anew,
// but for what it knows of words alike.
func TestCatchUpEqualsRebuild(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	followed := testIndex(t, t.TempDir())
	catchUp(t, followed, m)
	forgetWords(followed)
	m.publish([]corpus.Record{guide("residence", "居住证签注", condition("居住证每年签注一次")), guide("new", "港澳通行证首次申请")},
		corpus.Key{Type: corpus.TypeGuide, ID: "dog"})
	m.publish([]corpus.Record{guide("new", "往来港澳通行证首次申请")}, corpus.Key{Type: corpus.TypeGuide, ID: "company"})
	catchUp(t, followed, m)
	fresh := testIndex(t, t.TempDir())
	catchUp(t, fresh, m)
	forgetWords(fresh)
	for _, text := range []string{"居住证签注", "港澳通行证", "养犬登记", "身份证", "公司设立登记"} {
		a, b := search(t, followed, text, Filter{}), search(t, fresh, text, Filter{})
		if diff := cmp.Diff(b, a, cmp.Comparer(func(x, y float64) bool { return math.Abs(x-y) < 1e-6 })); diff != "" {
			t.Errorf("%s: followed and fresh differ (-fresh +followed):\n%s", text, diff)
		}
	}
	if missing, extra, err := followed.Compare(m); err != nil || len(missing)+len(extra) > 0 {
		t.Errorf("compare: missing %v, extra %v, err %v", missing, extra, err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	m := newMemory()
	m.publish(someGuides())
	open := func() *Index {
		lex, err := nlp.LoadLexicon()
		if err != nil {
			t.Fatal(err)
		}
		ix, err := Open(dir, nlp.Bigrams{}, lex, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return ix
	}
	ix := open()
	catchUp(t, ix, m)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	ix = open()
	if ix.Edition() != 1 {
		t.Errorf("reopened at edition %d, want 1", ix.Edition())
	}
	if hits := search(t, ix, "居住证申领", Filter{}); len(hits) == 0 || hits[0].Key.ID != "residence" {
		t.Errorf("reopened index finds %v", ids(hits))
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ix.CatchUp(t.Context(), m); err == nil {
		t.Error("a closed index catches up")
	}

	damages := map[string]func(path string) error{
		"a segment cut short": func(path string) error { return os.Truncate(path, 100) },
		"a segment of zeros": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, make([]byte, info.Size()), 0o600)
		},
		"a segment gone": os.Remove,
	}
	for what, damage := range damages {
		segments, err := filepath.Glob(filepath.Join(dir, genPrefix+"*", "*.zap"))
		if err != nil || len(segments) == 0 {
			t.Fatalf("segments: %v, %v", segments, err)
		}
		for _, s := range segments {
			if err := damage(s); err != nil {
				t.Fatal(err)
			}
		}
		ix = open()
		catchUp(t, ix, m)
		if hits := search(t, ix, "居住证申领", Filter{}); len(hits) == 0 || hits[0].Key.ID != "residence" {
			t.Errorf("%s: after catching up the index finds %v", what, ids(hits))
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// After a restore the numbers may be the same and the content another.
func TestOtherContentOfTheSameEditionIsRebuilt(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	ix := testIndex(t, t.TempDir())
	catchUp(t, ix, m)
	other := newMemory()
	other.publish([]corpus.Record{guide("x", "殡葬服务")})
	catchUp(t, ix, other)
	if missing, extra, err := ix.Compare(other); err != nil || len(missing)+len(extra) > 0 {
		t.Errorf("missing %v, extra %v, err %v", missing, extra, err)
	}
}

func TestEmptyCorpus(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		ix := testIndex(t, dir)
		m := newMemory()
		catchUp(t, ix, m)
		if hits := search(t, ix, "居住证", Filter{}); len(hits) != 0 {
			t.Errorf("an empty corpus finds %v", ids(hits))
		}
		m.publish(someGuides())
		catchUp(t, ix, m)
		if hits := search(t, ix, "居住证", Filter{}); len(hits) == 0 {
			t.Error("nothing found after the first publication")
		}
	}
}

func TestSearchWhilePublishing(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	ix := testIndex(t, t.TempDir())
	catchUp(t, ix, m)
	ctx, stop := context.WithCancel(t.Context())
	p := nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: ix.analyzer.lex}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				q := p.Parse("居住证申领")
				hits, err := ix.Search(context.Background(), Query{Question: &q})
				if err != nil || len(hits) == 0 || hits[0].Key.ID != "residence" {
					t.Errorf("while publishing: %v, %v", ids(hits), err)
					return
				}
			}
		})
	}
	for i := range 20 {
		m.publish([]corpus.Record{guide(fmt.Sprintf("n%d", i), fmt.Sprintf("第%d号通告查询", i))})
		catchUp(t, ix, m)
	}
	if _, err := ix.Rebuild(t.Context(), m); err != nil {
		t.Error(err)
	}
	stop()
	wg.Wait()
}

func TestSuggest(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	tests := []struct {
		typed string
		want  []string
	}{
		{"居住", []string{"residence"}},
		{"居民身份证", []string{"id-first", "id-lost"}},
		{"注册公", []string{"company"}},
		{"護照", []string{"passport-first", "passport-renew"}},
		{"", nil},
		{"没有这个", nil},
	}
	for _, tt := range tests {
		hits, err := ix.Suggest(tt.typed, Filter{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		got := ids(hits)
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("Suggest(%q) = %v, want %v", tt.typed, got, tt.want)
		}
	}
}

func TestPosting(t *testing.T) {
	var p posting
	for range 5000 {
		p = p.add(groupBody)
	}
	p = p.add(groupName).add(groupName).add(groupParent).add(groupAlias)
	want := map[group]uint64{groupName: 2, groupAlias: 1, groupParent: 1, groupBody: 1<<12 - 1, groupRest: 0}
	for g, n := range want {
		if p.tf(g) != n {
			t.Errorf("group %d counts %d, want %d", g, p.tf(g), n)
		}
	}
}

func TestLCS(t *testing.T) {
	long := strings.Repeat("一二三四五六七八九十", 20)
	tests := []struct {
		a, b string
		want int
	}{
		{"身份证丢了", "居民身份证丢失补领", 4},
		{"", "证", 0},
		{"证", "", 0},
		{"甲乙丙", "丙乙甲", 1},
		{long, long, 200},
		{long, "十一", 2},
		{long + "甲", "甲", 1},
	}
	for _, tt := range tests {
		l := newLCS([]rune(tt.a))
		if got := l.length(tt.b); got != tt.want {
			t.Errorf("LCS(%.20q…, %.20q…) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	a := analyzer{nlp.Bigrams{}, lex}
	for _, rec := range append(someGuides(),
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "f", Question: "居住证要多久", Similar: []string{"居住证几天"}, Answer: "十五日", Matter: "residence"},
		&corpus.Policy{Type: corpus.TypePolicy, ID: "p", Title: "居住证暂行条例", Text: "第一条"}) {
		e := a.analyze(rec).entry
		got, err := decodeEntry(e.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, got, cmp.AllowUnexported(entry{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rec.Key(), diff)
		}
		b := e.encode()
		for n := range b {
			if _, err := decodeEntry(b[:n]); err == nil {
				t.Errorf("%s cut at %d of %d bytes decodes", rec.Key(), n, len(b))
			}
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	m := newMemory()
	var records []corpus.Record
	for i := range 5000 {
		records = append(records, guide(fmt.Sprintf("g%d", i), fmt.Sprintf("第%d类居住证和护照事项办理登记", i), condition("在本市居住半年以上，有合法稳定就业或者住所的公民可以申领")))
	}
	m.publish(records)
	ix := testIndex(b, "")
	catchUp(b, ix, m)
	p := nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: ix.analyzer.lex}
	b.ReportAllocs()
	for b.Loop() {
		q := p.Parse("居住证丢了怎么补办要多少钱")
		if _, err := ix.Search(b.Context(), Query{Question: &q}); err != nil {
			b.Fatal(err)
		}
	}
}
