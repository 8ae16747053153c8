package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/corpus"
)

// registerDocs makes the OpenAPI document and its page, once everything else
// is registered, and serves them.
func (s *Server) registerDocs() error {
	s.describeRest()
	if err := s.describeOthers(); err != nil {
		return err
	}
	s.finishSchemas()
	s.finishOperations()
	doc := s.api.OpenAPI()
	asJSON, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	page, err := docsPage(doc)
	if err != nil {
		return fmt.Errorf("docs page: %w", err)
	}
	s.app.Get("/openapi.json", document("application/openapi+json", asJSON))
	s.app.Get("/openapi.yaml", document("application/openapi+yaml", asYAML))
	s.app.Get("/docs", document(fiber.MIMETextHTMLCharsetUTF8, page))
	s.app.Get("/docs/style.css", document("text/css; charset=utf-8", []byte(docsStyle)))
	return nil
}

// document serves a document that changes only with the program.
func document(contentType string, body []byte) fiber.Handler {
	hash := corpus.HashOf(body)
	tag := fmt.Sprintf(`W/"%x"`, hash[:8])
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderETag, tag)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		if matches(c.Get(fiber.HeaderIfNoneMatch), tag) {
			return c.SendStatus(fiber.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, contentType)
		return c.Send(body)
	}
}

// A docOperation is one operation as the page shows it.
type docOperation struct {
	ID, Method, Path, Summary, Description string
	Params, Body                           []docField
	Replies                                []docReply
}

type docField struct {
	Name, In, Type, Words string
	Required              bool
}

type docReply struct{ Status, Words, Type, Example string }

type docSchema struct {
	Name   string
	Fields []docField
}

type docProblem struct {
	Status        int
	Title, Detail string
}

// docsPage renders the document for people, without any script.
func docsPage(doc *huma.OpenAPI) ([]byte, error) {
	page := struct {
		Info       *huma.Info
		Operations []docOperation
		Schemas    []docSchema
		Problems   []docProblem
	}{Info: doc.Info}
	for _, path := range sortedKeys(doc.Paths) {
		for _, op := range operationsOf(doc.Paths[path]) {
			page.Operations = append(page.Operations, describe(doc, op))
		}
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range sortedKeys(schemas) {
		page.Schemas = append(page.Schemas, docSchema{name, fieldsOf(schemas[name])})
	}
	for _, status := range []int{400, 403, 404, 405, 408, 413, 415, 422, 429, 431, 500, 503, 504} {
		page.Problems = append(page.Problems, docProblem{status, titleOf(status), detailOf(status)})
	}
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, page); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func describe(doc *huma.OpenAPI, op *huma.Operation) docOperation {
	d := docOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		d.Params = append(d.Params, docField{p.Name, p.In, typeOf(p.Schema), p.Description, p.Required})
	}
	if op.RequestBody != nil {
		body := op.RequestBody.Content["application/json"].Schema
		if len(body.OneOf) > 0 { // one, or a list of them
			body = body.OneOf[0]
		}
		d.Body = fieldsOf(doc.Components.Schemas.SchemaFromRef(body.Ref))
	}
	for _, status := range sortedKeys(op.Responses) {
		r := op.Responses[status]
		if len(r.Content) == 0 {
			d.Replies = append(d.Replies, docReply{Status: status, Words: r.Description})
		}
		for _, kind := range sortedKeys(r.Content) {
			d.Replies = append(d.Replies, docReply{status, r.Description, kind, example(status, r.Content[kind].Example)})
		}
	}
	return d
}

// example shows the example of a reply that went well; problems are listed
// once, below.
func example(status string, v any) string {
	if v == nil || status != "200" {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // the document itself was marshalled before
		return ""
	}
	return string(out)
}

func fieldsOf(s *huma.Schema) []docField {
	var out []docField
	for _, name := range sortedKeys(s.Properties) {
		p := s.Properties[name]
		out = append(out, docField{name, "", typeOf(p), p.Description, slices.Contains(s.Required, name)})
	}
	return out
}

// typeOf says a schema in a few words: string ≤ 300, [Fact], one of a list.
func typeOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	case s.Items != nil:
		return "[" + typeOf(s.Items) + "]"
	case len(s.Enum) > 0:
		var all []string
		for _, v := range s.Enum {
			all = append(all, fmt.Sprint(v))
		}
		return strings.Join(all, " | ")
	}
	out := s.Type
	if s.MaxLength != nil {
		out += " ≤ " + strconv.Itoa(*s.MaxLength) + " 字"
	}
	if s.Minimum != nil && s.Maximum != nil {
		out += fmt.Sprintf(" %g–%g", *s.Minimum, *s.Maximum)
	}
	return out
}

const docsTemplate = `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Info.Title}}</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header><h1>{{.Info.Title}}</h1><p class="version">{{.Info.Version}} · <a href="/openapi.json">openapi.json</a> · <a href="/openapi.yaml">openapi.yaml</a></p>
<p>{{.Info.Description}}</p></header>
<nav aria-label="接口"><ul>{{range .Operations}}<li><a href="#{{.ID}}"><code>{{.Method}} {{.Path}}</code> {{.Summary}}</a></li>{{end}}
<li><a href="#problems">错误</a></li><li><a href="#schemas">数据结构</a></li></ul></nav>
<main>
{{range .Operations}}<section id="{{.ID}}">
<h2>{{.Summary}}</h2><p><code class="path">{{.Method}} {{.Path}}</code></p><p>{{.Description}}</p>
{{with .Params}}<h3>参数</h3>{{template "fields" .}}{{end}}
{{with .Body}}<h3>请求内容（JSON）</h3>{{template "fields" .}}{{end}}
<h3>响应</h3><dl>{{range .Replies}}<dt>{{.Status}} {{.Words}}{{with .Type}} <code>{{.}}</code>{{end}}</dt>{{with .Example}}<dd><pre>{{.}}</pre></dd>{{end}}{{end}}</dl>
</section>
{{end}}
<section id="problems"><h2>错误</h2><p>application/problem+json，见 <a href="#schema-Problem">Problem</a>。</p>
<table><thead><tr><th>状态</th><th>title</th><th>说明</th></tr></thead><tbody>
{{range .Problems}}<tr id="problem-{{.Status}}"><td>{{.Status}}</td><td>{{.Title}}</td><td>{{.Detail}}</td></tr>
{{end}}</tbody></table></section>
<section id="schemas"><h2>数据结构</h2>
{{range .Schemas}}<h3 id="schema-{{.Name}}">{{.Name}}</h3>{{template "fields" .Fields}}
{{end}}</section>
</main>
</body>
</html>
{{define "fields"}}<table><thead><tr><th>名称</th><th>类型</th><th>说明</th></tr></thead><tbody>
{{range .}}<tr><td><code>{{.Name}}</code>{{if .Required}} <strong>必填</strong>{{end}}{{with .In}} <small>{{.}}</small>{{end}}</td><td>{{.Type}}</td><td>{{.Words}}</td></tr>
{{end}}</tbody></table>{{end}}`

const docsStyle = `body{max-width:60rem;margin:0 auto;padding:1rem;font:1rem/1.6 system-ui,"PingFang SC","Microsoft YaHei",sans-serif;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;padding-top:.5rem;border-top:1px solid #d0d7de}h3{margin-bottom:.3rem}
a{color:#0b57a4}code,pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em}
.path{font-size:1.05rem;padding:.2rem .5rem;background:#eef3f8;border-radius:.3rem}
pre{overflow-x:auto;padding:.8rem;background:#f6f8fa;border-radius:.4rem}dd{margin:0}
table{border-collapse:collapse;width:100%}th,td{padding:.35rem .5rem;border-bottom:1px solid #d0d7de;text-align:left;vertical-align:top;overflow-wrap:anywhere}
td:first-child{white-space:nowrap}
strong{color:#a40e26;font-size:.8em}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#7ab7ff}pre,.path{background:#161b22}th,td,h2{border-color:#30363d}strong{color:#ff8f8f}}
`
