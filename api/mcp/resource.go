package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// The resources: guides of matters and life events as Markdown, and lists.
const (
	uriMatters = "govqa://matters/"
	uriEvents  = "govqa://events/"
	uriThemes  = "govqa://themes"
	uriRegions = "govqa://regions"

	markdownType = "text/markdown"
	jsonType     = "application/json"
)

func matterURI(code string) string { return uriMatters + url.PathEscape(code) }

// addResources adds the templates of guides and the lists. The guides that are
// asked for most are listed one by one, since nobody lists fifty thousand.
func (s *Server) addResources() {
	s.sdk.AddResourceTemplate(&sdk.ResourceTemplate{Name: "matter", Title: "办事指南", URITemplate: uriMatters + "{code}",
		MIMEType: markdownType, Description: "一个事项的办事指南，code 是实施编码"}, s.readMatter)
	s.sdk.AddResourceTemplate(&sdk.ResourceTemplate{Name: "event", Title: "一件事", URITemplate: uriEvents + "{id}",
		MIMEType: markdownType, Description: "“高效办成一件事”的一件：包括哪些事项、共要哪些材料"}, s.readEvent)
	s.sdk.AddResource(&sdk.Resource{Name: "themes", Title: "主题", URI: uriThemes, MIMEType: jsonType, Description: "各主题及其现行有效的事项数"}, s.readThemes)
	s.sdk.AddResource(&sdk.Resource{Name: "regions", Title: "地区", URI: uriRegions, MIMEType: jsonType, Description: "有办事指南的行政区划"}, s.readRegions)
	s.sdk.AddReceivingMiddleware(s.listAsked)
}

// hotListed is how many guides of hot questions are listed.
const hotListed = 20

// listAsked adds to the list of resources the guides that are asked for most
// and the life events.
func (s *Server) listAsked(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, req sdk.Request) (sdk.Result, error) {
		result, err := next(ctx, method, req)
		list, ok := result.(*sdk.ListResourcesResult)
		if err != nil || !ok || list.NextCursor != "" {
			return result, err
		}
		hot, err := s.engine.Hot(ctx, "", hotListed)
		if err != nil {
			return nil, s.said(ctx, err)
		}
		seen := map[string]bool{}
		for _, q := range hot {
			if q.Code == "" || seen[q.Code] {
				continue
			}
			seen[q.Code] = true
			list.Resources = append(list.Resources, &sdk.Resource{Name: q.Code, Title: q.Text, URI: matterURI(q.Code), MIMEType: markdownType})
		}
		events, err := s.engine.Events(ctx, "")
		if err != nil {
			return nil, s.said(ctx, err)
		}
		for _, e := range events {
			list.Resources = append(list.Resources, &sdk.Resource{Name: e.ID, Title: e.Name, URI: uriEvents + url.PathEscape(e.ID), MIMEType: markdownType})
		}
		return list, nil
	}
}

// idIn is what a resource's address says after its prefix.
func idIn(uri, prefix string) (string, error) {
	id, err := url.PathUnescape(strings.TrimPrefix(uri, prefix))
	if err != nil {
		return "", sdk.ResourceNotFoundError(uri)
	}
	return id, nil
}

// missing makes an error of reading a resource one of the protocol.
func (s *Server) missing(ctx context.Context, uri string, err error) error {
	if errors.Is(err, corpus.ErrNotFound) {
		return sdk.ResourceNotFoundError(uri)
	}
	return s.said(ctx, err)
}

func contents(uri, mime, text string) *sdk.ReadResourceResult {
	return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: uri, MIMEType: mime, Text: text}}}
}

func (s *Server) readMatter(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	code, err := idIn(req.Params.URI, uriMatters)
	if err != nil {
		return nil, err
	}
	g, err := s.engine.Guide(ctx, code)
	if err != nil {
		return nil, s.missing(ctx, req.Params.URI, err)
	}
	return contents(req.Params.URI, markdownType, markdown(g)), nil
}

func (s *Server) readEvent(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	id, err := idIn(req.Params.URI, uriEvents)
	if err != nil {
		return nil, err
	}
	e, err := s.engine.Event(ctx, id)
	if err != nil {
		return nil, s.missing(ctx, req.Params.URI, err)
	}
	return contents(req.Params.URI, markdownType, eventMarkdown(e)), nil
}

func (s *Server) readThemes(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	themes, err := s.engine.Themes(ctx, "")
	if err != nil {
		return nil, s.said(ctx, err)
	}
	return asJSON(req.Params.URI, themes)
}

func (s *Server) readRegions(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	regions, err := s.engine.Regions(ctx)
	if err != nil {
		return nil, s.said(ctx, err)
	}
	return asJSON(req.Params.URI, regions)
}

func asJSON(uri string, v any) (*sdk.ReadResourceResult, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return contents(uri, jsonType, string(b)), nil
}

// markdown writes a guide: its published fields word for word.
func markdown(g *corpus.Guide) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n实施编码：%s\n", g.Name, g.Code)
	if g.Region.Name != "" {
		fmt.Fprintf(&out, "\n地区：%s\n", g.Region.Name)
	}
	for _, section := range answer.Sheet(g) {
		fmt.Fprintf(&out, "\n## %s\n\n", section.Label)
		for _, f := range section.Facts {
			fmt.Fprintf(&out, "- %s：%s\n", f.Label, strings.ReplaceAll(f.Value, "\n", "\n  "))
		}
	}
	for i, qa := range g.FAQs {
		if i == 0 {
			out.WriteString("\n## 常见问题\n")
		}
		fmt.Fprintf(&out, "\n**%s**\n\n%s\n", qa.Q, qa.A)
	}
	writeSource(&out, g.Source)
	return out.String()
}

// eventMarkdown writes a life event.
func eventMarkdown(e *answer.EventGuide) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n## 包括的事项\n\n", e.Name)
	for i, m := range e.Matters {
		fmt.Fprintf(&out, "%d. %s（[%s](%s)）%s", i+1, m.Title, m.Name, matterURI(m.Code), m.Note)
		if m.Optional {
			out.WriteString("（视情况办理）")
		}
		if len(m.After) > 0 {
			out.WriteString("，在 " + strings.Join(m.After, "、") + " 之后")
		}
		out.WriteString("\n")
	}
	for i, m := range e.Materials {
		if i == 0 {
			out.WriteString("\n## 共要的材料\n\n")
		}
		var uses []string
		for _, u := range m.Uses {
			uses = append(uses, strings.TrimSpace(u.Matter+" "+u.About))
		}
		fmt.Fprintf(&out, "- %s：%s\n", m.Name, strings.Join(uses, "；"))
	}
	writeSource(&out, e.Source)
	return out.String()
}

func writeSource(out *strings.Builder, s corpus.Source) {
	if s.URL != "" || s.Updated != "" {
		fmt.Fprintf(out, "\n来源：%s（%s 更新）\n", s.URL, s.Updated)
	}
	if s.Sample {
		out.WriteString("\n（示例数据，仅供演示，不能据此办事。）\n")
	}
}

// completed is how many codes are offered to complete an address.
const completed = 20

// complete offers the codes of matters that what is typed fits: a name, or
// the words of a question. An event is found by its name or id.
func (s *Server) complete(ctx context.Context, req *sdk.CompleteRequest) (*sdk.CompleteResult, error) {
	result := &sdk.CompleteResult{Completion: sdk.CompletionResultDetails{Values: []string{}}}
	if req.Params.Ref == nil {
		return result, nil
	}
	typed := strings.TrimSpace(req.Params.Argument.Value)
	switch {
	case strings.HasPrefix(req.Params.Ref.URI, uriMatters) && typed != "":
		page, err := s.engine.Search(ctx, answer.SearchRequest{Text: typed, Limit: completed})
		if err != nil {
			return nil, s.said(ctx, err)
		}
		for _, m := range page.Matters {
			result.Completion.Values = append(result.Completion.Values, m.Code)
		}
	case strings.HasPrefix(req.Params.Ref.URI, uriEvents):
		events, err := s.engine.Events(ctx, "")
		if err != nil {
			return nil, s.said(ctx, err)
		}
		for _, e := range events {
			if strings.Contains(e.Name, typed) || strings.HasPrefix(e.ID, typed) {
				result.Completion.Values = append(result.Completion.Values, e.ID)
			}
		}
	}
	result.Completion.Values = result.Completion.Values[:min(100, len(result.Completion.Values))] // of the protocol
	return result, nil
}
