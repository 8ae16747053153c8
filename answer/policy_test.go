package answer

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

// rule is a policy of the city.
func rule(id, title, number, text string, change ...func(*corpus.Policy)) *corpus.Policy {
	p := &corpus.Policy{Type: corpus.TypePolicy, ID: id, Title: title, Number: number, Text: text, Region: city,
		Agency: corpus.Agency{Name: "市人民政府"}, Effective: corpus.Period{From: "2026-03-01"},
		Source: corpus.Source{URL: "https://gov.example/" + id, Updated: "2026-02-12"}}
	for _, f := range change {
		f(p)
	}
	return p
}

func replaces(ids ...string) func(*corpus.Policy) {
	return func(p *corpus.Policy) { p.Supersedes = ids }
}

func during(from, to string) func(*corpus.Policy) {
	return func(p *corpus.Policy) { p.Effective = corpus.Period{From: from, To: to} }
}

const (
	housing    = "第一条　为解决人才住房困难，制定本办法。\n第二条　租房补贴标准：（一）博士研究生每月2000元；（二）硕士研究生每月1000元。\n第三条　租房补贴最长发放三十六个月。"
	housingOld = "第一条　为吸引人才，制定本办法。\n第二条　租房补贴标准：硕士研究生每月800元。\n第三条　人才可以申请过渡周转房，租期不超过两年。"
	rent       = "一、承租国有房屋的小微企业减免三个月租金。\n二、本通知执行至2025年12月31日。"
	dogs       = "第一条　遛犬应当由成年人用犬绳牵领。\n第二条　不束犬绳的，处50元以上200元以下罚款。"
)

func rules() []corpus.Record {
	return append(verdictCorpus(),
		rule("P-1", "人才安居补贴实施办法", "市政发〔2026〕3号", housing, replaces("P-0")),
		rule("P-0", "人才安居补贴实施办法（试行）", "市政发〔2022〕11号", housingOld, during("2022-07-01", "2026-02-28")),
		rule("P-2", "关于减免小微企业房屋租金的通知", "市国资发〔2025〕2号", rent, during("2025-01-15", "2025-12-31")),
		rule("P-3", "养犬管理规定", "市人民政府令第28号", dogs),
	)
}

func TestGoldenPolicies(t *testing.T) {
	e := newEngine(t, newMemory(rules()...))
	for _, row := range []struct {
		name, question string
		outcome        Outcome
	}{
		{"policy", "硕士研究生租房补贴每月多少钱", Answered},
		{"policy_replaced", "人才过渡周转房的租期", Answered},
		{"policy_expired", "承租国有房屋的小微企业减免租金", NotFound},
		{"policy_cited", "人才安居补贴实施办法第3条", Answered},
		{"policy_whole", "《养犬管理规定》", Answered},
		{"policy_old_cited", "市政发〔2022〕11号还有效吗", Answered},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := ask(t, e, Request{Text: row.question})
			if a.Outcome != row.outcome {
				t.Errorf("%s, want %s", a.Outcome, row.outcome)
			}
			requireGolden(t, "verdict_"+row.name, golden(row.question, a))
		})
	}
}

// quoted are the passages of an answer and where they stand.
func quoted(a Answer) (values, places []string) {
	for _, f := range a.Facts {
		if f.Field == "text" {
			values, places = append(values, f.Value), append(places, f.Source.Place)
		}
	}
	return values, places
}

func TestPolicyAnswers(t *testing.T) {
	operators := func(p *corpus.Policy) { p.Visibility = corpus.VisibleOperator }
	elsewhere := func(p *corpus.Policy) { p.Region = corpus.Region{Code: "110000", Name: "北京市"} }
	const asked = "硕士研究生租房补贴每月多少钱"
	for _, tt := range []struct {
		why     string
		records []corpus.Record
		asked   string
		says    []string // nothing means that no policy is quoted
		never   []string
		place   string
	}{
		{"the article that answers, with title, number, date", []corpus.Record{rule("P/1", "人才安居补贴实施办法", "市政发〔2026〕3号", housing)}, asked,
			[]string{"《人才安居补贴实施办法》（市政发〔2026〕3号）第二条", "硕士研究生每月1000元", "自2026年3月1日起施行"}, []string{"三十六个月"}, "/policies/P%2F1#a2"},
		{"of two that fit the one in force", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, replaces("P-0")), rule("P-0", "人才安居补贴实施办法（试行）", "", housingOld)}, asked,
			[]string{"1000元"}, []string{"800元", "废止"}, "/policies/P-1#a2"},
		{"one that ends today still holds", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, during("2026-01-01", "2026-11-02"))}, asked, []string{"1000元"}, nil, "/policies/P-1#a2"},
		{"one that has not begun says nothing", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, during("2026-11-03", ""))}, asked, nil, []string{"1000元"}, ""},
		{"one that has not begun replaces nothing yet", []corpus.Record{rule("P-0", "人才安居补贴实施办法（试行）", "", housingOld),
			rule("P-1", "人才安居补贴实施办法", "", housing, replaces("P-0"), during("2026-11-03", ""))}, asked, []string{"800元"}, []string{"1000元", "废止"}, "/policies/P-0#a2"},
		{"what only operators may see is not quoted", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, operators)}, asked, nil, []string{"1000元"}, ""},
		{"what only operators may see replaces nothing", []corpus.Record{rule("P-0", "人才安居补贴实施办法（试行）", "", housingOld),
			rule("P-1", "人才安居补贴实施办法", "", housing, replaces("P-0"), operators)}, asked, []string{"800元"}, []string{"1000元"}, "/policies/P-0#a2"},
		{"the text of another region, asked here", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, elsewhere)}, asked, nil, []string{"1000元"}, ""},
		{"an amount is asked for and no article has one", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", "第一条　硕士研究生租房补贴每月发放，标准另行规定。")}, asked, nil, nil, ""},
		{"less is said than is asked", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing)}, "大熊猫繁育基地工作人员租房补贴", nil, nil, ""},
		{"two that replace each other replace nothing", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, replaces("P-2")),
			rule("P-2", "人才安居补贴办法", "", housing, replaces("P-1"))}, asked, []string{"1000元"}, []string{"废止"}, ""},
		{"one that replaces itself", []corpus.Record{rule("P-1", "人才安居补贴实施办法", "", housing, replaces("P-1"))}, asked, []string{"1000元"}, []string{"废止"}, ""},
		{"a chain leads to its end", []corpus.Record{rule("P-0", "人才安居补贴实施办法（试行）", "", housingOld, during("2020-01-01", "2021-12-31")),
			rule("P-1", "人才安居补贴暂行办法", "", housingOld, replaces("P-0"), during("2022-01-01", "")), rule("P-2", "人才安居补贴实施办法", "", housing, replaces("P-1"))},
			"人才安居补贴实施办法（试行）里硕士研究生租房补贴多少钱", []string{"《人才安居补贴实施办法（试行）》已于2026年3月1日废止，现行：《人才安居补贴实施办法》", "1000元"}, []string{"800元"}, "/policies/P-2#a2"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			e := newEngine(t, newMemory(append(verdictCorpus(), tt.records...)...))
			a := ask(t, e, Request{Text: tt.asked, Region: city.Code})
			values, places := quoted(a)
			if (len(values) > 0) != (tt.says != nil) {
				t.Fatalf("quoted %q\n%s", values, a.Text)
			}
			says(t, a.Text, tt.says, tt.never...)
			if tt.place != "" && !slices.Equal(places, []string{tt.place}) {
				t.Errorf("places %q, want %q", places, tt.place)
			}
		})
	}
}

// Every quotation stands in the policy word for word.
func TestQuotationsAreWordForWord(t *testing.T) {
	e := sampleEngine(t)
	recs, err := sampleRecords()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, rec := range recs {
		p, ok := rec.(*corpus.Policy)
		if !ok {
			continue
		}
		for _, article := range p.Articles() {
			sentence, _, _ := strings.Cut(article.Text, "。")
			if utf8.RuneCountInString(sentence) > MaxText {
				continue
			}
			values, _ := quoted(ask(t, e, Request{Text: sentence, Silent: true}))
			for _, v := range values {
				n++
				if !slices.ContainsFunc(recs, func(r corpus.Record) bool {
					p, ok := r.(*corpus.Policy)
					return ok && strings.Contains(p.Text, v)
				}) {
					t.Errorf("%q stands in no policy", v)
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d quotations", n)
	}
}

// Of a very long article the sentences that answer are quoted, whole.
func TestLongArticle(t *testing.T) {
	filler := strings.Repeat("有关部门应当按照各自职责做好相关工作。", 60)
	e := newEngine(t, newMemory(append(verdictCorpus(), rule("P-1", "人才安居补贴实施办法", "", "第一条　"+filler+"硕士研究生租房补贴每月1000元。"+filler))...))
	a := ask(t, e, Request{Text: "硕士研究生租房补贴每月多少钱"})
	values, _ := quoted(a)
	if len(values) != 1 || utf8.RuneCountInString(values[0]) > maxQuote || !strings.HasSuffix(values[0], "。") {
		t.Fatalf("quoted %q", values)
	}
	says(t, a.Text, []string{"硕士研究生租房补贴每月1000元。", "（以上是该条中的一段）"})
}

func TestNumeral(t *testing.T) {
	for text, want := range map[string]string{"5": "5", "五": "5", "十": "10", "十二": "12", "二十": "20", "三十六": "36", "一百零五": "105", "一百一十": "110", "": ""} {
		if got := numeral(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestPolicyPage(t *testing.T) {
	e := newEngine(t, newMemory(rules()...))
	for _, tt := range []struct {
		id       string
		inForce  bool
		replaced string
	}{{"P-1", true, ""}, {"P-0", false, "P-1"}, {"P-2", false, ""}} {
		p, err := e.Policy(t.Context(), tt.id)
		if err != nil {
			t.Fatal(err)
		}
		by := ""
		if p.Replaced != nil {
			by = p.Replaced.ID
		}
		if p.InForce != tt.inForce || by != tt.replaced || len(p.Articles) == 0 {
			t.Errorf("%s: in force %v, replaced by %q, %d articles", tt.id, p.InForce, by, len(p.Articles))
		}
	}
	if _, err := e.Policy(t.Context(), "P-9"); err == nil {
		t.Error("a policy that is not there")
	}
}
