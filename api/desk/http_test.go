package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api/staff/stafftest"
)

func TestOperations(t *testing.T) {
	c := openCity(t, t.TempDir())
	li, zhao, wang := c.As(t, "李", "operator"), c.As(t, "赵", "operator"), c.As(t, "王", "supervisor")
	editor, stranger := c.As(t, "编", "editor", "admin", "auditor"), c.Stranger(t)
	decode[desk.Call](t, li.JSON("POST", "/api/v1/desk/calls", `{"id":"c1","region":"990100"}`))
	long := strings.Repeat("长", desk.MaxLine+1)
	for _, tt := range []struct {
		why          string
		who          *stafftest.Client
		method, path string
		body         string
		status       int
		says         string
	}{
		{"a stranger opens a call", stranger, "POST", "/calls", `{}`, 401, ""},
		{"an editor opens a call", editor, "POST", "/calls", `{}`, 403, ""},
		{"an administrator reads calls", editor, "GET", "/calls/c1", "", 403, ""},
		{"the operator reads their call", li, "GET", "/calls/c1", "", 200, `"region":"990100"`},
		{"another operator does", zhao, "GET", "/calls/c1", "", 403, "别的坐席"},
		{"another operator writes a line", zhao, "POST", "/calls/c1/lines", `{"speaker":"caller","text":"x"}`, 403, ""},
		{"a supervisor reads it", wang, "GET", "/calls/c1", "", 200, ""},
		{"an operator reads the settings", li, "GET", "/settings", "", 403, ""},
		{"an operator reviews a call", li, "POST", "/calls/c1/review", `{"score":100}`, 403, ""},
		{"an operator draws a sample", li, "GET", "/sample", "", 403, ""},
		{"an operator compares groups", li, "GET", "/groups", "", 403, ""},
		{"a call that is not there", li, "GET", "/calls/none", "", 404, "没有这通来电"},
		{"no JSON", li, "POST", "/calls/c1/lines", `{`, 400, ""},
		{"a line that is too long", li, "POST", "/calls/c1/lines", `{"speaker":"caller","text":"` + long + `"}`, 422, "最多 500 个字"},
		{"a speaker that nobody is", li, "POST", "/calls/c1/lines", `{"speaker":"x","text":"y"}`, 422, "speaker"},
		{"several lines at once", li, "POST", "/calls/c1/lines", `{"lines":[{"id":"1","speaker":"caller","text":"居住证"},{"id":"2","speaker":"operator","text":"请讲"}]}`, 200, `"lines":2`},
		{"suggestions", li, "POST", "/calls/c1/suggest", `{"complete":true}`, 200, `"name":"居住证申领"`},
		{"suggestions for an emergency", li, "POST", "/calls/c1/suggest", `{"typed":"家里着火了"}`, 200, "119"},
		{"a field", li, "POST", "/calls/c1/field", `{"code":"AL-JZ-001","aspect":"fee"}`, 200, `"text"`},
		{"a field of nothing", li, "POST", "/calls/c1/field", `{"code":"none","aspect":"fee"}`, 404, ""},
		{"an answer that has changed since", li, "POST", "/calls/c1/adopt", `{"id":"j","code":"AL-JZ-001","shown":"旧的答复"}`, 409, "刚刚更新"},
		{"an order before its time", li, "GET", "/calls/c1/order", "", 409, "还没有办结"},
		{"a day that is none", li, "GET", "/orders?from=yesterday", "", 422, "2026-11-30"},
		{"a share of control that is too great", wang, "PUT", "/settings", `{"control":80}`, 422, "0 到 50"},
		{"settings", wang, "PUT", "/settings", `{"control":10,"approve":["赵","赵"]}`, 200, `{"control":10,"approve":["赵"]}`},
		{"closed with nothing at all", li, "POST", "/calls/c1/close", "", 200, `"id":"c1"`},
		{"closed again", li, "POST", "/calls/c1/close", `{"summary":"x"}`, 200, `"summary":""`},
		{"a line for a closed call", li, "POST", "/calls/c1/lines", `{"speaker":"caller","text":"x"}`, 409, "已经办结"},
		{"opened again under its id", li, "POST", "/calls", `{"id":"c1"}`, 409, ""},
		{"the order", li, "GET", "/calls/c1/order", "", 200, `"operator":"李"`},
		{"a review", wang, "POST", "/calls/c1/review", `{"score":88,"comment":"好"}`, 200, `"score":88`},
		{"a review beyond the scale", wang, "POST", "/calls/c1/review", `{"score":101}`, 422, "0 到 100"},
		{"a sample of what is reviewed already", wang, "GET", "/sample?n=5", "", 200, `{"calls":[]}`},
		{"both groups", wang, "GET", "/groups", "", 200, `"assisted"`},
		{"past calls of another operator", zhao, "GET", "/calls?state=past", "", 200, `{"calls":[]}`},
		{"orders as a table", li, "GET", "/orders?format=csv", "", 200, "工单编号"},
		{"a path that nobody serves", li, "GET", "/calls/c1/nothing", "", 404, ""},
	} {
		got := tt.who.JSON(tt.method, "/api/v1/desk"+tt.path, tt.body)
		if got.Status != tt.status || !strings.Contains(got.Body, tt.says) {
			t.Errorf("%s: %d %s, want %d with %q", tt.why, got.Status, got.Body, tt.status, tt.says)
		}
	}
	if got := li.Do("POST", "/api/v1/desk/calls", `{}`, "Content-Type: application/json"); got.Status != http.StatusForbidden {
		t.Errorf("a call opened without the token against forgery: %d", got.Status)
	}
	n := map[string]int{}
	for e, err := range c.store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		n[e.Action]++
	}
	if n["call.view"] == 0 || n["call.export"] == 0 || n["call.past"] == 0 || n["call"] != 0 || n["desk"] != 1 {
		t.Errorf("audited: %v", n)
	}
}

func TestPages(t *testing.T) {
	c := openCity(t, t.TempDir())
	li, wang := c.As(t, "李", "operator"), c.As(t, "王", "supervisor")
	payload := `<img src=x onerror=alert(1)>`
	decode[desk.Call](t, li.JSON("POST", "/api/v1/desk/calls", `{"id":"c1","caller":"<b>1"}`))
	decode[struct{}](t, li.JSON("POST", "/api/v1/desk/calls/c1/lines", fmt.Sprintf(`{"speaker":"caller","text":%q}`, payload)))
	for _, tt := range []struct {
		why    string
		who    *stafftest.Client
		path   string
		status int
		want   []string
	}{
		{"the desk takes up the call", li, "/desk", 200, []string{`data-call="{&#34;id&#34;:&#34;c1&#34;`}},
		{"the supervisor's page", wang, "/desk/watch", 200, []string{"正在通话（1）", "/desk/calls/c1", "两组各满 30 通"}},
		{"a call under way", wang, "/desk/calls/c1", 200, []string{"通话中", "&lt;img src=x onerror=alert(1)&gt;"}},
		{"no past call", li, "/desk/past", 200, []string{"没有符合的来电"}},
		{"the supervisor's page for an operator", li, "/desk/watch", 403, nil},
		{"a call that is not there", li, "/desk/calls/none", 404, nil},
		{"a page that is not there", li, "/desk/none", 404, nil},
	} {
		got := tt.who.Get(tt.path)
		if got.Status != tt.status {
			t.Errorf("%s: %d", tt.why, got.Status)
		}
		for _, want := range tt.want {
			if !strings.Contains(got.Body, want) {
				t.Errorf("%s lacks %q:\n%s", tt.why, want, got.Body)
			}
		}
		if strings.Contains(got.Body, payload) || strings.Contains(got.Body, "<b>1") {
			t.Errorf("%s has what was said as markup", tt.why)
		}
	}
	seen := 0
	for e, err := range c.store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == "call.view" && e.Actor == "王" && e.Object == "c1" {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("a supervisor's look at a call left %d traces", seen)
	}
	decode[desk.WorkOrder](t, li.JSON("POST", "/api/v1/desk/calls/c1/close", `{"summary":"=1+1","result":"已答复","category":"咨询"}`))
	if got := wang.Post("/desk/calls/c1/review", map[string][]string{"score": {"90"}, "comment": {"清楚"}}); got.Status != http.StatusSeeOther {
		t.Errorf("review: %d %s", got.Status, got.Body)
	}
	if got := wang.Get("/desk/calls/c1"); !strings.Contains(got.Body, "90 分") {
		t.Errorf("the review is not shown: %s", got.Body)
	}
	if got := wang.Get("/desk/past?category=咨询&result=已答复&operator=李"); !strings.Contains(got.Body, "/desk/calls/c1") {
		t.Errorf("the past call is not listed: %s", got.Body)
	}
	if got := li.Get("/desk/past.csv"); !strings.Contains(got.Body, "'=1+1") || !strings.Contains(got.Header.Get("Content-Disposition"), "orders.csv") {
		t.Errorf("the table: %v %s", got.Header, got.Body)
	}
}

var keyShown = regexp.MustCompile(`govqa_[0-9a-f]{12}_[A-Za-z0-9_-]+`)

// TestKeys: a speech-to-text system with a key opens calls for operators, posts
// what it hears and fetches orders; with another scope it does nothing.
func TestKeys(t *testing.T) {
	c := openCity(t, t.TempDir())
	admin, li := c.As(t, "管", "admin"), c.As(t, "李", "operator")
	with := func(name, scope string) func(method, path, body string) stafftest.Reply {
		made := admin.Post("/staff/keys", url.Values{"name": {name}, "scope": {scope}, "days": {"30"}})
		secret := keyShown.FindString(made.Body)
		if secret == "" {
			t.Fatalf("%d %s", made.Status, made.Body)
		}
		return func(method, path, body string) stafftest.Reply {
			return c.Stranger(t).Do(method, "/api/v1/desk"+path, body, "Content-Type: application/json", "Authorization: Bearer "+secret)
		}
	}
	heard, other := with("转写", "desk"), with("检索", "search")
	if got := other("POST", "/calls", `{"id":"c1","operator":"李"}`); got.Status != http.StatusForbidden {
		t.Errorf("a key of another scope: %d", got.Status)
	}
	if got := heard("POST", "/calls", `{"id":"c1"}`); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("a call of nobody: %d %s", got.Status, got.Body)
	}
	decode[desk.Call](t, heard("POST", "/calls", `{"id":"c1","operator":"李","caller":"139"}`))
	decode[struct{}](t, heard("POST", "/calls/c1/lines", `{"id":"1","speaker":"caller","text":"居住证要什么材料"}`))
	if got := decode[desk.Call](t, li.JSON("GET", "/api/v1/desk/calls/c1", "")); got.Operator != "李" || len(got.Lines) != 1 {
		t.Errorf("call %+v", got)
	}
	decode[desk.WorkOrder](t, li.JSON("POST", "/api/v1/desk/calls/c1/close", `{"result":"已答复"}`))
	if got := decode[struct{ Orders []desk.WorkOrder }](t, heard("GET", "/orders", "")); len(got.Orders) != 1 || got.Orders[0].Caller != "139" {
		t.Errorf("orders %+v", got)
	}
	if got := heard("PUT", "/settings", `{"control":50}`); got.Status != http.StatusForbidden {
		t.Errorf("a key changes the settings: %d", got.Status)
	}
}
