package answer

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// city is the division of the made-up guides.
var city = corpus.Region{Code: "440100", Name: "广州市"}

// fullGuide publishes every field.
func fullGuide() *corpus.Guide {
	n := func(v int) *int { return &v }
	yes := func(v bool) *bool { return &v }
	return &corpus.Guide{
		Matter: corpus.Matter{Code: "F-1", Name: "烟草专卖零售许可证核发", ShortName: "烟草证", Kind: "行政许可", Process: "承诺件",
			Agency: corpus.Agency{Name: "市烟草专卖局"}, Region: city, Audience: []corpus.Audience{corpus.Person, corpus.Enterprise},
			Themes: []corpus.Theme{"准营准办"}, Scope: "全市通办"},
		Condition: "有与住所相独立的固定经营场所。",
		Materials: []corpus.Material{
			{Name: "申请表", Kind: "原件", Form: "纸质", Copies: n(2), Need: "必要", Source: "申请人自备", Note: "签字",
				Blank: "https://gov.example/blank", Sample: "https://gov.example/sample"},
			{Name: "授权委托书", When: "委托他人办理"},
		},
		Steps:         []string{"申请：提交材料", "受理：当场核对", "决定：发证"},
		LegalLimit:    &corpus.Limit{N: 20, Unit: "工作日"},
		PromisedLimit: &corpus.Limit{N: 7, Unit: "工作日", Note: "不含勘查"},
		Visits:        n(1), VisitReason: "核验原件",
		Fee:     &corpus.Fee{Charged: yes(true), Items: []corpus.FeeItem{{Name: "工本费", Amount: "10元/证", Basis: "粤价〔2026〕1号"}}},
		Places:  []corpus.Place{{Name: "市政务服务中心", Address: "华利路61号", Hours: "周一至周五 9:00—17:00", Phone: "020-38920000"}},
		Contact: "020-12313000", Complaint: "020-12345001", OnlineURL: "https://gov.example/online", MobileURL: "https://gov.example/mobile",
		BookingURL: "https://gov.example/booking", Channel: "窗口办理、网上办理", Booking: yes(true), Express: yes(true), Agent: yes(true),
		Result: "烟草专卖零售许可证", Validity: "5年",
		Basis:  []corpus.Basis{{Name: "《烟草专卖法》", Number: "主席令第46号", Article: "第十六条", Text: "经营烟草制品零售业务的，应当申领许可证。"}},
		Source: corpus.Source{URL: "https://gov.example/F-1", Updated: "2026-05-12"},
	}
}

// bareGuide publishes nothing but a telephone number.
func bareGuide() *corpus.Guide {
	return &corpus.Guide{Matter: corpus.Matter{Code: "B-1", Name: "犬类养殖登记", Region: city}, Contact: "020-55556666",
		Source: corpus.Source{URL: "https://gov.example/B-1", Updated: "2026-01-02"}}
}

// aspectRows are how citizens ask for each aspect, and what the answer about
// fullGuide must say.
var aspectRows = []struct {
	aspect nlp.Aspect
	asked  string // after the name of the matter
	says   []string
	hasNot []string
}{
	{nlp.AspectOverview, "", []string{"市烟草专卖局", "固定经营场所", "020-12313000"}, nil},
	{nlp.AspectMaterials, "要带什么材料", []string{"2项材料", "申请表（原件，2份，纸质，必要，申请人自备）", "授权委托书【委托他人办理】"}, []string{"工本费"}},
	{nlp.AspectCondition, "需要什么条件", []string{"有与住所相独立的固定经营场所"}, []string{"工本费"}},
	{nlp.AspectProcedure, "办理流程是什么", []string{"1. 申请：提交材料", "3. 决定：发证", "窗口办理、网上办理"}, []string{"工本费"}},
	{nlp.AspectTimeLimit, "要多久", []string{"7个工作日（不含勘查）", "20个工作日"}, []string{"工本费"}},
	{nlp.AspectFee, "要多少钱", []string{"工本费：10元/证", "粤价〔2026〕1号"}, []string{"不收费", "免费"}},
	{nlp.AspectLocation, "在哪里办", []string{"市政务服务中心", "华利路61号"}, []string{"工本费"}},
	{nlp.AspectHours, "窗口几点上班", []string{"周一至周五 9:00—17:00"}, []string{"工本费"}},
	{nlp.AspectPhone, "咨询电话", []string{"020-12313000", "020-38920000"}, []string{"工本费"}},
	{nlp.AspectComplaint, "投诉电话", []string{"020-12345001"}, []string{"工本费"}},
	{nlp.AspectProgress, "办到哪一步了，进度怎么查", []string{"查不到个人办件", "https://gov.example/online", "020-12313000"}, []string{"工本费"}},
	{nlp.AspectOnline, "网上能办吗", []string{"https://gov.example/online", "https://gov.example/mobile"}, []string{"工本费"}},
	{nlp.AspectAgent, "可以代办吗", []string{"可以委托他人代办", "授权委托书"}, []string{"工本费"}},
	{nlp.AspectCrossRegion, "能异地办吗", []string{"全市通办"}, []string{"工本费"}},
	{nlp.AspectForms, "申请表在哪下载表格", []string{"https://gov.example/blank", "https://gov.example/sample"}, []string{"工本费"}},
	{nlp.AspectVisits, "要跑几次", []string{"1次", "核验原件"}, []string{"工本费"}},
	{nlp.AspectResult, "有效期几年", []string{"5年", "支持邮寄送达"}, []string{"工本费"}},
	{nlp.AspectBasis, "法律依据", []string{"《烟草专卖法》（主席令第46号）第十六条"}, []string{"工本费"}},
	{nlp.AspectDefinition, "是什么意思", []string{"行政许可", "市烟草专卖局"}, []string{"工本费"}},
	{nlp.AspectDepartment, "归哪个部门管", []string{"市烟草专卖局"}, []string{"工本费"}},
	{nlp.AspectAudience, "个人可以办吗还是单位能办", []string{"自然人、企业法人"}, []string{"工本费"}},
}

func TestEveryAspectHasARow(t *testing.T) {
	for _, a := range nlp.Aspects {
		n := 0
		for _, row := range aspectRows {
			if row.aspect == a {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s has %d rows", a, n)
		}
		if aspectLabels[a] == "" {
			t.Errorf("%s has no label", a)
		}
	}
}

func TestAspectOfAFullGuide(t *testing.T) {
	e := newEngine(t, newMemory(fullGuide(), bareGuide()))
	for _, row := range aspectRows {
		t.Run(string(row.aspect), func(t *testing.T) {
			a := ask(t, e, Request{Text: fullGuide().Name + row.asked})
			if a.Outcome != Answered || a.Aspect != row.aspect || first(a) != "F-1" {
				t.Fatalf("%s about %s of %s", a.Outcome, a.Aspect, first(a))
			}
			says(t, a.Text, row.says, append(row.hasNot, "没有公布")...)
			if slices.Contains(a.Notices, NoticeMissing) {
				t.Errorf("notices %v", a.Notices)
			}
			requireQuoted(t, fullGuide(), a)
		})
	}
}

// requireQuoted checks that every fact names its matter and its source, and
// that what the answer says of it is a field of the guide.
func requireQuoted(t *testing.T, g *corpus.Guide, a Answer) {
	t.Helper()
	line, err := corpus.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	if len(a.Facts) == 0 {
		t.Error("an answer without facts")
	}
	for _, f := range a.Facts {
		name, _, _ := strings.Cut(strings.ReplaceAll(f.Field, "[", "."), ".")
		if _, ok := fields[name]; !ok || f.Code != g.Code || f.Label == "" || f.Value == "" || f.Source != (FactSource{URL: g.Source.URL, Updated: g.Source.Updated}) {
			t.Errorf("fact %+v", f)
		}
	}
}

func TestAspectOfABareGuide(t *testing.T) {
	e := newEngine(t, newMemory(fullGuide(), bareGuide()))
	for _, row := range aspectRows {
		if row.aspect == nlp.AspectOverview || row.aspect == nlp.AspectPhone {
			continue
		}
		t.Run(string(row.aspect), func(t *testing.T) {
			a := ask(t, e, Request{Text: bareGuide().Name + row.asked})
			if a.Outcome != Answered || a.Aspect != row.aspect || first(a) != "B-1" {
				t.Fatalf("%s about %s of %s", a.Outcome, a.Aspect, first(a))
			}
			has := []string{"没有公布" + aspectLabels[row.aspect], "12345"}
			if row.aspect != nlp.AspectComplaint { // it would send the complaint to whom it is about
				has = append(has, "020-55556666")
			}
			says(t, a.Text, has, "免费", "不收费", "不需要", "无需", "0元", "当场")
			if !slices.Contains(a.Notices, NoticeMissing) {
				t.Errorf("notices %v, want %s", a.Notices, NoticeMissing)
			}
		})
	}
}

func TestFee(t *testing.T) {
	yes, no := true, false
	for _, row := range []struct {
		name   string
		fee    *corpus.Fee
		says   []string
		hasNot []string
	}{
		{"nothing is published", nil, []string{"没有公布收费"}, []string{"免费", "不收费"}},
		{"a fee is published, but not whether it is charged", &corpus.Fee{}, []string{"没有公布收费"}, []string{"免费", "不收费"}},
		{"the agency says that it is free", &corpus.Fee{Charged: &no}, []string{"不收费"}, []string{"没有公布"}},
		{"it is charged, but the amount is not published", &corpus.Fee{Charged: &yes}, []string{"收费，标准未公布"}, []string{"免费", "不收费"}},
		{"amounts without saying that it is charged", &corpus.Fee{Items: []corpus.FeeItem{{Name: "工本费", Amount: "20元"}}}, []string{"工本费：20元"}, []string{"免费", "不收费", "没有公布"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := bareGuide()
			g.Fee = row.fee
			a := ask(t, newEngine(t, newMemory(g)), Request{Text: "犬类养殖登记要多少钱"})
			says(t, a.Text, row.says, row.hasNot...)
		})
	}
}

func TestUnpublishedButMentioned(t *testing.T) {
	g := bareGuide()
	g.Condition = "犬只已经接种疫苗。登记工本费由财政承担；养犬人应当成年。"
	a := ask(t, newEngine(t, newMemory(g)), Request{Text: "犬类养殖登记要多少钱"})
	says(t, a.Text, []string{"没有单列收费", "受理条件中写到：登记工本费由财政承担", "020-55556666"}, "接种疫苗", "不收费")
	if !slices.Contains(a.Notices, NoticeMissing) {
		t.Errorf("notices %v", a.Notices)
	}
}

func TestNoPhoneEither(t *testing.T) {
	g := bareGuide()
	g.Contact = ""
	e := newEngine(t, newMemory(g))
	for _, q := range []string{"犬类养殖登记要多少钱", "犬类养殖登记咨询电话", "犬类养殖登记要多久"} {
		says(t, ask(t, e, Request{Text: q}).Text, []string{"没有公布", "拨打政务服务便民热线 12345"}, "请拨打咨询电话")
	}
}

func TestSeveralAspects(t *testing.T) {
	a := ask(t, newEngine(t, newMemory(fullGuide(), bareGuide())), Request{Text: "烟草专卖零售许可证核发要什么材料，多久能办好，多少钱"})
	says(t, a.Text, []string{"申请表", "7个工作日", "10元/证"}, "华利路")
}

func TestTelURL(t *testing.T) {
	for contact, want := range map[string]string{
		"020-12313000": "tel:02012313000", "12345": "tel:12345", "电话：0900—5550103（工作日）": "tel:09005550103",
		"020-1111222，020-3333444": "tel:0201111222", "": "", "到窗口咨询": "", "110": "", "12345678901234567": "",
	} {
		if got := telURL(contact); got != want {
			t.Errorf("telURL(%q) = %q, want %q", contact, got, want)
		}
	}
}

// golden is the part of an answer that does not change from run to run.
func golden(question string, a Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "问：%s\n%s %s %s\n", question, a.Outcome, a.Aspect, a.GeneratedBy)
	for _, m := range a.Matters {
		fmt.Fprintf(&b, "事项 %s %s %s %s\n", m.Code, m.Name, m.Agency, m.Region)
	}
	fmt.Fprintf(&b, "答：%s\n", a.Text)
	for _, f := range a.Facts {
		fmt.Fprintf(&b, "依据 %s %s %s：%s（%s %s）\n", f.Code, f.Field, f.Label, f.Value, f.Source.URL, f.Source.Updated)
	}
	for _, o := range a.Options {
		fmt.Fprintf(&b, "选项 %s %s %s\n", o.Label, o.Text, o.Code)
	}
	for _, r := range a.Recommendations {
		fmt.Fprintf(&b, "推荐 %s %s %s %s\n", r.Code, r.Name, r.Kind, r.Reason)
	}
	for _, x := range a.Actions {
		fmt.Fprintf(&b, "动作 %s %s %s\n", x.Type, x.Label, x.URL)
	}
	fmt.Fprintf(&b, "提示 %v\n", a.Notices)
	return b.String()
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./answer -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./answer -update accepts it):\n%s", path, diff)
	}
}

func TestGoldenAspects(t *testing.T) {
	e := newEngine(t, newMemory(fullGuide(), bareGuide()))
	for _, row := range aspectRows {
		t.Run(string(row.aspect), func(t *testing.T) {
			full, bare := fullGuide().Name+row.asked, bareGuide().Name+row.asked
			requireGolden(t, "aspect_"+string(row.aspect),
				golden(full, ask(t, e, Request{Text: full}))+"\n"+golden(bare, ask(t, e, Request{Text: bare})))
		})
	}
}

func TestGoldenVerdicts(t *testing.T) {
	e := newEngine(t, newMemory(verdictCorpus()...))
	for _, row := range []struct {
		name, question string
		outcome        Outcome
	}{
		{"answered", "烟草专卖零售许可证核发怎么办", Answered},
		{"answered_faq", "烟草证可以转让给别人用吗", Answered},
		{"clarify", "护照", Clarify},
		{"choose", "公证", Choose},
		{"choose_bundle", "开便利店", Choose},
		{"not_found", "量子纠缠望远镜", NotFound},
		{"not_found_elsewhere", "在北京市办烟草专卖零售许可证核发", NotFound},
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

// verdictCorpus has something for every verdict.
func verdictCorpus() []corpus.Record {
	passport := func(code, name string) *corpus.Guide {
		return &corpus.Guide{Matter: corpus.Matter{Code: code, Name: name, Region: city, Agency: corpus.Agency{Name: "市公安局"}}}
	}
	source := corpus.Source{URL: "https://gov.example/one", Updated: "2026-03-04"}
	return []corpus.Record{
		fullGuide(), bareGuide(), passport("P-1", "普通护照首次申领"), passport("P-2", "普通护照换发"), passport("P-3", "普通护照补发"),
		passport("N-1", "学历公证"), passport("N-2", "职务公证"), passport("N-3", "亲属关系公证"),
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "Q-1", Question: "烟草证可以转让给别人用吗", Answer: "不可以，许可证不得转让。", Matter: "F-1", Region: city, Source: source},
		&corpus.Bundle{Type: corpus.TypeBundle, ID: "L-1", Name: "开便利店", Region: city, Source: source,
			Steps: []corpus.Step{{Matter: "F-1"}, {Matter: "B-1", After: []string{"F-1"}, Optional: true, Note: "店里养狗时"}, {Matter: "X-1"}}},
	}
}
