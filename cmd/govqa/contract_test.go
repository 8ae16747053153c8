package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/govqa/govqa/corpus/store"
)

// notRun lists the operations of the document whose examples cannot be run,
// and why.
var notRun = map[string]string{
	"desk-call-events": "a stream lasts 25 seconds; the tests of api/desk read it",
	"desk-events":      "the same",
	"model-drafts":     "needs a language model; the tests of api/wording draft with one",
	"desk-decide":      "needs an answer that waits; the tests of api/desk decide one",
}

// runLast lists what ends or changes what others need, in this order.
var runLast = []string{"desk-end", "desk-close", "desk-order", "desk-review", "desk-set-settings", "erase"}

// A contract is the OpenAPI document that a server gives of itself.
type contract struct {
	t       *testing.T
	server  *server
	doc     map[string]any
	schemas *jsonschema.Compiler
	ran     map[string]int // how often, by operation

	staff *http.Client // of a member of staff who is logged in
	csrf  string
}

// TestContract runs the examples of every operation in the document against
// the server that gave it: each gets a reply that the document describes, of
// the described type, with no property that is not described.
func TestContract(t *testing.T) {
	t.Parallel()
	const name, password = "小王", "七月的风吹过三座桥去看海潮又回来"
	data := filepath.Join(t.TempDir(), "data")
	addStaff(t, data, name, password)
	s := serving(t, data, "GOVQA_SECOND_FACTOR=none")
	defer s.stop(t)
	// The sample city has no policies, and one operation explains them.
	must(t, "import", "-data", data, write(t, "policy.jsonl", `{"type":"policy","id":"p-1","title":"安澜市居住证管理办法","text":"第三条 公安机关应当自受理之日起15个工作日内制作发放居住证。"}`))
	c := readContract(t, s)
	c.logIn(name, password)
	ops := c.operations()
	for _, op := range ops {
		t.Run(op.id, func(t *testing.T) {
			if why := notRun[op.id]; why != "" {
				t.Skip(why)
			}
			c.t = t
			for _, trial := range op.trials() {
				c.run(op, trial, ops)
			}
		})
	}
	for _, op := range ops {
		if _, excused := notRun[op.id]; !excused && c.ran[op.id] == 0 {
			t.Errorf("%s %s was never run: it needs an example or a link", op.method, op.path)
		}
	}
	t.Run("examples of replies", func(t *testing.T) {
		for _, op := range ops {
			c.checkExamples(t, op)
		}
	})
	t.Run("failures", func(t *testing.T) { c.checkFailures(t) })
	t.Run("docs/api.md", func(t *testing.T) { checkCurls(t, ops) })
}

var (
	commandInDocs = regexp.MustCompile(`(?m)^\$ curl (?:.*\\\n)*.*$`)
	methodOfCurl  = regexp.MustCompile(` -X (\w+)`)
	pathParameter = regexp.MustCompile(`\\\{\w+\\\}`)
)

// checkCurls requires a command for every operation in the document for people.
func checkCurls(t *testing.T, ops []operation) {
	t.Helper()
	text := strings.ReplaceAll(read(t, "../../docs/api.md"), "$D", "/api/v1/desk")
	commands := commandInDocs.FindAllString(text, -1)
	for _, op := range ops {
		path := regexp.MustCompile(pathParameter.ReplaceAllString(regexp.QuoteMeta(op.path), `[^/\s"'?]+`) + `(?:[\s"'?]|$)`)
		if !slices.ContainsFunc(commands, func(command string) bool {
			method := http.MethodGet
			if m := methodOfCurl.FindStringSubmatch(command); m != nil {
				method = m[1]
			} else if strings.Contains(command, " -d ") {
				method = http.MethodPost
			}
			if strings.Contains(command, " -sG ") {
				method = http.MethodGet
			}
			return method == op.method && path.MatchString(command)
		}) {
			t.Errorf("no curl for %s %s", op.method, op.path)
		}
	}
}

// addStaff adds an account with the roles that the operations need.
func addStaff(t *testing.T, data, name, password string) {
	t.Helper()
	facts, err := openStore(data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = facts.AddUser(t.Context(), store.ByCommand, name, []string{"operator", "supervisor", "editor", "admin"}, password)
	if err := errors.Join(err, facts.Close()); err != nil {
		t.Fatal(err)
	}
}

var csrfOnPage = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)

// logIn logs in on the page, as a browser does.
func (c *contract) logIn(name, password string) {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.staff = &http.Client{Jar: jar}
	token := func(method, path string, form url.Values) string {
		req, err := http.NewRequestWithContext(c.t.Context(), method, c.server.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			c.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := c.staff.Do(req)
		if err != nil {
			c.t.Fatal(err)
		}
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		m := csrfOnPage.FindSubmatch(page)
		if err != nil || resp.StatusCode != http.StatusOK || m == nil {
			c.t.Fatalf("%s %s: %s %v", method, path, resp.Status, err)
		}
		return string(m[1])
	}
	c.csrf = token(http.MethodGet, "/staff/login", nil)
	token(http.MethodPost, "/staff/login", url.Values{"_csrf": {c.csrf}, "name": {name}, "password": {password}})
	c.csrf = token(http.MethodGet, "/staff", nil)
}

func readContract(t *testing.T, s *server) *contract {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/openapi.json", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{t: t, server: s, doc: doc.(map[string]any), schemas: jsonschema.NewCompiler(), ran: map[string]int{}}
	closeObjects(c.doc["components"].(map[string]any)["schemas"].(map[string]any))
	if err := c.schemas.AddResource("openapi.json", c.doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// openSchemas may hold what the document does not describe: a guide keeps the
// keys that its department has added.
var openSchemas = []string{"Guide"}

// closeObjects forbids what is not described, so that a field that was
// forgotten in the document is found.
func closeObjects(schemas map[string]any) {
	for name, s := range schemas {
		if s := s.(map[string]any); s["properties"] != nil && !slices.Contains(openSchemas, name) {
			s["additionalProperties"] = false
		}
	}
}

// An operation is one of the document.
type operation struct {
	id, method, path string
	pointer          string // of the operation in the document
	node             map[string]any
}

func (c *contract) operations() (ops []operation) {
	paths := c.doc["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, method := range []string{"post", "get", "put", "patch", "delete"} { // what is made can be read, and is erased last
			if node, ok := item[method].(map[string]any); ok {
				escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace(path)
				ops = append(ops, operation{node["operationId"].(string), strings.ToUpper(method), path, "#/paths/" + escaped + "/" + method, node})
			}
		}
	}
	slices.SortStableFunc(ops, func(a, b operation) int { return slices.Index(runLast, a.id) - slices.Index(runLast, b.id) })
	return ops
}

// A trial is one use of an operation.
type trial struct {
	params      map[string]string
	contentType string
	body        []byte
	accept      string
}

// trials makes trials of the examples: with what is required, with all that has
// an example, with each form of the body, and as a stream. There are none if
// something required has no example.
func (op operation) trials() []trial {
	required, all := map[string]string{}, map[string]string{}
	for _, p := range list(op.node["parameters"]) {
		name, in := p["name"].(string), p["in"].(string)
		example, has := p["example"]
		if has {
			all[in+" "+name] = fmt.Sprint(example)
		}
		if p["required"] == true {
			if !has || op.linkedOnly() {
				return nil
			}
			required[in+" "+name] = fmt.Sprint(example)
		}
	}
	bodies := []trial{{}}
	if rb, ok := op.node["requestBody"].(map[string]any); ok {
		bodies = nil
		content := rb["content"].(map[string]any)
		for _, kind := range slices.Sorted(maps.Keys(content)) {
			example := content[kind].(map[string]any)["example"]
			if example == nil {
				return nil
			}
			body, ok := example.(string)
			if !ok {
				b, err := json.Marshal(example)
				if err != nil {
					return nil
				}
				body = string(b)
			}
			bodies = append(bodies, trial{contentType: kind, body: []byte(body)})
		}
	}
	var trials []trial
	for _, b := range bodies {
		for _, params := range []map[string]string{required, all} {
			if len(params) == 0 && op.id == "search" { // it needs one of two
				continue
			}
			for _, accept := range slices.Sorted(maps.Keys(op.content("200"))) {
				b.params, b.accept = params, accept
				trials = append(trials, b)
			}
		}
	}
	return trials
}

// linkedOnly reports whether an operation reads what another has made, so that
// its examples are only good in a link.
func (op operation) linkedOnly() bool { return op.id == "message" }

// content is what a status replies with, by type.
func (op operation) content(status string) map[string]any {
	r, ok := op.node["responses"].(map[string]any)[status].(map[string]any)
	if !ok {
		return nil
	}
	content, _ := r["content"].(map[string]any)
	return content
}

func list(v any) (out []map[string]any) {
	items, _ := v.([]any)
	for _, i := range items {
		out = append(out, i.(map[string]any))
	}
	return out
}

// run makes a trial, checks the reply, and follows the links in it.
func (c *contract) run(op operation, k trial, ops []operation) {
	c.t.Helper()
	c.ran[op.id]++
	status, contentType, body := c.send(op, k)
	if status != http.StatusOK {
		c.t.Errorf("%s %s with %v %s: %d %s", op.method, op.path, k.params, k.body, status, body)
		return
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || op.content("200")[kind] == nil {
		c.t.Errorf("%s %s replies with %q, which is not described", op.method, op.path, contentType)
		return
	}
	if k.accept == "text/event-stream" && kind != k.accept {
		c.t.Errorf("%s %s: asked for a stream, got %s", op.method, op.path, kind)
	}
	value := c.check(op, "200", kind, body)
	links, _ := op.node["responses"].(map[string]any)["200"].(map[string]any)["links"].(map[string]any)
	for name, l := range links {
		link := l.(map[string]any)
		i := slices.IndexFunc(ops, func(o operation) bool { return o.id == link["operationId"] })
		if i < 0 {
			c.t.Errorf("link %s leads to no operation", name)
			continue
		}
		params := map[string]string{}
		for _, p := range list(ops[i].node["parameters"]) {
			if expression, ok := link["parameters"].(map[string]any)[p["name"].(string)].(string); ok {
				field, _ := strings.CutPrefix(expression, "$response.body#/")
				params[p["in"].(string)+" "+p["name"].(string)] = fmt.Sprint(value.(map[string]any)[field])
			}
		}
		c.run(ops[i], trial{params: params}, ops)
	}
}

func (c *contract) send(op operation, k trial) (status int, contentType string, body []byte) {
	c.t.Helper()
	path, query := op.path, url.Values{}
	header := http.Header{}
	for key, value := range k.params {
		in, name, _ := strings.Cut(key, " ")
		switch in {
		case "path":
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		case "query":
			query.Set(name, value)
		case "header":
			header.Set(name, value)
		}
	}
	sent := k.body
	if k.accept == "text/event-stream" { // both ways to ask for one
		var object map[string]any
		if err := json.Unmarshal(sent, &object); err != nil {
			c.t.Fatal(err)
		}
		object["stream"] = true
		sent, _ = json.Marshal(object) // it was just read
	}
	req, err := http.NewRequestWithContext(c.t.Context(), op.method, c.server.url+path+"?"+query.Encode(), bytes.NewReader(sent))
	if err != nil {
		c.t.Fatal(err)
	}
	if k.contentType != "" {
		req.Header.Set("Content-Type", k.contentType)
	}
	if k.accept != "" {
		req.Header.Set("Accept", k.accept)
	}
	maps.Copy(req.Header, header)
	client := http.DefaultClient
	if slices.ContainsFunc(list(op.node["security"]), func(way map[string]any) bool { return way["staffSession"] != nil }) {
		client = c.staff
		req.Header.Set("X-CSRF-Token", c.csrf)
	}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), body
}

// check validates a reply, and returns it if it is JSON.
func (c *contract) check(op operation, status, kind string, body []byte) any {
	c.t.Helper()
	pointer := op.pointer + "/responses/" + status + "/content/" + strings.ReplaceAll(kind, "/", "~1")
	switch {
	case strings.HasSuffix(kind, "json") && kind != "application/openapi+json":
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			c.t.Errorf("%s: %v", pointer, err)
			return nil
		}
		c.valid(pointer+"/schema", value)
		return value
	case kind == "text/event-stream":
		events, _ := op.content(status)[kind].(map[string]any)["x-events"].(map[string]any)
		for block := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n\n") {
			name, data, ok := strings.Cut(block, "\ndata: ")
			name, named := strings.CutPrefix(name, "event: ")
			if !ok || !named || events == nil {
				continue // a comment, or data of a protocol that names no events
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
			if err != nil || events[name] == nil {
				c.t.Errorf("event %q with %s: %v", name, data, err)
				continue
			}
			c.valid(pointer+"/x-events/"+name, value)
		}
	case len(body) == 0:
		c.t.Errorf("%s: empty", pointer)
	}
	return nil
}

func (c *contract) valid(pointer string, value any) {
	c.t.Helper()
	schema, err := c.schemas.Compile("openapi.json" + pointer)
	if err != nil {
		c.t.Errorf("%s: %v", pointer, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		c.t.Errorf("%s: %v", pointer, err)
	}
}

// checkExamples holds every example of a reply against its schema.
func (c *contract) checkExamples(t *testing.T, op operation) {
	t.Helper()
	c.t = t
	for status := range op.node["responses"].(map[string]any) {
		for kind, media := range op.content(status) {
			example := media.(map[string]any)["example"]
			if example == nil {
				if status != "200" {
					t.Errorf("%s: %s has no example", op.id, status)
				}
				continue
			}
			if text, ok := example.(string); ok && kind == "text/event-stream" {
				c.check(op, status, kind, []byte(text))
				continue
			}
			c.valid(op.pointer+"/responses/"+status+"/content/"+strings.ReplaceAll(kind, "/", "~1")+"/schema", example)
		}
	}
}

// checkFailures provokes failures and holds them against the document.
func (c *contract) checkFailures(t *testing.T) {
	c.t = t
	ops := c.operations()
	by := func(id string) operation {
		i := slices.IndexFunc(ops, func(o operation) bool { return o.id == id })
		if i < 0 {
			t.Fatalf("no operation %s", id)
		}
		return ops[i]
	}
	bearer := map[string]string{"header Authorization": "Bearer govqa_000000000000_x"}
	for _, tt := range []struct {
		name   string
		op     operation
		trial  trial
		status int
	}{
		{"no JSON", by("ask"), trial{contentType: "application/json", body: []byte("{")}, 400},
		{"a key that is none", by("themes"), trial{params: bearer}, 401},
		{"a key that is none, in the chat", by("chat-models"), trial{params: bearer}, 401},
		{"no such matter", by("matter"), trial{params: map[string]string{"path code": "没有"}}, 404},
		{"too long", by("ask"), trial{contentType: "application/json", body: bytes.Repeat([]byte(" "), 70<<10)}, 413},
		{"another type", by("ask"), trial{contentType: "text/plain", body: []byte("几天")}, 415},
		{"a question missing", by("ask"), trial{contentType: "application/json", body: []byte("{}")}, 422},
		{"a model that is none", by("chat"), trial{contentType: "application/json", body: []byte(`{"model":"x","messages":[{"role":"user","content":"几天"}]}`)}, 404},
		{"a chat of nothing", by("chat"), trial{contentType: "application/json", body: []byte(`{"model":"govqa","messages":[]}`)}, 400},
		{"a message that is none", by("message"), trial{params: map[string]string{"path number": "1", "header Message-Code": "1"}}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			status, contentType, body := c.send(tt.op, tt.trial)
			kind, _, err := mime.ParseMediaType(contentType)
			if status != tt.status || err != nil {
				t.Fatalf("%d %s %s", status, contentType, body)
			}
			if tt.op.content(strconv.Itoa(status))[kind] == nil {
				t.Fatalf("%s does not describe %d with %s", tt.op.id, status, kind)
			}
			c.check(tt.op, strconv.Itoa(status), kind, body)
		})
	}
}

// TestOpenAPILint has the document checked by a linter from npm, under its
// strictest rules.
func TestOpenAPILint(t *testing.T) {
	t.Parallel()
	tools := npmTools(t)
	s := serving(t, t.TempDir())
	defer s.stop(t)
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+"/openapi.json", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "openapi.json", string(doc))
	var report struct {
		Totals struct{ Errors, Warnings, Ignored int }
	}
	out := tools.run(t, "redocly", "lint", "--config", "redocly.yaml", "--format=json", file)
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	if n := report.Totals; n.Errors+n.Warnings+n.Ignored > 0 {
		t.Errorf("%+v\n%s", n, out)
	}
}

// undescribed lists what is served and not in the document, by the beginning
// of its path, and why. A path that ends with / stands for all below it.
var undescribed = map[string]string{
	"/":                "a citizen page",
	"/ask":             "a citizen page, with its form",
	"/search":          "a citizen page",
	"/matters/":        "a citizen page",
	"/events":          "a citizen page",
	"/events/":         "a citizen page",
	"/feedback":        "the form of a citizen page",
	"/message":         "a citizen page, with its form",
	"/message/look-up": "a citizen page, with its form",
	"/policies/":       "a citizen page",
	"/about":           "a citizen page",
	"/privacy":         "leads to a citizen page",
	"/widget":          "a citizen page in a frame",
	"/widget.js":       "the script of the frame",
	"/static/":         "scripts, styles and pictures of pages",
	"/docs/style.css":  "the style of the page of the document",
	"/staff":           "pages of staff",
	"/staff/":          "pages of staff",
	"/console":         "pages of staff",
	"/console/":        "pages of staff",
	"/desk":            "pages of staff",
	"/desk/":           "pages of staff",
}

// TestEveryRouteIsDescribed puts the whole service together and holds its
// routes against the document.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	log := slog.New(slog.DiscardHandler)
	a, err := openApp(t.Context(), data, true, log, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}()
	cfg := config{}
	ends, err := newEndpoints(&cfg, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if a.semantics, err = openSemantics(ends, &cfg, data, a, nil); err != nil {
		t.Fatal(err)
	}
	svc, err := newService(t.Context(), cfg, data, a, log)
	if err != nil {
		t.Fatal(err)
	}
	app := svc.server.App()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := app.Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Description string }
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	parameter, described, excused := regexp.MustCompile(`:(\w+)`), 0, map[string]bool{}
	for _, r := range app.GetRoutes(true) {
		if r.Method == http.MethodHead {
			continue
		}
		path := parameter.ReplaceAllString(r.Path, "{$1}")
		if doc.Paths[path][strings.ToLower(r.Method)] != nil {
			described++
			continue
		}
		excuse := path
		if _, ok := undescribed[excuse]; !ok {
			excuse = path[:strings.LastIndex(path, "/")+1]
			for excuse != "/" && undescribed[excuse] == "" {
				excuse = excuse[:strings.LastIndex(strings.TrimSuffix(excuse, "/"), "/")+1]
			}
		}
		if excuse == "/" && path != "/" {
			t.Errorf("%s %s is served and not in the document: describe it, or say in undescribed why not", r.Method, r.Path)
			continue
		}
		excused[excuse] = true
	}
	for path, why := range undescribed {
		if !excused[path] {
			t.Errorf("%s (%s) is not served any more", path, why)
		}
	}
	operations := 0
	for _, item := range doc.Paths {
		operations += len(item)
	}
	if described != operations || operations < 40 {
		t.Errorf("%d operations in the document, %d of them served", operations, described)
	}
	for name, schema := range doc.Components.Schemas {
		for field, p := range schema.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
	}
}
