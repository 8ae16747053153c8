package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
)

// secrets are strings that stand only in what operators may see, each in
// another field.
var secrets = []string{"赤松甲字令", "白鹭乙字令", "青石丙字令", "黄杨丁字令", "墨竹戊字令", "紫藤己字令", "金桂庚字令", "银杏辛字令", "HIDDEN-FAQ-7", "HIDDEN-POLICY-8"}

// withSecrets writes an import file: internal knowledge of a public guide, and
// records that are not public at all.
func withSecrets(t *testing.T) string {
	t.Helper()
	var guide *corpus.Guide
	for _, rows := range sample.Files() {
		for row := range rows {
			if g, ok := row.Record.(*corpus.Guide); ok && g.Code == "AL-JZ-001" {
				guide = g
			}
		}
	}
	guide.Internal = &corpus.Internal{Wording: "对外统一说" + secrets[0], Transfer: "转" + secrets[1], Phone: secrets[2]}
	records := []corpus.Record{
		guide,
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: secrets[8], Question: "居住证遇到" + secrets[3] + "怎么答复", Similar: []string{"居住证" + secrets[4]}, Answer: "请答复" + secrets[5],
			Agency: corpus.Agency{Name: secrets[6]}, Themes: []corpus.Theme{corpus.Theme(secrets[7])}, Matter: "AL-JZ-001", Visibility: corpus.VisibleOperator},
		&corpus.Policy{Type: corpus.TypePolicy, ID: secrets[9], Title: "居住证内部口径" + secrets[3], Text: "内容" + secrets[5], Visibility: corpus.VisibleOperator},
	}
	var lines strings.Builder
	for _, rec := range records {
		line, err := corpus.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(line)
		lines.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "secrets.jsonl")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOperatorsKnowledgeStaysInside asks every channel of citizens for what
// only operators may see: for the very words, for pieces of them, and for what
// stands beside them. Nothing that the question does not say itself comes back.
func TestOperatorsKnowledgeStaysInside(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serving(t, data) // with the sample corpus
	must(t, "import", "-data", data, withSecrets(t))

	texts := []string{"居住证", "居住证怎么答复", "居住证内部口径", "居住证转给谁", "居住证要什么材料", "那要几天"}
	texts = append(texts, secrets...)
	draw := rand.New(rand.NewPCG(7, 7))
	for _, secret := range secrets {
		runes := []rune("居住证遇到" + secret + "怎么答复")
		for range 4 {
			from := draw.IntN(len(runes) - 2)
			texts = append(texts, string(runes[from:from+2+draw.IntN(len(runes)-from-1)]))
		}
	}
	asked := 0
	look := func(what, text, method, path, body string, head ...string) (status int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range head {
			key, value, _ := strings.Cut(h, ": ")
			req.Header.Set(key, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		asked++
		if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
			t.Fatalf("%s: %d %s", what, resp.StatusCode, got)
		}
		for _, secret := range secrets {
			if strings.Contains(string(got), secret) && !strings.Contains(text, secret) {
				t.Errorf("%s, asked for %q, tells %s", what, text, secret)
			}
		}
		return resp.StatusCode
	}

	const isJSON = "Content-Type: application/json"
	quoted := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// Bodies of the operations that answer; what only takes something in, and
	// gives nothing of the corpus back, has none.
	posts := map[string]func(text string) []string{
		"/api/v1/ask": func(text string) []string {
			return []string{`{"text":` + quoted(text) + `}`, `{"stream":true,"text":` + quoted(text) + `}`}
		},
		"/v1/chat/completions": func(text string) []string {
			return []string{`{"model":"gov-qa","messages":[{"role":"user","content":` + quoted(text) + `}]}`}
		},
		"/mcp": func(text string) []string {
			call := func(tool, arguments string) string {
				return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{}}}`, tool, arguments)
			}
			return []string{call("search_matters", `{"query":`+quoted(text)+`}`), call("answer_question", `{"question":`+quoted(text)+`}`),
				call("get_matter", `{"code":`+quoted(text)+`}`), call("get_matter", `{"code":"AL-JZ-001"}`), call("recommend_matters", `{"matter":"AL-JZ-001"}`),
				`{"jsonrpc":"2.0","id":2,"method":"resources/list"}`, `{"jsonrpc":"2.0","id":3,"method":"tools/list"}`}
		},
		"/api/v1/policies/{id}/explanation": func(text string) []string {
			return []string{`{}`, `{"question":` + quoted(text) + `}`}
		},
		"/api/v1/events": nil, "/api/v1/feedback": nil, "/api/v1/messages": nil,
	}
	for path, operations := range operationsOf(t, s) {
		for _, method := range operations {
			for _, text := range texts {
				switch method {
				case "post":
					bodies, known := posts[path]
					if !known {
						if status := look(path, text, http.MethodPost, path, `{}`, isJSON); status != http.StatusUnauthorized && status != http.StatusForbidden {
							t.Fatalf("%s is not looked at: say what it is asked (a stranger gets %d)", path, status)
						}
						break // it is for staff
					}
					if bodies == nil {
						continue
					}
					for _, body := range bodies(text) {
						for _, id := range []string{url.PathEscape(text), secrets[9]} {
							look(path, text+id, http.MethodPost, strings.ReplaceAll(path, "{id}", id), body, isJSON, "Accept: application/json, text/event-stream")
						}
					}
				case "get":
					query := url.Values{"q": {text}, "theme": {""}, "limit": {"50"}}
					if !strings.Contains(path, "search") {
						query.Del("theme")
					}
					filled := strings.NewReplacer("{code}", url.PathEscape(text), "{number}", "1", "{id}", "someone", "{model}", "gov-qa").Replace(path)
					look(path, text, http.MethodGet, filled+"?"+query.Encode(), "")
				}
			}
		}
	}
	for _, text := range append(slices.Clone(texts), "AL-JZ-001") {
		q := url.QueryEscape(text)
		for _, path := range []string{"/?q=" + q, "/search?q=" + q, "/search?theme=" + q, "/matters/" + url.PathEscape(text), "/message?matter=" + q, "/events/" + url.PathEscape(text), "/widget?q=" + q} {
			look("page "+path[:strings.IndexAny(path[1:]+"?", "?/")+1], text, http.MethodGet, path, "", "Accept: text/html")
		}
		look("page /ask", text, http.MethodPost, "/ask", url.Values{"q": {text}}.Encode(), "Content-Type: application/x-www-form-urlencoded")
	}
	for _, path := range []string{"/", "/events", "/about", "/api/v1/matters/AL-JZ-001", "/api/v1/search?theme=" + url.QueryEscape(secrets[7]), "/robots.txt", "/sitemap.xml",
		"/desk", "/console", "/desk/past.csv", "/api/v1/desk/orders", "/api/v1/desk/calls"} {
		look(path, "", http.MethodGet, path, "")
	}
	t.Logf("%d requests", asked)
	s.stop(t)
	// The commands and the desk of staff do have it.
	export := filepath.Join(t.TempDir(), "export.jsonl")
	must(t, "export", "-data", data, export)
	whole, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if !strings.Contains(string(whole), secret) {
			t.Errorf("the export for staff lacks %s: the test has looked for nothing", secret)
		}
	}
	for _, text := range texts[:8] { // offline, in a process of its own, over the same folder
		out := must(t, "ask", "-json", "-data", data, text)
		for _, secret := range secrets {
			if strings.Contains(out, secret) && !strings.Contains(text, secret) {
				t.Errorf("govqa ask %q tells %s", text, secret)
			}
		}
	}
}

// operationsOf are the paths of the server's own description, with their
// methods.
func operationsOf(t *testing.T, s *server) map[string][]string {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/openapi.json", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Paths) < 15 {
		t.Fatalf("only %d paths are described", len(doc.Paths))
	}
	list := map[string][]string{}
	for path, operations := range doc.Paths {
		list[path] = slices.Sorted(maps.Keys(operations))
	}
	return list
}
