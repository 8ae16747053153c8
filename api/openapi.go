package api

import (
	"bufio"
	"bytes"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// The groups of operations.
const (
	tagAsk    = "问答"
	tagBrowse = "查询"
	tagRun    = "运行"
)

// The ways to prove who one is: an API key, and a member of staff's login.
const (
	schemeKey     = "apiKey"
	schemeSession = "staffSession"
)

// headRouter serves HEAD wherever GET is served.
type headRouter struct{ fiber.Router }

func (r headRouter) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	if method == http.MethodGet {
		r.Router.Add(http.MethodHead, path, handlers...)
	}
	return r.Router.Add(method, path, handlers...)
}

func (s *Server) newAPI() huma.API {
	cfg := huma.DefaultConfig("政务服务问答 API", s.cfg.Version)
	cfg.CreateHooks = nil                                       // no $schema in the replies
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // served by registerDocs
	cfg.AllowAdditionalPropertiesByDefault = true               // fields that we do not know are ignored
	cfg.Transformers = []huma.Transformer{s.translate}
	cfg.Info.Description = "回答群众关于政务服务事项的提问，并推荐接下来可能要办的事项。" +
		"所有事实逐字取自已发布的办事指南；没有公布的内容会如实说明，不作推测。\n\n" +
		"出错时一律返回 RFC 9457 问题文档（application/problem+json），title 是可以直接给群众看的中文。" +
		"每个响应都带 X-Request-ID，报障时请提供。"
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{schemeKey: {Type: "http", Scheme: "bearer", BearerFormat: "govqa_…",
		Description: "接口密钥，由管理员在工作台签发，各有范围和限额；不带密钥时按访问者计频次。只为满足聊天软件而必须填写时，填 " + Anonymous + "。"}}
	if len(s.cfg.Described) > 0 {
		cfg.Components.SecuritySchemes[schemeSession] = &huma.SecurityScheme{Type: "apiKey", In: "cookie", Name: "govqa-session",
			Description: "工作人员登录后的会话；经 HTTPS 时名为 __Host-govqa-session。GET 以外的请求还要带请求头 X-CSRF-Token，值取自页面。"}
	}
	cfg.Servers = []*huma.Server{{URL: "/", Description: "本服务"}}
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.Tags = []*huma.Tag{
		{Name: tagAsk, Description: "提问与评价"},
		{Name: tagBrowse, Description: "检索事项、主题与地区"},
		{Name: tagPersonal, Description: "按办事经历推荐，以及本人对自己数据的权利"},
		{Name: tagRun, Description: "供运维与监控使用"},
	}
	return humafiber.NewWithGroup(s.app, headRouter{s.app}, cfg)
}

// schemaName names the schema of a type: with its package, where that is not
// one of those whose types are known by their name alone.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch base := path.Base(t.PkgPath()); base {
	case "corpus", "answer", "api", "compat", "mcp", "v2", ".": // v2: huma's own
		return name
	default:
		return strings.ToUpper(base[:1]) + base[1:] + name
	}
}

// schema is the schema of v's type.
func (s *Server) schema(v any) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")
}

// replies describes what an operation answers: example when all is well, and
// a problem for each status.
func (s *Server) replies(what string, example any, problems ...int) map[string]*huma.Response {
	out := map[string]*huma.Response{"200": {
		Description: what,
		Headers:     map[string]*huma.Param{"X-Request-ID": {Description: "请求编号", Schema: text()}},
		Content:     map[string]*huma.MediaType{"application/json": {Schema: s.schema(example), Example: example}},
	}}
	for _, status := range append(problems, alwaysPossible...) {
		out[strconv.Itoa(status)] = s.problemReply(status)
	}
	return out
}

// alwaysPossible are the failures that any request can meet: a key that is no
// good, a key that has used up its share, and a fault of ours.
var alwaysPossible = []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusInternalServerError}

// jsonBody describes a request's body by an example.
func jsonBody(example any) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Example: example}}}
}

func (s *Server) problemReply(status int) *huma.Response {
	p := newProblem(status, detailOf(status))
	p.Instance = "5f0c7a1be2d94c8a9d3e6b71"
	r := &huma.Response{
		Description: p.Title,
		Content:     map[string]*huma.MediaType{problemType: {Schema: s.schema(*p), Example: p}},
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		r.Headers = map[string]*huma.Param{"Retry-After": {Description: "多少秒后再试", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	}
	return r
}

func text() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// notModified adds what a reply that may be kept answers besides.
func notModified(replies map[string]*huma.Response) map[string]*huma.Response {
	replies["200"].Headers["ETag"] = &huma.Param{Description: "内容与版次的标记", Schema: text()}
	replies["304"] = &huma.Response{Description: "内容没有变化"}
	return replies
}

func (s *Server) askOperation() huma.Operation {
	replies := s.replies("回答", exampleAnswer(), 400, 413, 415, 422, 429, 503, 504)
	replies["200"].Content[streamType] = &huma.MediaType{
		Schema:  &huma.Schema{Type: huma.TypeString, Description: streamWords},
		Example: exampleStream(),
		Extensions: map[string]any{"x-events": map[string]*huma.Schema{
			"meta":    s.eventSchema(StreamMeta{}),
			"card":    s.schema(answer.Answer{}),
			"wording": s.eventSchema(StreamWording{}),
			"delta":   s.eventSchema(StreamDelta{}),
			"sources": {Type: huma.TypeArray, Items: s.schema(answer.FactSource{})},
			"done":    s.eventSchema(StreamDone{}),
			"error":   s.schema(Problem{}),
		}},
	}
	return huma.Operation{
		OperationID: "ask", Method: http.MethodPost, Path: pathAsk, Tags: []string{tagAsk},
		Summary: "提问",
		Description: "回答一个问题。把回答里的 state 随下一个问题带回，就可以接着问（“那要几天？”）；服务器不保存会话。" +
			"请求头 Accept: text/event-stream 或 \"stream\": true 时以事件流回答。回答不可缓存。",
		RequestBody: jsonBody(AskBody{Text: "身份证丢了怎么补", Region: "990100"}),
		Responses:   replies,
	}
}

const streamWords = "事件依次为：meta（编号、版次、结果、要素、生成方式），card（完整的回答，与 JSON 方式相同），" +
	"delta（逐句的正文，连起来就是 text），sources（去重后的来源），done（用时）。" +
	"开始后出错则以 error（问题文档）结束。等待期间每 15 秒有一行注释（: wait）。"

// exampleStream is the stream of the example answer, as it is written.
func exampleStream() string {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	e, a := &eventWriter{w: w}, exampleAnswer()
	e.comment("ok")
	e.event("meta", StreamMeta{a.ID, a.Edition, a.Outcome, a.Aspect, a.GeneratedBy})
	e.event("card", a)
	for _, text := range Sentences(a.Text) {
		e.event("delta", StreamDelta{text})
	}
	e.event("sources", sources(a.Facts))
	e.event("done", StreamDone{ElapsedMS: a.ElapsedMS})
	return out.String()
}

// eventSchema is the schema of the data of an event, in its place: extensions
// are not searched for what the document refers to.
func (s *Server) eventSchema(v any) *huma.Schema {
	t := reflect.TypeOf(v)
	schema := huma.SchemaFromType(s.api.OpenAPI().Components.Schemas, t)
	describeFields(t.Name(), schema, fieldWords(fieldTable))
	return schema
}

func (s *Server) feedbackOperation() huma.Operation {
	return huma.Operation{
		OperationID: "feedback", Method: http.MethodPost, Path: pathFeedback, Tags: []string{tagAsk},
		Summary:     "评价回答",
		Description: "满意或不满意，可附原因（答非所问、信息过期、不完整、看不懂、其他）和说明。",
		RequestBody: jsonBody(FeedbackBody{Answer: "ans_a3f09c1d", Rating: -1, Reasons: []string{"不完整"}, Text: "没有说明收费"}),
		Responses:   s.replies("已收到", Received{OK: true}, 400, 413, 415, 422, 503),
	}
}

// get describes an operation that reads.
func get(id, path, summary, description string, replies map[string]*huma.Response) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{tagBrowse},
		Summary: summary, Description: description, Responses: replies,
	}
}

func (s *Server) searchOperation() huma.Operation {
	a := exampleAnswer()
	return get("search", pathSearch, "检索事项", "按词语、地区、服务对象和主题检索事项，与提问用的是同一个检索。",
		s.replies("一页事项", answer.SearchPage{Matters: a.Matters, Next: "MTA", Total: 23, Edition: a.Edition}, 422, 503, 504))
}

func (s *Server) suggestOperation() huma.Operation {
	return get("suggest", pathSuggest, "输入联想", "补全正在输入的问题，也认拼音。",
		s.replies("联想的问题", Suggestions{[]answer.Suggestion{{Text: "身份证丢了怎么补", Code: exampleCode}}}, 422, 503, 504))
}

func (s *Server) matterOperation() huma.Operation {
	g := corpus.Guide{PromisedLimit: &corpus.Limit{N: 15, Unit: "工作日"}, Steps: []string{"挂失", "申请", "领证"},
		Source: corpus.Source{URL: exampleSource.URL, Updated: exampleSource.Updated, Sample: true}}
	g.Code, g.Name, g.Agency = exampleCode, exampleName, corpus.Agency{Name: "安澜市公安局"}
	return get("matter", pathMatter, "办事指南", "一个事项的办事指南，格式与导入格式相同；没有公布的字段不出现，导入时不认识的字段原样保留。",
		notModified(s.replies("办事指南", g, 404, 503, 504)))
}

func (s *Server) themesOperation() huma.Operation {
	return get("themes", pathThemes, "主题", "各主题及其现行有效的事项数。",
		notModified(s.replies("主题", Themes{[]answer.ThemeCount{{Name: "证件办理", Audience: "person", Matters: 9}}, 1}, 422, 503, 504)))
}

func (s *Server) regionsOperation() huma.Operation {
	return get("regions", pathRegions, "地区", "有事项的行政区划。",
		notModified(s.replies("地区", Regions{[]answer.RegionCount{{Code: "990100", Name: "安澜市", Parent: "990000", Matters: 262}}, 1}, 503, 504)))
}

func (s *Server) hotOperation() huma.Operation {
	return get("hot", pathHot, "热门问题", "近来常被问到的问题。",
		notModified(s.replies("热门问题", Hot{[]answer.HotQuestion{{Text: "身份证丢了怎么补", Code: exampleCode}}, 1}, 422, 503, 504)))
}

// describeRest describes what huma does not serve.
func (s *Server) describeRest() {
	plain := func(id, path, summary, description, contentType string, problems ...int) {
		op := get(id, path, summary, description, s.replies(summary, Health{Status: healthOK, Edition: 1, Components: map[string]string{"store": healthOK, "index": healthOK}}, problems...))
		op.Tags, op.Security = []string{tagRun}, security("")
		if path == "/metrics" {
			op.Security = security(scopeMetrics)
		}
		if contentType != fiber.MIMEApplicationJSON {
			op.Responses["200"].Content = map[string]*huma.MediaType{contentType: {Schema: text()}}
		}
		s.api.OpenAPI().AddOperation(&op)
	}
	plain("healthz", "/healthz", "存活", "进程活着就答 200。", fiber.MIMEApplicationJSON)
	plain("readyz", "/readyz", "就绪", "可以回答问题时答 200，否则 503；components 说明各部件，具体原因只告诉本机。", fiber.MIMEApplicationJSON, 503)
	plain("metrics", "/metrics", "指标", "Prometheus 文本格式；默认只答本机。", "text/plain", 403)
	plain("openapi-json", "/openapi.json", "接口文档（JSON）", "本文档，OpenAPI 3.1。", "application/openapi+json")
	plain("openapi-yaml", "/openapi.yaml", "接口文档（YAML）", "本文档，OpenAPI 3.1。", "application/openapi+yaml")
	plain("docs", "/docs", "接口说明", "本文档的可读页面，离线可用。", fiber.MIMETextHTML)
}

// The examples are of the built-in sample city, whose places and numbers are
// made up: whoever tries them on a fresh installation gets answers.
const (
	exampleCode = "AL-SF-004"
	exampleName = "居民身份证丢失补领"
)

var exampleSource = answer.FactSource{URL: "https://zwfw.anlan.example/guide/AL-SF-004", Updated: "2026-06-30"}

// ExampleAnswer is an answer for the documents of other protocols.
func ExampleAnswer() answer.Answer { return exampleAnswer() }

func exampleAnswer() answer.Answer {
	return answer.Answer{
		ID: "ans_a3f09c1d", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: nlp.AspectTimeLimit,
		Text:    "「居民身份证丢失补领」\n承诺办结时限：15个工作日",
		Matters: []answer.MatterRef{{Code: exampleCode, Name: exampleName, Agency: "安澜市公安局", Region: "安澜市", Score: 0.93, Why: []string{"名称与问题相符"}}},
		Facts: []answer.Fact{{Code: exampleCode, Field: "promisedLimit", Label: "承诺办结时限", Value: "15个工作日",
			Source: exampleSource}},
		Options:         []answer.Option{{Label: "要什么材料", Text: exampleName + "要什么材料"}},
		Recommendations: []answer.Recommendation{{Code: "AL-SF-007", Name: "临时居民身份证办理", Reason: "「钱包丢了一件事」中，办完这一项就可以办它", Kind: "bundle"}},
		Actions:         []answer.Action{{Type: "online", Label: "在线办理", URL: "https://zwfw.anlan.example/apply/AL-SF-004"}},
		Notices:         []string{answer.NoticeSample}, Confidence: 0.87, Edition: 1, State: "eyJtIjoi…", ElapsedMS: 3.1,
	}
}
