package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
)

func newPages(t testing.TB, o web.Options) *web.Pages {
	t.Helper()
	p, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rendered is what a page's method writes.
func rendered[V any](t testing.TB, write func(*bytes.Buffer, V) error, v V) string {
	t.Helper()
	var buf bytes.Buffer
	if err := write(&buf, v); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func chat(t testing.TB, p *web.Pages, c web.Chat) string {
	return rendered(t, func(w *bytes.Buffer, c web.Chat) error { return p.Chat(w, c) }, c)
}

func matter(t testing.TB, p *web.Pages, g *corpus.Guide) string {
	return rendered(t, func(w *bytes.Buffer, m web.Matter) error { return p.Matter(w, m) }, web.Matter{Guide: g, Address: "https://zwfw.anlan.example/qa/matters/1"})
}

// holds checks what a page must and must not contain.
func holds(t *testing.T, page string, want, not []string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(page, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
	for _, s := range not {
		if strings.Contains(page, s) {
			t.Errorf("the page has %q", s)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

const shownBanner = `<p class="sample" id="sample">`

func TestAnswers(t *testing.T) {
	tests := []struct {
		why, question string
		want, not     []string
	}{
		{"an answer with a checklist", "居住证要什么材料",
			[]string{`data-outcome="answered"`, "<strong>办理「居住证申领」需要以下3项材料：</strong></p>", "<dt>申请材料</dt>", `type="checkbox"`,
				`href="/matters/AL%2FJZ%20001"`, `href="tel:09005550101">0900-5550101</a>`, "更新日期：2026-05-12", `href="https://zwfw.anlan.example/guide/1"`,
				"猜您要办", "办了居住证，每年要签注一次", `name="state" value="state-1"`, `value="那要几天"`, ">在线办理</a>", shownBanner, `content="noindex"`},
			[]string{"javascript:", "坏链接", "ZgotmplZ", "AI 生成"}},
		{"a short answer keeps its lines", "那要几天", []string{"<strong>「居住证申领」</strong>\n承诺办结时限：8个工作日</p>"}, []string{shownBanner}},
		{"steps, names and what has a label are left to the card", "居住证怎么办", []string{"这样办：</strong>\n请先预约。</p>", "<dd>1. 申请\n2. 受理\n3. 领取</dd>"}, []string{"需要材料（2项）"}},
		{"a standard answer is not said twice", "居住证丢了要紧吗", []string{"<strong>要紧。</strong>\n请尽快挂失。\n挂失后补领。\n补领要带户口簿。</p>", "更新日期：2026-05-12"}, []string{"<dl"}},
		{"steps that end the text are left to the card", "办理流程", []string{"的办理流程：</strong></p>", "<dd>1. 申请\n2. 受理\n3. 领取</dd>"}, nil},
		{"a choice of matters", "我要落户",
			[]string{`data-outcome="choose"`, `name="pick" value="投靠落户怎么办"`, "新生儿落户<small>出生登记 · 安澜市公安局 · 安澜市</small>", `href="/matters/c"`, "人才引进落户"},
			[]string{`href="/matters/a"`, `class="matter"`, "1. 新生儿落户"}},
		{"a life event", "生孩子要办什么", []string{`href="/events/AL-B-1">看先后顺序和材料清单</a>`, "更新日期：2026-05-12", `name="pick" value="出生登记"`}, []string{"<dl", "1. 出生登记"}},
		{"a question back", "帮我看看房子", []string{`data-outcome="clarify"`, `class="chip" form="ask" formnovalidate name="pick" value="租房备案"`}, nil},
		{"nothing found", "去月球", []string{`data-outcome="not_found"`, `href="tel:12345">拨打 12345</a>`}, []string{`class="group"`}},
		{"handed over", "我要投诉", []string{`data-outcome="handoff"`, `href="tel:12345">拨打 12345</a>`}, nil},
		{"personal data go into no address", "我的号440106199001011232办好了吗", []string{"data-masked", `href="/message?answer=ans14&amp;q="`, "个人信息已经隐去"}, []string{"q=%E6%88%91"}},
		{"refused", "骂人", []string{`data-outcome="refused"`}, []string{"拨打 12345</a>"}},
		{"small talk", "你好", []string{`data-outcome="smalltalk"`}, []string{"拨打 12345</a>"}},
		{"an emergency", "家里着火了", []string{`class="card grave"`, `href="tel:119">拨打 119</a>`}, []string{"这个回答有帮助吗", "拨打 12345</a>"}},
		{"words of a model", "要收费吗", []string{"AI 生成，仅供参考，请以办事指南原文为准；模型：示例模型；备案号：示例-备案-0001。", "办事指南未公布所问的部分内容。", "不收费"}, []string{"not_known", "field_missing</p>"}},
	}
	known := answers()
	p := newPages(t, web.Options{})
	seen := map[answer.Outcome]bool{}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			a := known[tt.question]
			seen[a.Outcome] = true
			holds(t, chat(t, p, web.Chat{Question: tt.question, Answer: &a}), tt.want, tt.not)
		})
	}
	for _, o := range answer.Outcomes {
		if !seen[o] {
			t.Errorf("no row has the outcome %s", o)
		}
	}
}

func TestInvitation(t *testing.T) {
	hot := []answer.HotQuestion{{Text: "身份证丢了怎么补"}}
	themes := []answer.ThemeCount{{Name: "户籍办理", Audience: "person", Matters: 3}, {Name: "设立变更", Audience: "legal", Matters: 5}}
	regions := []answer.RegionCount{{Code: "440106", Name: "天河区"}, {Code: "440000", Name: "广东省"}, {Code: "440100", Name: "广州市"}}
	tests := []struct {
		why       string
		opts      web.Options
		chat      web.Chat
		want, not []string
	}{
		{"everything", web.Options{Title: "安澜问答", Hotline: "0900-12345"},
			web.Chat{Events: []answer.LifeEvent{{ID: "B/1", Name: "退休"}}, Hot: hot, Themes: themes, Visitor: web.Visitor{Regions: regions, Region: "440100", Address: "/?q=x"}},
			[]string{"<title>安澜问答</title>", `data-ask href="/?q=%E8%BA%AB`, "户籍办理<small>3</small>", "设立变更", `href="/events/B%2F1">退休</a>`,
				`<option value="440100" selected>　广州市</option>`, `<option value="440106">　　天河区</option>`,
				`href="/?large=1&amp;q=x"`, `href="tel:090012345"`, `action="/ask"`, `id="sample" hidden`},
			[]string{"noindex", `class="large"`}},
		{"nothing to offer", web.Options{}, web.Chat{}, []string{"想办什么事", "政务服务智能问答"}, []string{"大家常问", "按主题找", "一件事一次办", `id="region"`}},
		{"made-up data", web.Options{Sample: true}, web.Chat{}, []string{shownBanner, "演示数据：地点、电话、时限均为虚构"}, nil},
		{"large type", web.Options{}, web.Chat{Visitor: web.Visitor{Large: true, Address: "/about"}},
			[]string{`<html lang="zh-CN" class="large">`, `href="/about?large=0"`, `aria-pressed="true"`}, nil},
		{"an address of another host", web.Options{}, web.Chat{Visitor: web.Visitor{Address: "//evil.example/x"}}, []string{`href="/?large=1"`}, []string{"evil"}},
		{"a question that was not answered", web.Options{}, web.Chat{Question: "问题", Problem: "这次查询没有在规定时间内完成。"},
			[]string{"这次查询没有在规定时间内完成。", "再试一次", "拨打 12345", `name="state" value=""`}, []string{"想办什么事"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			holds(t, chat(t, newPages(t, tt.opts), tt.chat), tt.want, tt.not)
		})
	}
}

func TestLongRegionList(t *testing.T) {
	var all []answer.RegionCount
	for city := 1; city <= 20; city++ {
		for county := range 21 {
			all = append(all, answer.RegionCount{Code: corpus.RegionCode(fmt.Sprintf("44%02d%02d", city, county)), Name: fmt.Sprint(city, "-", county)})
		}
	}
	page := chat(t, newPages(t, web.Options{}), web.Chat{Visitor: web.Visitor{Regions: all, Region: "440503"}})
	holds(t, page, []string{`value="440100"`, `value="442000"`, `value="440503" selected`, `value="440520"`}, []string{`value="440101"`})
}

func TestGuide(t *testing.T) {
	p := newPages(t, web.Options{})
	yes, zero := true, 0
	tests := []struct {
		why       string
		guide     *corpus.Guide
		want, not []string
	}{
		{"a full guide", permit(),
			[]string{"<h1>居住证申领</h1>", "安澜市公安局", "自然人", "（三）连续就读。", "<span>1. 居民身份证</span>", "适用：以合法稳定就业申领的", "<li>受理：当场核对材料</li>",
				"8个工作日", "1次", "需现场采集指纹和照片", "不收费", "20元/证（依据：某价费〔2020〕1号）", "听涛派出所户籍窗口", `href="tel:09005550101"`,
				`<details class="faq"><summary>居住证要每年签注吗？</summary>`, "国令第663号", "更新日期：2026-05-12", "问问这个事项", shownBanner,
				`href="https://zwfw.anlan.example/sample.pdf"`, `value="居住证申领"`, "2026-01-01 至 长期", `content="noindex"`},
			[]string{`href="javascript`, "ZgotmplZ"}},
		{"a guide that says nothing", &corpus.Guide{Matter: corpus.Matter{Code: "x", Name: "某事项"}},
			[]string{"<dt>是否收费</dt><dd class=\"none\">未公布</dd>", "<dt>到办事现场次数</dt><dd class=\"none\">未公布</dd>", "<dt>承诺办结时限</dt><dd class=\"none\">未公布</dd>",
				"<dt>可否代办</dt><dd class=\"none\">未公布</dd>", "原文网址未公布　更新日期：未公布", `id="sample" hidden`},
			[]string{"免费", "不收费", "无需", "不可以", "<table", "<ol", "0次", "当场办结", "noindex", "tel:\"", ">无<"}},
		{"what is published as nothing is not missing", &corpus.Guide{Matter: corpus.Matter{Code: "x", Name: "某事项"}, Visits: &zero,
			PromisedLimit: &corpus.Limit{Unit: "即办"}, Fee: &corpus.Fee{Charged: &yes, Items: []corpus.FeeItem{{Name: "工本费"}}}, Agent: &yes},
			[]string{"<dd>0次</dd>", "<dd>当场办结</dd>", "<dd>收费</dd>", "<dt>工本费</dt><dd class=\"none\">未公布</dd>", "<dt>可否代办</dt><dd>可以</dd>"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) { holds(t, matter(t, p, tt.guide), tt.want, tt.not) })
	}
}

var ld = regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)

func TestSchema(t *testing.T) {
	g := permit()
	g.Name = `</script><script>alert(1)</script>`
	m := ld.FindStringSubmatch(matter(t, newPages(t, web.Options{}), g))
	if m == nil {
		t.Fatal("no JSON-LD on the page")
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(m[1]), &got); err != nil {
		t.Fatalf("%v in %s", err, m[1])
	}
	want := map[string]any{"@context": "https://schema.org", "@type": "GovernmentService", "name": g.Name, "identifier": g.Code,
		"provider":      map[string]any{"@type": "GovernmentOrganization", "name": "安澜市公安局"},
		"areaServed":    map[string]any{"@type": "AdministrativeArea", "name": "安澜市"},
		"alternateName": "居住证", "isBasedOn": g.Source.URL,
		"availableChannel": []any{
			map[string]any{"@type": "ServiceChannel", "serviceUrl": g.OnlineURL},
			map[string]any{"@type": "ServiceChannel", "servicePhone": map[string]any{"@type": "ContactPoint", "telephone": "0900-5550101"},
				"serviceLocation": map[string]any{"@type": "Place", "name": "听涛派出所户籍窗口", "address": "安澜市听涛区和风路1号"}},
			map[string]any{"@type": "ServiceChannel", "serviceLocation": map[string]any{"@type": "Place", "name": "政务服务中心综合窗口", "address": "安澜市听涛区望海街26号"}}},
		"audience":    map[string]any{"@type": "Audience", "audienceType": []any{"自然人"}},
		"serviceType": "行政确认", "url": "https://zwfw.anlan.example/qa/matters/1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Payloads must not leave the place where they stand.
func TestEscaping(t *testing.T) {
	p := newPages(t, web.Options{})
	inert := []string{"<img", "<script>", `onerror="`, `href="javascript:`, `href="JAVASCRIPT:`, `href="data:text`, `href="vbscript:`, "ZgotmplZ"}
	for _, x := range []string{`<script>alert(1)</script>`, `"><img src=x onerror="alert(1)">`, `' onerror='alert(1)`, `javascript:alert(1)`,
		`JAVASCRIPT:alert(1)`, " javascript:alert(1)", "java\tscript:alert(1)", `data:text/html,<script>alert(1)</script>`, `vbscript:x`, `//evil.example`,
		`</textarea></title><script>alert(1)</script>`, `{{.}}`, "tel:1;x=<script>"} {
		t.Run(x, func(t *testing.T) {
			a := answer.Answer{ID: x, Outcome: answer.Answered, Text: x, State: x, Matters: []answer.MatterRef{{Code: x, Name: x, Agency: x, Region: x}},
				Facts: []answer.Fact{{Code: x, Field: "onlineURL", Label: x, Value: x, Source: answer.FactSource{URL: x, Updated: x}},
					{Code: x, Field: "contact", Label: x, Value: x + "0900-5550101"}},
				Options: []answer.Option{{Label: x, Text: x, Code: x}}, Recommendations: []answer.Recommendation{{Code: x, Name: x, Reason: x}},
				Actions: []answer.Action{{Label: x, URL: x}}, Notices: []string{x}}
			visitor := web.Visitor{Region: corpus.RegionCode(x), Address: "/" + x, Regions: []answer.RegionCount{{Code: corpus.RegionCode(x + "1"), Name: x}}}
			holds(t, chat(t, p, web.Chat{Visitor: visitor, Question: x, Answer: &a}), nil, inert)
			g := permit()
			g.Name, g.Condition, g.OnlineURL, g.Contact, g.Source.URL, g.Materials[0].Sample, g.FAQs[0].Q = x, x, x, x, x, x, x
			holds(t, matter(t, p, g), nil, inert)
			holds(t, chat(t, p, web.Chat{Hot: []answer.HotQuestion{{Text: x}}, Themes: []answer.ThemeCount{{Name: corpus.Theme(x)}}}), nil, inert)
		})
	}
}

// The pages have nothing inline that a strict policy would refuse.
func TestNothingInline(t *testing.T) {
	p := newPages(t, web.Options{})
	a := answers()["居住证要什么材料"]
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son\w+=|<script>|<script src="http|href="http[^"]*\.css`)
	for name, page := range map[string]string{"chat": chat(t, p, web.Chat{Question: "q", Answer: &a}), "matter": matter(t, p, permit())} {
		if m := inline.FindString(page); m != "" {
			t.Errorf("%s has %q", name, m)
		}
	}
}

func TestMessages(t *testing.T) {
	p := newPages(t, web.Options{Sample: true, Model: "某模型（备案号 1）"})
	missing := rendered(t, func(w *bytes.Buffer, m web.Message) error { return p.Message(w, m) }, web.Missing(web.Visitor{}))
	holds(t, missing, []string{"没有找到这个页面", "返回首页", "拨打 12345"}, nil)
	about := rendered(t, func(w *bytes.Buffer, a web.About) error { return p.About(w, a) }, web.About{Edition: 7})
	holds(t, about, []string{"第 7 版", "某模型（备案号 1）", "请勿据此办事", "隐私"}, nil)
}

// The first load is three requests and at most 40 KB.
func TestSize(t *testing.T) {
	p := newPages(t, web.Options{})
	a := answers()["居住证要什么材料"]
	page := chat(t, p, web.Chat{Question: "居住证要什么材料", Answer: &a})
	loads := regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(loads) != 2 {
		t.Fatalf("the page loads %v, want a style sheet and a script", loads)
	}
	total := packed(t, []byte(page))
	for _, m := range loads {
		file, ok := p.Asset(strings.TrimPrefix(m[1], "/static/"))
		if !ok || !file.Forever {
			t.Fatalf("%s is not served for ever", m[1])
		}
		n := len(file.Gzip)
		t.Logf("%s: %d bytes compressed", m[1], n)
		if strings.HasSuffix(m[1], ".js") && n > 18<<10 {
			t.Errorf("the script has %d bytes compressed, more than 18 KB", n)
		}
		total += n
	}
	if t.Logf("first load: %d bytes compressed", total); total > 40<<10 {
		t.Errorf("the first load has %d bytes compressed, more than 40 KB", total)
	}
}

func packed(t *testing.T, b []byte) int {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Len()
}

func TestAssets(t *testing.T) {
	p := newPages(t, web.Options{})
	plain, ok := p.Asset("app.js")
	if !ok || plain.Forever || plain.Type != "text/javascript; charset=utf-8" {
		t.Errorf("app.js = %+v, %v", plain, ok)
	}
	for _, name := range []string{"", "../web.go", "app-000000000000.js", "frame.html"} {
		if _, ok := p.Asset(name); ok {
			t.Errorf("%q is served", name)
		}
	}
	if js := string(plain.Body); strings.Contains(js, "innerHTML") || strings.Contains(js, "insertAdjacentHTML") || strings.Contains(js, "eval(") {
		t.Error("the script makes markup or code of text")
	}
}

// Text stands out from its ground by 4.5 to 1, in the light and in the dark.
func TestContrast(t *testing.T) {
	css, ok := newPages(t, web.Options{}).Asset("app.css")
	if !ok {
		t.Fatal("no style sheet")
	}
	roots := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllSubmatch(css.Body, -1)
	if len(roots) != 2 {
		t.Fatalf("%d sets of colours, want light and dark", len(roots))
	}
	colours := map[string]string{"white": "#fff", "button": "#0b5cad", "stop": "#a8161d"}
	for i, scheme := range []string{"light", "dark"} {
		for _, m := range regexp.MustCompile(`--([\w-]+): (#\w+)`).FindAllStringSubmatch(string(roots[i][1]), -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range [][2]string{{"ink", "bg"}, {"ink", "card"}, {"soft", "bg"}, {"soft", "card"}, {"link", "bg"}, {"link", "card"}, {"link", "tint"},
			{"ink", "tint"}, {"soft", "tint"}, {"warn", "warn-bg"}, {"grave", "grave-bg"}, {"on-brand", "brand"}, {"white", "button"}, {"white", "stop"}} {
			if got := contrast(t, colours[pair[0]], colours[pair[1]]); got < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f, less than 4.5", scheme, pair[0], pair[1], got)
			}
		}
		if got := contrast(t, colours["edge"], colours["card"]); got < 3 {
			t.Errorf("%s: the edge of a field has a contrast of %.2f, less than 3", scheme, got)
		}
	}
}

// contrast is the ratio by WCAG 2.
func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = strings.Join([]string{hex[:1], hex[:1], hex[1:2], hex[1:2], hex[2:], hex[2:]}, "")
	}
	n, err := strconv.ParseUint(hex, 16, 24)
	if err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	channel := func(shift int) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*channel(16) + .7152*channel(8) + .0722*channel(0)
}

func FuzzChat(f *testing.F) {
	p := newPages(f, web.Options{})
	links := regexp.MustCompile(`(?:href|action)="([^"]*)"`)
	safe := regexp.MustCompile(`^(?:/|#|https?://|tel:|data:,$)`)
	f.Add("身份证", "https://a.example/", "materials[0]")
	f.Add("<script>", "javascript:x", "contact")
	f.Fuzz(func(t *testing.T, text, address, field string) {
		a := answer.Answer{ID: text, Outcome: answer.Answered, Text: text, Actions: []answer.Action{{Label: text, URL: address}},
			Facts: []answer.Fact{{Code: text, Field: field, Label: text, Value: address, Source: answer.FactSource{URL: address}}}}
		page := chat(t, p, web.Chat{Question: text, Answer: &a})
		for _, m := range links.FindAllStringSubmatch(page, -1) {
			if !safe.MatchString(m[1]) {
				t.Errorf("a link leads to %q", m[1])
			}
		}
		if n := strings.Count(page, "<script"); n != 2 {
			t.Errorf("%d script elements, want 2", n)
		}
	})
}

func BenchmarkChat(b *testing.B) {
	p := newPages(b, web.Options{})
	a := answers()["居住证要什么材料"]
	var buf bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		if err := p.Chat(&buf, web.Chat{Question: "居住证要什么材料", Answer: &a}); err != nil {
			b.Fatal(err)
		}
	}
}
