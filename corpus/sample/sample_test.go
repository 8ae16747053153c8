package sample

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// The newest days that the sample may name: it was reviewed on the first and
// is in force since the second at the latest.
const (
	lastUpdate = "2026-11-01"
	inForce    = "2026-11-24"
)

// domains are the second parts of the guides' codes.
var domains = []string{
	"BD", "BZ", "CJ", "CL", "CR", "ED", "GC", "GF", "GJ", "GY", "HJ", "HY", "JH", "JY", "JZ", "QT", "SB", "SC", "SF", "SW",
	"SY", "TY", "XK", "YB", "YL", "ZF", "ZS",
}

var (
	kinds     = []string{"行政许可", "行政确认", "行政给付", "行政奖励", "行政裁决", "行政备案", "其他行政权力", "公共服务"}
	processes = []string{"即办件", "承诺件"}
	levels    = []string{"省级", "市级", "县级"}
	needs     = []string{"", "必要", "非必要", "容缺后补"}
	stages    = []string{
		"出生", "教育", "就业", "生活", "置业", "出行", "就医", "救助", "养老", "身后",
		"准入准营", "招聘用工", "纳税缴费", "经营发展", "工程建设", "注销退出",
	}
	hotlines = []string{"12345", "12333", "12366", "12329", "12367", "12393", "12315", "12348", "110", "119", "120"}
)

var (
	codeForm   = regexp.MustCompile(`^AL-([A-Z]{2})-\d{3}$`)
	localPhone = regexp.MustCompile(`^0900-555\d{4}$`)
	anyPhone   = regexp.MustCompile(`\d{3,4}-\d{7,8}|\b1[3-9]\d{9}\b|\b\d{7,8}\b`)
	anyURL     = regexp.MustCompile(`https?://[^\s"，。；）]+`)
	ownURL     = regexp.MustCompile(`^https://([a-z0-9-]+\.)+anlan\.example(/|$)`)
	vague      = regexp.MustCompile(`其他材料|有关材料|相关材料`)
)

// all is the sample corpus by type, each in the order of the files.
type all struct {
	guides  []*corpus.Guide
	faqs    []*corpus.FAQ
	bundles []*corpus.Bundle
	regions []*corpus.RegionEntry

	policies []*corpus.Policy
}

// load reads the sample and reports every row that is no valid record.
func load(t *testing.T) all {
	t.Helper()
	var a all
	for name, rows := range Files() {
		for row := range rows {
			switch r := row.Record.(type) {
			case *corpus.Guide:
				a.guides = append(a.guides, r)
			case *corpus.FAQ:
				a.faqs = append(a.faqs, r)
			case *corpus.Bundle:
				a.bundles = append(a.bundles, r)
			case *corpus.RegionEntry:
				a.regions = append(a.regions, r)
			case *corpus.Policy:
				a.policies = append(a.policies, r)
			default:
				t.Errorf("%s row %d: %T, error %v", name, row.N, r, row.Err)
			}
		}
	}
	return a
}

func (a all) records() []corpus.Record {
	var recs []corpus.Record
	for _, g := range a.guides {
		recs = append(recs, g)
	}
	for _, f := range a.faqs {
		recs = append(recs, f)
	}
	for _, b := range a.bundles {
		recs = append(recs, b)
	}
	for _, r := range a.regions {
		recs = append(recs, r)
	}
	for _, p := range a.policies {
		recs = append(recs, p)
	}
	return recs
}

// guideByCode maps codes to guides.
func (a all) guideByCode() map[string]*corpus.Guide {
	m := map[string]*corpus.Guide{}
	for _, g := range a.guides {
		m[g.Code] = g
	}
	return m
}

func TestRecords(t *testing.T) {
	seen := map[corpus.Key]bool{}
	for _, r := range load(t).records() {
		if seen[r.Key()] {
			t.Errorf("%s: twice", r.Key())
		}
		seen[r.Key()] = true
		if keys := r.UnknownKeys(); len(keys) > 0 {
			t.Errorf("%s: unknown keys %q", r.Key(), keys)
		}
	}
}

func TestFilesCanBeReadTwiceAndInPart(t *testing.T) {
	var names []string
	for name, rows := range Files() {
		names = append(names, name)
		count := func() (n int) {
			for range rows {
				n++
			}
			return n
		}
		first := count()
		for range rows {
			break
		}
		if second := count(); first == 0 || first != second {
			t.Errorf("%s: %d rows, then %d", name, first, second)
		}
	}
	if !slices.IsSorted(names) || len(names) < len(domains) {
		t.Errorf("files %q, want at least %d in order", names, len(domains))
	}
	for name := range Files() {
		if name != names[0] {
			t.Errorf("the second reading begins with %s, the first with %s", name, names[0])
		}
		break
	}
}

func TestCounts(t *testing.T) {
	a := load(t)
	for _, tt := range []struct {
		what      string
		got, want int
	}{
		{"guides", len(a.guides), 240},
		{"FAQs", len(a.faqs), 100},
		{"bundles", len(a.bundles), 28},
	} {
		if tt.got < tt.want {
			t.Errorf("%d %s, want at least %d", tt.got, tt.what, tt.want)
		}
	}
	got := map[string]bool{}
	for _, g := range a.guides {
		m := codeForm.FindStringSubmatch(g.Code)
		if m == nil {
			t.Errorf("%s: code has not the form AL-XX-NNN", g.Code)
			continue
		}
		got[m[1]] = true
	}
	if diff := cmp.Diff(domains, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("domains (-want +got):\n%s", diff)
	}
}

// missing lists the fields that every sample guide must have and g has not.
func missing(g *corpus.Guide) []string {
	var names []string
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"name", g.Name != ""},
		{"3 aliases", len(g.Aliases) >= 3},
		{"agency", g.Agency.Name != ""},
		{"audience", len(g.Audience) > 0},
		{"themes", len(g.Themes) > 0},
		{"condition of 40 characters", utf8.RuneCountInString(g.Condition) >= 40},
		{"materials", len(g.Materials) > 0},
		{"3 steps", len(g.Steps) >= 3},
		{"contact", g.Contact != ""},
		{"places", len(g.Places) > 0},
		{"basis", len(g.Basis) > 0},
		{"faqs", len(g.FAQs) > 0},
		{"effective", g.Effective.From != ""},
		{"source.sample", g.Source.Sample},
		{"source.url", g.Source.URL != ""},
		{"result", g.Result != ""},
	} {
		if !f.ok {
			names = append(names, f.name)
		}
	}
	return names
}

func TestGuidesAreComplete(t *testing.T) {
	for _, g := range load(t).guides {
		if names := missing(g); len(names) > 0 {
			t.Errorf("%s lacks %s", g.Code, strings.Join(names, ", "))
		}
		for _, m := range g.Materials {
			if vague.MatchString(m.Name) {
				t.Errorf("%s: vague material %q", g.Code, m.Name)
			}
		}
		if g.Visits != nil && *g.Visits > 0 && g.VisitReason == "" {
			t.Errorf("%s: %d visits without a reason", g.Code, *g.Visits)
		}
		if g.Contact == g.Complaint {
			t.Errorf("%s: %s both answers questions and takes complaints", g.Code, g.Contact)
		}
	}
}

// TestPolicies: every policy is complete and cut into numbered articles; one is
// replaced by another, and one has expired, so that both can be seen.
func TestPolicies(t *testing.T) {
	a := load(t)
	byID := map[string]*corpus.Policy{}
	for _, p := range a.policies {
		byID[p.ID] = p
	}
	if len(byID) < 10 {
		t.Errorf("%d policies, want at least 10", len(byID))
	}
	replaced, expired := 0, 0
	for _, p := range a.policies {
		if p.Number == "" || p.Agency.Name == "" || p.Effective.From == "" || p.Source.URL == "" || !p.Source.Sample || p.Region.Code != "990100" {
			t.Errorf("%s is not complete: %+v", p.ID, p)
		}
		articles := p.Articles()
		for i, art := range articles {
			if art.Number == "" {
				t.Errorf("%s: article %d has no number: %q", p.ID, i, art.Text)
			}
		}
		if len(articles) < 4 {
			t.Errorf("%s: %d articles", p.ID, len(articles))
		}
		for _, id := range p.Supersedes {
			old := byID[id]
			if old == nil || old.Effective.To == "" || old.Effective.To >= p.Effective.From {
				t.Errorf("%s replaces %s, which is not there or did not end before", p.ID, id)
			}
			replaced++
		}
		if p.Effective.To != "" && p.Effective.To < inForce {
			expired++
		}
	}
	if replaced == 0 || expired <= replaced {
		t.Errorf("%d replaced, %d expired: one must have expired without being replaced", replaced, expired)
	}
}

// TestSomeFieldsAreUnpublished keeps the sample realistic: readers must cope
// with fields that an agency has not published.
func TestSomeFieldsAreUnpublished(t *testing.T) {
	a := load(t)
	var fee, limit, visits int
	for _, g := range a.guides {
		if g.Fee == nil {
			fee++
		}
		if g.PromisedLimit == nil {
			limit++
		}
		if g.Visits == nil {
			visits++
		}
	}
	for _, n := range []int{fee, limit, visits} {
		if n == 0 || n > len(a.guides)/3 {
			t.Errorf("without fee %d, promised limit %d, visits %d of %d guides", fee, limit, visits, len(a.guides))
			break
		}
	}
}

// TestTermsOfGuides checks the words that come from lists.
func TestTermsOfGuides(t *testing.T) {
	themes := slices.Concat(corpus.PersonThemes, corpus.LegalPersonThemes)
	for _, g := range load(t).guides {
		for _, f := range []struct {
			field, value string
			known        []string
		}{
			{"kind", g.Kind, kinds},
			{"process", g.Process, processes},
			{"level", g.Level, levels},
		} {
			if !slices.Contains(f.known, f.value) {
				t.Errorf("%s: %s %q is not known", g.Code, f.field, f.value)
			}
		}
		for _, m := range g.Materials {
			if !slices.Contains(needs, m.Need) {
				t.Errorf("%s: material %s: need %q is not known", g.Code, m.Name, m.Need)
			}
		}
		for _, th := range g.Themes {
			if !slices.Contains(themes, th) {
				t.Errorf("%s: theme %q is not known", g.Code, th)
			}
		}
	}
}

// plain is a text as a reader tells it from another: without spaces and
// punctuation.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsPunct(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// twice reports every text that two owners have, or one owner has twice.
func twice(t *testing.T, texts map[string][]string) {
	t.Helper()
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if owners := texts[text]; len(owners) > 1 {
			t.Errorf("%q belongs to %s", text, strings.Join(owners, " and "))
		}
	}
}

func TestNamesAreDistinct(t *testing.T) {
	a := load(t)
	texts := map[string][]string{}
	add := func(owner, text string) { texts[plain(text)] = append(texts[plain(text)], owner) }
	for _, g := range a.guides {
		add(g.Code, g.Name)
		if plain(g.ShortName) != plain(g.Name) {
			add(g.Code, g.ShortName)
		}
		for _, alias := range g.Aliases {
			add(g.Code, alias)
		}
	}
	for _, b := range a.bundles {
		for _, name := range append(b.Aliases, b.Name) {
			add(b.ID, name)
		}
	}
	twice(t, texts)
}

func TestQuestionsAreDistinct(t *testing.T) {
	a := load(t)
	texts := map[string][]string{}
	add := func(owner, q string) { texts[plain(q)] = append(texts[plain(q)], owner) }
	for _, f := range a.faqs {
		if len(f.Similar) < 3 {
			t.Errorf("%s: only %d similar questions", f.ID, len(f.Similar))
		}
		add(f.ID, f.Question)
		for _, q := range f.Similar {
			add(f.ID, q)
		}
	}
	// Questions inside guides are asked in the context of their guide, so
	// two guides may answer the same one; but none may repeat an FAQ.
	for _, g := range a.guides {
		for _, qa := range g.FAQs {
			if _, ok := texts[plain(qa.Q)]; ok {
				add(g.Code, qa.Q)
			}
		}
	}
	twice(t, texts)
}

func TestReferencesExist(t *testing.T) {
	a := load(t)
	guides := a.guideByCode()
	check := func(from, code string) {
		if guides[code] == nil {
			t.Errorf("%s refers to %q, which is no guide", from, code)
		}
		if from == code {
			t.Errorf("%s refers to itself", from)
		}
	}
	for _, g := range a.guides {
		for _, code := range g.Related {
			check(g.Code, code)
		}
	}
	for _, f := range a.faqs {
		if f.Matter != "" {
			check(f.ID, f.Matter)
		}
	}
	for _, b := range a.bundles {
		for _, s := range b.Steps {
			check(b.ID, s.Matter)
		}
	}
}

// TestNobodyRealIsNamed checks telephone numbers, web addresses and regions:
// a citizen must not ring a stranger because of the sample.
func TestNobodyRealIsNamed(t *testing.T) {
	a := load(t)
	for _, r := range a.records() {
		line, err := corpus.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range anyURL.FindAllString(string(line), -1) {
			if !ownURL.MatchString(u) {
				t.Errorf("%s: %s is not below anlan.example", r.Key(), u)
			}
		}
		for _, p := range anyPhone.FindAllString(anyURL.ReplaceAllString(string(line), ""), -1) {
			if !localPhone.MatchString(p) {
				t.Errorf("%s: %s is not of the form 0900-555xxxx", r.Key(), p)
			}
		}
	}
	for _, g := range a.guides {
		phones := []string{g.Contact, g.Complaint}
		for _, p := range g.Places {
			phones = append(phones, p.Phone)
		}
		for _, p := range phones {
			if p != "" && !localPhone.MatchString(p) && !slices.Contains(hotlines, p) {
				t.Errorf("%s: telephone %q", g.Code, p)
			}
		}
	}
}

func TestRegions(t *testing.T) {
	a := load(t)
	names := map[corpus.RegionCode]string{}
	for _, r := range a.regions {
		if !strings.HasPrefix(r.Code, "99") {
			t.Errorf("region %s could be a real division", r.Code)
		}
		names[corpus.RegionCode(r.Code)] = r.Name
	}
	check := func(owner string, r corpus.Region) {
		if name, ok := names[r.Code]; !ok || name != r.Name {
			t.Errorf("%s: region %s %s is not one of the sample's", owner, r.Code, r.Name)
		}
	}
	counties := 0
	for _, g := range a.guides {
		check(g.Code, g.Region)
		if g.Region.Code.Depth() == 3 {
			counties++
		}
	}
	if counties < 6 {
		t.Errorf("%d guides of counties, want at least 6 to show that regions inherit", counties)
	}
	for _, f := range a.faqs {
		check(f.ID, f.Region)
	}
	for _, b := range a.bundles {
		check(b.ID, b.Region)
	}
}

// sameUnit reports whether two published limits can be compared: working days
// and calendar days cannot.
func sameUnit(l, m *corpus.Limit) bool { return l != nil && m != nil && l.Unit == m.Unit }

func TestLimits(t *testing.T) {
	for _, g := range load(t).guides {
		if sameUnit(g.PromisedLimit, g.LegalLimit) && g.PromisedLimit.N > g.LegalLimit.N {
			t.Errorf("%s promises %s, the law allows %s", g.Code, g.PromisedLimit, g.LegalLimit)
		}
		for _, l := range []*corpus.Limit{g.PromisedLimit, g.LegalLimit} {
			if l != nil && (l.N == 0) != (l.Unit == "即办") {
				t.Errorf("%s: limit %d %s", g.Code, l.N, l.Unit)
			}
		}
		if l := g.PromisedLimit; l != nil && g.Process == "即办件" && l.Unit != "即办" {
			t.Errorf("%s is done on the spot but promises %s", g.Code, l)
		}
	}
}

func TestFees(t *testing.T) {
	for _, g := range load(t).guides {
		if g.Fee == nil {
			continue
		}
		if g.Fee.Charged == nil {
			t.Errorf("%s: fee says neither charged nor free", g.Code)
			continue
		}
		if *g.Fee.Charged && len(g.Fee.Items) == 0 {
			t.Errorf("%s is charged for, but nothing is listed", g.Code)
		}
		for _, item := range g.Fee.Items {
			if item.Name == "" || item.Amount == "" || item.Basis == "" {
				t.Errorf("%s: fee %+v is not complete", g.Code, item)
			}
		}
	}
}

func TestDates(t *testing.T) {
	a := load(t)
	check := func(owner string, p corpus.Period, s corpus.Source) {
		switch {
		case p.From == "" || p.From > inForce || p.To != "" && p.To < inForce:
			t.Errorf("%s: not in force on %s: %+v", owner, inForce, p)
		case s.Updated == "" || s.Updated > lastUpdate:
			t.Errorf("%s: updated %q", owner, s.Updated)
		case s.Updated < p.From:
			t.Errorf("%s: updated %s, before it came into force on %s", owner, s.Updated, p.From)
		case !s.Sample:
			t.Errorf("%s is not marked as sample", owner)
		case !strings.HasSuffix(s.URL, "/"+owner):
			t.Errorf("%s: source %s", owner, s.URL)
		}
	}
	for _, g := range a.guides {
		check(g.Code, g.Effective, g.Source)
	}
	for _, f := range a.faqs {
		check(f.ID, f.Effective, f.Source)
	}
	for _, b := range a.bundles {
		check(b.ID, b.Effective, b.Source)
	}
}

func TestBundles(t *testing.T) {
	a := load(t)
	guides := a.guideByCode()
	status := map[string]int{}
	for _, b := range a.bundles {
		status[b.Status]++
		if fault := bundleFault(b, guides); fault != "" {
			t.Errorf("%s %s: %s", b.ID, b.Name, fault)
		}
	}
	if status["verified"] < 15 || status["verified"]+status["draft"] != len(a.bundles) {
		t.Errorf("bundles by status: %v", status)
	}
}

// bundleFault says what Validate does not ask of a bundle.
func bundleFault(b *corpus.Bundle, guides map[string]*corpus.Guide) string {
	switch {
	case !strings.HasSuffix(b.Name, "一件事"):
		return "name does not end in 一件事"
	case len(b.Aliases) < 3:
		return "fewer than 3 aliases"
	case !slices.Contains(stages, b.Stage):
		return fmt.Sprintf("stage %q is not known", b.Stage)
	case len(b.Steps) < 2:
		return "one step is no bundle"
	}
	who := corpus.AudienceSetOf(b.Audience)
	for _, s := range b.Steps {
		if s.Name == "" || s.Note == "" {
			return fmt.Sprintf("step %s has no name or no note", s.Matter)
		}
		if g := guides[s.Matter]; g != nil && !corpus.AudienceSetOf(g.Audience).Fits(who) {
			return fmt.Sprintf("step %s is not for %v", s.Matter, b.Audience)
		}
	}
	return ""
}
