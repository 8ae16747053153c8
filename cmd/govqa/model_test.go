package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm/llmtest"
)

func (s *server) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, s.url+path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A model is configured, words answers, is switched off and on while the
// server runs and while it does not, and its key is nowhere to be read.
func TestModel(t *testing.T) {
	t.Parallel()
	const key = "sk-never-to-be-read-4711"
	data := filepath.Join(t.TempDir(), "data")
	model := llmtest.Start(t, llmtest.Honest)
	file := write(t, "key", key)
	env := []string{"GOVQA_MODEL_URL=" + model.URL, "GOVQA_MODEL_NAME=qwen3", "GOVQA_MODEL_TITLE=示例模型", "GOVQA_MODEL_FILING=示例-备案-0001",
		"GOVQA_MODEL_KEY_FILE=" + file}
	s := serving(t, data, env...)
	const question = "居住证申领要多久"
	by := func(want string) {
		t.Helper()
		if a := s.ask(t, question); a.GeneratedBy != want || (a.AIGC != nil) != (want == answer.ByLLM) {
			t.Errorf("by %s, marked %+v, want %s", a.GeneratedBy, a.AIGC, want)
		}
	}
	by(answer.ByLLM)
	if page := s.get(t, "/ask?q="+question); !strings.Contains(page, "AI 生成") || !strings.Contains(page, "示例-备案-0001") {
		t.Error("the page does not mark the model's words")
	}
	if page := s.get(t, "/about"); !strings.Contains(page, "示例模型，备案号：示例-备案-0001") {
		t.Error("the page about the service does not name the model")
	}
	want(t, must(t, "model", "off", "-data", data, "api"), []string{"示例模型", "api      关", "page     开"})
	by(answer.ByTemplate)
	if page := s.get(t, "/ask?q="+question); !strings.Contains(page, "AI 生成") {
		t.Error("the page was switched off too")
	}
	want(t, must(t, "model", "off", "-data", data), []string{"page     关", "wechat   关"})
	if page := s.get(t, "/ask?q="+question); strings.Contains(page, "AI 生成") {
		t.Error("the page still has the model's words")
	}
	figures := s.get(t, "/metrics")
	want(t, figures, []string{`govqa_model_calls_total{channel="api",purpose="refine",result="worded"} 1`, `govqa_model_on{channel="page"} 0`, "govqa_model_tokens_total"})
	log := s.stop(t)

	want(t, must(t, "model", "on", "-data", data, "page"), []string{"服务没有运行", "page     开", "api      关"})
	want(t, must(t, "model", "status", "-json", "-data", data), []string{`"configured":false`, `{"channel":"page","on":true}`, `"by":"命令"`})
	want(t, fails(t, "model", "off", "-data", data, "telegraph").err, []string{"没有这个渠道"})
	s = serving(t, data, env...)
	by(answer.ByTemplate)
	if page := s.get(t, "/ask?q="+question); !strings.Contains(page, "AI 生成") {
		t.Error("the page is not on again")
	}
	for _, where := range []string{log, s.stop(t), figures} {
		if strings.Contains(where, key) || strings.Contains(where, question) {
			t.Error("the key or a question is in the log or the figures")
		}
	}
	for _, c := range model.Calls() {
		if strings.Contains(c.Body, key) {
			t.Error("the key is in a request's body")
		}
	}
}

func TestModelSettings(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for name, row := range map[string]struct{ toml, says string }{
		"no name":           {`model_url = "http://127.0.0.1:1/v1"`, "没有写模型名称"},
		"no address":        {"model_url = \"qwen\"\nmodel_name = \"x\"", "应形如 http://"},
		"a key in the url":  {"model_url = \"http://me:secret@127.0.0.1/v1\"\nmodel_name = \"x\"", "应形如 http://"},
		"no such key file":  {"model_url = \"http://127.0.0.1:1/v1\"\nmodel_name = \"x\"\nmodel_key_file = \"/nowhere/key\"", "model_key_file"},
		"an unknown format": {"model_url = \"http://127.0.0.1:1/v1\"\nmodel_name = \"x\"\nmodel_format = \"yaml\"", "schema、object 或 prompt"},
		"a negative limit":  {"model_url = \"http://127.0.0.1:1/v1\"\nmodel_name = \"x\"\nmodel_hour_tokens = -1", "不能是负数"},
		"a key in the file": {"model_key = \"sk-123\"", "不认识的配置项"},
	} {
		t.Run(name, func(t *testing.T) {
			got := fails(t, "serve", "-data", data, "-addr", "127.0.0.1:0", "-config", write(t, "govqa.toml", row.toml)).err
			want(t, got, []string{row.says})
			if strings.Contains(got, "secret") || strings.Contains(got, "sk-123") {
				t.Errorf("a secret is shown: %s", got)
			}
		})
	}
}
