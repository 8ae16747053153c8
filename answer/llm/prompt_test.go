package llm

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm/llmtest"
	"github.com/govqa/govqa/corpus"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What a model is told, word for word: a change of a prompt is a change of
// behaviour and is reviewed as one.
func TestPrompts(t *testing.T) {
	policy := &corpus.Policy{Type: corpus.TypePolicy, ID: "p1", Title: "安澜市居住证管理办法", Number: "安府规〔2026〕3号",
		Text: "第二条 到本市居住半年以上的，可以申领居住证。但在校学生除外。\n第四条 应当自受理之日起15个工作日内发放，见 https://anlan.example/jzz 。"}
	for name, use := range map[string]func(*Client) error{
		purposeRefine: func(c *Client) error {
			d := permit()
			d.Question = "我叫张小花，身份证11010519491231002X，电话13800138000，居住证怎么办\u200b"
			_, err := c.Refine(t.Context(), d, func(string) {})
			return err
		},
		purposeRestate: func(c *Client) error {
			_, err := c.Restate(t.Context(), answer.FollowUp{Channel: answer.ChannelAPI, Question: "那要几天", Matter: "居住证申领"})
			return err
		},
		purposeExplain: func(c *Client) error {
			_, err := c.Explain(t.Context(), answer.Passage{Channel: answer.ChannelAPI, Question: "多久能拿到", Title: policy.Title, Text: policy.Text})
			return err
		},
		purposeFAQs:  func(c *Client) error { _, err := c.DraftFAQs(t.Context(), "编辑甲", policy); return err },
		purposeGuide: func(c *Client) error { _, err := c.DraftGuide(t.Context(), "编辑甲", policy); return err },
		purposeSimilar: func(c *Client) error {
			_, err := c.DraftSimilar(t.Context(), "编辑甲", "居住证要交钱吗", "不收费。", []string{"居住证收费吗"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := llmtest.Start(t, func(llmtest.Call) llmtest.Reply { return llmtest.Say("{}") })
			// An empty reply is no rewording; drafts it may be, and then none.
			if err := use(connect(t, s)); err != nil && resultOf(err) != resultGarbage {
				t.Errorf("after an empty reply: %v", err)
			}
			calls := s.Calls()
			if len(calls) != 1 {
				t.Fatalf("%d calls", len(calls))
			}
			var request map[string]json.RawMessage
			if err := json.Unmarshal([]byte(calls[0].Body), &request); err != nil {
				t.Fatal(err)
			}
			var settings strings.Builder
			for _, k := range []string{"model", "max_tokens", "temperature", "seed", "stream", "stream_options", "response_format"} {
				settings.WriteString(k + " " + string(request[k]) + "\n")
			}
			requireGolden(t, "prompt_"+name, settings.String()+"\n== system\n"+calls[0].System+"\n\n== user\n"+calls[0].User+"\n")
		})
	}
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./answer/llm -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./answer/llm -update accepts it):\n%s", path, diff)
	}
}

// The key is in no message and no log, whatever the server says.
func TestTheKeyIsNeverShown(t *testing.T) {
	const key = "sk-very-secret-0123456789"
	s := llmtest.Start(t, func(llmtest.Call) llmtest.Reply {
		return llmtest.Reply{Status: 401, Body: `{"error":{"message":"bad key ` + key + `"}}`}
	})
	_, err := connect(t, s, func(c *Config) { c.Key = key }).Refine(t.Context(), permit(), func(string) {})
	if err == nil || strings.Contains(ResultOf(err), key) {
		t.Errorf("%v", err)
	}
	if strings.Contains(s.Calls()[0].Body, key) {
		t.Error("the key is in the body")
	}
	if _, err := New(Config{URL: "ftp://x", Model: "", Key: "a b " + key, Format: "x"}); err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("%v", err)
	}
}
