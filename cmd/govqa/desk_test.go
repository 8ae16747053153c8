package main

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/answer/eval"
)

const passPhrase = "一共有超过十五个字符的密码短语 2026"

// A seat is an operator who has logged in with a password, as a browser does.
type seat struct {
	t     *testing.T
	http  *http.Client
	url   string
	token string
}

var (
	formToken = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)
	deskToken = regexp.MustCompile(`data-csrf="([^"]*)"`)
)

func (s *server) seat(t *testing.T, account string) *seat {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &seat{t: t, http: &http.Client{Jar: jar}, url: s.url}
	form := o.page(http.MethodGet, "/staff/login", nil)
	page := o.page(http.MethodPost, "/staff/login", url.Values{"_csrf": {first(t, formToken, form)}, "name": {account}, "password": {passPhrase}, "next": {"/desk"}})
	o.token = first(t, deskToken, page)
	return o
}

func first(t *testing.T, pattern *regexp.Regexp, text string) string {
	t.Helper()
	m := pattern.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in\n%s", pattern, text)
	}
	return html.UnescapeString(m[1])
}

func (o *seat) page(method, path string, form url.Values) string {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	return o.do(req)
}

// op calls an operation of the desk and reads its reply into out.
func (o *seat) op(method, path string, in, out any) {
	o.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		o.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+"/api/v1/desk"+path, strings.NewReader(string(body)))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", o.token)
	if err := json.Unmarshal([]byte(o.do(req)), out); err != nil {
		o.t.Fatal(err)
	}
}

func (o *seat) do(req *http.Request) string {
	o.t.Helper()
	resp, err := o.http.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatalf("%s %s: %d %s %v", req.Method, req.URL.Path, resp.StatusCode, text, err)
	}
	return string(text)
}

// TestDeskSurvivesKill: a server that is killed in the middle of a call has
// lost nothing of it that it had accepted; the call goes on, and its order is
// told to other systems once it is closed.
func TestDeskSurvivesKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	book, hook := newHookBook(t)
	s := serving(t, data, "GOVQA_WEBHOOK_NETWORKS=127.0.0.0/8")
	book.verifyBy(must(t, "webhook", "add", "-data", data, "-name", "orders", "-events", "order.created", hook))
	if r := user(t, passPhrase+"\n", "add", "-data", data, "-role", "operator", "李"); r.code != exitOK {
		t.Fatal(r.err)
	}
	o := s.seat(t, "李")
	var call desk.Call
	o.op("POST", "/calls", map[string]any{"id": "c1", "caller": "13900000000"}, &call)
	var said struct{ Lines int }
	for i, text := range []string{"喂你好", "我想问居住证", "要什么材料"} {
		o.op("POST", "/calls/c1/lines", desk.Line{ID: string(rune('a' + i)), Speaker: desk.CallerSays, Text: text}, &said)
	}
	o.op("PUT", "/calls/c1/notes", map[string]any{"notes": "急用"}, &call)
	var found desk.Suggestions
	o.op("POST", "/calls/c1/suggest", map[string]any{"complete": true}, &found)
	if len(found.Items) == 0 || found.Items[0].Name != "居住证申领" {
		t.Fatalf("suggestions %+v", found)
	}
	judgement := map[string]any{"id": "j1", "code": found.Items[0].Code, "shown": found.Items[0].Text, "place": 1}
	o.op("POST", "/calls/c1/adopt", judgement, &call)

	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.log
	_ = s.cmd.Wait() // it was killed
	s = serving(t, data, "GOVQA_WEBHOOK_NETWORKS=127.0.0.0/8")
	o = s.seat(t, "李")
	var again desk.Call
	o.op("GET", "/calls/c1", nil, &again)
	if diff := cmp.Diff(call, again); diff != "" {
		t.Errorf("the call after the kill (-before +after):\n%s", diff)
	}
	o.op("POST", "/calls/c1/adopt", judgement, &again) // whoever did not get the reply sends it again
	if len(again.Adopted) != 1 || again.Notes != "急用" || len(again.Lines) != 3 {
		t.Errorf("call %+v", again)
	}
	o.op("POST", "/calls/c1/suggest", map[string]any{"typed": "那要几天", "complete": true}, &found)
	if len(found.Items) == 0 || found.Items[0].Name != "居住证申领" || found.Aspect != "time_limit" {
		t.Errorf("the conversation does not go on: %+v", found)
	}
	var ended struct{ Draft desk.Wrap }
	o.op("POST", "/calls/c1/end", nil, &ended)
	var order desk.WorkOrder
	o.op("POST", "/calls/c1/close", ended.Draft, &order)
	if order.Agency != "安澜市公安局" || order.Caller != "13900000000" || len(order.Answers) != 1 {
		t.Errorf("order %+v", order)
	}
	select {
	case got := <-book.told: // its signature has been checked
		if !strings.HasPrefix(got, "order.created ") {
			t.Errorf("told %q", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("nobody was told of the order")
	}

	load := eval.DeskLoad{URL: s.url, Account: "李", Password: passPhrase, Operators: 5, Keys: 20, For: 2 * time.Second, Texts: []string{"居住证要什么材料", "身份证丢了怎么补"}}
	report, err := load.Run(t.Context())
	if err != nil || report.Failed > 0 || report.Pressed < 50 || report.P95 <= 0 || report.P50 > report.P95 {
		t.Errorf("load %+v %v", report, err)
	}
	load.Password = "wrong"
	if _, err := load.Run(t.Context()); err == nil {
		t.Error("operators work with a wrong password")
	}
	s.stop(t)
	want(t, fails(t, "eval", "desk", "-data", data, t.TempDir()).err, []string{"govqa: eval desk: "})
}
