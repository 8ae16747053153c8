// Package web renders the pages that citizens see: the chat, an answer
// without JavaScript, a search, a matter's whole guide, life events, messages
// to the agencies, what the service is, and what went wrong.
//
// It promises that every page works without JavaScript, that nothing of a
// record or a question reaches a page unescaped, that links lead to http,
// https and tel only, and that what is not published is called 未公布. The
// pages need no inline script and no inline style.
//
// It knows no HTTP server: package api asks it to write a page for typed
// values and to hand out the files that the page loads.
package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

//go:embed templates static
var embedded embed.FS

// Options says what the pages call the service.
type Options struct {
	Title   string // name of the service; empty means 政务服务智能问答
	Hotline string // telephone number to fall back on; empty means 12345
	Sample  bool   // the whole corpus is made up: every page says so
	Model   string // name and filing number of the language model, shown to citizens; may be empty
}

// The defaults of [Options].
const (
	DefaultTitle   = "政务服务智能问答"
	DefaultHotline = "12345"
)

// Pages renders the pages. It is safe for concurrent use.
type Pages struct {
	opts   Options
	pages  map[string]*template.Template
	staff  map[string]*template.Template // by name
	assets map[string]*Asset             // by plain and by hashed name
	hashed map[string]string             // plain name to address
	words  template.JS

	wordsHant template.JS
}

// pageNames are the templates that fill the frame.
var pageNames = []string{"chat", "search", "matter", "events", "event", "policy", "leave", "received", "lookup", "about", "widget", "message"}

// New reads the embedded templates and files. It fails only when one of them
// is broken, which a test guards.
func New(o Options) (*Pages, error) {
	if o.Title == "" {
		o.Title = DefaultTitle
	}
	if o.Hotline == "" {
		o.Hotline = DefaultHotline
	}
	p := &Pages{opts: o, pages: make(map[string]*template.Template, len(pageNames))}
	static, err := fs.Sub(embedded, "static")
	if err != nil {
		return nil, fmt.Errorf("embedded files: %w", err)
	}
	if err := p.readAssets(static); err != nil {
		return nil, err
	}
	if err := p.readTemplates(); err != nil {
		return nil, err
	}
	if err := p.readStaff(); err != nil {
		return nil, err
	}
	if err := p.readWords(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Pages) readTemplates() error {
	frame, err := template.New("frame.html").Funcs(template.FuncMap{
		"asset":   func(name string) string { return p.hashed[name] },
		"say":     published,
		"spans":   phones,
		"matter":  matterPath,
		"ask":     askPath,
		"dial":    dial,
		"event":   eventPath,
		"policy":  func(id string) template.URL { return template.URL(answer.PolicyPlace(id, -1)) },
		"before":  func(i int) int { return i - 1 },
		"after":   func(i int) int { return i + 1 },
		"brief":   func(name string) string { return strings.TrimSuffix(name, "一件事") },
		"day":     day,
		"grouped": grouped,
		"reasons": func() []string { return answer.FeedbackReasons },
		"kinds":   func() []string { return answer.MessageKinds },
	}).ParseFS(embedded, "templates/frame.html", "templates/answer.html", "templates/field.html", "templates/icon.html")
	if err != nil {
		return fmt.Errorf("page frame: %w", err)
	}
	for _, name := range pageNames {
		page, err := frame.Clone()
		if err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		if p.pages[name], err = page.ParseFS(embedded, "templates/"+name+".html"); err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
	}
	return nil
}

// readWords prepares the words that the script shares with the templates, in
// both kinds of characters.
func (p *Pages) readWords() (err error) {
	same := func(s string) string { return s }
	if p.words, err = p.wordsBy(same); err != nil {
		return err
	}
	p.wordsHant, err = p.wordsBy(nlp.ToTraditional)
	return err
}

// wordsBy writes what is shown as show does.
func (p *Pages) wordsBy(show func(string) string) (template.JS, error) {
	labels := make([]string, len(answer.FeedbackReasons))
	for i, r := range answer.FeedbackReasons {
		labels[i] = show(r)
	}
	shown := map[string]string{}
	for key, text := range answer.NoticeWords() {
		shown[key] = show(text)
	}
	words, err := json.Marshal(struct {
		Hotline string            `json:"hotline"`
		Reasons []string          `json:"reasons"`
		Labels  []string          `json:"labels"` // of the reasons
		Notices map[string]string `json:"notices"`
		Sample  string            `json:"sample"`
		Missing string            `json:"missing"`
		Masked  string            `json:"masked"`
		Limit   int               `json:"limit"`
	}{p.opts.Hotline, answer.FeedbackReasons, labels, shown, answer.NoticeSample, answer.NoticeMissing, answer.NoticeMasked, answer.MaxText})
	if err != nil {
		return "", fmt.Errorf("words of the script: %w", err)
	}
	// json.Marshal writes <, > and & as escapes, so the element cannot be closed from inside.
	return template.JS(words), nil
}

// A Visitor is what a page knows of who reads it. All of it comes from the
// visitor's own cookies and address line.
type Visitor struct {
	Region  corpus.RegionCode    // chosen; empty for everywhere
	Regions []answer.RegionCount // that can be chosen
	Large   bool                 // 长辈版: large type and large targets
	Hant    bool                 // shown in traditional characters (繁体)
	Address string               // path and query of the page, to come back to
	Preview bool                 // an editor looks at what is not published
}

// frame is what every page shows around its main part.
type frame struct {
	Service, Hotline string
	Model            string
	Title            string // of the window
	About            string // one sentence for search engines; may be empty
	Canonical        string // the page's one address; may be empty
	Here             string // the part of the service that the page belongs to, for the navigation
	Filters          string // id of the form that the region belongs to
	Visitor          Visitor
	Regions          []regionChoice
	LargeURL         string // this page with the other size of type
	ScriptURL        string // this page in the other characters
	Script           string // address of the page's script
	Sample           bool
	Private          bool // not for search engines
	Words            template.JS
	Main             any
}

func (p *Pages) frame(v Visitor, title string, main any) frame {
	f := frame{
		Service: p.opts.Title, Hotline: p.opts.Hotline, Model: p.opts.Model,
		Title: title, Visitor: v, Regions: regionChoices(v.Regions, v.Region),
		LargeURL: switchURL(v, "large", v.Large, "1", "0"), ScriptURL: switchURL(v, "script", v.Hant, "hant", "hans"),
		Script: p.hashed["app.js"], Sample: p.opts.Sample, Words: p.words, Filters: "ask", Main: main,
	}
	if v.Hant {
		f.Script, f.Words = p.hashed["app-hant.js"], p.wordsHant
	}
	return f
}

// write renders into memory first, so that a template's error leaves no half
// page behind.
func (p *Pages) write(w io.Writer, page string, f frame) error {
	var buf bytes.Buffer
	if err := p.pages[page].ExecuteTemplate(&buf, "frame.html", f); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	if f.Visitor.Hant {
		_, err := io.WriteString(w, inTraditional(buf.String()))
		return err
	}
	_, err := buf.WriteTo(w)
	return err
}

// switchURL is the page's own address with a switch turned the other way.
func switchURL(v Visitor, key string, is bool, on, off string) string {
	u, err := url.Parse(v.Address)
	if err != nil || u.Host != "" || u.Path == "" || u.Path[0] != '/' {
		u = &url.URL{Path: "/"}
	}
	q := u.Query()
	q.Set(key, on)
	if is {
		q.Set(key, off)
	}
	return (&url.URL{Path: u.Path, RawQuery: q.Encode()}).RequestURI()
}

// A Chat is the main page: an invitation to ask, or one question and what
// became of it.
type Chat struct {
	Visitor  Visitor
	Question string         // asked; empty for the invitation
	Answer   *answer.Answer // nil when there is none
	Problem  string         // in Chinese, why there is none; may be empty
	Hot      []answer.HotQuestion
	Themes   []answer.ThemeCount
	Events   []answer.LifeEvent
	Likely   []answer.Recommendation // to be needed by somebody in the visitor's region
}

// Chat writes the chat page.
func (p *Pages) Chat(w io.Writer, c Chat) error {
	main := p.chat(c)
	title := p.opts.Title
	if c.Question != "" {
		title = c.Question + " - " + title
	}
	f := p.frame(c.Visitor, title, main)
	f.Here, f.About = "ask", "用一句话说出要办的事，从公布的办事指南里找出答案，注明来源和更新日期。"
	f.Private = c.Question != ""
	f.Sample = f.Sample || main.sample()
	return p.write(w, "chat", f)
}

// A Matter is the page of one guide.
type Matter struct {
	Visitor Visitor
	Guide   *corpus.Guide
	Around  answer.Around
	Address string // the page's own, with the host; may be empty
}

// Matter writes a guide's page.
func (p *Pages) Matter(w io.Writer, m Matter) error {
	f := p.frame(m.Visitor, m.Guide.Name+" - "+p.opts.Title, guideView(m))
	f.Here, f.Canonical, f.About = "search", m.Address, m.Guide.Name+"：申请材料、办理流程、办结时限、收费、办理地点和电话。"
	f.Sample = f.Sample || m.Guide.Source.Sample
	f.Private = f.Sample
	return p.write(w, "matter", f)
}

// An About is the page that says what the service is.
type About struct {
	Visitor Visitor
	Edition corpus.Edition
}

// About writes the page on sources and privacy.
func (p *Pages) About(w io.Writer, a About) error {
	a.Visitor.Regions = nil // there is nothing to ask here
	f := p.frame(a.Visitor, "关于本服务 - "+p.opts.Title, a)
	f.About = "回答的来源、推荐和检索的方法、隐私、人工帮助。"
	return p.write(w, "about", f)
}

// A Widget is the page that shows how the service is put on another site.
type Widget struct {
	Visitor Visitor
	Origin  string // of this service, as https://host
}

// Widget writes the page on the widget, with the widget on it.
func (p *Pages) Widget(w io.Writer, page Widget) error {
	page.Visitor.Regions = nil
	return p.write(w, "widget", p.frame(page.Visitor, "放到您的网站上 - "+p.opts.Title, page))
}

// A Message is a page that says one thing: thanks, or what went wrong.
type Message struct {
	Visitor Visitor
	Title   string // in Chinese
	Text    string // in Chinese; may be empty
	Back    string // path to go back to; empty means /
	Failed  bool   // something went wrong: offer the hotline
}

// Message writes a message page.
func (p *Pages) Message(w io.Writer, m Message) error {
	if m.Back == "" {
		m.Back = "/"
	}
	m.Visitor.Regions = nil // there is nothing to ask here
	f := p.frame(m.Visitor, m.Title+" - "+p.opts.Title, m)
	f.Private = true
	return p.write(w, "message", f)
}

// Missing is the message for a page that does not exist.
func Missing(v Visitor) Message {
	return Message{Visitor: v, Failed: true, Title: "没有找到这个页面",
		Text: "地址可能写错了，或者这个事项已经取消、改名。您可以回到首页，把要办的事用一句话说出来。"}
}
