package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// A reader is a browser without JavaScript.
type reader struct {
	*testing.T
	client *http.Client
	base   string
}

func newReader(t *testing.T, e *engine) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t, &http.Client{Jar: jar}, serve(t, e)}
}

// A reply is what came back.
type reply struct {
	StatusCode int
	Header     http.Header
}

// send sends a request and returns the reply and its body.
func (r *reader) send(method, path string, form url.Values, headers ...string) (reply, string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,*/*;q=0.8")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err != nil || closeErr != nil {
		r.Fatal(err, closeErr)
	}
	return reply{resp.StatusCode, resp.Header}, string(body)
}

func TestPages(t *testing.T) {
	long := strings.Repeat("长", answer.MaxText+1)
	tests := []struct {
		why, method, path string
		form              url.Values
		status            int
		want, not         []string
	}{
		{"the invitation", "GET", "/", nil, 200, []string{"想办什么事", "身份证丢了怎么补", ">新生儿出生</a>", "户籍办理", "听涛区", "城乡居民医保参保<small>每年这个时候办的人多</small>"}, nil},
		{"a question in the address", "GET", "/?q=" + url.QueryEscape("居住证要什么材料"), nil, 200, []string{"居民身份证", "演示数据"}, []string{"想办什么事"}},
		{"the same by the path of the form", "GET", "/ask?q=" + url.QueryEscape("去月球"), nil, 200, []string{`data-outcome="not_found"`}, nil},
		{"a question by form", "POST", "/ask", url.Values{"q": {"我要落户"}}, 200, []string{"新生儿落户", `name="state" value="state-3"`}, nil},
		{"an option by button goes before what is typed", "POST", "/ask", url.Values{"q": {"别的"}, "pick": {"那要几天"}}, 200, []string{"「居住证申领」", "8个工作日"}, nil},
		{"no question leads home", "POST", "/ask", url.Values{"q": {" "}}, 200, []string{"想办什么事"}, nil},
		{"a question that is too long", "POST", "/ask", url.Values{"q": {long}}, 422, []string{"请输入 1 到 300 个字的问题", "长…"}, []string{long}},
		{"a state that is too long", "POST", "/ask", url.Values{"q": {"x"}, "state": {strings.Repeat("x", 9000)}}, 422, []string{"请输入"}, nil},
		{"an engine that fails", "GET", "/?q=" + url.QueryEscape("出错"), nil, 500, []string{"再试一次", "拨打 12345"}, []string{"broken"}},
		{"a theme by an address of old", "GET", "/?theme=" + url.QueryEscape("户籍办理"), nil, 200, []string{"找到 2 个事项", "居住证签注", "下一页"}, nil},
		{"a search without words", "GET", "/search", nil, 200, []string{"查事项", "户籍办理", "设立变更", "企业法人"}, []string{"找到", "下一页"}},
		{"a search", "GET", "/search?q=%3Cb%3E&audience=person&theme=x", nil, 200, []string{"居住证签注", `value="&lt;b&gt;"`, `<option value="自然人" selected>自然人</option>`, "audience=%E8%87%AA"}, []string{"<b>"}},
		{"a search that finds nothing", "GET", "/search?q=" + url.QueryEscape("去月球"), nil, 200, []string{"没有找到相符的事项", "直接提问", "给工作人员留言", "户籍办理"}, []string{"下一页"}},
		{"a search with a bad cursor", "GET", "/search?q=x&cursor=bad", nil, 422, []string{"翻页标记有误"}, nil},
		{"a matter", "GET", "/matters/AL%2FJZ%20001", nil, 200, []string{"<h1>居住证申领</h1>", "居住证签注", "居住证补领", "随迁子女入学", "教育入学一件事", "GovernmentService", `rel="canonical"`}, []string{"gone"}},
		{"life events", "GET", "/events", nil, 200, []string{"新生儿出生一件事", "企业和单位", "6 个事项"}, nil},
		{"a place without life events", "GET", "/events?region=990121", nil, 200, []string{"还没有公布一件事"}, nil},
		{"a policy that is replaced", "GET", "/policies/AL-P-002?region=", nil, 200, []string{"已于 2026-03-01 废止", `href="/policies/AL-P-001"`, "<h3>第一章　总则</h3>", `id="a2"><strong>第二条</strong>`, "（一）博士每月1500元；", "已被替代", "演示数据"}, nil},
		{"no such policy", "GET", "/policies/AL-P-9?region=", nil, 404, nil, nil},
		{"a life event", "GET", "/events/AL-B-1?region=", nil, 200, []string{"先办：领取出生医学证明", "按需", "居民户口簿", "社会保障卡申领（复印件，1份）", "更新日期：2026-06-30", "演示数据"}, nil},
		{"a life event that is not there", "GET", "/events/none", nil, 404, []string{"没有找到这个页面"}, nil},
		{"the form for a message", "GET", "/message?q=x%3C&matter=AL%2FJZ+001&answer=a1", nil, 200, []string{"x&lt;</textarea>", `name="answer" value="a1"`, `name="matter" value="AL/JZ 001"`, "听涛派出所户籍窗口", "周一至周五 9:00—17:00", `href="tel:09005550101"`}, nil},
		{"a message about what is not there", "GET", "/message?matter=none", nil, 200, []string{`name="matter" value=""`}, nil},
		{"a message with nothing in it", "POST", "/message", url.Values{"kind": {"投诉"}, "text": {" "}, "name": {"王<"}, "id": {"i"}}, 422, []string{"有 1 处要改", "请写下您要说的内容", `value="王&lt;"`, `value="i"`, `value="投诉" required checked`}, nil},
		{"the form to look a message up", "GET", "/message/look-up?number=1", nil, 200, []string{"查询码", `name="number" type="text" inputmode="numeric" maxlength="24" required autocomplete="off" value="1"`}, nil},
		{"a look-up", "POST", "/message/look-up", url.Values{"number": {"482103957716"}, "code": {"39062215"}}, 200, []string{"已答复", "请到所在社区登记", "安澜市民政局的答复", "2026年5月12日 09:30"}, nil},
		{"a look-up with a wrong code", "POST", "/message/look-up", url.Values{"number": {"482103957716"}, "code": {"1"}}, 404, []string{"请核对编号和查询码"}, []string{"补贴"}},
		{"the widget", "GET", "/widget", nil, 200, []string{`/widget.js" async&gt;`, `<script src="/widget.js" async>`}, nil},
		{"the widget's script", "GET", "/widget.js", nil, 200, []string{"document.currentScript"}, nil},
		{"privacy by its own address", "GET", "/privacy", nil, 200, []string{`id="privacy"`}, nil},
		{"a matter that is not there", "GET", "/matters/none", nil, 404, []string{"没有找到这个页面", "<html"}, nil},
		{"a code that is no text", "GET", "/matters/%FF", nil, 404, []string{"没有找到这个页面"}, nil},
		{"a page that is not there", "GET", "/nowhere", nil, 404, []string{"没有找到这个页面"}, nil},
		{"a file that is not there", "GET", "/static/none.js", nil, 404, []string{"没有找到"}, nil},
		{"an operation that is not there", "GET", "/api/v1/none", nil, 404, []string{`"status":404`}, []string{"<html"}},
		{"what the service is", "GET", "/about", nil, 200, []string{"您的隐私", "第 3 版"}, nil},
		{"a rating", "POST", "/feedback", url.Values{"answer": {"ans1"}, "rating": {"1"}}, 200, []string{"谢谢您的评价"}, nil},
		{"a rating without a number", "POST", "/feedback", url.Values{"answer": {"ans1"}}, 422, []string{"评价没有填完整"}, nil},
		{"a reason that is not on the list", "POST", "/feedback", url.Values{"answer": {"a"}, "rating": {"-1"}, "reasons": {"x"}}, 422, []string{"评价没有填完整"}, nil},
	}
	r := newReader(t, &engine{known: answers()})
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r := &reader{t, r.client, r.base}
			resp, body := r.send(tt.method, tt.path, tt.form)
			if resp.StatusCode != tt.status {
				t.Errorf("status = %d, want %d", resp.StatusCode, tt.status)
			}
			if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy = %q", csp)
			}
			holds(t, body, tt.want, tt.not)
		})
	}
}

// A conversation goes on without JavaScript: the state comes back with the
// next form, and so does the region that was chosen once.
func TestConversationByForms(t *testing.T) {
	e := &engine{known: answers()}
	r := newReader(t, e)
	_, page := r.send("POST", "/ask", url.Values{"q": {"居住证要什么材料"}, "region": {"990102"}})
	state := regexp.MustCompile(`name="state" value="([^"]*)"`).FindStringSubmatch(page)
	if state == nil {
		t.Fatal("the form has no state")
	}
	_, page = r.send("POST", "/ask", url.Values{"pick": {"那要几天"}, "state": {state[1]}})
	holds(t, page, []string{`<option value="990102" selected>`}, nil)
	r.send("POST", "/ask", url.Values{"q": {"可以代办吗"}, "matter": {"居住证申领"}, "region": {"drop"}})
	r.send("POST", "/ask", url.Values{"q": {"去月球"}, "region": {""}})
	want := []answer.Request{{Text: "居住证要什么材料", Region: "990102"}, {Text: "那要几天", State: "state-1", Region: "990102"},
		{Text: "居住证申领 可以代办吗", Region: "990102"}, {Text: "去月球"}}
	for i := range want {
		want[i].Channel = answer.ChannelPage
	}
	if diff := cmp.Diff(want, e.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRatingByForm(t *testing.T) {
	e := &engine{known: answers()}
	r := newReader(t, e)
	r.send("POST", "/feedback", url.Values{"answer": {"a1"}, "rating": {"-1"}, "reasons": {"不完整", "看不懂"}, "text": {" 少了一项 "}})
	r.send("POST", "/feedback", url.Values{"answer": {"a2"}, "rating": {"1"}, "reasons": {"不完整"}})
	if resp, _ := r.send("POST", "/feedback", url.Values{"answer": {"a3"}, "rating": {"1"}}, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a rating from another site: status %d, want 403", resp.StatusCode)
	}
	want := []answer.Feedback{{Answer: "a1", Rating: -1, Reasons: []string{"不完整", "看不懂"}, Text: "少了一项"}, {Answer: "a2", Rating: 1}}
	if diff := cmp.Diff(want, e.feedbacks()); diff != "" {
		t.Errorf("feedback (-want +got):\n%s", diff)
	}
}

// A message goes by form: what was sent twice is kept once, and what could not
// be kept comes back whole.
func TestMessageByForm(t *testing.T) {
	e := &engine{known: answers()}
	r := newReader(t, e)
	_, page := r.send("GET", "/message?region=990102", nil)
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)
	if id == nil {
		t.Fatal("the form has no id")
	}
	form := url.Values{"kind": {"建议"}, "text": {"多放几把椅子"}, "contact": {"13900000000"}, "id": {id[1]}}
	for range 2 {
		first, page := r.send("POST", "/message", form)
		holds(t, page, []string{"建议已收到", "4821 0395 7716", "3906 2215", "2026年5月12日 09:30"}, nil)
		if got := first.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control = %q", got)
		}
	}
	want := []answer.Message{{Kind: "建议", Text: "多放几把椅子", Contact: "13900000000", Region: "990102", ID: id[1]}}
	if diff := cmp.Diff(want, e.letters()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	e.mu.Lock()
	e.full = true
	e.mu.Unlock()
	resp, page := r.send("POST", "/message", form)
	if holds(t, page, []string{"暂时不能留言", "没有丢", "多放几把椅子</textarea>", `value="13900000000"`}, nil); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", resp.StatusCode)
	}
	if resp, _ := r.send("POST", "/message", form, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a message from another site: status %d, want 403", resp.StatusCode)
	}
}

// A page that has not changed is not sent again.
func TestPagesAreKept(t *testing.T) {
	r := newReader(t, &engine{known: answers()})
	for _, path := range []string{"/", "/search?theme=x", "/matters/AL%2FJZ%20001", "/events", "/events/AL-B-1", "/about", "/message/look-up", "/widget"} {
		first, _ := r.send("GET", path, nil)
		tag := first.Header.Get("ETag")
		again, body := r.send("GET", path, nil, "If-None-Match", tag)
		if tag == "" || again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s: ETag %q, then status %d with %d bytes", path, tag, again.StatusCode, len(body))
		}
		if other, _ := r.send("GET", path, nil, "If-None-Match", tag, "Cookie", "large=1"); other.StatusCode != http.StatusOK {
			t.Errorf("%s in large type: status %d, want 200", path, other.StatusCode)
		}
	}
}

func TestLargeTypeByLink(t *testing.T) {
	r := newReader(t, &engine{known: answers()})
	_, page := r.send("GET", "/about?large=1", nil)
	holds(t, page, []string{`class="large"`, `href="/about?large=0"`}, nil)
	_, page = r.send("GET", "/", nil)
	holds(t, page, []string{`class="large"`}, nil)
	_, page = r.send("POST", "/ask", url.Values{"q": {"你好"}})
	holds(t, page, []string{`class="large"`, `href="/?large=0&amp;q=%E4%BD%A0%E5%A5%BD"`}, nil)
	r.send("GET", "/?large=0", nil)
	_, page = r.send("GET", "/?large=7", nil)
	holds(t, page, nil, []string{`class="large"`})
}

// In traditional characters only what is shown changes: what comes back with
// a form is what it was.
func TestTraditional(t *testing.T) {
	e := &engine{known: answers()}
	r := newReader(t, e)
	_, page := r.send("GET", "/?q="+url.QueryEscape("我要落户")+"&script=hant", nil)
	holds(t, page, []string{`lang="zh-Hant"`, "政務服務智能問答", "新生兒落戶", `value="投靠落户怎么办"`, `placeholder="請輸入您要辦的事"`, "/static/app-hant-", "script=hans", "繁體由程序轉換"},
		[]string{"新生儿落户", ">长辈版<"})
	_, page = r.send("GET", "/search?q="+url.QueryEscape("居住证"), nil)
	holds(t, page, []string{`<option value="自然人">自然人</option>`, `<option value="企业法人">企業法人</option>`, `value="居住证" autocomplete`, "居住證申領"}, nil)
	_, page = r.send("POST", "/message", url.Values{"kind": {"投诉"}, "text": {" "}, "name": {"张"}})
	holds(t, page, []string{`value="投诉" required checked`, "<span>投訴</span>", `value="张"`, "請寫下您要說的內容"}, nil)
	_, page = r.send("POST", "/message", url.Values{"kind": {"投诉"}, "text": {"办不了"}, "contact": {strings.Repeat("长", 101)}})
	holds(t, page, []string{"办不了</textarea>"}, nil)
	script, body := r.send("GET", regexp.MustCompile(`/static/app-hant-\w+\.js`).FindString(page), nil)
	if holds(t, body, []string{"'朗讀'", "addEventListener"}, []string{"'朗读'"}); script.StatusCode != http.StatusOK {
		t.Errorf("the script: status %d", script.StatusCode)
	}
	r.send("GET", "/?script=hans", nil)
	_, page = r.send("GET", "/", nil)
	holds(t, page, []string{`lang="zh-CN"`, "繁體"}, []string{"繁体由程序转换"})
}

func TestFilesAreKept(t *testing.T) {
	r := newReader(t, &engine{known: answers()})
	_, page := r.send("GET", "/", nil)
	path := regexp.MustCompile(`/static/app-\w+\.js`).FindString(page)
	first, body := r.send("GET", path, nil)
	if got := first.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" || !strings.Contains(body, "addEventListener") {
		t.Errorf("Cache-Control = %q", got)
	}
	again, _ := r.send("GET", path, nil, "If-None-Match", first.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: status %d, want 304", again.StatusCode)
	}
	packed, _ := r.send("GET", path, nil, "Accept-Encoding", "gzip")
	if got := packed.Header.Get("Content-Encoding"); got != "gzip" {
		t.Errorf("Content-Encoding = %q, want gzip", got)
	}
	plain, _ := r.send("GET", "/static/app.css", nil)
	if got := plain.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("by its plain name: Cache-Control = %q", got)
	}
	for path, want := range map[string]string{"/": "private, no-cache", "/?q=x": "no-store"} {
		if resp, _ := r.send("GET", path, nil); resp.Header.Get("Cache-Control") != want || !strings.Contains(resp.Header.Get("Vary"), "Cookie") {
			t.Errorf("%s: headers %v", path, resp.Header)
		}
	}
}
