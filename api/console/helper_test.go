package console_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/console"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A site is a console on a store of its own, with an engine that answers from
// it, and citizens' pages beside it.
type site struct {
	*stafftest.Site
	store   *store.Store
	engine  *answer.Engine
	console *console.Console
	dir     string // of uploads
}

// today is the day of every test.
var today = time.Date(2026, 11, 26, 10, 0, 0, 0, web.China())

// open opens a site with records published.
func open(t testing.TB, recs ...corpus.Record) *site {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x := &site{dir: filepath.Join(t.TempDir(), "incoming")}
	var err error
	x.store, err = store.Open(t.TempDir(), store.Options{Reserve: -1})
	must(err)
	closing(t, x.store.Close)
	lex, err := nlp.LoadLexicon()
	must(err)
	ix, err := index.Open("", nlp.Bigrams{}, lex, index.Options{})
	must(err)
	closing(t, ix.Close)
	now := func() time.Time { return today }
	x.engine, err = answer.New(answer.Config{Corpus: x.store, Index: ix, Segmenter: nlp.Bigrams{}, Lexicon: lex, StateKey: []byte("0123456789abcdef"), Now: now})
	must(err)
	pages, err := web.New(web.Options{})
	must(err)
	x.console = console.New(console.Config{Store: x.store, Pages: pages, Engine: x.engine, Live: x.engine.Refresh, Dir: x.dir, Now: now})
	t.Cleanup(x.console.Close)
	x.publish(t, recs...)
	x.Site = stafftest.OpenEngine(t, staff.Config{Store: x.store, Pages: pages}, x.engine, x.console.Register)
	return x
}

func closing(t testing.TB, closer func() error) {
	t.Cleanup(func() {
		if err := closer(); err != nil {
			t.Error(err)
		}
	})
}

// publish publishes records at once.
func (x *site) publish(t testing.TB, recs ...corpus.Record) {
	t.Helper()
	rows := func(yield func(corpus.Row) bool) {
		for i, rec := range recs {
			if !yield(corpus.Row{N: i + 1, Record: rec}) {
				return
			}
		}
	}
	report, err := x.store.Import(t.Context(), []store.File{{Name: "test", Rows: rows}}, store.ImportOptions{Actor: "测试"})
	if err != nil || report.Total.RejectedRows > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if err := x.engine.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// residence is a guide whose fee is 20元.
func residence() *corpus.Guide {
	yes, one := true, 1
	return &corpus.Guide{
		Matter: corpus.Matter{Code: "AL-JZ-1", Name: "居住证补发", Aliases: []string{"补办居住证"}, Agency: corpus.Agency{Name: "安澜市公安局"},
			Region: corpus.Region{Code: "990100", Name: "安澜市"}, Audience: []corpus.Audience{corpus.Person}, Themes: []corpus.Theme{"户籍办理"}},
		Condition: "居住证遗失或者损坏", Materials: []corpus.Material{{Name: "身份证", Kind: "原件", Copies: &one}},
		Steps: []string{"申请", "受理", "发证"}, PromisedLimit: &corpus.Limit{N: 5, Unit: "工作日"},
		Fee:     &corpus.Fee{Charged: &yes, Items: []corpus.FeeItem{{Name: "工本费", Amount: "20元", Basis: "安发改〔2020〕1号"}}},
		Contact: "0900-5550100", Places: []corpus.Place{{Name: "户政大厅", Address: "海潮路1号", Hours: "9:00—17:00"}},
		Source: corpus.Source{URL: "https://www.example.gov.cn/jz", Updated: "2026-01-01"},
	}
}

// fee is the answer to how much the residence guide costs.
func (x *site) fee(t testing.TB) answer.Answer {
	t.Helper()
	a, err := x.engine.Ask(t.Context(), answer.Request{Text: "居住证补发收费多少钱"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// form is the values of the form of a page that posts to action, as a browser
// would send it untouched.
func form(t testing.TB, body, action string) url.Values {
	t.Helper()
	start := regexp.MustCompile(`<form[^>]*action="` + regexp.QuoteMeta(action) + `"[^>]*>`).FindStringIndex(body)
	if start == nil {
		t.Fatalf("no form for %s in:\n%s", action, body)
	}
	body = body[start[1]:]
	body, _, _ = strings.Cut(body, "</form>")
	v := url.Values{}
	for _, m := range regexp.MustCompile(`<input([^>]*)>`).FindAllStringSubmatch(body, -1) {
		name, value := attribute(m[1], "name"), attribute(m[1], "value")
		if box := attribute(m[1], "type"); name == "" || (box == "checkbox" || box == "radio") && !strings.Contains(m[1], " checked") {
			continue
		}
		v.Add(name, value)
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea([^>]*)>\n?(.*?)</textarea>`).FindAllStringSubmatch(body, -1) {
		v.Add(attribute(m[1], "name"), plain(m[2]))
	}
	for _, m := range regexp.MustCompile(`(?s)<select([^>]*)>(.*?)</select>`).FindAllStringSubmatch(body, -1) {
		value := ""
		if chosen := regexp.MustCompile(`<option([^>]*) selected>([^<]*)`).FindStringSubmatch(m[2]); chosen != nil {
			value = attribute(chosen[1], "value")
			if !strings.Contains(chosen[1], "value=") {
				value = plain(chosen[2])
			}
		}
		v.Add(attribute(m[1], "name"), value)
	}
	return v
}

func attribute(tag, name string) string {
	m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(" " + tag)
	if m == nil {
		return ""
	}
	return plain(m[1])
}

func plain(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+", "&amp;", "&").Replace(s)
}

// send posts a form with a file, as browsers do.
func send(t testing.TB, c *stafftest.Client, path string, v url.Values, name string, file []byte) stafftest.Reply {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	v.Set("_csrf", c.CSRF)
	for k, list := range v {
		for _, s := range list {
			if err := w.WriteField(k, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if name != "" {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}, "Content-Type": {"application/octet-stream"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return c.Do(http.MethodPost, path, buf.String(), "Content-Type: "+w.FormDataContentType(), "Accept: text/html")
}

// follow opens the page that a reply leads to.
func follow(t testing.TB, c *stafftest.Client, r stafftest.Reply) stafftest.Reply {
	t.Helper()
	if r.Status != http.StatusSeeOther {
		t.Fatalf("%d instead of a way to the next page: %s", r.Status, said(r.Body))
	}
	page := c.Get(r.Header.Get("Location"))
	if page.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", r.Header.Get("Location"), page.Status, said(page.Body))
	}
	return page
}

// said is the text of a page's main part.
func said(body string) string {
	if at := strings.Index(body, "<main"); at >= 0 {
		body = body[at:]
	}
	return strings.Join(strings.Fields(plain(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " "))), " ")
}

// jobDone waits until an import is over and returns its page.
func jobDone(t testing.TB, c *stafftest.Client, path string) stafftest.Reply {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		r := c.Do(http.MethodGet, strings.Replace(path, "/job?", "/progress?", 1), "")
		var state struct{ Running bool }
		if err := json.Unmarshal([]byte(r.Body), &state); err != nil {
			t.Fatalf("%d %s: %v", r.Status, r.Body, err)
		}
		if !state.Running {
			return c.Get(path)
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("the import does not end")
	return stafftest.Reply{}
}
