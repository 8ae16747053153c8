package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/nlp"
)

// A node is a part of the OpenAPI document.
type node = map[string]any

func openAPI(t *testing.T, s *site) node {
	t.Helper()
	var doc node
	if err := json.Unmarshal([]byte(s.do(t, "GET", "/openapi.json", "").body), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at walks down the keys.
func at(t *testing.T, n any, keys ...string) any {
	t.Helper()
	for _, k := range keys {
		m, ok := n.(node)
		if !ok || m[k] == nil {
			t.Fatalf("no %q of %v", k, keys)
		}
		n = m[k]
	}
	return n
}

// parameter matches what a route takes from its path.
var parameter = regexp.MustCompile(`:(\w+)`)

func TestOpenAPIHasEveryRoute(t *testing.T) {
	s := open(t, Config{Version: "1.2.3"}, &fake{})
	doc := openAPI(t, s)
	if v := at(t, doc, "openapi"); v != "3.1.0" {
		t.Errorf("openapi = %v", v)
	}
	if v := at(t, doc, "info", "version"); v != "1.2.3" {
		t.Errorf("version = %v", v)
	}
	n := 0
	for _, r := range s.App().GetRoutes(true) {
		if r.Method == http.MethodHead || r.Path == "/docs/style.css" {
			continue
		}
		path := parameter.ReplaceAllString(r.Path, "{$1}")
		op := at(t, doc, "paths", path, strings.ToLower(r.Method)).(node)
		for _, key := range []string{"operationId", "summary", "description", "responses"} {
			if op[key] == nil {
				t.Errorf("%s %s has no %s", r.Method, path, key)
			}
		}
		n++
	}
	if n < 14 {
		t.Errorf("only %d routes", n)
	}
	if got := len(at(t, doc, "paths").(node)); got != n {
		t.Errorf("%d paths described, %d served", got, n)
	}
}

// every calls visit for each object in the document.
func every(n any, path string, visit func(path string, n node)) {
	switch n := n.(type) {
	case node:
		visit(path, n)
		for k, v := range n {
			if k != "example" && k != "examples" {
				every(v, path+"/"+k, visit)
			}
		}
	case []any:
		for _, v := range n {
			every(v, path+"[]", visit)
		}
	}
}

func TestOpenAPIIsSound(t *testing.T) {
	doc := openAPI(t, open(t, Config{}, &fake{}))
	schemas := at(t, doc, "components", "schemas").(node)
	types := []any{"object", "array", "string", "integer", "number", "boolean"}
	ids := map[any]bool{}
	every(doc, "", func(path string, n node) {
		if ref, ok := n["$ref"].(string); ok {
			if schemas[strings.TrimPrefix(ref, "#/components/schemas/")] == nil {
				t.Errorf("%s refers to %s", path, ref)
			}
		}
		if typ, ok := n["type"]; ok && !strings.HasSuffix(path, "/properties") && !strings.Contains(path, "/securitySchemes/") && !slices.Contains(types, typ) {
			t.Errorf("%s has type %v", path, typ)
		}
		if n["type"] == "array" && n["items"] == nil {
			t.Errorf("%s is an array of nothing", path)
		}
		if id := n["operationId"]; id != nil && n["responses"] != nil {
			if ids[id] {
				t.Errorf("operation %v twice", id)
			}
			ids[id] = true
		}
		if responses, ok := n["responses"].(node); ok {
			for status, r := range responses {
				if len(status) != 3 || at(t, r, "description") == "" {
					t.Errorf("%s: response %q", path, status)
				}
				if status >= "400" {
					at(t, r, "content", problemType, "example", "title")
				}
			}
		}
	})
	for name, schema := range schemas {
		for field, p := range at(t, schema, "properties").(node) {
			if d, _ := p.(node)["description"].(string); d == "" {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
	}
}

func TestOpenAPISaysTheContract(t *testing.T) {
	doc := openAPI(t, open(t, Config{}, &fake{}))
	ask := at(t, doc, "paths", "/api/v1/ask", "post")
	stream := at(t, ask, "responses", "200", "content", "text/event-stream", "x-events").(node)
	for _, event := range []string{"meta", "card", "delta", "sources", "done", "error"} {
		if stream[event] == nil {
			t.Errorf("the stream has no event %s", event)
		}
	}
	for _, status := range []string{"400", "413", "415", "422", "429", "500", "503", "504"} {
		at(t, ask, "responses", status)
	}
	props := at(t, doc, "components", "schemas", "Answer", "properties")
	if got := len(at(t, props, "outcome", "enum").([]any)); got != len(answer.Outcomes) {
		t.Errorf("%d outcomes", got)
	}
	if got := len(at(t, props, "aspect", "enum").([]any)); got != len(nlp.Aspects) {
		t.Errorf("%d aspects", got)
	}
	text := at(t, doc, "components", "schemas", "AskBody", "properties", "text")
	if got := at(t, text, "maxLength"); got != float64(answer.MaxText) {
		t.Errorf("text may have %v characters", got)
	}
	if got := at(t, doc, "components", "schemas", "AskBody", "required").([]any); len(got) != 1 || got[0] != "text" {
		t.Errorf("required: %v", got)
	}
}

func TestDocsPage(t *testing.T) {
	s := open(t, Config{}, &fake{})
	page := s.do(t, "GET", "/docs", "").body
	for _, want := range []string{"POST /api/v1/ask", `id="problem-429"`, "必填", "event: delta", "身份证"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	// The page must stand without a network and under our own content policy.
	for _, never := range []string{"<script", "<style", " style=", "unpkg", `src="http`, `href="http`} {
		if strings.Contains(page, never) {
			t.Errorf("%q in the page", never)
		}
	}
	if css := s.do(t, "GET", "/docs/style.css", ""); css.status != 200 || !strings.HasPrefix(css.header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %d %s", css.status, css.header.Get("Content-Type"))
	}
	if yaml := s.do(t, "GET", "/openapi.yaml", "").body; !strings.Contains(yaml, "openapi: 3.1.0") {
		t.Errorf("yaml: %.200s", yaml)
	}
}
