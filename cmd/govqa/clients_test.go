package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	openai "github.com/sashabaranov/go-openai"

	"github.com/govqa/govqa/answer"
)

// conversation is what every client says: a question, a choice, a follow-up,
// and another question.
var conversation = []string{"护照", "第二个", "要多少钱", "身份证丢了怎么补"}

// A pageTurn is what the citizen's page gave.
type pageTurn struct {
	matter string // whose guide is linked first; empty where the page asks back
	html   string
}

var (
	linkOnPage  = regexp.MustCompile(`href="/matters/([^"?]+)"`)
	stateOnPage = regexp.MustCompile(`name="state" value="([^"]*)"`)
)

// onThePage has the conversation on the citizen's page, as a browser without
// scripts does.
func (s *server) onThePage(t *testing.T, said []string) []pageTurn {
	t.Helper()
	var turns []pageTurn
	state := ""
	for _, text := range said {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/ask",
			strings.NewReader(url.Values{"q": {text}, "state": {state}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("the page answers %s %v", resp.Status, err)
		}
		link, held := linkOnPage.FindSubmatch(b), stateOnPage.FindSubmatch(b)
		if held == nil {
			t.Fatalf("%q: no state on the page", text)
		}
		state = string(held[1])
		turn := pageTurn{html: string(b)}
		if link != nil {
			turn.matter = string(link[1])
		}
		turns = append(turns, turn)
	}
	for i, turn := range turns[1:] { // the first is asked back
		if turn.matter == "" {
			t.Fatalf("%q: no matter on the page", said[i+1])
		}
	}
	return turns
}

// gives reports whether a client's matter is the page's.
func (p pageTurn) gives(matter string) bool { return p.matter == "" || p.matter == matter }

// TestClients connects stock clients to one server. Each asks, streams and
// follows up, and gets the matters that the page gives.
func TestClients(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serving(t, data)
	defer s.stop(t)
	page := s.onThePage(t, conversation)

	t.Run("go-openai", func(t *testing.T) { s.askByGoOpenAI(t, page) })
	t.Run("OpenAI's library for JavaScript", func(t *testing.T) { s.askByJavaScript(t, page) })
	t.Run("the MCP SDK for Go", func(t *testing.T) {
		askByMCP(t, &sdk.StreamableClientTransport{Endpoint: s.url + "/mcp"}, page)
	})
	t.Run("the MCP SDK for Go, through govqa mcp beside the server", func(t *testing.T) {
		askByMCP(t, &sdk.CommandTransport{Command: child(t, "govqa", nil, "mcp", "-data", data)}, page)
	})
	t.Run("the MCP inspector", func(t *testing.T) {
		askByInspector(t, page, s.url+"/mcp")
	})
	t.Run("the MCP inspector, through govqa mcp beside the server", func(t *testing.T) {
		askByInspector(t, page, "-e", childRole+"=govqa", os.Args[0], "mcp", "-data", data)
	})
}

// TestMCPWithoutAServer serves an agent from a folder that no server has.
func TestMCPWithoutAServer(t *testing.T) {
	t.Parallel()
	data := imported(t)
	cmd := child(t, "govqa", nil, "mcp", "-data", data)
	session := connectMCP(t, &sdk.CommandTransport{Command: cmd})
	if a := callMCP(t, session, "食品经营许可证要多久", ""); a.Matters[0].Code != "T-1" || !strings.Contains(a.Text, "8个工作日") {
		t.Errorf("%+v", a)
	}
	want(t, fails(t, "check", "-data", data).err, []string{"数据目录正被另一个 govqa 进程使用"})
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	want(t, must(t, "check", "-data", data), []string{"核对无误"})
}

// TestMCPEndsWithTheServer serves an agent through a server that stops.
func TestMCPEndsWithTheServer(t *testing.T) {
	t.Parallel()
	data := imported(t)
	s := serving(t, data)
	session := connectMCP(t, &sdk.CommandTransport{Command: child(t, "govqa", nil, "mcp", "-data", data)})
	callMCP(t, session, "食品经营许可证要多久", "")
	log := s.stop(t)
	want(t, log, []string{"shutting down"}, "level=ERROR", "panic")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := session.CallTool(ctx, &sdk.CallToolParams{Name: "list_regions", Arguments: map[string]any{}}); err == nil || ctx.Err() != nil {
		t.Errorf("after the server has stopped: %v", err)
	}
	_ = session.Close() // what is left of it
}

// askByGoOpenAI has the conversation with github.com/sashabaranov/go-openai.
func (s *server) askByGoOpenAI(t *testing.T, page []pageTurn) {
	cfg := openai.DefaultConfig("anonymous")
	cfg.BaseURL = s.url + "/v1"
	client := openai.NewClientWithConfig(cfg)
	models, err := client.ListModels(t.Context())
	if err != nil || models.Models[0].ID != "govqa" {
		t.Fatalf("%+v %v", models, err)
	}
	var messages []openai.ChatCompletionMessage
	for i, text := range conversation {
		messages = append(messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: text})
		req := openai.ChatCompletionRequest{Model: models.Models[0].ID, Messages: messages, Temperature: 1}
		whole, err := client.CreateChatCompletion(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		content := whole.Choices[0].Message.Content
		sameAsThePage(t, page[i], content)
		req.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
		stream, err := client.CreateChatCompletionStream(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		var streamed strings.Builder
		pieces, usage := 0, 0
		for {
			chunk, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if pieces++; len(chunk.Choices) > 0 {
				streamed.WriteString(chunk.Choices[0].Delta.Content)
			}
			if chunk.Usage != nil {
				usage = chunk.Usage.TotalTokens
			}
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		if streamed.String() != content || pieces < 4 || usage != whole.Usage.TotalTokens || usage == 0 {
			t.Errorf("%q: %d pieces, usage %d and %d; streamed\n%s\nwhole\n%s", text, pieces, usage, whole.Usage.TotalTokens, streamed.String(), content)
		}
		messages = append(messages, whole.Choices[0].Message)
	}
	_, err = client.CreateChatCompletion(t.Context(), openai.ChatCompletionRequest{Model: "no-such-model", Messages: messages})
	if e := new(openai.APIError); !errors.As(err, &e) || e.HTTPStatusCode != http.StatusNotFound || e.Code != "model_not_found" {
		t.Errorf("a model that is none: %v", err)
	}
}

// sameAsThePage requires that a client's text links the guide that the page
// links, or offers what the page offers.
func sameAsThePage(t *testing.T, page pageTurn, content string) {
	t.Helper()
	if strings.Contains(content, "/guide/") {
		if !strings.Contains(content, "/guide/"+page.matter+")") {
			t.Errorf("the page gives %s, the client\n%s", page.matter, content)
		}
		return
	}
	options := regexp.MustCompile(`(?m)^\d+\. (.+)$`).FindAllStringSubmatch(content, -1)
	if len(options) == 0 {
		t.Errorf("neither a source nor a choice in\n%s", content)
	}
	for _, o := range options {
		if label, _, _ := strings.Cut(o[1], "（"); !strings.Contains(page.html, label) {
			t.Errorf("the page does not offer %q", label)
		}
	}
}

// askByJavaScript has the conversation with the package openai of npm.
func (s *server) askByJavaScript(t *testing.T, page []pageTurn) {
	tools := npmTools(t)
	in, err := json.Marshal(map[string]any{"baseURL": s.url + "/v1", "apiKey": "anonymous", "turns": conversation})
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Models  []string
		Missing string
		Replies []struct {
			Content, Streamed, Gathered, Matter string
			Pieces, Usage, StreamedUsage        int
		}
	}
	if err := json.Unmarshal(tools.run(t, "node", "chat.mjs", string(in)), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Models) != 1 || out.Missing != "model_not_found" || len(out.Replies) != len(page) {
		t.Fatalf("%+v", out)
	}
	for i, r := range out.Replies {
		sameAsThePage(t, page[i], r.Content)
		if !page[i].gives(r.Matter) || r.Streamed != r.Content || r.Gathered != r.Content || r.Pieces < 4 || r.Usage == 0 || r.Usage != r.StreamedUsage {
			t.Errorf("%q: the page gives %s, the client %+v", conversation[i], page[i].matter, r)
		}
	}
}

func connectMCP(t *testing.T, transport sdk.Transport) *sdk.ClientSession {
	t.Helper()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func callMCP(t *testing.T, session *sdk.ClientSession, question, state string) answer.Answer {
	t.Helper()
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "answer_question", Arguments: map[string]any{"question": question, "state": state}})
	if err != nil || result.IsError {
		t.Fatalf("%+v %v", result, err)
	}
	return structured(t, result.StructuredContent)
}

func structured(t *testing.T, content any) (a answer.Answer) {
	t.Helper()
	b, err := json.Marshal(content)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil || len(a.Matters) == 0 {
		t.Fatalf("%s %v", b, err)
	}
	return a
}

// askByMCP has the conversation with the official SDK.
func askByMCP(t *testing.T, transport sdk.Transport, page []pageTurn) {
	session := connectMCP(t, transport)
	state := ""
	for i, text := range conversation {
		a := callMCP(t, session, text, state)
		if !page[i].gives(a.Matters[0].Code) {
			t.Errorf("%q: the page gives %s, the agent %s", text, page[i].matter, a.Matters[0].Code)
		}
		state = a.State
	}
	read, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "govqa://matters/" + page[len(page)-1].matter})
	if err != nil || !strings.Contains(read.Contents[0].Text, "申请材料") {
		t.Errorf("%+v %v", read, err)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}

// askByInspector has the conversation with the command-line mode of the MCP
// inspector of npm, which also checks the schemas of the tools.
func askByInspector(t *testing.T, page []pageTurn, target ...string) {
	tools := npmTools(t)
	inspect := func(args ...string) []byte {
		return tools.run(t, "mcp-inspector", append(append([]string{"--cli"}, target...), args...)...)
	}
	if list := inspect("--method", "tools/list", "--strict"); !bytes.Contains(list, []byte(`"recommend_matters"`)) {
		t.Errorf("tools: %s", list)
	}
	state := ""
	for i, text := range conversation {
		args := []string{"--method", "tools/call", "--tool-name", "answer_question", "--tool-arg", "question=" + text}
		if state != "" {
			args = append(args, "state="+state)
		}
		var result struct {
			IsError           bool
			StructuredContent any
		}
		if err := json.Unmarshal(inspect(args...), &result); err != nil || result.IsError {
			t.Fatalf("%+v %v", result, err)
		}
		a := structured(t, result.StructuredContent)
		if !page[i].gives(a.Matters[0].Code) {
			t.Errorf("%q: the page gives %s, the inspector %s", text, page[i].matter, a.Matters[0].Code)
		}
		state = a.State
	}
	if read := inspect("--method", "resources/read", "--uri", "govqa://matters/"+page[len(page)-1].matter); !bytes.Contains(read, []byte("申请材料")) {
		t.Errorf("resource: %s", read)
	}
}

// Tools are the programs of tools/clients, in the user's cache.
type tools struct{ dir string }

var installed = sync.OnceValues(installTools)

// npmTools installs the programs of tools/clients, pinned by its lock file.
// Where npm cannot, the test is skipped, and fails in CI.
func npmTools(t *testing.T) tools {
	t.Helper()
	dir, err := installed()
	if err == nil {
		return tools{dir}
	}
	message := fmt.Sprintf("the clients of tools/clients cannot be had: %v\nInstall npm (Debian: sudo apt-get install npm) and let this machine reach registry.npmjs.org; on systems other than Linux also Node.js 22 or newer", err)
	if os.Getenv("CI") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
	return tools{}
}

func installTools() (string, error) {
	const source = "../../tools/clients"
	files := []string{"package.json", "package-lock.json", "chat.mjs", "redocly.yaml"}
	hash := sha256.New()
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		hash.Write(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "govqa", "clients-"+hex.EncodeToString(hash.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "clients-new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for _, name := range files {
		b, err := os.ReadFile(filepath.Join(source, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(fresh, name), b, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil { // somebody else was faster
			return dir, nil
		}
		return "", err
	}
	return dir, nil
}

// run runs one of the programs, with the pinned Node.js where there is one, and
// returns its standard output.
func (x tools) run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	bin := filepath.Join(x.dir, "node_modules", ".bin")
	path := filepath.Join(bin, program)
	if _, err := os.Stat(path); err != nil { // node itself, where none is pinned
		path = program
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir(), "NO_COLOR=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, errs.String(), out.String())
	}
	return out.Bytes()
}
