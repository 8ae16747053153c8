package mcp_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/api/mcp"
)

// connect serves the sample city and connects a client to it.
func connect(t *testing.T, change ...func(*api.Config)) (*apitest.Server, *sdk.ClientSession) {
	t.Helper()
	s := apitest.Serve(t, append([]func(*api.Config){func(c *api.Config) { c.Interfaces = []api.Interface{mcp.Interface("1.2.3")} }}, change...)...)
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: s.URL + "/mcp"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, session
}

// call calls a tool that must go well, and reads its typed result.
func call[T any](t *testing.T, session *sdk.ClientSession, tool string, in any) (T, *sdk.CallToolResult) {
	t.Helper()
	var out T
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: in})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		t.Fatalf("%s: %s", tool, textOf(result))
	}
	b, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return out, result
}

func textOf(r *sdk.CallToolResult) string {
	var text strings.Builder
	for _, c := range r.Content {
		if c, ok := c.(*sdk.TextContent); ok {
			text.WriteString(c.Text)
		}
	}
	return text.String()
}

func links(r *sdk.CallToolResult) []string {
	var uris []string
	for _, c := range r.Content {
		if c, ok := c.(*sdk.ResourceLink); ok {
			uris = append(uris, c.URI)
		}
	}
	return uris
}

func TestTools(t *testing.T) {
	_, session := connect(t)
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		a := tool.Annotations
		if !a.ReadOnlyHint || a.OpenWorldHint == nil || *a.OpenWorldHint || a.DestructiveHint == nil || *a.DestructiveHint || tool.Title == "" || tool.OutputSchema == nil {
			t.Errorf("%s: %+v", tool.Name, tool)
		}
		if schema, err := json.Marshal(tool); err != nil || strings.Contains(string(schema), "internal") || strings.Contains(string(schema), "subject") {
			t.Errorf("%s tells of what is not for agents: %s %v", tool.Name, schema, err)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"answer_question", "get_matter", "list_regions", "recommend_matters", "search_matters"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnswerQuestion asks and follows up, with the state and with what was
// asked before, and gets what the page gives.
func TestAnswerQuestion(t *testing.T) {
	s, session := connect(t)
	state, earlier := "", []string{}
	for _, text := range []string{"护照", "第二个", "要多少钱"} {
		page, err := s.Engine.Ask(t.Context(), answer.Request{Text: text, State: state})
		if err != nil {
			t.Fatal(err)
		}
		withState, result := call[answer.Answer](t, session, "answer_question", map[string]any{"question": text, "state": state})
		told, _ := call[answer.Answer](t, session, "answer_question", map[string]any{"question": text, "earlier": earlier})
		for way, got := range map[string]answer.Answer{"with the state": withState, "with what was asked before": told} {
			if diff := cmp.Diff(lasting(page), lasting(got)); diff != "" {
				t.Errorf("%q %s (-page +agent):\n%s", text, way, diff)
			}
		}
		if !strings.HasPrefix(textOf(result), page.Text) || len(links(result)) != len(page.Matters) {
			t.Errorf("%q: %s %v", text, textOf(result), links(result))
		}
		state, earlier = withState.State, append(earlier, text)
	}
}

func lasting(a answer.Answer) answer.Answer {
	a.ID, a.State, a.ElapsedMS = "", "", 0
	return a
}

func TestReading(t *testing.T) {
	_, session := connect(t)
	found, result := call[answer.SearchPage](t, session, "search_matters", map[string]any{"query": "居住证申领", "limit": 3})
	if len(found.Matters) != 3 || found.Matters[0].Code != "AL-JZ-002" || links(result)[0] != "govqa://matters/AL-JZ-002" {
		t.Errorf("%+v %v", found, links(result))
	}
	next, _ := call[answer.SearchPage](t, session, "search_matters", map[string]any{"query": "居住证申领", "limit": 3, "cursor": found.Next})
	if len(next.Matters) == 0 || next.Matters[0].Code == found.Matters[0].Code {
		t.Errorf("the next page is %+v", next.Matters)
	}
	matter, result := call[mcp.Matter](t, session, "get_matter", map[string]any{"code": "AL-JZ-002"})
	if matter.Guide.Code != "AL-JZ-002" || len(matter.Guide.Materials) == 0 || matter.Edition != 1 || !strings.Contains(textOf(result), "## 申请材料") {
		t.Errorf("%+v %s", matter, textOf(result))
	}
	recommended, _ := call[mcp.Recommended](t, session, "recommend_matters", map[string]any{"matter": "AL-SF-004"})
	if len(recommended.Recommendations) == 0 || recommended.Recommendations[0].Reason == "" {
		t.Errorf("%+v", recommended)
	}
	regions, _ := call[mcp.Regions](t, session, "list_regions", map[string]any{})
	if !slices.ContainsFunc(regions.Regions, func(r answer.RegionCount) bool { return r.Code == "990100" && r.Name == "安澜市" }) {
		t.Errorf("%+v", regions)
	}
}

func TestWhatCannotBeMeant(t *testing.T) {
	_, session := connect(t)
	for name, tt := range map[string]struct {
		tool string
		in   map[string]any
		want string
	}{
		"a question too long":      {"answer_question", map[string]any{"question": strings.Repeat("长", 301)}, "请输入 1 到 300 个字"},
		"a question missing":       {"answer_question", map[string]any{}, "question"},
		"a place that is none":     {"answer_question", map[string]any{"question": "护照", "region": "广州"}, "行政区划代码"},
		"an audience that is none": {"search_matters", map[string]any{"query": "护照", "audience": "猫"}, "自然人"},
		"nothing to search for":    {"search_matters", map[string]any{}, "query"},
		"a cursor that is none":    {"search_matters", map[string]any{"query": "护照", "cursor": "x"}, "翻页标记有误"},
		"a matter that is none":    {"get_matter", map[string]any{"code": "没有"}, "没有找到"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: tt.tool, Arguments: tt.in})
			if err != nil {
				t.Fatal(err)
			}
			if !result.IsError || !strings.Contains(textOf(result), tt.want) {
				t.Errorf("error %v: %s", result.IsError, textOf(result))
			}
		})
	}
}

func TestResources(t *testing.T) {
	s, session := connect(t)
	for range 3 {
		if _, err := s.Engine.Ask(t.Context(), answer.Request{Text: "居住证申领要什么材料"}); err != nil {
			t.Fatal(err)
		}
	}
	var uris []string
	for r, err := range session.Resources(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Title == "" || r.MIMEType == "" {
			t.Errorf("%+v", r)
		}
		uris = append(uris, r.URI)
	}
	for _, want := range []string{"govqa://themes", "govqa://regions", "govqa://matters/AL-JZ-002"} {
		if !slices.Contains(uris, want) {
			t.Errorf("%s is not listed: %v", want, uris)
		}
	}
	for _, uri := range uris { // every one that is listed can be read
		r, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
		if err != nil || len(r.Contents) != 1 || r.Contents[0].Text == "" || r.Contents[0].URI != uri {
			t.Errorf("%s: %+v %v", uri, r, err)
		}
	}
	r, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "govqa://matters/AL-SF-004"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# 居民身份证丢失补领", "## 申请材料", "40元/证", "0900-5550102", "https://zwfw.anlan.example/guide/AL-SF-004", "示例数据"} {
		if !strings.Contains(r.Contents[0].Text, want) {
			t.Errorf("no %q in the guide:\n%s", want, r.Contents[0].Text)
		}
	}
	for _, uri := range []string{"govqa://matters/none", "govqa://events/none", "govqa://matters/%zz", "govqa://nothing"} {
		if _, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil {
			t.Errorf("%s was read", uri)
		}
	}
	templates, err := session.ListResourceTemplates(t.Context(), nil)
	if err != nil || len(templates.ResourceTemplates) != 2 {
		t.Errorf("%+v %v", templates, err)
	}
}

func TestCompletion(t *testing.T) {
	_, session := connect(t)
	for typed, want := range map[string]string{"居住证申领": "AL-JZ-002", "身份证丢了": "AL-SF-004"} {
		r, err := session.Complete(t.Context(), &sdk.CompleteParams{Ref: &sdk.CompleteReference{Type: "ref/resource", URI: "govqa://matters/{code}"},
			Argument: sdk.CompleteParamsArgument{Name: "code", Value: typed}})
		if err != nil || len(r.Completion.Values) == 0 || r.Completion.Values[0] != want {
			t.Errorf("%s: %+v %v", typed, r, err)
		}
	}
	r, err := session.Complete(t.Context(), &sdk.CompleteParams{Ref: &sdk.CompleteReference{Type: "ref/resource", URI: "govqa://events/{id}"},
		Argument: sdk.CompleteParamsArgument{Name: "id", Value: "新生儿"}})
	if err != nil || len(r.Completion.Values) != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestTooOften goes through the gate as everybody does, and is told when to
// come back.
func TestTooOften(t *testing.T) {
	_, session := connect(t, func(c *api.Config) { c.AsksPerMinute = 1 })
	in := map[string]any{"question": "你好"}
	call[answer.Answer](t, session, "answer_question", in)
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "answer_question", Arguments: in})
	if err != nil || !result.IsError || !strings.Contains(textOf(result), "秒后再试") {
		t.Errorf("%v %+v", err, result)
	}
}

func TestOverHTTP(t *testing.T) {
	s, _ := connect(t)
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	for name, tt := range map[string]struct {
		method, body string
		headers      map[string]string
		status       int
	}{
		"an older client":        {"POST", list, map[string]string{"MCP-Protocol-Version": "2025-06-18"}, 200},
		"a client of no version": {"POST", list, nil, 200},
		"another site":           {"POST", list, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"another origin":         {"POST", list, map[string]string{"Origin": "https://evil.example"}, 403},
		"GET":                    {"GET", "", nil, 405},
		"DELETE":                 {"DELETE", "", nil, 405},
		"too long":               {"POST", `{"x":"` + strings.Repeat("x", 70<<10) + `"}`, nil, 413},
		"no JSON":                {"POST", `{`, nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+"/mcp", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", "application/json, text/event-stream")
			for k, v := range tt.headers {
				req.Header.Set(k, v)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status {
				t.Errorf("%d %s %v", resp.StatusCode, b, err)
			}
			if resp.Header.Get("Mcp-Session-Id") != "" {
				t.Error("a session was begun")
			}
		})
	}
}

// TestRun speaks over a pair of pipes, as over standard input and output.
func TestRun(t *testing.T) {
	engine := apitest.Engine(t)
	s, err := mcp.New("1.2.3", api.Host{Engine: engine, Allow: func(context.Context, string) error { return nil },
		Problem: func(_ context.Context, err error) *api.Problem { return api.ProblemOf(err) }})
	if err != nil {
		t.Fatal(err)
	}
	clientReads, serverWrites := io.Pipe()
	serverReads, clientWrites := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context(), serverReads, serverWrites) }()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).
		Connect(t.Context(), &sdk.IOTransport{Reader: clientReads, Writer: clientWrites}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := call[answer.Answer](t, session, "answer_question", map[string]any{"question": "身份证丢了怎么补"})
	if a.Matters[0].Code != "AL-SF-004" {
		t.Errorf("answered %s", a.Matters[0].Code)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
