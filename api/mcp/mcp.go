// Package mcp lets agents use the engine by the Model Context Protocol: five
// tools that only read, and the guides as resources.
//
// It promises that an agent gets what a citizen gets, through the same gate,
// and that nothing an agent calls changes anything: no tool takes a person's
// pseudonym, and no personal data goes out.
package mcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus"
)

// path is where the protocol is served over HTTP.
const path = "/mcp"

// instructions tell an agent how to use the tools.
const instructions = "本服务回答关于政务服务事项（办证、社保、户籍、企业开办等）的问题，所有事实逐字取自已发布的办事指南。" +
	"群众问怎么办、要什么材料、多久、多少钱，用 answer_question，把群众的原话作为 question；接着问时带上 state，或把之前的问题放进 earlier。" +
	"要比较或浏览事项，先用 search_matters，再用 get_matter 读全文。没有公布的内容不要推测，转述时保留来源。"

// A Server is the protocol over one engine.
type Server struct {
	host   api.Host
	engine api.Engine // of the host
	sdk    *sdk.Server
}

// New makes the protocol for a host.
func New(version string, host api.Host) (*Server, error) {
	s := &Server{host: host, engine: host.Engine}
	s.sdk = sdk.NewServer(&sdk.Implementation{Name: "govqa", Title: "政务服务问答", Version: version}, &sdk.ServerOptions{
		Instructions: instructions, CompletionHandler: s.complete, Capabilities: &sdk.ServerCapabilities{}})
	if err := s.addTools(); err != nil {
		return nil, err
	}
	s.addResources()
	return s, nil
}

// Interface is the protocol over HTTP, stateless, to be served beside the API.
func Interface(version string) api.Interface {
	return api.Interface{Name: "mcp", Prefix: path, TagWords: "供智能体使用", Operations: []api.Operation{{
		ID: "mcp", Method: http.MethodPost, Path: path, Tag: "MCP", Summary: "Model Context Protocol",
		Description: "供智能体使用的 MCP（streamable HTTP，无会话）：一个请求一条 JSON-RPC 消息，Accept 须同时有 application/json 和 text/event-stream。" +
			"工具有 search_matters、get_matter、answer_question、recommend_matters、list_regions，都只读。",
		Scope: "search",
		Params: []api.Param{{Name: "Accept", In: "header", Words: "application/json, text/event-stream",
			Example: "application/json, text/event-stream", Required: true}},
		Body:  Message{Version: "2.0", ID: 1, Method: "tools/list", Params: map[string]any{}},
		Reply: Message{Version: "2.0", ID: 1, Result: map[string]any{"tools": []any{}}},
		Problems: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}}, Handler: func(host api.Host) (http.Handler, error) {
		s, err := New(version, host)
		if err != nil {
			return nil, err
		}
		return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s.sdk }, &sdk.StreamableHTTPOptions{
			Stateless: true, JSONResponse: true, PropagateRequestCancellation: true}), nil
	}}
}

// A Message is a message of JSON-RPC 2.0, for the OpenAPI document.
type Message struct {
	Version string         `json:"jsonrpc" doc:"总为 2.0"`
	ID      int            `json:"id,omitempty" doc:"编号，通知没有"`
	Method  string         `json:"method,omitempty" doc:"方法，如 tools/call"`
	Params  map[string]any `json:"params,omitempty" doc:"参数"`
	Result  map[string]any `json:"result,omitempty" doc:"结果"`
}

// Run serves one client that speaks over r and w, a message a line, until r
// ends or ctx does.
func (s *Server) Run(ctx context.Context, r io.ReadCloser, w io.WriteCloser) error {
	err := s.sdk.Run(ctx, &sdk.IOTransport{Reader: r, Writer: w})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// said is an error in words for an agent to pass on.
func (s *Server) said(ctx context.Context, err error) error {
	p := s.host.Problem(ctx, err)
	if p.GetHeaders().Get("Retry-After") != "" {
		return fmt.Errorf("%s：%s（%s 秒后再试）", p.Title, p.Detail, p.GetHeaders().Get("Retry-After"))
	}
	return fmt.Errorf("%s：%s", p.Title, p.Detail)
}

// addTools adds the tools. All only read, and read only what is published.
func (s *Server) addTools() error {
	// What only operators may see is taken out of every guide that is sent.
	public := func(out *jsonschema.Schema) { delete(out.Properties["guide"].Properties, "internal") }
	return errors.Join(
		addTool(s.sdk, "answer_question", "回答问题",
			"回答群众关于政务服务的一个问题：怎么办、要什么材料、多久、多少钱、在哪里。给出正文、所依据的事实和来源。需要补充时会反问并列出选项。", s.answerQuestion),
		addTool(s.sdk, "search_matters", "检索事项", "按词语、地区、服务对象、主题检索政务服务事项，返回编码和名称。", s.searchMatters),
		addTool(s.sdk, "get_matter", "读办事指南", "按编码读一个事项的办事指南全文，没有公布的字段不出现。", s.getMatter, public),
		addTool(s.sdk, "recommend_matters", "推荐事项", "办完一个事项后接下来可能要办的事项，或某地、某类服务对象当前常办的事项，各有理由。", s.recommendMatters),
		addTool(s.sdk, "list_regions", "列出地区", "有办事指南的行政区划及其代码，供其他工具的 region 使用。", s.listRegions),
	)
}

// addTool adds a tool that only reads, with schemas of its types.
func addTool[In, Out any](server *sdk.Server, name, title, description string, h sdk.ToolHandlerFor[In, Out], change ...func(*jsonschema.Schema)) error {
	in, err := jsonschema.For[In](nil)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	out, err := jsonschema.For[Out](nil)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range change {
		f(out)
	}
	for _, schema := range []*jsonschema.Schema{in, out} {
		neverNull(schema)
	}
	no := false
	sdk.AddTool(server, &sdk.Tool{Name: name, Title: title, Description: description, InputSchema: in, OutputSchema: out,
		Annotations: &sdk.ToolAnnotations{Title: title, ReadOnlyHint: true, IdempotentHint: true, DestructiveHint: &no, OpenWorldHint: &no}}, h)
	return nil
}

// neverNull says of lists and objects that they are never null, which is so,
// and which many clients cannot read otherwise.
func neverNull(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if i := slices.Index(s.Types, "null"); i >= 0 && len(s.Types) == 2 {
		s.Type, s.Types = s.Types[1-i], nil
	}
	for _, p := range s.Properties {
		neverNull(p)
	}
	neverNull(s.Items)
}

// A Question is the input of answer_question.
type Question struct {
	Question string   `json:"question" jsonschema:"群众的问题，1 到 300 个字"`
	State    string   `json:"state,omitempty" jsonschema:"上一次结果里的 state，原样带回即可接着问"`
	Earlier  []string `json:"earlier,omitempty" jsonschema:"没有 state 时，这次对话里之前问过的问题，先问的在前"`
	Region   string   `json:"region,omitempty" jsonschema:"行政区划代码（6、9 或 12 位），见 list_regions"`
	Audience string   `json:"audience,omitempty" jsonschema:"服务对象：自然人、企业法人、事业法人、社会组织法人、非法人企业、行政机关或其他组织"`
}

func (s *Server) answerQuestion(ctx context.Context, _ *sdk.CallToolRequest, in Question) (*sdk.CallToolResult, answer.Answer, error) {
	if err := s.host.Allow(ctx, "ask"); err != nil {
		return nil, answer.Answer{}, s.said(ctx, err)
	}
	region, audience, err := place(in.Region, in.Audience)
	if err != nil {
		return nil, answer.Answer{}, err
	}
	a, err := s.engine.Ask(ctx, answer.Request{Text: in.Question, State: in.State, Earlier: in.Earlier, Region: region, Audience: audience})
	if err != nil {
		return nil, answer.Answer{}, s.said(ctx, err)
	}
	a = api.Whole(a)
	text := answer.PlainText{Link: answer.MarkdownLink}.Write(&a)
	return reply(text, a.Matters), a, nil
}

// A Search is the input of search_matters.
type Search struct {
	Query    string `json:"query,omitempty" jsonschema:"检索词，与 theme 至少填一项"`
	Theme    string `json:"theme,omitempty" jsonschema:"主题名称，如 户籍办理"`
	Region   string `json:"region,omitempty" jsonschema:"行政区划代码，见 list_regions"`
	Audience string `json:"audience,omitempty" jsonschema:"服务对象，如 自然人、企业法人"`
	Limit    int    `json:"limit,omitempty" jsonschema:"最多几项，1 到 50，不填为 10"`
	Cursor   string `json:"cursor,omitempty" jsonschema:"上一页的 next"`
}

func (s *Server) searchMatters(ctx context.Context, _ *sdk.CallToolRequest, in Search) (*sdk.CallToolResult, answer.SearchPage, error) {
	region, audience, err := place(in.Region, in.Audience)
	if err != nil {
		return nil, answer.SearchPage{}, err
	}
	if in.Query == "" && in.Theme == "" {
		return nil, answer.SearchPage{}, errors.New("请填写 query，或选择一个 theme")
	}
	page, err := s.engine.Search(ctx, answer.SearchRequest{Text: in.Query, Theme: corpus.Theme(in.Theme), Region: region, Audience: audience,
		Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, answer.SearchPage{}, s.said(ctx, err)
	}
	page.Matters = api.WholeMatters(page.Matters)
	var text strings.Builder
	fmt.Fprintf(&text, "找到 %d 项", page.Total)
	for _, m := range page.Matters {
		fmt.Fprintf(&text, "\n- %s（%s，%s，编码 %s）", m.Name, m.Agency, m.Region, m.Code)
	}
	return reply(text.String(), page.Matters), page, nil
}

// A MatterCode is the input of get_matter.
type MatterCode struct {
	Code string `json:"code" jsonschema:"事项的实施编码，如 search_matters 给出的 code"`
}

// A Matter is the output of get_matter.
type Matter struct {
	Guide   *corpus.Guide  `json:"guide" jsonschema:"办事指南，格式与导入格式相同；没有公布的字段不出现"`
	Edition corpus.Edition `json:"edition" jsonschema:"所依据的版次"`
}

func (s *Server) getMatter(ctx context.Context, _ *sdk.CallToolRequest, in MatterCode) (*sdk.CallToolResult, Matter, error) {
	g, err := s.engine.Guide(ctx, in.Code)
	if err != nil {
		return nil, Matter{}, s.said(ctx, err)
	}
	ref := answer.MatterRef{Code: g.Code, Name: g.Name}
	return reply(markdown(g), []answer.MatterRef{ref}), Matter{Guide: g, Edition: s.engine.Edition()}, nil
}

// A Wish is the input of recommend_matters.
type Wish struct {
	Matter   string `json:"matter,omitempty" jsonschema:"刚办完或正在看的事项的编码"`
	Region   string `json:"region,omitempty" jsonschema:"行政区划代码，见 list_regions"`
	Audience string `json:"audience,omitempty" jsonschema:"服务对象，如 自然人、企业法人"`
	Limit    int    `json:"limit,omitempty" jsonschema:"最多几项，1 到 50，不填为 10"`
}

// Recommended is the output of recommend_matters.
type Recommended struct {
	Recommendations []answer.Recommendation `json:"recommendations"`
	Edition         corpus.Edition          `json:"edition"`
}

func (s *Server) recommendMatters(ctx context.Context, _ *sdk.CallToolRequest, in Wish) (*sdk.CallToolResult, Recommended, error) {
	if err := s.host.Allow(ctx, "recommend"); err != nil {
		return nil, Recommended{}, s.said(ctx, err)
	}
	region, audience, err := place(in.Region, in.Audience)
	if err != nil {
		return nil, Recommended{}, err
	}
	page, err := s.engine.Recommend(ctx, answer.RecommendRequest{Matter: in.Matter, Region: region, Audience: audience, Limit: in.Limit})
	if err != nil {
		return nil, Recommended{}, s.said(ctx, err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "推荐 %d 项", len(page.Recommendations))
	var refs []answer.MatterRef
	for _, r := range page.Recommendations {
		fmt.Fprintf(&text, "\n- %s（编码 %s）：%s", r.Name, r.Code, r.Reason)
		refs = append(refs, answer.MatterRef{Code: r.Code, Name: r.Name})
	}
	return reply(text.String(), refs), Recommended{page.Recommendations, page.Edition}, nil
}

// Regions is the output of list_regions.
type Regions struct {
	Regions []answer.RegionCount `json:"regions"`
	Edition corpus.Edition       `json:"edition"`
}

func (s *Server) listRegions(ctx context.Context, _ *sdk.CallToolRequest, _ struct{}) (*sdk.CallToolResult, Regions, error) {
	regions, err := s.engine.Regions(ctx)
	if err != nil {
		return nil, Regions{}, s.said(ctx, err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d 个地区", len(regions))
	for _, r := range regions {
		fmt.Fprintf(&text, "\n- %s %s（%d 项）", r.Code, r.Name, r.Matters)
	}
	return reply(text.String(), nil), Regions{regions, s.engine.Edition()}, nil
}

// place reads a region and an audience.
func place(region, audience string) (corpus.RegionCode, corpus.Audience, error) {
	r := corpus.RegionCode(region)
	if region != "" && !r.Valid() {
		return "", "", errors.New("region 应为 6、9 或 12 位行政区划代码，如 440100，见 list_regions")
	}
	if audience == "" {
		return r, "", nil
	}
	a, ok := corpus.ParseAudience(audience)
	if !ok {
		return "", "", errors.New("audience 应为自然人、企业法人、事业法人、社会组织法人、非法人企业、行政机关或其他组织")
	}
	return r, a, nil
}

// reply is a result with a text for models and links to the guides.
func reply(text string, matters []answer.MatterRef) *sdk.CallToolResult {
	r := &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}
	for _, m := range matters {
		r.Content = append(r.Content, &sdk.ResourceLink{URI: matterURI(m.Code), Name: m.Code, Title: m.Name, MIMEType: markdownType,
			Description: "「" + m.Name + "」办事指南"})
	}
	return r
}
